// SPDX-License-Identifier: BSD-2-Clause
/* The recorder's side of the link. */
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
#include "base/fd_pass.h"
#include "link.h"
#include "wire.h"

#define REQUESTS_MAX 48 /* the registrar has fewer connections */
#define PEER_TIMEOUT_SECONDS 5

struct link_server {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	link_handler *handler;
	void *ctx;
	int fd, stop_pipe[2];
	unsigned int busy;
};

struct request {
	struct link_server *server;
	int fd;
};

static void answer(const struct request *r)
{
	struct timeval limit = { .tv_sec = PEER_TIMEOUT_SECONDS };
	struct problem ignored;
	json_t *request;

	(void)setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(r->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	request = wire_read(r->fd, &ignored);
	if (request && send(r->fd, "", 1, MSG_NOSIGNAL) == 1)
		(void)wire_write(r->fd, r->server->handler(r->server->ctx, request));
	json_decref(request);
}

static void *serve(void *arg)
{
	struct request *r = arg;
	struct link_server *s = r->server;

	answer(r);
	close(r->fd);
	free(r);
	pthread_mutex_lock(&s->lock);
	s->busy--;
	pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/*
 * Hands a request to a thread. With too many of them the next one waits: threads that have answered and did not
 * come to their end yet count, and whoever has waited too long goes away (link_call).
 */
static void dispatch(struct link_server *s, int fd)
{
	struct request *r = malloc(sizeof(*r));
	pthread_attr_t detached;
	pthread_t thread;
	bool started = false;

	pthread_mutex_lock(&s->lock);
	while (s->busy >= REQUESTS_MAX)
		pthread_cond_wait(&s->idle, &s->lock);
	if (r) {
		*r = (struct request){ .server = s, .fd = fd };
		pthread_attr_init(&detached);
		pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
		started = pthread_create(&thread, &detached, serve, r) == 0;
		pthread_attr_destroy(&detached);
		s->busy += started;
	}
	pthread_mutex_unlock(&s->lock);
	if (!started) {
		close(fd);
		free(r);
	}
}

static void *take_requests(void *arg)
{
	struct link_server *s = arg;
	struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN }, { .fd = s->stop_pipe[0], .events = POLLIN } };
	char byte;
	int fd;

	for (;;) {
		if ((poll(fds, 2, -1) < 0 && errno != EINTR) || fds[1].revents)
			return NULL;
		if (!fds[0].revents)
			continue;
		if (fd_pass_receive(s->fd, &byte, 1, &fd, MSG_DONTWAIT) == 0)
			return NULL; /* nobody is left who could ask */
		if (fd >= 0)
			dispatch(s, fd);
	}
}

int link_server_start(int link_fd, link_handler *handler, void *ctx, struct link_server **ret_server,
		      struct problem *p)
{
	struct link_server *s = calloc(1, sizeof(*s));
	int error = 0;

	if (!s) {
		close(link_fd);
		return problem(p, -ENOMEM, "out of memory");
	}
	*s = (struct link_server){ .handler = handler, .ctx = ctx, .fd = link_fd, .stop_pipe = { -1, -1 } };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	if (pipe2(s->stop_pipe, O_CLOEXEC) < 0)
		error = -errno;
	else
		error = -pthread_create(&s->thread, NULL, take_requests, s);
	if (error) {
		for (int i = 0; i < 2 && s->stop_pipe[i] >= 0; i++)
			close(s->stop_pipe[i]);
		close(s->fd);
		free(s);
		return problem(p, error, "cannot answer the registrar: %s", strerror(-error));
	}
	*ret_server = s;
	return 0;
}

void link_server_stop(struct link_server *s)
{
	if (!s)
		return;
	(void)!write(s->stop_pipe[1], "", 1);
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&s->lock);
	while (s->busy)
		pthread_cond_wait(&s->idle, &s->lock);
	pthread_mutex_unlock(&s->lock);
	close(s->fd);
	close(s->stop_pipe[0]);
	close(s->stop_pipe[1]);
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
