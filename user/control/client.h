/* SPDX-License-Identifier: BSD-2-Clause */
/* The command's side of the control socket. */
#ifndef SEKISHO_CLIENT_H
#define SEKISHO_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include "base/problem.h"
#include "message.h"

/*
 * Root: asks the recorder; takes the reference; waits for the answer, which the caller owns. -ECONNREFUSED and *p when
 * no daemon listens there; other negative errno and *p.
 */
int client_call(const char *run_dir, json_t *request, json_t **ret_answer, struct problem *p);

/*
 * Has the daemon run a verb, with the standard input, output and error of this process and the files that the request
 * names, already open. reads_input: the verb reads standard input; if not, what a socket holds there stays unread.
 * *ret_status: its exit status; *p is then a line to be told, or empty. Errors as client_call().
 */
int client_run(const char *run_dir, const struct control_request *request, const int *files, bool reads_input,
	       int *ret_status, struct problem *p);

#endif
