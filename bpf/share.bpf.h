/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * No tenant has more than its share of the ring, so that a flood at one is not a loss of its neighbours
 * (struct sekisho_share). No CO-RE here.
 */
#ifndef SEKISHO_SHARE_BPF_H
#define SEKISHO_SHARE_BPF_H

#include <stdbool.h>
#include "maps.bpf.h"

/* NULL: the grant has none, and then there is no bound. */
static __always_inline struct sekisho_share *share_of(const struct sekisho_grant *grant)
{
	__u32 slot = grant->slot;

	return bpf_map_lookup_elem(&shares, &slot);
}

/*
 * Asked before the reserve and counted behind it: programs on other CPUs may each come in between once,
 * and share_bytes leaves room for that. Signed: a collector that recounts (shares_recount()) may for an
 * instant have consumed more.
 */
static __always_inline bool share_is_full(const struct sekisho_share *share, const struct sekisho_control *ctl,
					  __u32 bytes)
{
	__s64 waiting;

	if (!share)
		return false;
	waiting = share->produced - share->consumed;
	return waiting + bytes + BPF_RINGBUF_HDR_SZ > (__s64)ctl->share_bytes;
}

/* Between reserve and submit: what the collector can read has been counted. */
static __always_inline void share_take(struct sekisho_share *share, __u32 bytes)
{
	if (share)
		__sync_fetch_and_add(&share->produced, bytes + BPF_RINGBUF_HDR_SZ);
}

#endif
