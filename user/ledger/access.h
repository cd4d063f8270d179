/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: who searched, for which case, on what basis, for what. One
 * line of the access chain (ledger.h) per search, durable before any row is shown;
 * if it cannot be written, nothing is shown.
 */
#ifndef SEKISHO_ACCESS_H
#define SEKISHO_ACCESS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/store_dir.h"

#define ACCESS_FILE "access.log"

/* Legal bases (DOMAIN 1.6). What each one lets out of a search is part of it. */
struct basis {
	const char *code;
	bool shows_rows; /* false: the number of rows only */
	bool needs_case;
};
const struct basis *basis_find(const char *code); /* NULL when unknown */
const char *basis_list(void); /* "KAIJI_MEIREI, ..." for messages; static */

struct access_entry {
	const char *case_number; /* may be NULL when the basis needs none */
	const struct basis *basis;
	const char *query; /* the exact command line */
	const char *tenant; /* NULL = all */
	unsigned int uid;
	const char *user; /* login name or NULL */
	uint64_t rows; /* found */
	bool rows_shown;
};

/* 0 or negative errno and *p. */
int access_record(const struct store_dir *store, const struct access_entry *e, struct problem *p);

#endif
