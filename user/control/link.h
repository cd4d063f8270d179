/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the registrar, and the processes it forks, to the recorder: requests in wire.h's form, each over a socket pair of
 * its own, one end of which is passed over the link. So any number may ask at once, and whoever asks learns that
 * the recorder died from the end of its own pair. The recorder says that it has taken a request before it works on it.
 *
 * The recorder trusts the other side: it says in the request for whom it asks (wire.h).
 */
#ifndef SEKISHO_LINK_H
#define SEKISHO_LINK_H

#include <jansson.h>
#include "base/problem.h"
#include "peer.h"

/*
 * Sends a request (takes the reference) and waits for the answer, which the caller owns: up to 5 s
 * until the recorder has taken it, without a limit while it works on it. -ETIMEDOUT, -EPIPE (it died) and *p.
 */
int link_call(int link_fd, json_t *request, json_t **ret_answer, struct problem *p);

/* The same in the name of that peer, whatever the request says of it. */
int link_call_for(int link_fd, const struct peer *peer, json_t *request, json_t **ret_answer, struct problem *p);

/* Answers a request (borrowed) with a new object. Called from several threads. */
typedef json_t *link_handler(void *ctx, const json_t *request);

struct link_server;

/* The recorder's side: a thread, and one for each request; link_fd becomes its own. */
int link_server_start(int link_fd, link_handler *handler, void *ctx, struct link_server **ret_server,
		      struct problem *p);
/* Takes no more and waits for the answers under way. Accepts NULL. */
void link_server_stop(struct link_server *s);

#endif
