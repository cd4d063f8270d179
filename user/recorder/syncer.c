// SPDX-License-Identifier: BSD-2-Clause
/* The thread that makes journal frames durable. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/log.h"
#include "base/utc.h"
#include "base/worker.h"
#include "syncer.h"

/* How often a file that was rotated away is tried: the disk may recover, and sealing takes its rows on. */
#define LEFT_TRIES 3

struct syncer {
	struct worker worker;
	uint64_t interval_ns;
	int fd; /* -1 = none */
	int *left; /* files before it whose last frames are not durable yet */
	size_t left_count, left_capacity;
	unsigned int left_tries; /* of the first of them */
	bool dirty, syncing;
	struct syncer_state state;
};

static void sync_now(struct syncer *s)
{
	int64_t begun = utc_now_ns();
	int file = s->fd, fd = dup(file), error = 0;

	s->dirty = false;
	s->syncing = true;
	pthread_mutex_unlock(&s->worker.lock);
	if (fd < 0 || fdatasync(fd) < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	if (error)
		log_error("the journal could not be made durable: %s", strerror(-error));
	pthread_mutex_lock(&s->worker.lock);
	s->syncing = false;
	if (error && s->fd == file) /* while it is being synced its number is not used again */
		s->state.suspect = true;
	if (error || s->left_count > 0)
		s->dirty = true;
	if (s->left_count > 0) /* not everything before it is durable: once more, after that */
		return;
	s->state.error = error;
	if (!error)
		s->state.last_utc_ns = begun;
}

/* What was rotated away keeps its promise too: its last frames are as young as those of the file after it. */
static void sync_left(struct syncer *s)
{
	while (s->left_count > 0) {
		int fd = s->left[0], error;

		pthread_mutex_unlock(&s->worker.lock);
		error = fdatasync(fd) < 0 ? -errno : 0;
		if (error)
			log_error("a journal could not be made durable: %s", strerror(-error));
		pthread_mutex_lock(&s->worker.lock);
		s->state.error = error;
		if (error && ++s->left_tries < LEFT_TRIES)
			return; /* again after the interval */
		s->left_tries = 0;
		close(fd);
		s->left_count--;
		memmove(s->left, s->left + 1, s->left_count * sizeof(*s->left));
	}
}

static void *run(void *arg)
{
	struct syncer *s = arg;

	(void)pthread_setname_np(pthread_self(), "syncer");
	pthread_mutex_lock(&s->worker.lock);
	while (!s->worker.stop) {
		(void)worker_wait(&s->worker, s->interval_ns);
		sync_left(s);
		if (s->dirty && s->fd >= 0)
			sync_now(s);
	}
	/* What came while the last sync was under way. */
	sync_left(s);
	if (s->dirty && s->fd >= 0)
		sync_now(s);
	pthread_mutex_unlock(&s->worker.lock);
	return NULL;
}

int syncer_start(uint64_t interval_ns, struct syncer **ret_syncer, struct problem *p)
{
	struct syncer *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return problem(p, -ENOMEM, "out of memory");
	s->interval_ns = interval_ns;
	s->fd = -1;
	error = worker_start(&s->worker, run, s, p);
	if (error) {
		free(s);
		return error;
	}
	*ret_syncer = s;
	return 0;
}

void syncer_stop(struct syncer *s)
{
	if (!s)
		return;
	worker_stop(&s->worker);
	if (s->fd >= 0)
		close(s->fd);
	for (size_t i = 0; i < s->left_count; i++)
		close(s->left[i]);
	free(s->left);
	free(s);
}

void syncer_set_file(struct syncer *s, int fd)
{
	int old;

	pthread_mutex_lock(&s->worker.lock);
	old = s->fd;
	if (old >= 0 && (s->dirty || s->syncing) &&
	    ARRAY_RESERVE(s->left, s->left_count, s->left_capacity) == 0) {
		s->left[s->left_count++] = old;
		old = -1;
	}
	s->fd = fd;
	s->dirty = true;
	s->state.suspect = false;
	pthread_mutex_unlock(&s->worker.lock);
	if (old >= 0)
		close(old);
}

void syncer_touch(struct syncer *s)
{
	pthread_mutex_lock(&s->worker.lock);
	s->dirty = true;
	pthread_mutex_unlock(&s->worker.lock);
}

void syncer_set_interval(struct syncer *s, uint64_t interval_ns)
{
	pthread_mutex_lock(&s->worker.lock);
	s->interval_ns = interval_ns;
	pthread_mutex_unlock(&s->worker.lock);
}

void syncer_state(struct syncer *s, struct syncer_state *ret_state)
{
	pthread_mutex_lock(&s->worker.lock);
	*ret_state = s->state;
	pthread_mutex_unlock(&s->worker.lock);
}
