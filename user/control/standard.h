/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Standard input, output and error of this process, as the daemon takes them: what is closed becomes /dev/null, and a
 * socket, such as sshd(8) and systemd(1) give, a pipe, which a thread copies to or from it. So the daemon never writes
 * into a socket in its own name.
 */
#ifndef SEKISHO_STANDARD_H
#define SEKISHO_STANDARD_H

#include <pthread.h>
#include <stdbool.h>
#include "base/descriptors.h"
#include "base/problem.h"

#define STANDARD_FILES 3

struct standard {
	struct standard_copy {
		int from, to, end; /* end: the daemon's, of the pipe or of /dev/null */
		bool started;
		pthread_t thread;
	} copies[STANDARD_FILES];
};

/*
 * Adds the three to *d; *s stays where it is until standard_done(). Without reads_input, /dev/null goes in place of a
 * socket as standard input: what waits there is for somebody else. 0 or negative errno and *p, with nothing left open.
 */
int standard_open(struct standard *s, bool reads_input, struct descriptors *d, struct problem *p);
/* The daemon has them, or never will: their end is then that of its process. */
void standard_passed(struct standard *s);
/* Waits until all output has been copied: the daemon's process has ended. */
void standard_done(struct standard *s);

#endif
