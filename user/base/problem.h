/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one line that explains a failure to a person: which value, and what was
 * expected. Functions that can fail for reasons a number cannot tell take a
 * `struct problem *` (never NULL) beside returning a negative errno.
 */
#ifndef SEKISHO_PROBLEM_H
#define SEKISHO_PROBLEM_H

#include "log.h"

struct problem {
	char text[320]; /* no newline, no trailing period; control characters shown as '?' */
};

/* Formats the text and returns `error` (a negative errno), so that a caller can `return problem(...)`. */
int problem(struct problem *p, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
