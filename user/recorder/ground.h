/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ground a recorder stands on: what takes rights to get, and is passed on by fork() to a process without them.
 */
#ifndef SEKISHO_GROUND_H
#define SEKISHO_GROUND_H

#include "base/conf.h"
#include "base/owner.h"
#include "base/problem.h"
#include "base/store_dir.h"
#include "canary.h"
#include "capture/capture.h"

struct ground {
	struct owner owner; /* whose the store is, and who records */
	struct store_dir store;
	int lock_fd; /* of the state directory; all processes that have it hold the lock */
	struct capture *capture;
	struct canary *canary; /* NULL: none could be made */
	int64_t begun_utc_ns; /* just before the programs were looked at */
};

/*
 * Takes the state directory's lock (waiting up to 5 s) and arms the kernel: nothing is recorded before a recorder sets
 * tenants and the heartbeat. -EBUSY: another sekishod has the lock; -EPERM: part of the store is
 * not its owner's; others as capture_open().
 */
int ground_open(const struct conf *conf, struct ground *ret_ground, struct problem *p);
void ground_close(struct ground *g); /* the pins stay */
/* The same after a start that came to nothing: what ground_open() armed is taken out of the kernel again. */
void ground_abort(struct ground *g, const struct conf *conf);

#endif
