// SPDX-License-Identifier: BSD-2-Clause
/* From a finished journal to sections per tenant and day. */
#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "journal/journal_reader.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "schema/segment.h"
#include "seal.h"
#include "segment/segment.h"

/* See gap_states_day(). */
#define GAP_DAYS_MAX 400

struct job {
	const struct store_dir *store;
	struct journal_reader reader;
	struct record *rows; /* all of the journal, UTC, in seal order */
	size_t row_count;
	struct gaps gaps; /* of the journal, with damage added */
	struct seal_result done;
	struct problem *p;
};

/* Tenant, then day, then the order inside a section. */
static int compare_seal(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int32_t day_x, day_y;

	if (x->tenant != y->tenant)
		return x->tenant < y->tenant ? -1 : 1;
	day_x = utc_day(x->time_ns);
	day_y = utc_day(y->time_ns);
	if (day_x != day_y)
		return day_x < day_y ? -1 : 1;
	return record_compare_source(x, y);
}

/*
 * Rows whose tenant no frame names have nowhere to go. With a damaged file that is part of the
 * damage: they stay in it when it is set aside, and the gap says so. Otherwise it is a fault.
 */
static int drop_unnamed(struct job *job)
{
	const struct journal_reader *r = &job->reader;
	size_t kept = 0;

	for (size_t i = 0; i < job->row_count; i++) {
		if (journal_reader_tenant(r, job->rows[i].tenant))
			job->rows[kept++] = job->rows[i];
		else if (!r->damaged_bytes)
			return problem(job->p, -EBADMSG, "journal/%s: rows of tenant %u, which it does not name",
				       r->name, job->rows[i].tenant);
	}
	job->row_count = kept;
	return 0;
}

static int load_rows(struct job *job)
{
	struct journal_reader *r = &job->reader;
	int error;

	job->rows = r->rows ? calloc(r->rows, sizeof(*job->rows)) : NULL;
	if (r->rows && !job->rows)
		return problem(job->p, -ENOMEM, "journal/%s: no memory for %llu rows", r->name,
			       (unsigned long long)r->rows);
	for (size_t i = 0; i < r->frame_count; i++) {
		error = journal_reader_rows(r, i, job->rows + job->row_count);
		if (error)
			return problem(job->p, error, "journal/%s offset %llu: %s", r->name,
				       (unsigned long long)r->frames[i].offset, strerror(-error));
		job->row_count += r->frames[i].rows;
	}
	if (job->row_count && !r->anchors.count)
		return problem(job->p, -EBADMSG, "journal/%s has rows but no clock anchor", r->name);
	for (size_t i = 0; i < job->row_count; i++)
		job->rows[i].time_ns = anchors_utc(&r->anchors, (uint64_t)job->rows[i].time_ns);
	error = drop_unnamed(job);
	if (!error && job->row_count)
		qsort(job->rows, job->row_count, sizeof(*job->rows), compare_seal);
	return error;
}

/* The journal's gaps, and one for bytes that could not be read. */
static int load_gaps(struct job *job)
{
	const struct journal_reader *r = &job->reader;
	struct gap damage = {
		.first_utc_ns = r->created_utc_ns,
		.last_utc_ns = r->last_utc_ns,
		.reason = STORE_GAP_DAMAGED,
	};

	for (size_t i = 0; i < r->gaps.count; i++)
		if (gap_is_loss(&r->gaps.list[i]) && gaps_add(&job->gaps, &r->gaps.list[i]))
			return -ENOMEM;
	return r->damaged_bytes ? gaps_add(&job->gaps, &damage) : 0;
}

/* The first and last instant of a day; the far ends of time are bent inwards, not around. */
static void day_bounds(int32_t day, int64_t *ret_from, int64_t *ret_to)
{
	if (__builtin_mul_overflow((int64_t)day, NS_PER_DAY, ret_from))
		*ret_from = day < 0 ? INT64_MIN : INT64_MAX;
	if (__builtin_add_overflow(*ret_from, NS_PER_DAY - 1, ret_to))
		*ret_to = INT64_MAX;
}

/*
 * The part of each gap of this tenant that lies in the day. The count belongs to the gap's first
 * day; its continuation says "count unknown", so that a sum over days is right.
 */
static int clip_gaps(const struct job *job, uint32_t tenant, int32_t day, struct gaps *out)
{
	int64_t from, to;

	day_bounds(day, &from, &to);
	for (size_t i = 0; i < job->gaps.count; i++) {
		struct gap g = job->gaps.list[i];

		if ((g.tenant && g.tenant != tenant) || g.last_utc_ns < from || g.first_utc_ns > to)
			continue;
		if (g.first_utc_ns < from) {
			g.first_utc_ns = from;
			g.count = 0;
		}
		if (g.last_utc_ns > to)
			g.last_utc_ns = to;
		if (gaps_add(out, &g))
			return -ENOMEM;
	}
	return 0;
}

/* The anchors needed to redo the conversion: thinned to steps and one a minute. */
static int thin_anchors(const struct anchors *all, struct anchors *out)
{
	const struct anchor *last = NULL;

	for (size_t i = 0; i < all->count; i++) {
		const struct anchor *a = &all->list[i];
		/* Unsigned: a damaged anchor may hold any value. */
		int64_t drift = last ? (int64_t)(((uint64_t)a->utc_ns - (uint64_t)last->utc_ns) -
						 (a->boot_ns - last->boot_ns)) : 0;

		if (last && i + 1 < all->count && a->status == last->status && drift > -1000 &&
		    drift < 1000 && a->boot_ns - last->boot_ns < 60 * (uint64_t)NS_PER_SEC)
			continue;
		if (anchors_add(out, a))
			return -ENOMEM;
		last = a;
	}
	return 0;
}

static int open_tenant_dir(const struct job *job, const char *tenant_id)
{
	int fd = fs_open_dir(job->store->segments, tenant_id, 1);

	if (fd < 0)
		return problem(job->p, fd, "cannot open segments/%s: %s", tenant_id, strerror(-fd));
	return fd;
}

/* Appends the rows of one tenant and day, in as many sections as the limit asks for. */
static int seal_day(struct job *job, uint32_t tenant, int32_t day, const struct record *rows,
		    size_t count)
{
	const struct journal_reader *r = &job->reader;
	struct segment_section s = {
		.tenant_id = journal_reader_tenant(r, tenant),
		.tenant = tenant,
		.day = day,
		.journal_id = r->file_id,
		.rung = r->rung,
		.span_from_ns = r->created_utc_ns,
		.span_to_ns = r->last_utc_ns,
	};
	struct anchors anchors = {};
	struct gaps gaps = {}, none = {};
	size_t at = 0;
	int dir = open_tenant_dir(job, s.tenant_id), error = dir < 0 ? dir : 0;

	if (!error)
		error = thin_anchors(&r->anchors, &anchors);
	if (!error)
		error = clip_gaps(job, tenant, day, &gaps);
	s.anchors = &anchors;
	for (; !error && (at < count || s.run == 0) && (count || gaps.count); s.run++) {
		int appended;

		s.rows = rows + at;
		s.row_count = count - at < SECTION_ROWS_MAX ? count - at : SECTION_ROWS_MAX;
		s.gaps = s.run == 0 ? &gaps : &none;
		appended = segment_append(dir, &s, job->p);
		if (appended < 0)
			error = appended;
		else if (appended)
			job->done.sections++;
		else
			job->done.skipped_sections++;
		job->done.rows += s.row_count;
		job->done.gaps += s.gaps->count;
		at += s.row_count;
	}
	anchors_done(&anchors);
	gaps_done(&gaps);
	if (dir >= 0)
		close(dir);
	return error;
}

/* Whether the rows hold this tenant and day. */
static bool has_rows(const struct job *job, uint32_t tenant, int32_t day)
{
	struct record key = { .tenant = tenant };
	size_t low = 0, high = job->row_count;
	int64_t to;

	day_bounds(day, &key.time_ns, &to);
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_seal(&job->rows[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < job->row_count && job->rows[low].tenant == tenant &&
	       utc_day(job->rows[low].time_ns) == day;
}

static int seal_rows(struct job *job)
{
	int error = 0;

	for (size_t at = 0; at < job->row_count && !error;) {
		uint32_t tenant = job->rows[at].tenant;
		int32_t day = utc_day(job->rows[at].time_ns);
		size_t end = at + 1;

		while (end < job->row_count && job->rows[end].tenant == tenant &&
		       utc_day(job->rows[end].time_ns) == day)
			end++;
		error = seal_day(job, tenant, day, job->rows + at, end - at);
		at = end;
	}
	return error;
}

static bool gap_is_of(const struct gap *g, const struct journal_tenant *t)
{
	return g->tenant ? g->tenant == t->number : t->consent != 0;
}

/* A gap is stated for each of its days, an endless one for its first ones and its last. */
static bool gap_states_day(const struct gap *g, int32_t day)
{
	int32_t first = utc_day(g->first_utc_ns), last = utc_day(g->last_utc_ns);

	return day == last || (first <= day && day < last && day - first <= GAP_DAYS_MAX);
}

/* Whether an earlier gap touches this day: then the day has its section already. */
static bool day_is_done(const struct job *job, const struct journal_tenant *t, size_t gap, int32_t day)
{
	for (size_t i = 0; i < gap; i++) {
		const struct gap *g = &job->gaps.list[i];

		if (gap_is_of(g, t) && gap_states_day(g, day))
			return true;
	}
	return has_rows(job, t->number, day);
}

/* Gaps on days (or for tenants) that have no rows get sections of their own. */
static int seal_gap_days(struct job *job, const struct journal_tenant *t)
{
	int error = 0;

	for (size_t i = 0; i < job->gaps.count && !error; i++) {
		const struct gap *g = &job->gaps.list[i];
		int32_t first = utc_day(g->first_utc_ns), last = utc_day(g->last_utc_ns);

		if (!gap_is_of(g, t))
			continue;
		for (int32_t day = first; day <= last && !error; day++) {
			if (!gap_states_day(g, day))
				day = last;
			if (!day_is_done(job, t, i, day))
				error = seal_day(job, t->number, day, NULL, 0);
		}
	}
	return error;
}

/* A tenant stands once per consent number. Its gaps are sealed for the last entry with a consent, so
 * that one who was recorded for a part of the journal's time hears of the node's gaps. */
static bool speaks_for_tenant(const struct journal_reader *r, size_t entry)
{
	const struct journal_tenant *own = &r->tenants[entry];

	for (size_t i = 0; i < r->tenant_count; i++) {
		const struct journal_tenant *t = &r->tenants[i];

		if (i == entry || t->number != own->number)
			continue;
		if (!own->consent != !t->consent ? t->consent != 0 : i > entry)
			return false;
	}
	return true;
}

static int seal_gaps(struct job *job)
{
	int error = 0;

	for (size_t i = 0; i < job->reader.tenant_count && !error; i++)
		if (speaks_for_tenant(&job->reader, i))
			error = seal_gap_days(job, &job->reader.tenants[i]);
	return error;
}

/* The journal goes: unlinked, or set aside when some of its bytes could not be read. */
static int retire(struct job *job)
{
	const struct journal_reader *r = &job->reader;
	int dir = job->store->journal, aside, error = 0;

	if (!r->damaged_bytes) {
		if (unlinkat(dir, r->name, 0) < 0)
			error = -errno;
	} else {
		aside = fs_open_dir(dir, "damaged", 1);
		if (aside < 0)
			return aside;
		if (renameat(dir, r->name, aside, r->name) < 0 || fsync(aside) < 0)
			error = -errno;
		close(aside);
		job->done.damaged_bytes += r->damaged_bytes;
	}
	if (!error && fsync(dir) < 0)
		error = -errno;
	return error;
}

int seal_journal(const struct store_dir *store, const char *name, struct seal_result *result,
		 struct problem *p)
{
	struct job job = { .store = store, .p = p };
	int error = journal_reader_open(store->journal, name, &job.reader, p);

	if (error)
		return error;
	error = load_rows(&job);
	if (!error) {
		error = load_gaps(&job);
		if (!error)
			error = seal_rows(&job);
		if (!error)
			error = seal_gaps(&job);
		if (!error) {
			error = retire(&job);
			if (error)
				problem(p, error, "cannot remove journal/%s: %s", name,
					strerror(-error));
		}
	}
	if (!error) {
		result->journals++;
		result->rows += job.done.rows;
		result->sections += job.done.sections;
		result->skipped_sections += job.done.skipped_sections;
		result->gaps += job.done.gaps;
		result->damaged_bytes += job.done.damaged_bytes;
	}
	free(job.rows);
	gaps_done(&job.gaps);
	journal_reader_close(&job.reader);
	return error;
}

int seal_all(const struct store_dir *store, const char *live_name, struct seal_result *result,
	     struct problem *p)
{
	struct problem later;
	char **names;
	size_t count;
	int error = fs_list(store->journal, JOURNAL_SUFFIX, &names, &count), first = 0;

	if (error)
		return problem(p, error, "cannot list journal/: %s", strerror(-error));
	for (size_t i = 0; i < count; i++) {
		if (live_name && strcmp(names[i], live_name) == 0)
			continue;
		error = seal_journal(store, names[i], result, first ? &later : p);
		if (error && !first)
			first = error;
	}
	fs_free_names(names, count);
	return first;
}
