/* SPDX-License-Identifier: BSD-2-Clause */
/* One run of head_command; see head_sender.h for what it may be. */
#ifndef SEKISHO_HEAD_COMMAND_H
#define SEKISHO_HEAD_COMMAND_H

#include <stdint.h>
#include "base/problem.h"

#define HEAD_COMMAND_SECONDS 30 /* then it is killed */

/* Gives it `heads` (at most PIPE_BUF bytes) as its input and waits for its end. 0 or negative errno and *p. */
int head_command_run(const char *command, const char *heads, struct problem *p);

/* What became of a run in another process, as one message. */
struct head_outcome {
	int32_t error; /* 0 or negative errno */
	char why[sizeof(((struct problem *)0)->text)];
};

#endif
