/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The recorder: a thread that moves events from the ring to the journal, exactly
 * once. A ring position is released only after the frame holding its events is
 * written; the frame names the position, so a successor skips what it has.
 * It also samples the clock, states losses as gaps, keeps the heartbeat and
 * rotates the journal.
 *
 * Everything that touches ring, maps or journal runs on that thread: other
 * threads use the functions below, which return when it is done.
 */
#ifndef SEKISHO_RECORDER_H
#define SEKISHO_RECORDER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/anchor.h"
#include "base/conf.h"
#include "base/problem.h"
#include "base/store_dir.h"
#include "canary.h"
#include "capture/capture.h"
#include "clock_watch.h"
#include "ledger/consent.h"
#include "places.h"
#include "reconcile.h"
#include "room.h"
#include "roster.h"
#include "sealer.h"
#include "syncer.h"

struct recorder;

/* What the configuration may change while it runs. */
struct recorder_limits {
	bool record_loopback;
	uint64_t rotate_interval_ns, rotate_size;
	uint64_t heartbeat_ns;
	struct room_limit room;
	uint64_t canary_interval_ns;
};

struct recorder_parts {
	const struct store_dir *store;
	struct capture *capture;
	struct syncer *syncer;
	struct sealer *sealer;
	struct canary *canary; /* NULL: none could be made */
	struct clock_watch *clock; /* NULL: the kernel's bound alone */
	struct recorder_limits limits;
	void (*clock_was_set)(void); /* called on the recorder's thread; must not call back into it */
	int64_t unarmed_from_ns; /* if the program was exchanged at start: since when; else 0 */
};

/* Recovers, creates a journal, sets tenants (the roster and consents become the recorder's), and
 * starts the thread. All of `parts` must outlive the recorder. */
int recorder_start(const struct recorder_parts *parts, struct roster *roster,
		   struct consents *consents, struct recorder **ret_recorder, struct problem *p);
/* Drains the ring, rotates so that everything can be sealed, ends the thread. */
void recorder_stop(struct recorder *r);

/*
 * Around an act of consent: from the one to the other nothing leaves the ring, so that no event after the act is judged
 * by what was agreed before. Resume once the roster has been set anew; the number of another pause than the present one
 * ends nothing. Whoever paused and does not come back is waited for 5 s; then clock_was_set() is called, as that leads
 * to a new roster, and recording goes on with it.
 *
 * 0; 1: another pause is not over, and this one has its end. That act is: both hold the ledgers' lock. So set the roster
 * anew and call recorder_pause_anew(), which judges what has waited and gives this pause an end of its own. However
 * many begin one, nothing waits for longer than twice that.
 */
int recorder_pause(struct recorder *r, uint64_t *ret_number, struct problem *p);
int recorder_pause_anew(struct recorder *r, uint64_t number, struct problem *p);
int recorder_resume(struct recorder *r, uint64_t number, struct problem *p);

/* Everything that was in the ring at the call is in the journal on return; waits for the end of a pause. -EAGAIN: it
 * did not end within 10 s. */
int recorder_drain(struct recorder *r, struct problem *p);
/* Drains and begins a new journal file; the old ones are handed to the sealer. -ENOSPC: not without room. */
int recorder_rotate(struct recorder *r, struct problem *p);
/* A new roster and ledger state (both become the recorder's, also on failure). */
int recorder_set_roster(struct recorder *r, struct roster *roster, struct consents *consents,
			const struct recorder_limits *limits, struct problem *p);
/* Ends a tenant in the kernel and journals what was recorded until then: no event after the return
 * is emitted for it, and none later than the return is stored. Without room on the disk (room.h) events
 * of before wait in the ring. */
int recorder_revoke(struct recorder *r, uint32_t tenant, struct problem *p);

/* How the selectors that are no addresses stand; the caller frees the list. */
struct recorder_places {
	struct place *list;
	size_t count;
};
int recorder_places(struct recorder *r, struct recorder_places *ret_places, struct problem *p);

/* Before --disarm: ends every grant in the kernel, drains, states that the operator stopped now. */
int recorder_state_stop(struct recorder *r, struct problem *p);

struct recorder_status {
	char journal[64];
	uint64_t journal_rows, journal_bytes;
	uint64_t rows; /* stored since the start */
	uint64_t refused; /* events without a covering grant, dropped by the second lock */
	uint64_t malformed;
	uint64_t gaps, lost; /* gaps stated since the start, and the events counted in them */
	uint64_t skipped; /* program runs the kernel skipped */
	struct capture_witness witness;
	uint64_t ring_bytes, ring_waiting, ring_produced;
	int64_t last_record_ns, started_ns;
	struct anchor clock;
	struct room room;
	bool seal_waits; /* for room on the disk */
	int write_error; /* negative errno of the last append, 0 = fine */
	int64_t nobody_since_ns; /* nobody is recorded, as the journal took no names of tenants; 0: not so */
	bool armed;
	struct reconcile_status reconcile;
	bool canary_alarm;
	int64_t canary_seen_ns; /* or the start */
	size_t live_tenants, uncovered_selectors;
};
void recorder_status(struct recorder *r, struct recorder_status *ret_status);

#endif
