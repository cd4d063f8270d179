// SPDX-License-Identifier: BSD-2-Clause
/* What proves that nothing is missed unseen: reconciliation, the witness and the canary. */
#include <errno.h>
#include <string.h>
#include "base/log.h"
#include "base/utc.h"
#include "pump_parts.h"
#include "schema/store.h"

/* --- Reconciliation --- */

static int count_for(struct pump *pump, uint32_t tenant, const struct not_seen *what)
{
	const struct capture_loss more = {
		.tenant = tenant,
		.reason = SEKISHO_LOSS_NOT_SEEN,
		.total = what->count,
		.first_boot_ns = what->first_boot_ns,
		.last_boot_ns = what->last_boot_ns,
	};
	const uint64_t *stated = recovery_stated(&pump->stated, tenant, SEKISHO_LOSS_NOT_SEEN);

	return stated ? capture_count_loss(pump->parts->capture, &more, *stated) : -ENOMEM;
}

/* Into a counter in the kernel, which becomes a gap with the others, once; of everybody where the tenant can have none. */
static int count_not_seen(void *ctx, const struct not_seen *what)
{
	int error = count_for(ctx, what->tenant, what);

	return error == -E2BIG ? count_for(ctx, 0, what) : error;
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
	if (pump->reconcile_error)
		pump_set_reconciled(pump);
	reconcile_look(&pump->reconcile, pump->parts->capture, count_not_seen, pump);
	pump->next_reconcile_ns = now + reconcile_interval(&pump->reconcile);
}

/* --- The witness --- */

#define WITNESS_NS (NS_PER_SEC / 5)

/* What gaps have said of the kernel's skipping the hook, they and the log say once. */
int pump_begin_witness(struct pump *pump)
{
	const uint64_t *stated = recovery_stated(&pump->stated, 0, STORE_GAP_HOOK_BUSY);

	if (!stated)
		return -ENOMEM;
	pump->skipped = *stated;
	capture_begin_witness(pump->parts->capture, *stated);
	return 0;
}

void pump_look_at_witness(struct pump *pump)
{
	capture_look_at_witness(pump->parts->capture);
}

/* What was missed becomes a gap with the other losses. */
void pump_judge_witness(struct pump *pump)
{
	int64_t now = boot_now_ns();
	struct residue_missed missed;

	if (now < pump->next_witness_ns)
		return;
	pump->next_witness_ns = now + WITNESS_NS;
	if (capture_judge_witness(pump->parts->capture, &missed) && !pump->skipped_from_ns)
		pump->skipped_from_ns = anchors_utc(&pump->anchors, missed.first_boot_ns);
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

	/* Half of the time: two misses are to be noticed within three. */
	canary_watch_sung(&pump->canary, now, error, (int64_t)pump->parts->limits.canary_interval_ns / 2);
}

void pump_canary(struct pump *pump)
{
	int64_t now = boot_now_ns();

	if (!pump->parts->canary)
		return;
	if (canary_watch_judge(&pump->canary, now, ring_producer(pump->ring), ring_consumer(pump->ring))) {
		tell(&pump->canary);
		pump_state_canary(pump);
	}
	if (now < pump->canary.next_ns)
		return;
	pump->canary.next_ns = now + (int64_t)pump->parts->limits.canary_interval_ns;
	if (canary_watch_is_due(&pump->canary, now))
		pump_state_canary(pump);
	if (!pump->canary.sung_ns)
		sing(pump, now);
}
