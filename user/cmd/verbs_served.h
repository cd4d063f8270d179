/* SPDX-License-Identifier: BSD-2-Clause */
/* The verbs of sekisho as the daemon runs them for the peers of its control socket. */
#ifndef SEKISHO_VERBS_SERVED_H
#define SEKISHO_VERBS_SERVED_H

#include "control/serve.h"

struct verbs_served {
	const char *conf_path; /* for messages */
	/* The configuration in force. 0, or negative errno and *p. Undone with conf_done(). */
	int (*load_conf)(void *ctx, struct conf *ret_conf, struct problem *p);
	void *ctx;
	int link_fd;
};

/* The `run` of struct serve; ctx is a struct verbs_served. Roles first, then the verb. */
int verbs_serve(void *ctx, struct peer *peer, const struct control_request *request, const int *files);

#endif
