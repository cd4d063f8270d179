/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a search is made of: a plan of what has to be read, workers that read it,
 * and what they share. Private to this folder.
 */
#ifndef SEKISHO_SCAN_PARTS_H
#define SEKISHO_SCAN_PARTS_H

#include <pthread.h>
#include "base/spool.h"
#include "journal/journal_reader.h"
#include "lifetime.h"
#include "rows.h"
#include "search.h"
#include "segment/section_reader.h"

#define EVERY_TENANT UINT32_MAX

#define SCAN_NO_DAY INT32_MIN

/* One piece of work: a segment, or some frames of a journal. */
struct scan_item {
	bool is_journal;
	bool behind; /* a day behind the window: read for closes, which may be missing */
	bool known; /* a segment of which the day's catalog tells all: first is 1 + its first section in the plan, or 0 */
	uint32_t tenant; /* of a segment: index */
	uint32_t journal; /* index */
	uint32_t first, end; /* frames */
	uint64_t file_id; /* if known */
	int32_t day; /* of a segment, by its name; SCAN_NO_DAY */
	char name[SEGMENT_NAME_MAX]; /* of a segment */
};

/* What a tenant number of a journal means. */
struct scan_tenant {
	uint32_t number, index; /* UINT32_MAX: a tenant that is not asked for */
};

/* A section that the day's catalog lists. */
struct scan_section {
	uint64_t offset, journal_id;
	uint32_t run, next; /* next: 1 + the next one of its segment, or 0 */
};

struct scan {
	const struct store_dir *store;
	const struct query *q;
	struct problem *p;
	struct journal_reader *journals;
	struct scan_tenant **journal_tenants; /* of each journal, by number */
	size_t journal_count;
	struct scan_item *items;
	size_t item_count, item_capacity;
	struct scan_section *sections; /* of known segments */
	size_t section_count, section_capacity;
	int32_t *catalogs; /* days whose catalogs made the plan, and told what is missing; ascending */
	size_t catalog_count, catalog_capacity;
	size_t next; /* item to be done; atomic */
	/* The rest is shared by the workers, under the lock. */
	pthread_mutex_t lock;
	struct search_result *out;
	struct rows *rows; /* QUERY_ROWS, and where closes decide what counts */
	struct spool *unsealed; /* instead of rows, when sections are streamed */
	struct spool *top; /* struct top_source: rows of one source and block */
	size_t done; /* items */
	int error; /* the first */
};

/* What one thread has to itself. */
struct worker {
	struct scan *scan;
	struct block_rows *block;
	struct record *frame; /* JOURNAL_FRAME_ROWS_MAX */
	bool *wanted_endpoints;
	size_t endpoint_capacity;
	struct found_row *batch; /* WORKER_BATCH */
	size_t batched;
	uint64_t counted;
	uint32_t counted_tenant; /* whose rows these are */
	struct search_explain did;
	bool behind; /* the present item */
	struct problem why; /* of a failure */
};

int worker_init(struct scan *s, struct worker *w); /* 0 or -ENOMEM */
void worker_done(struct worker *w);
/* Hands over what was found. */
int worker_flush(struct worker *w);
/* A row that belongs to the answer, or a close that may. */
int worker_add(struct worker *w, const struct record *r, uint32_t tenant, uint64_t clock_error_ns);
/* The same without the row, where only numbers are asked for. */
int worker_count(struct worker *w, uint32_t tenant, const struct addr *src, uint64_t rows);
/* Whether worker_count() is enough. */
bool scan_only_counts(const struct query *q);

/* Journals: opened before segments are listed, so that sealing meanwhile neither hides nor doubles a row. */
int scan_open_journals(struct scan *s);
void scan_close_journals(struct scan *s);
/* Whether rows of this journal are read from it: its sections are passed over. */
bool scan_from_open_journal(const struct scan *s, uint64_t journal_id);

/* Makes the list of items, and notes the facts that need no further reading. */
int scan_plan(struct scan *s);
int scan_plan_journals(struct scan *s); /* frames, gaps, clock, hooks */
/* Items from `first` on, segments of all tenants that are asked for: those of which a catalog tells that they cannot matter go. */
int scan_plan_catalogs(struct scan *s, size_t first);
/* Notes as damage what the day's catalog lists, of tenants that are asked for, and the store does not have. 0 or -ENOMEM. */
int scan_note_missing(struct scan *s, int32_t day);
/* The same of each day that the plan was not made with. */
int scan_plan_missing(struct scan *s);
/* Doing one of them. */
int scan_frames(struct worker *w, const struct scan_item *item);
int scan_segment(struct worker *w, const struct scan_item *item);

/* Which rows of a section, block by block: what scan_segment() and the stream by source share. */
struct visit {
	struct worker *w;
	struct segment_reader *r;
	struct section_reader *section;
	uint32_t tenant; /* index */
	uint32_t first, end; /* blocks that can hold the source */
};
/* Opens the section and notes its facts. 1: its blocks are to be read; 0: not (v->section is closed again);
 * -EBADMSG, -ENODATA: damaged. */
int visit_begin(struct visit *v, const struct section *facts);
void visit_end(struct visit *v);
/* Reads block i as far as it matters: 1 when rows may be wanted (then it is decoded whole), else 0. */
int visit_block(struct visit *v, uint32_t i, struct block_rows *b);
/* Gives the wanted rows of source `source` of a block that was read whole. */
int visit_source(struct visit *v, const struct block_rows *b, uint32_t source,
		 int (*take)(void *ctx, const struct record *r, uint32_t tenant, uint64_t clock_error_ns),
		 void *ctx);
/* Whether the source can be wanted. */
bool scan_wants_source(const struct query *q, const struct addr *src);

/* Opens a segment of the plan; 1, or 0 when it is gone or damaged (noted). */
int scan_open_segment(struct worker *w, const struct scan_item *item, struct segment_reader *ret_reader,
		      int *ret_dir);
/* Whether a section of an opened segment is read at all: it may stand elsewhere. */
bool scan_section_counts(struct worker *w, int dir, struct segment_reader *r, const struct section *facts);

/* A row of the tenant with this id, if it belongs to the answer: an opening of the window, or the close
 * of one. Everything but the tenant is checked here. */
bool scan_wants(const struct query *q, const struct record *r);
/* Whether rows of a section or frame can be openings of the window, or close some. */
bool scan_touches(const struct query *q, int64_t first_ns, int64_t last_ns, bool has_close,
		  int64_t opened_ns);
bool scan_overlaps(const struct query *q, int64_t first_ns, int64_t last_ns);

/* Facts; these take the lock. */
bool scan_wants_tenant(const struct scan *s, const char *id);
int scan_add_tenant(struct scan *s, const char *id); /* while planning; then: */
void scan_sort_tenants(struct scan *s);
uint32_t scan_tenant_index(const struct scan *s, const char *id); /* UINT32_MAX: unknown */
void scan_note_damage(struct scan *s, bool behind, const char *what, const char *why);
void scan_note_clock(struct scan *s, uint32_t status, uint64_t max_error_ns);
void scan_note_pieces(struct scan *s, const struct clock_pieces *clock); /* those of the window */
void scan_note_hook(struct scan *s, uint8_t rung); /* SEKISHO_RUNG_NONE: imported */
/* Gaps of `tenant` (a number; 0 in a gap: every tenant), to be called by the index. */
int scan_note_gaps(struct scan *s, const struct gaps *gaps, uint32_t tenant, uint32_t index);

#endif
