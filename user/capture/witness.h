/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a second hook saw and the first one did not, out of two counters that are never read at the same instant:
 * a difference counts when it was there all the time for a second, so that a connection that is just between
 * the two hooks (a virtual processor may be taken away there) is no miss.
 */
#ifndef SEKISHO_WITNESS_H
#define SEKISHO_WITNESS_H

#include <stdint.h>

#define WITNESS_SETTLE_NS 1000000000ULL

struct witness {
	uint64_t begun_boot_ns; /* of the second that is looked at; 0 = none yet */
	uint64_t least; /* difference in it */
	uint64_t missed; /* settled, only ever increased */
};

/*
 * Take `by_witness` first, then `by_hook`: then what the witness saw is in the other, too, unless it was missed. A
 * hook that saw more counts as no difference. Returns what is settled by now.
 */
uint64_t witness_look(struct witness *w, uint64_t by_witness, uint64_t by_hook, uint64_t now_boot_ns);

#endif
