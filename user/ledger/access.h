/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: who searched, for which case, on what basis, for what, and how many records of which
 * tenant were found. One line of the access chain (ledger.h) per search, and further ones if very many tenants
 * are touched; durable before any row is shown; if it cannot be written, nothing is shown.
 */
#ifndef SEKISHO_ACCESS_H
#define SEKISHO_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/store_dir.h"

#define ACCESS_FILE "access.log"

/* Legal bases (DOMAIN 1.6). What each one lets out of a search is part of it. */
struct basis {
	const char *code;
	bool shows_rows; /* false: the number of rows only */
	bool needs_case;
	bool names_providers; /* the answer is who comes next for the rows: no address, port or time */
};
const struct basis *basis_find(const char *code); /* NULL when unknown */
const char *basis_list(void); /* "KAIJI_MEIREI, ..." for messages; static */

/* A tenant that a search touched: it has rows, or was asked for by its name. */
struct access_tenant {
	const char *id;
	uint64_t rows;
};

struct access_entry {
	const char *case_number; /* may be NULL when the basis needs none */
	uint64_t seen_seq; /* last line of the chain when the case was looked at; 0: it was not */
	const struct basis *basis;
	const char *query; /* the exact command line */
	const char *tenant; /* NULL = all, or those of the case */
	unsigned int uid;
	const char *user; /* login name or NULL */
	uint64_t rows; /* found */
	bool rows_shown;
	uint64_t approval; /* number of the request that a second person approved; 0: none */
	const char *approver; /* second person that root names, or NULL */
	int64_t hidden_until_ns; /* until then the tenants are not told; 0: they are */
	const struct access_tenant *tenants;
	size_t tenant_count;
};

/* 0 or negative errno and *p. -ENOTCONN: the case was closed (and perhaps opened anew) since it was looked at. */
int access_record(const struct store_dir *store, const struct access_entry *e, struct problem *p);

#endif
