// SPDX-License-Identifier: BSD-2-Clause
/* What proves that nothing is missed unseen: reconciliation and the canary. */
#include <string.h>
#include "base/log.h"
#include "base/utc.h"
#include "pump_parts.h"
#include "schema/store.h"

/* --- Reconciliation --- */

/* Into a counter in the kernel, which becomes a gap with the others, once. */
static int count_not_seen(void *ctx, const struct not_seen *what)
{
	struct pump *pump = ctx;
	const struct capture_loss more = {
		.tenant = what->tenant,
		.reason = SEKISHO_LOSS_NOT_SEEN,
		.total = what->count,
		.first_boot_ns = what->first_boot_ns,
		.last_boot_ns = what->last_boot_ns,
	};
	uint64_t *stated = recovery_stated(&pump->stated, what->tenant, SEKISHO_LOSS_NOT_SEEN);

	return stated ? capture_count_loss(pump->parts->capture, &more, *stated) : -1;
}

void pump_set_reconciled(struct pump *pump)
{
	int error = reconcile_set(&pump->reconcile, pump->parts->capture, &pump->places);

	if (error && error != pump->reconcile_error)
		log_error("cannot count the openings of every network namespace: %s; some are not reconciled",
			  strerror(-error));
	pump->reconcile_error = error;
}

void pump_reconcile(struct pump *pump)
{
	int64_t now = boot_now_ns();

	if (now < pump->next_reconcile_ns)
		return;
	reconcile_look(&pump->reconcile, pump->parts->capture, count_not_seen, pump);
	pump->next_reconcile_ns = now + reconcile_interval(&pump->reconcile);
}

/* --- The canary --- */

static void tell(const struct canary_watch *w)
{
	char since[UTC_TEXT_MAX];

	if (w->alarm)
		log_error("the canary was not seen since %s: what the hook emits does not come out of the ring%s%s",
			  utc_format(utc_now_ns() - (boot_now_ns() - w->seen_ns), since),
			  w->error ? ", or it cannot connect: " : "", w->error ? strerror(-w->error) : "");
	else
		log_info("the canary is seen again");
}

void pump_state_canary(struct pump *pump)
{
	int64_t from, until;
	struct gap g = { .reason = STORE_GAP_CANARY };

	if (!canary_watch_gap(&pump->canary, boot_now_ns(), &from, &until))
		return;
	g.first_utc_ns = anchors_utc(&pump->anchors, (uint64_t)from);
	g.last_utc_ns = anchors_utc(&pump->anchors, (uint64_t)until);
	if (pump_add_gap(pump, &g) == 0)
		canary_watch_stated(&pump->canary, until);
}

static void sing(struct pump *pump, int64_t now)
{
	int error = canary_sing(pump->parts->canary);

	canary_watch_sung(&pump->canary, now, error, ring_producer(pump->ring));
	pump->canary.next_ns = now + (int64_t)pump->parts->limits.canary_interval_ns;
}

void pump_canary(struct pump *pump)
{
	int64_t now = boot_now_ns();
	bool due = now >= pump->canary.next_ns;

	if (!pump->parts->canary)
		return;
	if (canary_watch_judge(&pump->canary, ring_consumer(pump->ring))) {
		tell(&pump->canary);
		pump_state_canary(pump);
	}
	if (!due)
		return;
	if (pump->canary.alarm)
		pump_state_canary(pump);
	if (!pump->canary.sung_ns)
		sing(pump, now);
}
