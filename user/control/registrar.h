/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's side of the control socket: takes connections and forks a process for each, which reads the request and
 * answers it (serve.h). So a request that is garbage, slow, large or that crashes is nobody's but its sender's.
 * Single-threaded; how many connections there are, and how often, is bounded for all and for each user.
 */
#ifndef SEKISHO_REGISTRAR_H
#define SEKISHO_REGISTRAR_H

#include "base/problem.h"
#include "serve.h"

struct registrar {
	int listen_fd;
	struct serve serve; /* how a request is answered */
	/* Bounds; 0: the default. User 0 is bound by none but the number of all connections. */
	unsigned int connections_max; /* of all users; some more are kept for user 0 */
	unsigned int per_user_max;
	unsigned int rate_per_second, rate_burst; /* requests of one user */
	unsigned int stall_ms; /* how long a request may go on without using the processor */
};

/* Makes run_dir (0755) and the socket (0666) in it, replacing a dead one: the caller holds the lock of the state
 * directory. A descriptor, or negative errno and *p. */
int registrar_listen(const char *run_dir, struct problem *p);

/*
 * Serves until SIGTERM or SIGINT, which this blocks like SIGCHLD; then ends what is under way. To be called in a
 * process of its own with one thread. 0, or negative errno and *p.
 */
int registrar_run(const struct registrar *r, struct problem *p);

#endif
