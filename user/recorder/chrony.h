/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What chronyd says of the clock, asked with chronyc(1). The kernel's maxerror has chronyd's root delay
 * and dispersion, but not what it still has to correct by slewing (reference.c, REF_SetReference;
 * chronyc(1), "tracking"): with a clock that is a second off and being slewed it is too small by that
 * second.
 */
#ifndef SEKISHO_CHRONY_H
#define SEKISHO_CHRONY_H

#include <stdint.h>
#include "base/problem.h"

#define CHRONY_COMMAND "/usr/bin/chronyc"
#define CHRONY_SECONDS 2 /* then it is killed */

struct chrony_bound {
	uint64_t error_ns; /* |system time offset| + root dispersion + root delay / 2 */
	int64_t boot_ns; /* when it was asked */
};

/*
 * One line of `chronyc -c tracking`. 0; -ENODATA: chronyd is not synchronised; -EINVAL and *p: it is not
 * such a line.
 */
int chrony_parse(const char *line, uint64_t *ret_error_ns, struct problem *p);

/*
 * Runs `command` (an absolute path) with -n -c tracking. 0; -ENODATA: there is none, no chronyd answers it, or that is
 * not synchronised; else negative errno and *p.
 */
int chrony_ask(const char *command, struct chrony_bound *ret_bound, struct problem *p);

/* The same asked in another process, as one message. */
struct chrony_answer {
	int32_t error; /* 0 or negative errno, as above */
	struct chrony_bound bound;
	char why[sizeof(((struct problem *)0)->text)];
};

#endif
