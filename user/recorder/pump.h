/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorder's work without its thread: ring to journal, losses to gaps,
 * rotation. One thread only. Failures to write keep everything in the ring.
 */
#ifndef SEKISHO_PUMP_H
#define SEKISHO_PUMP_H

#include <stdbool.h>
#include "places.h"
#include "recorder.h"

struct pump;

/* `parts` is borrowed and may change its limits; the roster and consents are taken over. */
int pump_open(const struct recorder_parts *parts, struct roster *roster, struct consents *consents,
	      struct pump **ret_pump, struct problem *p);
void pump_close(struct pump *pump);

/* -ENOSPC also while there is no room on the disk (room.h): then everything stays in the ring. */
int pump_drain(struct pump *pump, struct problem *p);
/* While paused, events wait in the ring and draining does nothing: who may be recorded is being changed. */
void pump_pause(struct pump *pump, bool paused);
void pump_anchor(struct pump *pump);
void pump_clock_was_set(struct pump *pump);
void pump_losses(struct pump *pump);
/* Looks where cgroups and namespaces are now, tells the kernel, and states since when they were not. */
void pump_places(struct pump *pump);
const struct places *pump_places_now(const struct pump *pump);
/* See places_state(); `open` before an answer. */
void pump_state_places(struct pump *pump, bool open);
/* Compares with what the kernel counts, when it is time to. */
void pump_reconcile(struct pump *pump);
/* Compares with what the witness has seen, when it is time to. */
void pump_judge_witness(struct pump *pump);
/* Before an answer: the witness's counters as they are now. */
void pump_look_at_witness(struct pump *pump);
/* Judges the last canary and sends the next, when it is time to. */
void pump_canary(struct pump *pump);
/* Before an answer: while canaries are missing, that they are. */
void pump_state_canary(struct pump *pump);
bool pump_rotation_due(const struct pump *pump);
int pump_rotate(struct pump *pump, struct problem *p);
/* Begins the sealing that waited for room on the disk, if there is some now; -ENOSPC: it waits. */
int pump_seal(struct pump *pump, struct problem *p);
/* Takes both over, also on failure. When the journal does not take the tenants' names nobody is recorded until it does. */
int pump_set_roster(struct pump *pump, struct roster *roster, struct consents *consents,
		    struct problem *p);
/* Tries that again, when it is due; then the gap is stated. */
void pump_arm_again(struct pump *pump);
/* Ends every grant in the kernel, drains, and states that the operator stopped recording now. */
int pump_state_stop(struct pump *pump, struct problem *p);
int pump_revoke(struct pump *pump, uint32_t tenant, struct problem *p);
void pump_status(struct pump *pump, struct recorder_status *status);

#endif
