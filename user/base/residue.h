/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two counts that go on, of which the second is to have all that the first has, and are never read at one instant.
 * Read the second before and after the first: their difference then lies between two bounds, which are one number
 * while nothing happens. It never shrinks unless the second counted something twice, so a lower bound above what is
 * accounted for is a residue: what the second missed. It must hold for some looks in a row, as a processor may stop
 * for a moment between the one count and the other; of those looks the least is certain.
 */
#ifndef SEKISHO_RESIDUE_H
#define SEKISHO_RESIDUE_H

#include <stdbool.h>
#include <stdint.h>
#include "schema/event.h"

#define RESIDUE_LOOKS 5

/* Zero-initialise. Times are CLOCK_BOOTTIME, ns. */
struct residue {
	struct sekisho_baseline baseline; /* the difference that is accounted for, and when it last was all of it */
	bool known; /* the baseline is; else the first look sets it */
	unsigned int looks; /* in a row that had a residue */
	uint64_t least; /* of those */
	int64_t first_boot_ns; /* when the first of them was */
};

/* What was missed, between two instants (CLOCK_BOOTTIME). */
struct residue_missed {
	uint64_t count;
	uint64_t first_boot_ns, last_boot_ns;
};

/*
 * One look: the first count less the second, as that was before (`high`) and after (`low`). True, and *ret_missed, when
 * a residue is certain; the baseline then accounts for it.
 */
bool residue_judge(struct residue *r, int64_t high, int64_t low, int64_t boot_ns,
		   struct residue_missed *ret_missed);
/* An upper bound alone: what the second counted twice is taken off. */
void residue_lower(struct residue *r, int64_t high);
/* All is accounted for at that instant. */
void residue_agree(struct residue *r, int64_t boot_ns);

#endif
