/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread that waits for work or time. Waiting goes by the monotonic clock: a clock that is set makes nobody
 * wait for it.
 */
#ifndef SEKISHO_WORKER_H
#define SEKISHO_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "problem.h"

struct worker {
	pthread_t thread;
	pthread_mutex_t lock; /* of what the thread shares with others, and of stop */
	pthread_cond_t wake; /* signal it after a change */
	bool stop; /* the thread is to end */
};

/* 0, or negative errno and *p, with nothing left to undo. */
int worker_start(struct worker *w, void *(*run)(void *arg), void *arg, struct problem *p);
/* Tells the thread to end, waits until it has, and undoes worker_start(). */
void worker_stop(struct worker *w);
/* With the lock held, by the thread: until somebody wakes it (true), or the time is over (false). */
bool worker_wait(struct worker *w, uint64_t ns);

#endif
