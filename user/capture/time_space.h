/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time namespaces (time_namespaces(7)): the programs tell the machine's boot time, a process in one with
 * another boot time would date their events by a clock that is not theirs.
 */
#ifndef SEKISHO_TIME_SPACE_H
#define SEKISHO_TIME_SPACE_H

#include "base/problem.h"

/* 0, or -EXDEV and *p when this process, or its children, see another CLOCK_BOOTTIME than the kernel. */
int time_space_check(struct problem *p);
/* The same of the text of /proc/PID/timens_offsets; what cannot be read is no offset. */
int time_space_judge(const char *offsets, struct problem *p);

#endif
