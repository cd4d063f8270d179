// SPDX-License-Identifier: BSD-2-Clause
/* What matches, and the facts that are collected beside the rows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include "base/array.h"
#include "scan.h"
#include "schema/event.h"

bool scan_wants_tenant(const struct scan *s, const char *id)
{
	if (s->q->tenant)
		return strcmp(s->q->tenant, id) == 0;
	for (size_t i = 0; i < s->q->tenant_count; i++)
		if (strcmp(s->q->tenants[i], id) == 0)
			return true;
	return !s->q->tenant_count;
}

bool scan_overlaps(const struct query *q, int64_t first_ns, int64_t last_ns)
{
	return last_ns >= q->from_ns && first_ns < q->to_ns;
}

/* The two ends of a connection are converted by the clock of their own time: see lifetime.h. */
static int64_t earliest_opening(int64_t opened_ns, int64_t lasted_ns)
{
	int64_t earliest;

	return __builtin_sub_overflow(opened_ns, lifetime_tolerance(lasted_ns), &earliest) ? INT64_MIN :
											     earliest;
}

static bool wants_close(const struct query *q, const struct record *r)
{
	int64_t opened = lifetime_opened_ns(r), latest;

	if (r->time_ns < q->from_ns || earliest_opening(opened, r->lasted_ns) >= q->to_ns)
		return false;
	/* One that began before the window was open at its end all the same. */
	return q->open_at_end ||
	       __builtin_add_overflow(opened, lifetime_tolerance(r->lasted_ns), &latest) ||
	       latest >= q->from_ns;
}

bool scan_touches(const struct query *q, int64_t first_ns, int64_t last_ns, bool has_close,
		  int64_t opened_ns)
{
	int64_t longest;

	if (last_ns < q->from_ns)
		return false;
	if (__builtin_sub_overflow(last_ns, opened_ns, &longest))
		longest = INT64_MAX;
	return first_ns < q->to_ns ||
	       (has_close && earliest_opening(opened_ns, longest) < q->to_ns);
}

static bool answers(const struct question *q, const struct record *r)
{
	int64_t opened = lifetime_opened_ns(r), tolerance = 0, least, greatest;

	if (q->src_port && q->src_port != r->src_port)
		return false;
	if (r->kind == SEKISHO_KIND_CLOSE)
		tolerance = lifetime_tolerance(r->lasted_ns);
	if (__builtin_sub_overflow(opened, tolerance, &least))
		least = INT64_MIN;
	if (__builtin_add_overflow(opened, tolerance, &greatest))
		greatest = INT64_MAX;
	return greatest >= q->from_ns && least <= q->to_ns;
}

bool scan_wants_source(const struct query *q, const struct addr *src)
{
	size_t first, end;

	if (q->by_src && !prefix_contains(&q->src, src))
		return false;
	if (!q->questions)
		return true;
	questions_about(q->questions, src, &first, &end);
	return first < end;
}

bool scan_wants(const struct query *q, const struct record *r)
{
	if (r->kind == SEKISHO_KIND_CLOSE ? !wants_close(q, r) :
					    r->time_ns < q->from_ns || r->time_ns >= q->to_ns)
		return false;
	return (!q->by_src || prefix_contains(&q->src, &r->src)) &&
	       (!q->by_dst || prefix_contains(&q->dst, &r->dst)) &&
	       (!q->src_ports || port_set_has(q->src_ports, r->src_port)) &&
	       (!q->dst_ports || port_set_has(q->dst_ports, r->dst_port));
}

/* --- What workers find --- */

#define WORKER_BATCH 1024

int worker_init(struct scan *s, struct worker *w)
{
	memset(w, 0, sizeof(*w));
	w->scan = s;
	w->block = malloc(sizeof(*w->block));
	w->batch = calloc(WORKER_BATCH, sizeof(*w->batch));
	if (w->block && w->batch)
		return 0;
	worker_done(w);
	return -ENOMEM;
}

void worker_done(struct worker *w)
{
	free(w->block);
	free(w->frame);
	free(w->wanted_endpoints);
	free(w->batch);
	memset(w, 0, sizeof(*w));
}

bool scan_only_counts(const struct query *q)
{
	return q->want != QUERY_ROWS && !q->open_at_end && !q->questions;
}

int worker_flush(struct worker *w)
{
	struct scan *s = w->scan;
	int error = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < w->batched && !error; i++)
		error = s->unsealed ? spool_add(s->unsealed, &w->batch[i]) :
				      rows_add(s->rows, &w->batch[i]);
	s->out->count += w->counted;
	if (w->counted)
		s->out->tenant_rows[w->counted_tenant] += w->counted;
	pthread_mutex_unlock(&s->lock);
	w->batched = 0;
	w->counted = 0;
	return error;
}

static int add_found(struct worker *w, const struct found_row *found)
{
	int error = w->batched == WORKER_BATCH ? worker_flush(w) : 0;

	if (!error)
		w->batch[w->batched++] = *found;
	return error;
}

int worker_add(struct worker *w, const struct record *r, uint32_t tenant, uint64_t clock_error_ns)
{
	const struct questions *asked = w->scan->q->questions;
	struct found_row found = { .record = *r, .clock_error_ns = clock_error_ns };
	size_t first, end;
	int error = 0;

	found.record.tenant = tenant;
	if (scan_only_counts(w->scan->q))
		return r->kind == SEKISHO_KIND_CLOSE ? 0 : worker_count(w, tenant, &r->src, 1);
	if (!asked)
		return add_found(w, &found);
	questions_about(asked, &r->src, &first, &end);
	for (; first < end && !error; first++) {
		if (!answers(&asked->list[first], r))
			continue;
		found.question = asked->list[first].number;
		error = add_found(w, &found);
	}
	return error;
}

int worker_count(struct worker *w, uint32_t tenant, const struct addr *src, uint64_t rows)
{
	const struct top_source source = { .src = *src, .rows = rows };
	struct scan *s = w->scan;
	int error = w->counted && w->counted_tenant != tenant ? worker_flush(w) : 0;

	if (error)
		return error;
	w->counted_tenant = tenant;
	w->counted += rows;
	if (s->q->want != QUERY_TOP || !rows)
		return 0;
	pthread_mutex_lock(&s->lock);
	error = spool_add(s->top, &source);
	pthread_mutex_unlock(&s->lock);
	return error;
}

/* --- Facts --- */

int scan_add_tenant(struct scan *s, const char *id)
{
	struct search_result *out = s->out;

	if (ARRAY_RESERVE(out->tenants, out->tenant_count, out->tenant_capacity))
		return -ENOMEM;
	strcpy(out->tenants[out->tenant_count++], id);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(a, b);
}

void scan_sort_tenants(struct scan *s)
{
	struct search_result *out = s->out;
	size_t kept = 0;

	if (out->tenant_count)
		qsort(out->tenants, out->tenant_count, sizeof(*out->tenants), compare_ids);
	for (size_t i = 0; i < out->tenant_count; i++)
		if (!kept || strcmp(out->tenants[kept - 1], out->tenants[i]) != 0)
			memmove(out->tenants[kept++], out->tenants[i], sizeof(*out->tenants));
	out->tenant_count = kept;
}

uint32_t scan_tenant_index(const struct scan *s, const char *id)
{
	const struct search_result *out = s->out;
	const char (*found)[TENANT_ID_MAX + 1] =
		out->tenant_count ? bsearch(id, out->tenants, out->tenant_count,
					    sizeof(*out->tenants), compare_ids) : NULL;

	return found ? (uint32_t)(found - (const char (*)[TENANT_ID_MAX + 1])out->tenants) :
		       UINT32_MAX;
}

void scan_note_damage(struct scan *s, bool behind, const char *what, const char *why)
{
	if (behind)
		return;
	pthread_mutex_lock(&s->lock);
	if (s->out->damaged++ == 0)
		problem(&s->out->damage, 0, "%s: %s", what, why);
	pthread_mutex_unlock(&s->lock);
}

void scan_note_clock(struct scan *s, uint32_t status, uint64_t max_error_ns)
{
	pthread_mutex_lock(&s->lock);
	s->out->clock_seen = true;
	if (status & STA_UNSYNC)
		s->out->clock_unsynchronised = true;
	if (max_error_ns > s->out->clock_error_ns)
		s->out->clock_error_ns = max_error_ns;
	pthread_mutex_unlock(&s->lock);
}

void scan_note_pieces(struct scan *s, const struct clock_pieces *clock)
{
	const struct clock_piece *before = clock_pieces_find(clock, s->q->from_ns);
	bool any = false;

	for (size_t i = 0; i < clock->count; i++) {
		const struct clock_piece *piece = &clock->list[i];

		if (!scan_overlaps(s->q, piece->utc_from, clock_piece_utc_to(piece)))
			continue;
		scan_note_clock(s, piece->status, piece->max_error_ns);
		any = true;
	}
	/* Between rows: what was last known. */
	if (!any && before && before->utc_from <= s->q->from_ns)
		scan_note_clock(s, before->status, before->max_error_ns);
}

void scan_note_hook(struct scan *s, uint8_t rung)
{
	pthread_mutex_lock(&s->lock);
	if (rung == SEKISHO_RUNG_NONE)
		s->out->imported = true;
	else
		s->out->rungs |= 1u << (rung & 31);
	pthread_mutex_unlock(&s->lock);
}

int scan_note_gaps(struct scan *s, const struct gaps *gaps, uint32_t tenant, uint32_t index)
{
	int error = 0;

	for (size_t i = 0; i < gaps->count && !error; i++) {
		struct gap g = gaps->list[i];

		if (!gap_is_loss(&g) || !scan_overlaps(s->q, g.first_utc_ns, g.last_utc_ns) ||
		    (g.tenant && g.tenant != tenant))
			continue;
		g.tenant = g.tenant ? index : EVERY_TENANT;
		pthread_mutex_lock(&s->lock);
		error = gaps_add(&s->out->gaps, &g);
		pthread_mutex_unlock(&s->lock);
	}
	return error;
}
