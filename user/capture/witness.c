// SPDX-License-Identifier: BSD-2-Clause
/* Comparing two counters that go on. */
#include "witness.h"

uint64_t witness_look(struct witness *w, uint64_t by_witness, uint64_t by_hook, uint64_t now_boot_ns)
{
	uint64_t difference = by_witness > by_hook ? by_witness - by_hook : 0;

	if (!w->begun_boot_ns || difference < w->least)
		w->least = difference;
	if (!w->begun_boot_ns)
		w->begun_boot_ns = now_boot_ns;
	if (now_boot_ns - w->begun_boot_ns < WITNESS_SETTLE_NS)
		return w->missed;
	if (w->least > w->missed)
		w->missed = w->least;
	w->begun_boot_ns = now_boot_ns;
	w->least = difference;
	return w->missed;
}
