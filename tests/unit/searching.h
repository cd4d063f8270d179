/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of searches share. Rows are those of plain_row(), tenants t1 and t2. */
#ifndef SEKISHO_SEARCHING_H
#define SEKISHO_SEARCHING_H

#include "fixture.h"
#include "query/search.h"

#define HOUR (3600 * NS_PER_SEC)

/* Ten days around DAY_NS. */
struct query whole_time(void);
/* The test ends when the search fails. */
struct search_result run(const struct store_dir *store, const struct query *q);
/* Row i of an answer; the last one asked for stays valid. */
const struct found_row *row_of(struct search_result *r, size_t i);
/* Row numbers as a string, for rows made by plain_row(): "1 2 3". In the order of the answer. */
const char *found(const struct store_dir *store, const struct query *q);
/* Rows of every tenant are as many as tenant_rows says; begins with the first row again. */
void check_tenant_rows(struct search_result *r);
/* Ports as a set of one; 0: any. Lives as long as the next few dozen of calls. */
const struct port_set *one_port(uint16_t port);
/* Asks by some of the fields for rows like that one, of t1, t2, t3 or any. */
struct query random_query(struct rng *rng, const struct record *like);

/* A finished journal with these rows. */
void add_journal(const struct store_dir *store, const struct record *rows, size_t count);
/* Seals all journals. */
void seal(const struct store_dir *store);

#endif
