/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the control socket share: a daemon that listens in the test's directory, and its clients. */
#ifndef SEKISHO_REGISTERING_H
#define SEKISHO_REGISTERING_H

#include <stdbool.h>
#include <sys/types.h>
#include "control/link.h"
#include "control/registrar.h"

#define USER 60001 /* has no name */
#define FLOOD (1 << 20) /* bytes that "flood" prints */

void sleep_ms(long ms);
/* Where the daemon listens. */
const char *run_dir(void);

struct daemon {
	pid_t pid;
	int link[2], orders[2];
	struct link_server *recorder;
};

/* Forks one with these limits, whose run, link and orders are set here, and waits until it answers. */
void daemon_start(struct daemon *d, struct registrar r);
void daemon_stop(struct daemon *d);

/* A connection of that user: the kernel takes the effective one. */
int dial(uid_t uid);
/* Sends "VERB [ARG]" with these as input, output and error, and the file. */
void send_request(int fd, const char *verb, const char *arg, int out, int file);
/* The status of the answer, its text in *p; negative errno without one. */
int receive_status(int fd, unsigned int timeout_ms, struct problem *p);
/* All in one; what it printed, at most 99 bytes, into said. */
int ask(uid_t uid, const char *verb, const char *arg, int file, char said[static 100], struct problem *p);
/* Whether nothing but the end comes. */
bool is_closed(int fd, int timeout_ms);
void close_all(int *fds, size_t count);
/* Until so many requests, whose output the pipe is, have come to what they wait for. */
void await_bytes(size_t count, const int pair[2]);
/* ask("who") until it is answered, for up to 30 s: the status, and *p of the last. */
int ask_in_time(uid_t uid, struct problem *p);
bool is_root(void);

#endif
