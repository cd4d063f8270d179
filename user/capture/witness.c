// SPDX-License-Identifier: BSD-2-Clause
/* Comparing two hooks. */
#include "witness.h"

void witness_begin(struct witness *w, uint64_t stated, const struct sekisho_baseline *baseline)
{
	*w = (struct witness){ .missed = stated };
	w->residue.known = baseline;
	if (baseline)
		w->residue.baseline = *baseline;
}

bool witness_judge(struct witness *w, const struct witness_look *look, struct residue_missed *ret_missed)
{
	int64_t high = (int64_t)(look->by_witness - look->hook_before);
	int64_t low = (int64_t)(look->by_witness - look->hook_after);

	if (!residue_judge(&w->residue, high, low, look->boot_ns, ret_missed))
		return false;
	w->missed += ret_missed->count;
	return true;
}
