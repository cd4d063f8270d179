/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of sekisho as the daemon runs them for the peers of its control socket. */
#ifndef SEKISHO_VERBS_SERVED_H
#define SEKISHO_VERBS_SERVED_H

#include "control/serve.h"

/* Roles first, then the verb. */
serve_fn verbs_serve;

#endif
