/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of sealing share: journals to seal, what became of them, and the journal put back. */
#ifndef SEKISHO_SEALING_H
#define SEKISHO_SEALING_H

#include "base/gap.h"
#include "base/record.h"
#include "base/store_dir.h"
#include "journal/journal.h"
#include "seal/seal.h"
#include "segment/section_reader.h"

#define ROWS_MAX 4000

/* Seals the journal of that name, as seal_journal(); a failure is a failed check. */
int seal_named(const struct store_dir *store, const char *name, struct seal_result *result);

/* What a store's segments hold. Rows carry their tenant number. */
struct contents {
	struct record rows[ROWS_MAX];
	size_t row_count, sections, files, wrong_place;
	struct gaps gaps;
	struct clock_piece clock[32];
	size_t clock_count;
};

/* Reads every segment of the named tenant; frees nothing of c. */
void add_tenant(const struct store_dir *store, const char *tenant, struct contents *c);
/* Of t1 and t2. */
struct contents *read_store(const struct store_dir *store);
void free_contents(struct contents *c);
/* Exactly these rows, each once. */
bool holds_exactly(struct contents *c, struct record *want, size_t count);
/* How many gaps of that reason there are, and what they lost in all. */
size_t gaps_of(const struct contents *c, uint32_t reason, uint64_t *ret_lost);

struct gap a_gap(int64_t first, int64_t last, uint64_t count, uint32_t tenant, uint32_t reason);
/* 3 days of rows of two tenants, 1800 rows in 6 frames. */
struct record *three_days(struct journal *j);

/* The journal as one run of sealing left it, for repeating the run. */
struct copy {
	char name[64];
	uint8_t *bytes;
	size_t size;
};

/* Of the only journal; the bytes are the caller's. */
struct copy copy_journal(const struct store_dir *store);
void put_back(const struct store_dir *store, const struct copy *c);

#endif
