/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searching a store: sealed segments and journals that are not sealed yet, each
 * row once. Journals are opened before segments are listed, and sections sealed
 * from an opened journal are passed over, so sealing meanwhile neither hides nor
 * doubles a row.
 */
#ifndef SEKISHO_SEARCH_H
#define SEKISHO_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/anchor.h"
#include "base/gap.h"
#include "base/parse.h"
#include "base/problem.h"
#include "base/record.h"
#include "base/store_dir.h"

struct query {
	const char *tenant; /* NULL = all */
	bool by_src, by_dst;
	struct prefix src, dst;
	uint16_t src_port, dst_port; /* 0 = any */
	int64_t from_ns, to_ns; /* UTC, from <= t < to */
};

struct found_row {
	struct record record; /* time_ns is UTC; tenant is an index into tenants */
	int64_t close_ns; /* UTC; 0 = not consented or not known */
	uint64_t clock_error_ns; /* the kernel's own bound at that time (adjtimex maxerror) */
};

struct search_result {
	struct found_row *rows; /* in time order */
	size_t count, capacity;
	char (*tenants)[TENANT_ID_MAX + 1];
	size_t tenant_count, tenant_capacity;
	struct gaps gaps; /* that touch the window; tenant is an index, or UINT32_MAX for every tenant */
	uint32_t rungs; /* bit n: hook n (enum sekisho_rung) recorded in the window */
	bool clock_seen, clock_unsynchronised; /* by the anchors of the window */
	uint64_t clock_error_ns; /* worst of them */
	unsigned int damaged; /* objects that could not be read; the answer is without them */
	struct problem damage; /* the first of them */
};

/* 0 or negative errno and *p. Damage is not an error here but a fact of the result.
 * Undo with search_result_done(). */
int search_run(const struct store_dir *store, const struct query *q,
	       struct search_result *ret_result, struct problem *p);
void search_result_done(struct search_result *r);

#endif
