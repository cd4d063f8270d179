/* SPDX-License-Identifier: BSD-2-Clause */
/* What the recorder is asked, each answered by the node. */
#ifndef SEKISHO_SERVICE_H
#define SEKISHO_SERVICE_H

#include <jansson.h>

/* A link_handler; ctx is the struct node. Verbs: status, drain, seal, pause, reload (configuration and consents), refresh
 * (consents), withdraw, resolve. */
json_t *service_answer(void *ctx, const json_t *request);

#endif
