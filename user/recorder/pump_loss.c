// SPDX-License-Identifier: BSD-2-Clause
/* What is lost, as gaps; and recording without room on the disk. */
#include <errno.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/text.h"
#include "base/utc.h"
#include "pump_parts.h"
#include "schema/store.h"

/* While there is no room on the disk, losses are stated so often only: each statement takes some. */
#define STOPPED_LOSS_INTERVAL_NS (60 * NS_PER_SEC)

/* States what a counter has gained since the last gap about it. False: it could not be written. */
static bool state_loss(struct pump *pump, uint32_t tenant, uint32_t reason, uint64_t total,
		       int64_t first_utc, int64_t last_utc)
{
	uint64_t *stated = recovery_stated(&pump->stated, tenant, reason);
	int64_t looked = pump->last_loss_check_ns;
	struct gap g = { .first_utc_ns = first_utc, .last_utc_ns = last_utc, .tenant = tenant, .reason = reason };

	if (!stated)
		return false;
	if (reason == STORE_GAP_NOT_SEEN || reason == STORE_GAP_HOOK_BUSY)
		looked = INT64_MIN; /* known later than its time, which the caller has */
	if (!recovery_new_loss(stated, total, looked, &g))
		return true;
	if (pump->stopped_losses && reason == STORE_GAP_RING_FULL)
		g.reason = STORE_GAP_DISK_FULL;
	if (pump->stopped_losses && reason == STORE_GAP_SHARE)
		g.reason = STORE_GAP_DISK_SHARE;
	if (pump_add_gap(pump, &g))
		return false;
	*stated = total;
	return true;
}

/* Since when there may have been what no gap has yet: at a start all the time that no journal speaks of. */
static int64_t skipped_since(const struct pump *pump, int64_t now)
{
	if (pump->skipped_from_ns)
		return pump->skipped_from_ns;
	if (pump->last_loss_check_ns)
		return pump->last_loss_check_ns;
	return pump->stated.last_utc_ns ? pump->stated.last_utc_ns : now;
}

/* False: it is not known, or could not be written. */
static bool state_skipped(struct pump *pump, int64_t now)
{
	uint64_t skipped;

	if (capture_skipped(pump->parts->capture, &skipped))
		return false;
	if (skipped > pump->skipped)
		log_warn("the kernel has skipped the hook: %llu connections at most are missing",
			 (unsigned long long)(skipped - pump->skipped));
	pump->skipped = skipped;
	/* Also with 0, as of a new program: what it skips next is not what an older one had skipped. */
	if (!state_loss(pump, 0, STORE_GAP_HOOK_BUSY, skipped, skipped_since(pump, now), now))
		return false;
	pump->skipped_from_ns = 0;
	capture_keep_witness(pump->parts->capture);
	return true;
}

static void state_losses(struct pump *pump)
{
	struct capture_loss *losses;
	size_t count;
	int64_t now = utc_now_ns();
	uint64_t changes = capture_loss_changes(pump->parts->capture);
	bool all = true;

	if (changes != pump->loss_changes &&
	    capture_losses(pump->parts->capture, &losses, &count) == 0) {
		/* Reasons have the same numbers in the ring and in the store. */
		for (size_t i = 0; i < count; i++)
			all &= state_loss(pump, losses[i].tenant, losses[i].reason, losses[i].total,
					  anchors_utc(&pump->anchors, losses[i].first_boot_ns),
					  anchors_utc(&pump->anchors, losses[i].last_boot_ns));
		free(losses);
		if (all)
			pump->loss_changes = changes;
	}
	all &= state_skipped(pump, now);
	if (!all)
		return; /* what was lost since the last look is stated when it can be written */
	pump->last_loss_check_ns = now;
	pump->stopped_losses = pump->room.stopped_ns != 0;
}

void pump_losses(struct pump *pump)
{
	int64_t since = utc_now_ns() - pump->last_loss_check_ns;

	/* Before it: the clock was set back. */
	if (!pump->room.stopped_ns || since < 0 || since >= STOPPED_LOSS_INTERVAL_NS)
		state_losses(pump);
}

bool pump_has_room(struct pump *pump)
{
	const struct room *r = &pump->room;
	char free_text[16], keep_text[16];

	switch (room_look(&pump->room)) {
	case ROOM_AS_BEFORE:
		break;
	case ROOM_AGAIN:
		log_info("there is room on the disk again: recording goes on");
		break;
	case ROOM_STOPPED:
		log_error("recording stopped: %s are free on the disk, min_free is %s; events wait in the ring",
			  format_bytes(r->free_bytes >> 10 << 10, free_text),
			  format_bytes(r->keep_bytes >> 10 << 10, keep_text));
		state_losses(pump); /* those of before were not for this */
		pump->stopped_losses = true;
		break;
	}
	return !r->stopped_ns;
}

void pump_kick_sealer(struct pump *pump)
{
	bool waited = pump->seal_waits;

	(void)pump_has_room(pump);
	pump->seal_waits = !room_to_seal(&pump->room, pump->parts->store->journal);
	if (!pump->seal_waits)
		sealer_kick(pump->parts->sealer, journal_name(pump->journal));
	else if (!waited)
		log_warn("sealing waits until there is more room on the disk than min_free");
}

int pump_seal(struct pump *pump, struct problem *p)
{
	if (pump->seal_waits)
		pump_kick_sealer(pump);
	return pump->seal_waits ? problem(p, -ENOSPC, "sealing waits until the disk has more room than min_free") : 0;
}

int pump_no_room(const struct pump *pump, struct problem *p)
{
	char text[16];

	return problem(p, -ENOSPC, "recording has stopped: the disk has less room than min_free (%s)",
		       format_bytes(pump->room.keep_bytes >> 10 << 10, text));
}
