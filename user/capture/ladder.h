/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ladder of hooks: trying rungs best first, attaching and pinning the
 * programs of one, taking over from what an earlier run or build left armed.
 */
#ifndef SEKISHO_LADDER_H
#define SEKISHO_LADDER_H

#include <stdbool.h>
#include <stdint.h>
#include "capture.h"

#define RUNG_PROGRAMS_MAX 2

struct armed {
	enum sekisho_rung rung;
	enum capture_start start;
	int programs[RUNG_PROGRAMS_MAX]; /* descriptors or -1 */
};
#define ARMED_NONE { SEKISHO_RUNG_NONE, CAPTURE_FRESH, { -1, -1 } }

/* libbpf's messages go to ladder_libbpf_said() instead of stderr. */
void ladder_quiet_libbpf(void);
const char *ladder_libbpf_said(void); /* its first complaint since the last attempt, or "" */

/*
 * Arms the best rung (or the forced one). The same rung of another build is replaced by overlap: its
 * links go when the new ones are in place, and the second event of a socket cookie is the consumer's
 * to drop. Another rung's links go first. 0, or negative errno and *p with the reason of each rung.
 */
int ladder_climb(const char *pin_dir, enum sekisho_rung forced, uint64_t ring_bytes,
		 struct armed *ret_armed, struct problem *p);
/*
 * Arms or takes away the program that only counts (see capture_witness). 0, or negative errno and *p.
 */
int ladder_set_witness(const char *pin_dir, bool on, uint64_t ring_bytes, struct problem *p);
void ladder_release(struct armed *a); /* closes descriptors; pins stay */
bool ladder_still_armed(const char *pin_dir, const struct armed *a);
int ladder_skipped(const struct armed *a, uint64_t *ret_skipped); /* see capture_skipped(); not for set_state */

#endif
