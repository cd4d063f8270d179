/* SPDX-License-Identifier: BSD-2-Clause */
/* What the drivers know of the programs that the faults happen to. */
#ifndef SEKISHO_PROOF_ACTORS_H
#define SEKISHO_PROOF_ACTORS_H

#include "base/record.h"
#include "base/store_dir.h"

/*
 * `actor journal DIR ACKS` appends ACTOR_FRAMES frames of ACTOR_FRAME_ROWS rows, syncs after each second,
 * rotates in the middle. ACKS gets "t N" before and "a N" after each append, "s N" after each fdatasync: rows
 * below N. `actor seal DIR` seals all journals and closes DAY_NUMBER. Exit status: 0 done, 1 something failed.
 * `actor rotate DIR` writes each frame to a journal of its own, leaves syncing to the syncer, and is killed.
 */
#define ACTOR_LEDGER "actor.log" /* the journal actor begins with a line there */
#define ACTOR_FRAMES 8
#define ACTOR_FRAME_ROWS 5

/* Row `serial` of the journal actor, UTC. */
struct record actor_row(unsigned int serial);

/* `actor erase DIR`: as sekishod's sealer, with the day after DAY_NUMBER's retention of 30 days as the time. 0 or 1. */
int actor_erase(const struct store_dir *store);

/* Trailers for all segments of DAY_NUMBER. 0 or negative errno. */
int actor_close_days(const struct store_dir *store);

#endif
