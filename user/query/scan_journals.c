// SPDX-License-Identifier: BSD-2-Clause
/* Searching the journals that are not sealed yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/fs.h"
#include "scan.h"
#include "schema/journal.h"

#define FRAMES_AT_ONCE 8

/* The anchor that counts for a UTC instant: the last one at or before it, else the first. */
static const struct anchor *anchor_at(const struct anchors *list, int64_t utc_ns)
{
	for (size_t i = list->count; i > 0; i--)
		if (list->list[i - 1].utc_ns <= utc_ns)
			return &list->list[i - 1];
	return list->count ? &list->list[0] : NULL;
}

/* What the clock said of itself around the window. */
static void note_anchors(struct scan *s, const struct anchors *list)
{
	const struct anchor *first = anchor_at(list, s->q->from_ns);

	for (size_t i = 0; i < list->count; i++) {
		const struct anchor *a = &list->list[i];

		if (a == first || (a->utc_ns >= s->q->from_ns && a->utc_ns < s->q->to_ns))
			scan_note_clock(s, a->status, a->max_error_ns);
	}
}

/* Gaps of each wanted tenant of this journal, each node-wide gap once. */
static int note_gaps(struct scan *s, const struct journal_reader *j)
{
	int error = 0;
	bool node_wide_done = false;

	for (size_t t = 0; t < j->tenant_count && !error; t++) {
		const struct journal_tenant *tenant = &j->tenants[t];

		if (!scan_wants_tenant(s, tenant->id))
			continue;
		for (size_t i = 0; i < j->gaps.count && !error; i++) {
			struct gaps one = { .list = &j->gaps.list[i], .count = 1 };

			if (j->gaps.list[i].tenant || !node_wide_done)
				error = scan_note_gaps(s, &one, tenant->number,
						       scan_tenant_index(s, tenant->id));
		}
		node_wide_done = true;
	}
	return error;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct scan_tenant *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* The tenant of a row; NULL when the journal does not name it. */
static const struct scan_tenant *find_tenant(const struct scan *s, uint32_t journal, uint32_t number)
{
	const struct scan_tenant key = { .number = number };

	return bsearch(&key, s->journal_tenants[journal], s->journals[journal].tenant_count, sizeof(key),
		       compare_numbers);
}

static int map_tenants(struct scan *s, uint32_t journal)
{
	const struct journal_reader *j = &s->journals[journal];
	struct scan_tenant *map = calloc(j->tenant_count + 1, sizeof(*map));

	s->journal_tenants[journal] = map;
	if (!map)
		return -ENOMEM;
	for (size_t i = 0; i < j->tenant_count; i++) {
		const struct journal_tenant *t = &j->tenants[i];

		map[i].number = t->number;
		map[i].index = scan_wants_tenant(s, t->id) ? scan_tenant_index(s, t->id) : UINT32_MAX;
	}
	qsort(map, j->tenant_count, sizeof(*map), compare_numbers);
	return 0;
}

static bool frame_touches(const struct scan *s, const struct journal_reader *j,
			  const struct journal_row_frame *f)
{
	int64_t least, greatest;

	anchors_utc_range(&j->anchors, f->first_boot_ns, f->last_boot_ns, &least, &greatest);
	/* Rows behind the window may close connections of the window. */
	return greatest >= s->q->from_ns && (least < s->q->to_ns || f->has_lasted);
}

static int plan_frames(struct scan *s, uint32_t journal)
{
	const struct journal_reader *j = &s->journals[journal];

	for (size_t first = 0; first < j->frame_count; first += FRAMES_AT_ONCE) {
		size_t end = first + FRAMES_AT_ONCE;

		if (ARRAY_RESERVE(s->items, s->item_count, s->item_capacity))
			return -ENOMEM;
		s->items[s->item_count++] = (struct scan_item){
			.is_journal = true,
			.journal = journal,
			.first = (uint32_t)first,
			.end = (uint32_t)(end < j->frame_count ? end : j->frame_count),
		};
	}
	return 0;
}

int scan_plan_journals(struct scan *s)
{
	int error = 0;

	for (size_t i = 0; i < s->journal_count && !error; i++) {
		const struct journal_reader *j = &s->journals[i];

		s->out->explain.journals++;
		s->out->explain.frames += j->frame_count;
		if (j->damaged_bytes)
			scan_note_damage(s, false, j->name, "frames fail their checksum");
		if (scan_overlaps(s->q, j->created_utc_ns, j->last_utc_ns)) {
			note_anchors(s, &j->anchors);
			scan_note_hook(s, j->rung);
		}
		error = note_gaps(s, j);
		if (!error)
			error = map_tenants(s, (uint32_t)i);
		if (!error)
			error = plan_frames(s, (uint32_t)i);
	}
	return error;
}

static int search_rows(struct worker *w, uint32_t journal, uint32_t rows)
{
	struct scan *s = w->scan;
	struct journal_reader *j = &s->journals[journal];
	bool any = false, unnamed = false;
	int error = 0;

	for (uint32_t i = 0; i < rows && !error; i++) {
		struct record *r = &w->frame[i];
		const struct anchor *clock = anchors_find(&j->anchors, (uint64_t)r->time_ns);
		const struct scan_tenant *tenant;

		r->time_ns = anchors_utc(&j->anchors, (uint64_t)r->time_ns);
		if (!scan_wants(s->q, r))
			continue;
		tenant = find_tenant(s, journal, r->tenant);
		unnamed |= !tenant;
		if (!tenant || tenant->index == UINT32_MAX)
			continue;
		any = true;
		error = worker_add(w, r, tenant->index, clock ? clock->max_error_ns : 0);
	}
	if (any)
		scan_note_hook(s, j->rung);
	if (unnamed)
		scan_note_damage(s, false, j->name, "a record of a tenant that the journal does not name");
	return error;
}

int scan_frames(struct worker *w, const struct scan_item *item)
{
	struct scan *s = w->scan;
	struct journal_reader *j = &s->journals[item->journal];
	int error = 0;

	if (!w->frame)
		w->frame = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*w->frame));
	if (!w->frame)
		return -ENOMEM;
	for (uint32_t i = item->first; i < item->end && !error; i++) {
		if (!frame_touches(s, j, &j->frames[i]))
			continue;
		w->did.frames_decoded++;
		w->did.rows_decoded += j->frames[i].rows;
		error = journal_reader_rows(j, i, w->frame);
		if (error == -EBADMSG || error == -ENODATA) {
			scan_note_damage(s, false, j->name, "a frame cannot be decoded");
			error = 0;
		} else if (!error) {
			error = search_rows(w, item->journal, j->frames[i].rows);
		}
	}
	return error;
}

static int note_tenants(struct scan *s, const struct journal_reader *j)
{
	int error = 0;

	for (size_t i = 0; i < j->tenant_count && !error; i++)
		if (scan_wants_tenant(s, j->tenants[i].id))
			error = scan_add_tenant(s, j->tenants[i].id);
	return error;
}

/* -EBADMSG and the like: noted as damage. -ENOENT: sealed and gone meanwhile, its sections are there. */
static int open_journal(struct scan *s, const char *name)
{
	struct problem p;
	int error = journal_reader_open(s->store->journal, name, &s->journals[s->journal_count], &p);

	if (!error)
		return note_tenants(s, &s->journals[s->journal_count++]);
	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP)
		scan_note_damage(s, false, name, p.text);
	else if (error != -ENOENT)
		return problem(s->p, error, "%s", p.text);
	return 0;
}

int scan_open_journals(struct scan *s)
{
	char **names;
	size_t count;
	int error = fs_list(s->store->journal, JOURNAL_SUFFIX, &names, &count);

	if (error)
		return problem(s->p, error, "cannot list journal/: %s", strerror(-error));
	s->journals = calloc(count + 1, sizeof(*s->journals));
	s->journal_tenants = calloc(count + 1, sizeof(*s->journal_tenants));
	if (!s->journals || !s->journal_tenants)
		error = problem(s->p, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && !error; i++)
		error = open_journal(s, names[i]);
	fs_free_names(names, count);
	return error;
}

bool scan_from_open_journal(const struct scan *s, uint64_t journal_id)
{
	for (size_t i = 0; i < s->journal_count; i++)
		if (s->journals[i].file_id == journal_id)
			return true;
	return false;
}

void scan_close_journals(struct scan *s)
{
	for (size_t i = 0; i < s->journal_count; i++) {
		journal_reader_close(&s->journals[i]);
		free(s->journal_tenants[i]);
	}
	free(s->journals);
	free(s->journal_tenants);
	s->journals = NULL;
	s->journal_tenants = NULL;
	s->journal_count = 0;
}
