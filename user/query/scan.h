/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a search is made of: walking journals and segments for the rows that match
 * and the facts that come with them. Private to this folder.
 */
#ifndef SEKISHO_SCAN_PARTS_H
#define SEKISHO_SCAN_PARTS_H

#include "journal/journal_reader.h"
#include "lifetime.h"
#include "search.h"

#define EVERY_TENANT UINT32_MAX

struct scan {
	const struct store_dir *store;
	const struct query *q;
	struct search_result *out;
	struct journal_reader *journals;
	size_t journal_count;
	struct block_rows *block; /* room for one decoded block */
	bool behind; /* looking at a day behind the window: for closes, which may be missing */
	struct problem *p;
};

/* Journals: opened before segments are listed, so that sealing meanwhile neither hides nor doubles a row. */
int scan_open_journals(struct scan *s);
int scan_journals(struct scan *s);
void scan_close_journals(struct scan *s);
/* Whether rows of this journal have been read from it: its sections are passed over. */
bool scan_from_open_journal(const struct scan *s, uint64_t journal_id);

int scan_segments(struct scan *s);

/* A row of the tenant with this id, if it belongs to the answer: an opening of the window, or the close
 * of one. Everything but the tenant is checked here. */
bool scan_wants(const struct query *q, const struct record *r);
int scan_add_row(struct scan *s, const struct record *r, uint32_t tenant_index,
		 uint64_t clock_error_ns);

/* Facts. */
bool scan_wants_tenant(const struct scan *s, const char *id);
bool scan_overlaps(const struct query *q, int64_t first_ns, int64_t last_ns);
int scan_tenant_index(struct scan *s, const char *id, uint32_t *ret_index);
void scan_note_damage(struct scan *s, const char *what, const char *why);
void scan_note_clock(struct scan *s, uint32_t status, uint64_t max_error_ns);
int scan_note_gaps(struct scan *s, const struct gaps *gaps, uint32_t tenant, uint32_t index);

#endif
