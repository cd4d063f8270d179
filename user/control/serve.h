/* SPDX-License-Identifier: BSD-2-Clause */
/* One request of the control socket, in a process of its own. */
#ifndef SEKISHO_SERVE_H
#define SEKISHO_SERVE_H

#include "base/conf.h"
#include "message.h"
#include "peer.h"

struct serve;

/*
 * Runs a verb for the peer: standard input, output and error are the client's, files[i] is what argv[file_args[i]]
 * names. An exit status of the command.
 */
typedef int serve_fn(const struct serve *s, const struct peer *peer, const struct control_request *request,
		     const int *files);

struct serve {
	serve_fn *run;
	const struct conf *conf; /* in force */
	const char *conf_path; /* for messages */
	int link_fd; /* to the recorder (link.h) */
	int admitted_fd; /* of the request's process: see serve_admitted() */
	unsigned int request_ms; /* how long a request may take to arrive; 0: the default */
	uint64_t memory_max; /* bytes; 0: the default */
};

/*
 * What runs a verb calls it as soon as the peer may have it run: until then its connection gives way to others when there
 * are too many. The registrar sees that admitted_fd was closed.
 */
void serve_admitted(const struct serve *s);

/*
 * In a process that `registrar` forked: reads the request, checks and runs it. All descriptors but the standard ones, the
 * connection and those of *s are closed first. What was answered on the connection already ends with SERVE_ANSWERED; else
 * the exit status is what the registrar answers. Does not return.
 */
#define SERVE_ANSWERED 255
__attribute__((noreturn)) void serve_connection(const struct serve *s, int connection, pid_t registrar);

#endif
