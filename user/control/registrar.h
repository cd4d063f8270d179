/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registrar, the daemon's side of the control socket: takes connections and forks a process for each, which reads the request and
 * answers it (serve.h). So a request that is garbage, slow, large or that crashes is nobody's but its sender's.
 * Single-threaded; how many connections there are, and how often, is bounded for all and for each user. Who has not asked
 * for something that it may do holds no place that somebody else needs: the one that has been so for longest goes.
 */
#ifndef SEKISHO_REGISTRAR_H
#define SEKISHO_REGISTRAR_H

#include "base/problem.h"
#include "serve.h"

struct registrar {
	int listen_fd;
	int orders_fd; /* from the warden: a byte of enum order; its end is an order to stop */
	struct serve serve; /* how a request is answered */
	/* Called when it is ordered to reload, so that serve.conf is what is in force now; may be NULL. */
	void (*reload)(void *ctx);
	void *ctx;
	/* Bounds; 0: the default. User 0 is bound by none but the number of all connections. */
	unsigned int connections_max; /* of all users; some more are kept for user 0 */
	unsigned int per_user_max;
	unsigned int rate_per_second, rate_burst; /* requests of one user */
	unsigned int stall_ms; /* how long a request may go on without using the processor */
};

/* Makes run_dir (0755) and the socket (0666) in it, replacing a dead one: the lock is held. 0 or negative errno and *p. */
int registrar_listen(const char *run_dir, int *ret_fd, struct problem *p);
/* Removes the socket. */
void registrar_unlisten(const char *run_dir);

/*
 * Serves until it is ordered to stop; then ends what is under way. To be called in a process of its own with one
 * thread; SIGCHLD is blocked. 0, or negative errno and *p.
 */
int registrar_run(const struct registrar *r, struct problem *p);

#endif
