/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rights of each process of sekishod, all on one page (sandbox.c). A process enters its sandbox before it has a
 * second thread, and never leaves it.
 */
#ifndef SEKISHO_SANDBOX_H
#define SEKISHO_SANDBOX_H

#include "owner.h"
#include "problem.h"

/* A build with sanitizers, which need more rights than a sandbox leaves: it has none, and its notes say so. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_NONE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_NONE 1
#endif
#endif

enum sandbox_role {
	SANDBOX_WARDEN,
	SANDBOX_RECORDER,
	SANDBOX_REGISTRAR,
	SANDBOX_COURIER, /* runs a program of the operator's */
};

struct sandbox_place {
	struct owner owner; /* who to become; the warden stays who it is */
	int state_dir; /* the directory of the store: open, borrowed */
};

/*
 * Gives up everything but what the role needs, for good. 0, or negative errno and *p: some right was kept that should
 * not have been, the process must end. `ret_notes` says what this kernel cannot restrict: "" when all is in force.
 */
int sandbox_enter(enum sandbox_role role, const struct sandbox_place *place, struct problem *ret_notes, struct problem *p);

#endif
