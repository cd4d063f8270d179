/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's side of the control socket: a thread per connection, few at a time. */
#ifndef SEKISHO_SERVER_H
#define SEKISHO_SERVER_H

#include <jansson.h>
#include "base/problem.h"

struct server;

/* Answers a request (borrowed) with a new object. Called from several threads. `uid` is the peer's. */
typedef json_t *server_handler(void *ctx, const json_t *request, unsigned int uid);

/* Makes run_dir (0700) and the socket (0600) in it, replacing a dead one. */
int server_start(const char *run_dir, server_handler *handler, void *ctx,
		 struct server **ret_server, struct problem *p);
/* Stops listening and waits for the answers under way. */
void server_stop(struct server *s);

#endif
