/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searching a store: sealed segments and journals that are not sealed yet, each
 * row once. Journals are opened before segments are listed, and sections sealed
 * from an opened journal are passed over, so sealing meanwhile neither hides nor
 * doubles a row. Memory is bounded whatever the size of the answer; what does not
 * fit goes to unlinked files in the state directory.
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
#include "base/port_set.h"
#include "base/problem.h"
#include "base/record.h"
#include "base/store_dir.h"
#include "questions.h"

enum query_want {
	QUERY_ROWS = 0,
	QUERY_COUNT = 1, /* their number */
	QUERY_TOP = 2, /* the sources with most of them */
};

struct query {
	const char *tenant; /* NULL = all, or those of: */
	const char *const *tenants; /* nothing of others is read */
	size_t tenant_count; /* 0: no such list */
	bool by_src, by_dst;
	struct prefix src, dst;
	const struct port_set *src_ports, *dst_ports; /* NULL = any; borrowed, as are all pointers here */
	int64_t from_ns, to_ns; /* UTC, from <= t < to */
	/* Only connections that were open at the last instant of the window, to_ns - 1: no close is known,
	 * or it is later. Those that began before the window are found by their close. */
	bool open_at_end;
	const struct questions *questions; /* each row answers one of them; NULL = none are asked */
	bool by_source; /* order of the rows: source, then time; else time */
	enum query_want want;
	size_t memory_bytes; /* for rows, until they go to files; 0: 40 MiB */
	uint32_t top; /* QUERY_TOP: how many, at most QUERY_TOP_MAX */
	/* Told now and then what part of the work is done, from any thread; may be NULL. */
	void (*progress)(void *ctx, uint64_t done, uint64_t total);
	void *progress_ctx;
};
#define QUERY_TOP_MAX 100000

struct found_row {
	struct record record; /* time_ns is UTC; tenant is an index into tenants. Kind CLOSE: only the close is known */
	int64_t close_ns; /* UTC; 0 = not consented or not known */
	uint64_t clock_error_ns; /* the kernel's own bound at that time (adjtimex maxerror) */
	uint32_t question; /* number of the question that it answers; 0 = none was asked */
};

struct top_source {
	struct addr src;
	uint64_t rows;
};

/* What was looked at. "Skipped" things were not read any further. */
struct search_explain {
	uint64_t journals, frames, frames_decoded;
	uint64_t catalogs, segments, segments_opened; /* day catalogs read; files */
	uint64_t sections, sections_skipped_catalog, sections_skipped_time, sections_skipped_destination;
	uint64_t blocks, blocks_skipped_index, blocks_skipped_source, blocks_skipped_time, blocks_decoded;
	uint64_t rows_decoded;
	unsigned int threads;
	int64_t plan_ns, scan_ns; /* how long it took to list what to read, and to read it */
};

/* Where the rows of an answer are read from. */
struct row_source {
	int (*next)(struct row_source *rows, struct found_row *ret_row); /* 1, 0 at the end, or negative errno */
	int (*rewind)(struct row_source *rows); /* 0 or negative errno */
	void (*free)(struct row_source *rows);
};

struct search_result {
	uint64_t count; /* rows that match, also of QUERY_COUNT and QUERY_TOP */
	bool any_close; /* some row has its close */
	char (*tenants)[TENANT_ID_MAX + 1]; /* in the order of their ids */
	uint64_t *tenant_rows; /* of count, by tenant */
	size_t tenant_count, tenant_capacity;
	struct gaps gaps; /* that touch the window; tenant is an index, or UINT32_MAX for every tenant */
	uint32_t rungs; /* bit n: hook n (enum sekisho_rung) recorded in the window */
	bool imported; /* rows of the window may have been imported */
	bool clock_seen, clock_unsynchronised; /* by the anchors of the window */
	uint64_t clock_error_ns; /* worst of them */
	uint32_t reasons; /* why records may be missing: see reasons.h, which fills it */
	unsigned int damaged; /* objects that could not be read; the answer is without them */
	struct problem damage; /* the first of them */
	struct top_source *top; /* QUERY_TOP: most rows first */
	size_t top_count;
	uint64_t source_count; /* QUERY_TOP: all sources with rows */
	uint32_t *question_rows; /* with questions: rows by number - 1 */
	struct search_explain explain;
	struct row_source *rows; /* private: search_next() */
};

/* 0 or negative errno and *p. Damage is not an error here but a fact of the result.
 * Undo with search_result_done(). */
int search_run(const struct store_dir *store, const struct query *q,
	       struct search_result *ret_result, struct problem *p);
/* The next row: 1; 0 behind the last one; negative errno when a row cannot be read any more. */
int search_next(struct search_result *r, struct found_row *ret_row);
/* Begins again with the first row. 0 or negative errno. */
int search_rewind(struct search_result *r);
void search_result_done(struct search_result *r);

#endif
