/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one line that explains a failure to a person.
 */
#include "problem.h"

#include <stdarg.h>
#include <string.h>

int problem(struct problem *p, int error, const char *fmt, ...)
{
	char text[sizeof(p->text)]; /* the arguments may point into p->text: "%s: line %d" */
	va_list args;

	va_start(args, fmt);
	log_format(text, sizeof(text), fmt, args);
	va_end(args);
	memcpy(p->text, text, sizeof(text));
	return error;
}
