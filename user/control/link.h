/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way from the registrar to the recorder: a pair of sockets that is made before the processes part. Each call
 * brings a socket of its own, so that any number of processes may call at once; on it one request and one answer
 * (wire.h) pass. The recorder trusts what comes here: who the peer was is said in the request.
 */
#ifndef SEKISHO_LINK_H
#define SEKISHO_LINK_H

#include <jansson.h>
#include "base/problem.h"

/* fds[0] is called on, fds[1] is served. 0 or negative errno. */
int link_make(int ret_fds[static 2]);

/*
 * Sends a request (takes the reference) and waits for the answer, which the caller owns. -EPIPE: the recorder ended;
 * -ETIMEDOUT: no answer within timeout_ms; other negative errno; and *p. Safe in any process that has link_fd.
 */
int link_call(int link_fd, json_t *request, unsigned int timeout_ms, json_t **ret_answer, struct problem *p);

struct link;

/* Answers a request (borrowed) with a new object. Called from several threads. */
typedef json_t *link_handler(void *ctx, const json_t *request);

/* Serves link_fd (the caller's, open until link_stop()) with a thread per call, few at a time. */
int link_serve(int link_fd, link_handler *handler, void *ctx, struct link **ret_link, struct problem *p);
/* Takes no more calls and waits for the answers under way. */
void link_stop(struct link *l);

#endif
