/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets whose event was seen a moment ago. One socket can be emitted twice: while one generation of
 * programs replaces another both are attached, and see set_state() in accept.bpf.c. The two events
 * follow each other closely, and a cookie names one socket for as long as the system runs. Its opening
 * and its close are two different events.
 */
#ifndef SEKISHO_RECENT_H
#define SEKISHO_RECENT_H

#include <stdbool.h>
#include <stdint.h>

#define RECENT_SLOTS 4096

/* Plain values: copied to go back to an earlier state. Zero-initialise. */
struct recent {
	uint64_t opened[RECENT_SLOTS], closed[RECENT_SLOTS]; /* cookies */
};

/* Whether this event of this cookie was given before; 0 (no cookie) never was. */
bool recent_seen(struct recent *r, uint64_t cookie, bool close);

#endif
