// SPDX-License-Identifier: BSD-2-Clause
/* Searching the journals that are not sealed yet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "scan.h"
#include "schema/journal.h"

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

static int journal_rows_of(struct scan *s, struct journal_reader *j, size_t frame,
			   struct record *rows)
{
	int error = journal_reader_rows(j, frame, rows);

	if (error == -EBADMSG || error == -ENODATA) {
		scan_note_damage(s, j->name, "a frame cannot be decoded");
		return 0;
	}
	for (uint32_t i = 0; i < j->frames[frame].rows && !error; i++) {
		struct record *r = &rows[i];
		const char *id = journal_reader_tenant(j, r->tenant);
		const struct anchor *clock = anchors_find(&j->anchors, (uint64_t)r->time_ns);
		uint32_t index;

		r->time_ns = anchors_utc(&j->anchors, (uint64_t)r->time_ns);
		if (!id && scan_wants(s->q, r)) {
			scan_note_damage(s, j->name, "a record of a tenant that the journal does not name");
			break;
		}
		if (!id || !scan_wants_tenant(s, id) || !scan_wants(s->q, r))
			continue;
		s->out->rungs |= 1u << (j->rung & 31);
		error = scan_tenant_index(s, id, &index);
		if (!error)
			error = scan_add_row(s, r, index, clock ? clock->max_error_ns : 0);
	}
	return error;
}

/* Gaps of each wanted tenant of this journal, each node-wide gap once. */
static int journal_gaps_of(struct scan *s, struct journal_reader *j)
{
	int error = 0;
	bool node_wide_done = false;

	for (size_t t = 0; t < j->tenant_count && !error; t++) {
		const struct journal_tenant *tenant = &j->tenants[t];
		uint32_t index;

		if (!scan_wants_tenant(s, tenant->id))
			continue;
		error = scan_tenant_index(s, tenant->id, &index);
		for (size_t i = 0; i < j->gaps.count && !error; i++) {
			struct gaps one = { .list = &j->gaps.list[i], .count = 1 };

			if (j->gaps.list[i].tenant || !node_wide_done)
				error = scan_note_gaps(s, &one, tenant->number, index);
		}
		node_wide_done = true;
	}
	return error;
}

static int search_journal(struct scan *s, struct journal_reader *j)
{
	struct record *rows = NULL;
	int error = 0;

	if (j->damaged_bytes)
		scan_note_damage(s, j->name, "frames fail their checksum");
	if (scan_overlaps(s->q, j->created_utc_ns, j->last_utc_ns)) {
		note_anchors(s, &j->anchors);
		s->out->rungs |= 1u << (j->rung & 31);
	}
	error = journal_gaps_of(s, j);
	for (size_t i = 0; i < j->frame_count && !error; i++) {
		const struct journal_row_frame *f = &j->frames[i];
		int64_t least, greatest;

		anchors_utc_range(&j->anchors, f->first_boot_ns, f->last_boot_ns, &least, &greatest);
		/* Rows behind the window may close connections of the window. */
		if (greatest < s->q->from_ns || (least >= s->q->to_ns && !f->has_lasted))
			continue;
		if (!rows)
			rows = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*rows));
		error = rows ? journal_rows_of(s, j, i, rows) : -ENOMEM;
	}
	free(rows);
	return error;
}

int scan_open_journals(struct scan *s)
{
	struct problem p;
	char **names;
	size_t count;
	int error = fs_list(s->store->journal, JOURNAL_SUFFIX, &names, &count);

	if (error)
		return problem(s->p, error, "cannot list journal/: %s", strerror(-error));
	s->journals = calloc(count + 1, sizeof(*s->journals));
	if (!s->journals)
		error = problem(s->p, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && !error; i++) {
		error = journal_reader_open(s->store->journal, names[i],
					    &s->journals[s->journal_count], &p);
		if (!error)
			s->journal_count++;
		else if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP)
			scan_note_damage(s, names[i], p.text);
		else if (error != -ENOENT) /* sealed and gone meanwhile: its sections are there */
			error = problem(s->p, error, "%s", p.text);
		if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP || error == -ENOENT)
			error = 0;
	}
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

int scan_journals(struct scan *s)
{
	int error = 0;

	for (size_t i = 0; i < s->journal_count && !error; i++)
		error = search_journal(s, &s->journals[i]);
	return error;
}

void scan_close_journals(struct scan *s)
{
	for (size_t i = 0; i < s->journal_count; i++)
		journal_reader_close(&s->journals[i]);
	free(s->journals);
}
