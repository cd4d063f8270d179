// SPDX-License-Identifier: BSD-2-Clause
/* What matches, and the facts that are collected beside the rows. */
#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include "base/array.h"
#include "scan.h"
#include "schema/event.h"

bool scan_wants_tenant(const struct scan *s, const char *id)
{
	return !s->q->tenant || strcmp(s->q->tenant, id) == 0;
}

bool scan_overlaps(const struct query *q, int64_t first_ns, int64_t last_ns)
{
	return last_ns >= q->from_ns && first_ns < q->to_ns;
}

bool scan_wants(const struct query *q, const struct record *r)
{
	int64_t opened = r->time_ns - r->lasted_ns;

	/* The two ends of a connection are converted by the clock of their own time: see lifetime.h. */
	if (r->kind == SEKISHO_KIND_CLOSE ?
		    r->time_ns < q->from_ns || !scan_overlaps(q, opened - lifetime_tolerance(r->lasted_ns),
							      opened + lifetime_tolerance(r->lasted_ns)) :
		    r->time_ns < q->from_ns || r->time_ns >= q->to_ns)
		return false;
	return (!q->by_src || prefix_contains(&q->src, &r->src)) &&
	       (!q->by_dst || prefix_contains(&q->dst, &r->dst)) &&
	       (!q->src_port || r->src_port == q->src_port) &&
	       (!q->dst_port || r->dst_port == q->dst_port);
}

int scan_tenant_index(struct scan *s, const char *id, uint32_t *ret_index)
{
	struct search_result *out = s->out;

	for (size_t i = 0; i < out->tenant_count; i++)
		if (strcmp(out->tenants[i], id) == 0) {
			*ret_index = (uint32_t)i;
			return 0;
		}
	if (ARRAY_RESERVE(out->tenants, out->tenant_count, out->tenant_capacity))
		return -ENOMEM;
	*ret_index = (uint32_t)out->tenant_count;
	strcpy(out->tenants[out->tenant_count++], id);
	return 0;
}

int scan_add_row(struct scan *s, const struct record *r, uint32_t tenant_index,
		 uint64_t clock_error_ns)
{
	struct search_result *out = s->out;

	if (ARRAY_RESERVE(out->rows, out->count, out->capacity))
		return -ENOMEM;
	out->rows[out->count] = (struct found_row){ .record = *r, .clock_error_ns = clock_error_ns };
	out->rows[out->count++].record.tenant = tenant_index;
	return 0;
}

void scan_note_damage(struct scan *s, const char *what, const char *why)
{
	if (!s->behind && s->out->damaged++ == 0)
		problem(&s->out->damage, 0, "%s: %s", what, why);
}

void scan_note_clock(struct scan *s, uint32_t status, uint64_t max_error_ns)
{
	s->out->clock_seen = true;
	if (status & STA_UNSYNC)
		s->out->clock_unsynchronised = true;
	if (max_error_ns > s->out->clock_error_ns)
		s->out->clock_error_ns = max_error_ns;
}

int scan_note_gaps(struct scan *s, const struct gaps *gaps, uint32_t tenant, uint32_t index)
{
	for (size_t i = 0; i < gaps->count; i++) {
		struct gap g = gaps->list[i];

		if (!gap_is_loss(&g) || !scan_overlaps(s->q, g.first_utc_ns, g.last_utc_ns) ||
		    (g.tenant && g.tenant != tenant))
			continue;
		g.tenant = g.tenant ? index : EVERY_TENANT;
		if (gaps_add(&s->out->gaps, &g))
			return -ENOMEM;
	}
	return 0;
}
