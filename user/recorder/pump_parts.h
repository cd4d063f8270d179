/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the pump share. */
#ifndef SEKISHO_PUMP_PARTS_H
#define SEKISHO_PUMP_PARTS_H

#include "canary_watch.h"
#include "places.h"
#include "pump.h"
#include "recent.h"
#include "reconcile.h"
#include "recovery.h"
#include "room.h"

struct pump {
	const struct recorder_parts *parts;
	struct ring *ring;
	struct shares *shares; /* of the ring */
	bool recount; /* them: records were skipped, or they could not be counted */
	struct journal *journal;
	struct roster roster;
	struct places places; /* of the roster: cgroups and namespaces */
	struct consents consents;
	struct anchors anchors; /* what the live journal holds */
	struct recovery stated; /* kernel counters as far as gaps state them */
	struct record *rows; /* JOURNAL_FRAME_ROWS_MAX */
	int64_t last_loss_check_ns;
	int64_t retry_rotation_ns; /* boot time */
	uint64_t skipped; /* as the log has it */
	int64_t next_witness_ns; /* boot time */
	int64_t skipped_from_ns; /* UTC: what the witness tells and no gap has yet was from here on; 0 = there is none */
	uint64_t loss_changes; /* as of the last walk over the counters; ~0 = none yet */
	struct recent recent, recent_before; /* sockets; before the batch that is being written */
	uint64_t total_rows, refused, malformed, unstated_malformed, lost, gaps;
	int64_t last_record_ns;
	uint64_t journal_gaps;
	int64_t journal_begun_ns; /* boot time */
	int write_error;
	struct room room;
	bool stopped_losses; /* what is not stated yet was lost while there was no room */
	bool seal_waits;
	int64_t unarmed_ns; /* UTC: from here on nobody is recorded, as the journal took no names; 0: not so */
	bool paused;
	struct reconcile reconcile;
	int64_t next_reconcile_ns; /* boot time */
	int reconcile_error; /* negative errno of the last reconcile_set() */
	struct canary_watch canary;
};

/* 0, or a negative errno, said once. */
int pump_add_gap(struct pump *pump, const struct gap *g);

/* pump_watch.c */
void pump_set_reconciled(struct pump *pump); /* behind every change of places */
int pump_begin_witness(struct pump *pump); /* once what was stated is known; 0 or -ENOMEM */
/* What a write of `what` came to, said once when it changes; returns `error`. */
int pump_note_write(struct pump *pump, int error, const char *what);
int pump_apply_roster(struct pump *pump, struct problem *p);

/* pump_clock.c */
const struct anchor *pump_newest_anchor(const struct pump *pump); /* NULL: there is none yet */
/* One that the journal has now; if the clock was set since the last one, that is stated. */
void pump_note_anchor(struct pump *pump, const struct anchor *a);

/* pump_loss.c */
bool pump_has_room(struct pump *pump); /* on the disk; says once when that changes */
int pump_no_room(const struct pump *pump, struct problem *p); /* -ENOSPC */
void pump_kick_sealer(struct pump *pump); /* or waits for room */

#endif
