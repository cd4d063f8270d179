// SPDX-License-Identifier: BSD-2-Clause
/* Calls from the registrar's processes to the recorder, both sides. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "descriptors.h"
#include "link.h"
#include "wire.h"

#define CALLS_MAX 64
#define PEER_TIMEOUT_SECONDS 5

struct link {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	link_handler *handler;
	void *ctx;
	int fd, stop_pipe[2];
	unsigned int busy;
};

struct call {
	struct link *link;
	int fd;
};

int link_make(int ret_fds[static 2])
{
	/* Messages stay apart: a descriptor goes with its byte. */
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

/* --- Calling --- */

static void set_timeout(int fd, unsigned int ms)
{
	const struct timeval limit = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int exchange(int fd, json_t *request, unsigned int timeout_ms, json_t **ret_answer, struct problem *p)
{
	struct problem why;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int error = wire_write(fd, request);

	if (error)
		return problem(p, error, "cannot ask the recorder: %s", strerror(-error));
	if (poll(&wait, 1, (int)timeout_ms) == 0)
		return problem(p, -ETIMEDOUT, "the recorder does not answer within %u ms", timeout_ms);
	*ret_answer = wire_read(fd, &why);
	return *ret_answer ? 0 : problem(p, -EPIPE, "the recorder gave no answer: %s", why.text);
}

int link_call(int link_fd, json_t *request, unsigned int timeout_ms, json_t **ret_answer, struct problem *p)
{
	int fds[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		json_decref(request);
		return problem(p, -errno, "cannot ask the recorder: %s", strerror(errno));
	}
	set_timeout(fds[0], timeout_ms);
	/* A recorder that takes nothing must not hold us: its queue has room for some calls. */
	error = descriptors_send(link_fd, "", 1, &fds[1], 1, MSG_DONTWAIT);
	close(fds[1]);
	if (error) {
		json_decref(request);
		problem(p, error, "the recorder takes no calls: %s", strerror(-error));
	} else {
		error = exchange(fds[0], request, timeout_ms, ret_answer, p);
	}
	close(fds[0]);
	return error;
}

/* --- Serving --- */

static void answer(struct call *c)
{
	struct problem p;
	json_t *request;

	set_timeout(c->fd, PEER_TIMEOUT_SECONDS * 1000);
	request = wire_read(c->fd, &p);
	if (request) /* else the caller has gone */
		(void)wire_write(c->fd, c->link->handler(c->link->ctx, request));
	json_decref(request);
}

static void *serve(void *arg)
{
	struct call *c = arg;
	struct link *l = c->link;

	answer(c);
	close(c->fd);
	free(c);
	pthread_mutex_lock(&l->lock);
	l->busy--;
	pthread_cond_broadcast(&l->idle);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

/* Hands a call to a thread; closes it when there are too many. */
static void dispatch(struct link *l, int fd)
{
	struct call *c = malloc(sizeof(*c));
	pthread_attr_t detached;
	pthread_t thread;
	bool started = false;

	pthread_mutex_lock(&l->lock);
	if (c && l->busy < CALLS_MAX) {
		*c = (struct call){ .link = l, .fd = fd };
		pthread_attr_init(&detached);
		pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
		started = pthread_create(&thread, &detached, serve, c) == 0;
		pthread_attr_destroy(&detached);
		l->busy += started;
	}
	pthread_mutex_unlock(&l->lock);
	if (!started) {
		close(fd);
		free(c);
	}
}

static void *serve_loop(void *arg)
{
	struct link *l = arg;
	struct pollfd fds[2] = { { .fd = l->fd, .events = POLLIN }, { .fd = l->stop_pipe[0], .events = POLLIN } };

	for (;;) {
		struct descriptors got = {};
		char byte;
		ssize_t n;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (!fds[0].revents)
			continue;
		n = descriptors_receive(l->fd, &byte, 1, &got, MSG_DONTWAIT);
		if (n == 0)
			return NULL; /* nobody can call any more */
		if (n == 1 && got.count == 1)
			dispatch(l, got.fds[0]);
		else
			descriptors_close(&got);
	}
}

int link_serve(int link_fd, link_handler *handler, void *ctx, struct link **ret_link, struct problem *p)
{
	struct link *l = calloc(1, sizeof(*l));
	int error = 0;

	if (!l)
		return problem(p, -ENOMEM, "out of memory");
	l->fd = link_fd;
	l->handler = handler;
	l->ctx = ctx;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->idle, NULL);
	if (pipe2(l->stop_pipe, O_CLOEXEC) < 0) {
		error = -errno;
	} else if ((error = -pthread_create(&l->thread, NULL, serve_loop, l))) {
		close(l->stop_pipe[0]);
		close(l->stop_pipe[1]);
	}
	if (error) {
		pthread_cond_destroy(&l->idle);
		pthread_mutex_destroy(&l->lock);
		free(l);
		return problem(p, error, "cannot serve the registrar: %s", strerror(-error));
	}
	*ret_link = l;
	return 0;
}

void link_stop(struct link *l)
{
	if (!l)
		return;
	(void)!write(l->stop_pipe[1], "", 1);
	pthread_join(l->thread, NULL);
	pthread_mutex_lock(&l->lock);
	while (l->busy)
		pthread_cond_wait(&l->idle, &l->lock);
	pthread_mutex_unlock(&l->lock);
	close(l->stop_pipe[0]);
	close(l->stop_pipe[1]);
	pthread_cond_destroy(&l->idle);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
