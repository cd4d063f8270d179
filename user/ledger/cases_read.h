/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading one line of the access chain into the cases. Private to cases.c. */
#ifndef SEKISHO_CASES_READ_H
#define SEKISHO_CASES_READ_H

#include "cases.h"

/* 0 also for lines that are no act of a case. Errors as cases_act(), and *p; then *c may hold half of the act. */
int cases_read(struct cases *c, const json_t *line, uint64_t seq, int64_t t_ns, struct problem *p);

uint64_t cases_hash(const char *folded);

#endif
