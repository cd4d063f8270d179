// SPDX-License-Identifier: BSD-2-Clause
/* Threads that wait for work or time. */
#include <string.h>
#include <time.h>
#include "utc.h"
#include "worker.h"

static void undo(struct worker *w)
{
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
}

int worker_start(struct worker *w, void *(*run)(void *arg), void *arg, struct problem *p)
{
	pthread_condattr_t monotonic;
	int error;

	w->stop = false;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	error = pthread_create(&w->thread, NULL, run, arg);
	if (!error)
		return 0;
	undo(w);
	return problem(p, -error, "cannot start a thread: %s", strerror(error));
}

void worker_stop(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	undo(w);
}

bool worker_wait(struct worker *w, uint64_t ns)
{
	struct timespec until;
	uint64_t end;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	end = (uint64_t)until.tv_nsec + ns % (uint64_t)NS_PER_SEC;
	until.tv_sec += (time_t)(ns / (uint64_t)NS_PER_SEC + end / (uint64_t)NS_PER_SEC);
	until.tv_nsec = (long)(end % (uint64_t)NS_PER_SEC);
	return pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0;
}
