/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counting passive openings by network namespace, for the collector to compare with TcpPassiveOpens. Only
 * namespaces that the collector has entered are counted apart; of all others only what concerns a tenant
 * with a live grant, in one sum.
 */
#ifndef SEKISHO_OPENS_BPF_H
#define SEKISHO_OPENS_BPF_H

#include "maps.bpf.h"

/* A child was made: it is in SYN_RECV. */
static __always_inline void count_child(__u64 netns)
{
	struct sekisho_opens *o = bpf_map_lookup_elem(&opens, &netns);

	/* Process context may be interrupted on this CPU between a load and a store. */
	if (o)
		__sync_fetch_and_add(&o->made, 1);
}

/* It has left SYN_RECV. */
static __always_inline void count_opening(__u64 netns, enum sekisho_outcome outcome)
{
	struct sekisho_opens *o = bpf_map_lookup_elem(&opens, &netns);
	__u32 left = outcome;

	if (!o && (outcome == SEKISHO_OUTCOME_RECORDED || outcome == SEKISHO_OUTCOME_LOST)) {
		netns = 0;
		o = bpf_map_lookup_elem(&opens, &netns);
	}
	if (o && left < SEKISHO_OUTCOMES)
		__sync_fetch_and_add(&o->left[left], 1);
}

#endif
