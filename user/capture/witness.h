/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a second hook saw and the first one did not, out of two counters that go on over restarts: a difference that
 * stays is a miss, once (base/residue.h), while a connection that is just between the two hooks (a virtual processor
 * may be taken away there) is none. What the first hook saw alone, as long as the witness was away for instance, is
 * set off against no later miss.
 */
#ifndef SEKISHO_WITNESS_H
#define SEKISHO_WITNESS_H

#include "base/residue.h"

/* Zero-initialise. */
struct witness {
	struct residue residue;
	uint64_t missed; /* over all runs, only ever increased */
};

struct witness_look {
	int64_t boot_ns;
	uint64_t hook_before, by_witness, hook_after; /* the counters, read in this order */
};

/*
 * `stated`: what earlier runs have stated as missed; `baseline`: the difference that this left accounted for, or NULL:
 * whatever it is, it counts as accounted for.
 */
void witness_begin(struct witness *w, uint64_t stated, const struct sekisho_baseline *baseline);
/* True, and *ret_missed, when the hook is certain to have missed some more; `missed` has them then. */
bool witness_judge(struct witness *w, const struct witness_look *look, struct residue_missed *ret_missed);

#endif
