/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls that a process has, by seccomp(2). */
#ifndef SEKISHO_SANDBOX_CALLS_H
#define SEKISHO_SANDBOX_CALLS_H

#include "problem.h"

enum sandbox_calls {
	SANDBOX_CALLS_COMMON, /* all but what nobody here needs: programs of the operator's are started under it */
	SANDBOX_CALLS_RECORDER,
	SANDBOX_CALLS_REGISTRAR,
};

/* 0 or negative errno. Without seccomp in the kernel: 0, and *ret_notes has it. */
int sandbox_calls(enum sandbox_calls calls, struct problem *ret_notes);

#endif
