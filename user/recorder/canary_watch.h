/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the canaries come back, and the gap when they do not. A canary is missed when it had its time and all that
 * was in the ring then has been read without it; while the ring is not read (no room on the disk) it is waited for.
 */
#ifndef SEKISHO_CANARY_WATCH_H
#define SEKISHO_CANARY_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/gap.h"

#define CANARY_MISSES 2

/* Zero-initialise. Times are CLOCK_BOOTTIME, ns. */
struct canary_watch {
	int64_t sung_ns; /* the last one; 0 = none is under way */
	int64_t judge_ns; /* until then it is not missed: a busy machine may be long about it */
	bool judged; /* that time is over, and it must be before `position` of the ring */
	uint64_t position;
	int64_t next_ns; /* when the next one is due */
	int64_t seen_ns; /* when the last one that came back was emitted, or the watch began */
	unsigned int misses; /* in a row */
	int error; /* negative errno: the last one could not even be made */
	bool alarm;
	int64_t stated_ns; /* none was seen from here on, and no gap says so yet; 0 = all is said */
	int64_t ended_ns; /* when the first one was seen again behind the last alarm */
};

/* One came out of the ring. */
void canary_watch_seen(struct canary_watch *w, int64_t emitted_ns);
/* One was made at `now`, or could not be; it has `patience_ns` to come out of the ring. */
void canary_watch_sung(struct canary_watch *w, int64_t now_ns, int error, int64_t patience_ns);
/* Judges the one that is under way: how far the ring has been written and read. True when the alarm changes. */
bool canary_watch_judge(struct canary_watch *w, int64_t now_ns, uint64_t producer, uint64_t consumer);
/*
 * What is to be stated at `now`: from the last one that was seen to the first that is seen again, in pieces while it goes
 * on. False: nothing. The caller that has stated it says so with the same ret_until.
 */
bool canary_watch_gap(const struct canary_watch *w, int64_t now_ns, int64_t *ret_from, int64_t *ret_until);
void canary_watch_stated(struct canary_watch *w, int64_t until_ns);
/*
 * While it goes on: whether it is time for the next piece. Each is as long as all before it, up to a minute. Behind it:
 * whether the last one could not be stated yet.
 */
bool canary_watch_is_due(const struct canary_watch *w, int64_t now_ns);

#endif
