// SPDX-License-Identifier: BSD-2-Clause
/* A connection of the collector to itself. */
#include <errno.h>
#include <netinet/in.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "canary.h"
#include "capture/netns.h"

struct canary {
	uint64_t netns;
	int listener, client; /* they keep the namespace */
	struct sockaddr_in address;
	int error; /* of making it */
};

static int raise_loopback(int fd)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	return ioctl(fd, SIOCSIFFLAGS, &lo) < 0 ? -errno : 0;
}

static int make_sockets(struct canary *c)
{
	const struct timeval patience = { .tv_usec = 200000 };
	socklen_t size = sizeof(c->address);
	int error;

	c->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	c->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->listener < 0 || c->client < 0)
		return -errno;
	error = raise_loopback(c->listener);
	if (error)
		return error;
	c->address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (bind(c->listener, (struct sockaddr *)&c->address, sizeof(c->address)) < 0 ||
	    listen(c->listener, 4) < 0 || getsockname(c->listener, (struct sockaddr *)&c->address, &size) < 0 ||
	    /* Of connect(), too (socket(7)). */
	    setsockopt(c->client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	return netns_cookie(&c->netns);
}

/* A thread of its own, which ends in the new namespace. */
static void *make(void *arg)
{
	struct canary *c = arg;

	c->error = unshare(CLONE_NEWNET) < 0 ? -errno : make_sockets(c);
	return NULL;
}

int canary_open(struct canary **ret_canary, struct problem *p)
{
	struct canary *c = calloc(1, sizeof(*c));
	pthread_t thread;
	int error;

	if (!c)
		return problem(p, -ENOMEM, "out of memory");
	c->listener = c->client = -1;
	error = -pthread_create(&thread, NULL, make, c);
	if (!error) {
		pthread_join(thread, NULL);
		error = c->error;
	}
	if (error) {
		canary_close(c);
		return problem(p, error, "cannot make a network namespace for the canary: %s", strerror(-error));
	}
	*ret_canary = c;
	return 0;
}

void canary_close(struct canary *c)
{
	if (!c)
		return;
	if (c->listener >= 0)
		close(c->listener);
	if (c->client >= 0)
		close(c->client);
	free(c);
}

uint64_t canary_netns(const struct canary *c)
{
	return c->netns;
}

/* With a reset, so that neither end waits for anything. */
static int end_connection(struct canary *c)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	const struct linger reset = { .l_onoff = 1 };
	int child, ended = 0;

	while ((child = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(child, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(child);
		ended++;
	}
	/* The socket can be used again (connect(2)). */
	if (connect(c->client, &none, sizeof(none)) < 0)
		return -errno;
	return ended ? 0 : -EAGAIN;
}

int canary_sing(struct canary *c)
{
	int error = connect(c->client, (struct sockaddr *)&c->address, sizeof(c->address)) < 0 ? -errno : 0;
	int end = end_connection(c);

	return error ? error : end;
}
