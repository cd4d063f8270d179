/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The warden: the process that the operator started. It takes the lock, arms the kernel, and forks recorder and
 * registrar, which have no rights; then it answers what they ask for (capture/ask.h), starts again what dies, and
 * waits for signals. It has one thread. It reads no record, no ledger and nothing from a socket of others.
 */
#ifndef SEKISHO_WARDEN_H
#define SEKISHO_WARDEN_H

#include "base/conf.h"
#include "base/problem.h"
#include "control/serve.h"

struct warden_options {
	const char *conf_path; /* absolute: SIGHUP reads it again */
	const char *version;
	serve_fn *run_verb; /* what the registrar does for the peers of the control socket */
	int ready; /* a descriptor that gets one byte when recording has begun, and is closed; or -1 */
};

/*
 * Records until SIGTERM or SIGINT. The configuration becomes the warden's. 0, or what the start failed with and *p;
 * -EIO and *p when a process does not stay alive.
 */
int warden_run(const struct warden_options *options, struct conf *conf, struct problem *p);

#endif
