/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The canary: a connection that the collector makes to itself, in a network namespace of its own that nothing
 * leaves. The programs know it by that namespace's cookie and emit kind CANARY for it; it proves the way from
 * the hook through the ring to here.
 */
#ifndef SEKISHO_CANARY_H
#define SEKISHO_CANARY_H

#include <stdint.h>
#include "base/problem.h"

struct canary;

/* Makes the namespace and two sockets in it, for which it takes CAP_SYS_ADMIN; what comes later takes none. It lasts as
 * long as they do. 0, or negative errno and *p. */
int canary_open(struct canary **ret_canary, struct problem *p);
void canary_close(struct canary *c);

uint64_t canary_netns(const struct canary *c); /* its cookie */
/* One connection, accepted and ended. 0, or negative errno: it could not be made. */
int canary_sing(struct canary *c);

#endif
