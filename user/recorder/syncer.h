/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdatasync() of the journal in a thread of its own, so that a disk that stalls
 * never stalls the reader of the ring.
 */
#ifndef SEKISHO_SYNCER_H
#define SEKISHO_SYNCER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"

struct syncer;

int syncer_start(uint64_t interval_ns, struct syncer **ret_syncer, struct problem *p);
/* Syncs once more and ends. */
void syncer_stop(struct syncer *s);

/* Hands over a descriptor (owned by the syncer from here) whose bytes are to be synced from now on.
 * What was appended to the one before is synced first. */
void syncer_set_file(struct syncer *s, int fd);
/* Something was appended. */
void syncer_touch(struct syncer *s);
void syncer_set_interval(struct syncer *s, uint64_t interval_ns);

struct syncer_state {
	int64_t last_utc_ns; /* start of the last sync that succeeded: all before it is durable; 0 = none yet */
	int error; /* negative errno of the last attempt, 0 = fine */
	/*
	 * A sync of the present file failed once. The kernel has marked its pages clean all the same (see
	 * fsync(2), "EIO"): they can be read, and no later sync will write them. Rotate, and let sealing
	 * take its rows while they are there.
	 */
	bool suspect;
};
void syncer_state(struct syncer *s, struct syncer_state *ret_state);

#endif
