/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far the clock may be off, where chronyd knows more than the kernel: a thread that asks it now and
 * then, never on the way of an event. Times of records are the kernel's; only their bound becomes wider.
 */
#ifndef SEKISHO_CLOCK_WATCH_H
#define SEKISHO_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include "base/anchor.h"
#include "base/problem.h"

struct clock_watch;
struct ask;

/* Asks for the first time before it returns (two seconds at most); `ask` = false: nobody is asked. The warden
 * (NULL: none) runs chronyc for us. 0, or negative errno and *p. */
int clock_watch_start(bool ask, struct ask *warden, struct clock_watch **ret_watch, struct problem *p);
void clock_watch_stop(struct clock_watch *w);
void clock_watch_set(struct clock_watch *w, bool ask);

/* Raises the anchor's bound to chronyd's of that instant, if chronyd answers. NULL: leaves it. */
void clock_watch_widen(struct clock_watch *w, struct anchor *a);
/* That bound at a boot time, in nanoseconds; 0: there is none. */
uint64_t clock_watch_error_ns(struct clock_watch *w, int64_t boot_ns);

#endif
