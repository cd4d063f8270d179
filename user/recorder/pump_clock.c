// SPDX-License-Identifier: BSD-2-Clause
/* Anchors of the clock, and what is said when it was set. */
#include <errno.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/utc.h"
#include "pump_parts.h"
#include "schema/store.h"

/* Less is the two clocks being read one after the other. */
#define STEP_MIN_NS (NS_PER_SEC / 1000)

const struct anchor *pump_newest_anchor(const struct pump *pump)
{
	return pump->anchors.count ? &pump->anchors.list[pump->anchors.count - 1] : NULL;
}

/*
 * An event between the two anchors has the time that the first one gives. Only if the step is found at
 * once is that the time that the clock showed; so the whole time between them is stated, in either count.
 */
static void state_step(struct pump *pump, const struct anchor *before, const struct anchor *after)
{
	int64_t step = anchor_step_ns(before, after), due = after->utc_ns - step;
	struct gap g = {
		.first_utc_ns = before->utc_ns < after->utc_ns ? before->utc_ns : after->utc_ns,
		.last_utc_ns = due > after->utc_ns ? due : after->utc_ns,
		.reason = STORE_GAP_CLOCK_SET,
	};

	if (step > -STEP_MIN_NS && step < STEP_MIN_NS)
		return;
	log_info("the clock was set by %+.3f s", (double)step / NS_PER_SEC);
	(void)pump_add_gap(pump, &g);
}

void pump_note_anchor(struct pump *pump, const struct anchor *a)
{
	const struct anchor *newest = pump_newest_anchor(pump);
	struct anchor before = newest ? *newest : *a, late;

	if (anchor_outlived(&before, a, &late))
		(void)anchors_add(&pump->anchors, &late);
	(void)anchors_add(&pump->anchors, a);
	state_step(pump, &before, a);
}

void pump_anchor(struct pump *pump)
{
	const struct anchor *newest = pump_newest_anchor(pump);
	struct anchor a, late;
	int error = 0;

	anchor_sample(&a);
	clock_watch_widen(pump->parts->clock, &a);
	if (newest && anchor_outlived(newest, &a, &late))
		error = journal_append_anchor(pump->journal, &late);
	if (!error)
		error = journal_append_anchor(pump->journal, &a);
	if (pump_note_write(pump, error, "a clock anchor"))
		return;
	pump_note_anchor(pump, &a);
	syncer_touch(pump->parts->syncer);
}

void pump_clock_was_set(struct pump *pump)
{
	struct problem p;

	pump_anchor(pump);
	roster_retime(&pump->roster, utc_now_ns(), boot_now_ns());
	if (pump_apply_roster(pump, &p))
		log_error("%s", p.text);
}
