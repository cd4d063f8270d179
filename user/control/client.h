/* SPDX-License-Identifier: BSD-2-Clause */
/* The command's side of the control socket. */
#ifndef SEKISHO_CLIENT_H
#define SEKISHO_CLIENT_H

#include <jansson.h>
#include "base/problem.h"

/*
 * Sends a request (takes the reference; "sekisho" is added) and waits for the answer, which the
 * caller owns. -ECONNREFUSED and *p when no daemon listens there; other negative errno and *p.
 */
int client_call(const char *run_dir, json_t *request, json_t **ret_answer, struct problem *p);

#endif
