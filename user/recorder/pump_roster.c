// SPDX-License-Identifier: BSD-2-Clause
/* Who is recorded: from the roster to the journal, and then to the kernel. */
#include <errno.h>
#include <string.h>
#include "base/log.h"
#include "base/utc.h"
#include "pump_parts.h"
#include "schema/store.h"

/* Until then nothing was recorded; negative errno when that cannot be written. */
static int state_unarmed(struct pump *pump)
{
	struct gap g = { .first_utc_ns = pump->unarmed_ns, .last_utc_ns = utc_now_ns(), .reason = STORE_GAP_NOT_ARMED };
	int error;

	if (!pump->unarmed_ns)
		return 0;
	if (g.first_utc_ns > g.last_utc_ns)
		g.first_utc_ns = g.last_utc_ns; /* the clock was set back meanwhile */
	error = pump_add_gap(pump, &g);
	if (!error)
		pump->unarmed_ns = 0;
	return error;
}

/* The roster to journal and kernel, or nobody to the kernel. */
static int put_roster(struct pump *pump, struct problem *p)
{
	struct problem ignored;
	int error = pump_note_write(pump, journal_append_tenants(pump->journal, pump->roster.names,
							pump->roster.name_count), "tenants");

	if (!error)
		error = state_unarmed(pump);
	if (error) {
		if (!pump->unarmed_ns)
			pump->unarmed_ns = utc_now_ns();
		/* A row whose tenant the journal does not name could not be sealed. */
		(void)capture_set_tenants(pump->parts->capture, &(struct capture_wanted){}, &ignored);
		return problem(p, error, "cannot write the journal: %s; nothing is recorded",
			       strerror(-error));
	}
	pump_anchor(pump); /* so that the first record cannot seem older than its grant */
	capture_set_loopback(pump->parts->capture, pump->parts->limits.record_loopback);
	error = pump_apply_roster(pump, p);
	if (!error)
		pump_state_places(pump, false);
	return error;
}

void pump_arm_again(struct pump *pump)
{
	struct problem p;

	if (!pump->unarmed_ns || pump->paused || !pump_has_room(pump))
		return;
	if (put_roster(pump, &p) == 0)
		log_info("the journal can be written again: recording goes on");
	else if (!pump->unarmed_ns)
		log_error("%s", p.text);
}

int pump_set_roster(struct pump *pump, struct roster *roster, struct consents *consents,
		    struct problem *p)
{
	pump_state_places(pump, true);
	/* What was emitted under the old state is judged by the old state's grants and the new one's
	 * alike: grants are only ended, never forgotten. */
	roster_done(&pump->roster);
	consents_done(&pump->consents);
	pump->roster = *roster;
	pump->consents = *consents;
	memset(roster, 0, sizeof(*roster));
	memset(consents, 0, sizeof(*consents));
	pump->room.limit = pump->parts->limits.room;
	return put_roster(pump, p);
}

int pump_revoke(struct pump *pump, uint32_t tenant, struct problem *p)
{
	int error = capture_revoke(pump->parts->capture, tenant);

	if (error)
		return problem(p, error, "cannot end the grant in the kernel: %s", strerror(-error));
	roster_drop(&pump->roster, tenant);
	error = pump_drain(pump, p);
	/* Without room what is in the ring waits there: all of it is from before. */
	return error == -ENOSPC && pump->room.stopped_ns ? 0 : error;
}

int pump_state_stop(struct pump *pump, struct problem *p)
{
	struct gap g = { .reason = STORE_GAP_STOPPED };
	int error = capture_set_tenants(pump->parts->capture, &(struct capture_wanted){}, p);

	if (!error)
		error = pump_drain(pump, p);
	if (error)
		return error;
	pump_losses(pump);
	g.first_utc_ns = g.last_utc_ns = utc_now_ns();
	error = pump_add_gap(pump, &g);
	return error ? problem(p, error, "cannot write the journal: %s", strerror(-error)) : 0;
}
