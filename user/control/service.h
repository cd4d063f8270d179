/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of the control socket, each answered by the node. */
#ifndef SEKISHO_SERVICE_H
#define SEKISHO_SERVICE_H

#include <jansson.h>

/* A server_handler; ctx is the struct node. Verbs: status, drain, seal, reload, withdraw. */
json_t *service_answer(void *ctx, const json_t *request, unsigned int uid);

#endif
