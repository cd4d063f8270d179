/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The canary: a connection that the collector makes to itself in a network namespace of its own, to see that
 * what the hook emits reaches it. Known by the cookie of that namespace and nothing else.
 */
#ifndef SEKISHO_CANARY_BPF_H
#define SEKISHO_CANARY_BPF_H

#include "emit.bpf.h"

/* NULL: it is none. */
static __always_inline struct sekisho_control *control_of_canary(__u64 netns)
{
	struct sekisho_control *ctl;
	__u32 zero = 0;

	ctl = bpf_map_lookup_elem(&control, &zero);
	return ctl && netns && netns == ctl->canary_netns ? ctl : NULL;
}

/* Whether it was one; then nothing else is to be done with it. */
static __always_inline bool emit_canary(__u64 netns)
{
	struct sekisho_control *ctl = control_of_canary(netns);
	struct sekisho_event *event;
	__u64 now;

	if (!ctl)
		return false;
	now = bpf_ktime_get_boot_ns();
	if (now >= ctl->heartbeat_until_boot_ns)
		return true;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return true; /* missed, as it should be */
	__builtin_memset(event, 0, sizeof(*event));
	event->time_boot_ns = now;
	event->layout_version = SEKISHO_LAYOUT_VERSION;
	event->kind = SEKISHO_KIND_CANARY;
	event->protocol = IPPROTO_TCP;
	__sync_fetch_and_add(&ctl->canaries, 1);
	bpf_ringbuf_submit(event, wake_flags(ctl));
	return true;
}

#endif
