// SPDX-License-Identifier: BSD-2-Clause
/* Listening on the control socket. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/fs.h"
#include "server.h"
#include "wire.h"

#define CONNECTIONS_MAX 16
#define PEER_TIMEOUT_SECONDS 5

struct server {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct sockaddr_un address;
	server_handler *handler;
	void *ctx;
	int fd, stop_pipe[2];
	unsigned int busy;
};

struct connection {
	struct server *server;
	int fd;
};

static json_t *refuse(const struct problem *p)
{
	return json_pack("{s:i, s:s}", "status", 2, "error", p->text);
}

static void answer(struct connection *c)
{
	struct timeval limit = { .tv_sec = PEER_TIMEOUT_SECONDS };
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	struct problem p;
	json_t *request;

	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return;
	request = wire_read(c->fd, &p);
	if (!request)
		return; /* garbage closes this connection and nothing else */
	if (json_integer_value(json_object_get(request, "sekisho")) != WIRE_VERSION) {
		problem(&p, 0, "this sekishod speaks version %d of the control protocol",
			WIRE_VERSION);
		(void)wire_write(c->fd, refuse(&p));
	} else {
		(void)wire_write(c->fd, c->server->handler(c->server->ctx, request, peer.uid));
	}
	json_decref(request);
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	struct server *s = c->server;

	answer(c);
	close(c->fd);
	free(c);
	pthread_mutex_lock(&s->lock);
	s->busy--;
	pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Hands a connection to a thread; closes it when there are too many. */
static void dispatch(struct server *s, int fd)
{
	struct connection *c = malloc(sizeof(*c));
	pthread_attr_t detached;
	pthread_t thread;
	bool started = false;

	pthread_mutex_lock(&s->lock);
	if (c && s->busy < CONNECTIONS_MAX) {
		*c = (struct connection){ .server = s, .fd = fd };
		pthread_attr_init(&detached);
		pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
		started = pthread_create(&thread, &detached, serve, c) == 0;
		pthread_attr_destroy(&detached);
		s->busy += started;
	}
	pthread_mutex_unlock(&s->lock);
	if (!started) {
		close(fd);
		free(c);
	}
}

static void *listen_loop(void *arg)
{
	struct server *s = arg;
	struct pollfd fds[2] = { { .fd = s->fd, .events = POLLIN },
				 { .fd = s->stop_pipe[0], .events = POLLIN } };

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents & POLLIN) {
			int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				dispatch(s, fd);
		}
	}
}

static int listen_on(struct server *s)
{
	mode_t mask;
	int error = 0;

	s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return -errno;
	/* The state directory's lock says that no other daemon of this store runs. */
	(void)unlink(s->address.sun_path);
	mask = umask(0177);
	if (bind(s->fd, (struct sockaddr *)&s->address, sizeof(s->address)) < 0 ||
	    listen(s->fd, CONNECTIONS_MAX) < 0)
		error = -errno;
	umask(mask);
	return error;
}

int server_start(const char *run_dir, server_handler *handler, void *ctx,
		 struct server **ret_server, struct problem *p)
{
	struct server *s = calloc(1, sizeof(*s));
	int dir, error;

	if (!s)
		return problem(p, -ENOMEM, "out of memory");
	s->fd = s->stop_pipe[0] = s->stop_pipe[1] = -1;
	s->handler = handler;
	s->ctx = ctx;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->idle, NULL);
	dir = fs_open_dir(AT_FDCWD, run_dir, 1);
	error = dir < 0 ? dir : 0;
	if (dir >= 0)
		close(dir);
	if (!error)
		error = wire_address(run_dir, &s->address);
	if (!error)
		error = listen_on(s);
	if (!error && pipe2(s->stop_pipe, O_CLOEXEC) < 0)
		error = -errno;
	if (!error)
		error = -pthread_create(&s->thread, NULL, listen_loop, s);
	if (error) {
		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return problem(p, error, "cannot listen on %s/%s: %s", run_dir, CONTROL_SOCKET,
			       strerror(-error));
	}
	*ret_server = s;
	return 0;
}

void server_stop(struct server *s)
{
	if (!s)
		return;
	(void)!write(s->stop_pipe[1], "", 1);
	pthread_join(s->thread, NULL);
	close(s->fd);
	(void)unlink(s->address.sun_path);
	pthread_mutex_lock(&s->lock);
	while (s->busy)
		pthread_cond_wait(&s->idle, &s->lock);
	pthread_mutex_unlock(&s->lock);
	close(s->stop_pipe[0]);
	close(s->stop_pipe[1]);
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
