/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registrar: the process that listens on the control socket. It has one thread, and forks a process for each
 * connection, which asks the recorder over the link.
 */
#ifndef SEKISHO_REGISTRAR_H
#define SEKISHO_REGISTRAR_H

#include "base/problem.h"

struct registrar {
	int listen_fd, link_fd;
	int orders_fd; /* from the warden: a byte of enum order; its end is an order to stop */
};

/* Makes run_dir (0700) and the socket (0600) in it, replacing a dead one: the lock is held. 0 or negative errno and *p. */
int registrar_listen(const char *run_dir, int *ret_fd, struct problem *p);
/* Removes the socket. */
void registrar_unlisten(const char *run_dir);
/* Until it is ordered to stop; then waits for the answers under way. 0 or negative errno and *p. */
int registrar_run(const struct registrar *r, struct problem *p);

#endif
