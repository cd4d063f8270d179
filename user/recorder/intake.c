// SPDX-License-Identifier: BSD-2-Clause
/* Judging one event of the ring. */
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include "base/rtt.h"
#include "intake.h"
#include "schema/event.h"

static bool is_close(const struct sekisho_event *e)
{
	return e->kind == SEKISHO_KIND_CLOSE;
}

static bool is_canary(const void *data, uint32_t size)
{
	const struct sekisho_event *e = data;

	return size == sizeof(*e) && e->layout_version == SEKISHO_LAYOUT_VERSION && e->kind == SEKISHO_KIND_CANARY;
}

/* The size says what it is; the kind must fit. */
static bool well_formed(const void *data, uint32_t size)
{
	const struct sekisho_event *e = data;
	const struct sekisho_close_event *close = data;

	if (size != sizeof(*e) && size != sizeof(*close))
		return false;
	if (e->layout_version != SEKISHO_LAYOUT_VERSION || e->protocol != IPPROTO_TCP || !e->tenant)
		return false;
	if (size == sizeof(*close))
		return is_close(e) && close->opened_boot_ns &&
		       close->opened_boot_ns <= e->time_boot_ns;
	return e->kind == SEKISHO_KIND_ESTABLISHED || e->kind == SEKISHO_KIND_ACCEPTED;
}

/* The grant under which it may be stored, or 0. */
static uint32_t find_consent(const struct intake_view *view, const struct sekisho_event *e)
{
	struct consent_local local = { .port = e->dst_port };
	uint32_t seq;

	memcpy(local.addr.bytes, e->dst_addr, 16);
	seq = consents_covering(view->consents, e->consent, e->tenant,
				anchors_utc(view->anchors, e->time_boot_ns), &local);
	if (is_close(e) && !(consents_fields(view->consents, seq) & SEKISHO_FIELD_CLOSE))
		return 0;
	return seq;
}

static void fill(const struct intake_view *view, const struct sekisho_event *e, uint32_t consent,
		 struct record *row)
{
	const struct anchor *clock = anchors_find(view->anchors, e->time_boot_ns);

	memset(row, 0, sizeof(*row));
	row->time_ns = (int64_t)e->time_boot_ns;
	memcpy(row->src.bytes, e->src_addr, 16);
	memcpy(row->dst.bytes, e->dst_addr, 16);
	row->src_port = e->src_port;
	row->dst_port = e->dst_port;
	row->tenant = e->tenant;
	row->consent = consent;
	row->kind = e->kind;
	row->protocol = e->protocol;
	row->flags = e->flags;
	if (!clock || !anchor_synchronised(clock))
		row->flags |= SEKISHO_FLAG_CLOCK_UNSYNC;
	if (is_close(e))
		row->lasted_ns = (int64_t)(e->time_boot_ns -
					   ((const struct sekisho_close_event *)e)->opened_boot_ns);
	/* A grant that took over (consents_covering) may include less than the one the kernel knew. */
	else if (consents_fields(view->consents, consent) & SEKISHO_FIELD_RTT)
		row->rtt_us = rtt_quantise(e->rtt_us);
}

enum intake intake_event(const struct intake_view *view, const void *data, uint32_t size,
			 struct record *ret_row)
{
	const struct sekisho_event *e = data;
	uint32_t consent;

	if (is_canary(data, size)) {
		ret_row->time_ns = (int64_t)e->time_boot_ns;
		return INTAKE_CANARY;
	}
	if (!well_formed(data, size))
		return INTAKE_MALFORMED;
	if (recent_seen(view->recent, e->socket_cookie, is_close(e)))
		return INTAKE_AGAIN;
	consent = find_consent(view, e);
	if (!consent)
		return INTAKE_REFUSED;
	fill(view, e, consent, ret_row);
	return INTAKE_ROW;
}
