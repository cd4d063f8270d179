/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Counting what is lost, and emitting what a grant covers: openings and ends. */
#ifndef SEKISHO_EMIT_BPF_H
#define SEKISHO_EMIT_BPF_H

#include "share.bpf.h"
#include "tenant.bpf.h"

static __always_inline void count_loss(struct sekisho_control *ctl, __u32 tenant, __u32 reason,
				       __u64 now)
{
	struct sekisho_loss_key key = { .tenant = tenant, .reason = reason };
	struct sekisho_loss *loss = bpf_map_lookup_elem(&losses, &key);

	if (!loss) {
		key.tenant = 0;
		loss = bpf_map_lookup_elem(&losses, &key);
		if (!loss)
			return;
	}
	if (!loss->count)
		loss->first_boot_ns = now;
	loss->last_boot_ns = now;
	/* A softirq on this CPU may count between our load and store. */
	__sync_fetch_and_add(&loss->count, 1);
	__sync_fetch_and_add(&ctl->loss_changes, 1);
}

static __always_inline __u64 wake_flags(const struct sekisho_control *ctl)
{
	__u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	/* A few wake-ups around the threshold, not one for each event above it; a timer covers the rest. */
	__u64 over = waiting - ctl->wake_bytes;

	return waiting >= ctl->wake_bytes && over < 8 * sizeof(struct sekisho_event) ?
		       BPF_RB_FORCE_WAKEUP :
		       BPF_RB_NO_WAKEUP;
}

/* All but the round trip, into zeroed memory. `flags`: what the remote address does not tell. */
static __always_inline void fill(struct sekisho_event *event, const struct sock *sk, bool typed,
				 __u8 kind, __u32 flags, const struct covered *c)
{
	struct endpoint remote = {};

	read_remote(sk, typed, c->family, &remote);
	event->time_boot_ns = c->now;
	__builtin_memcpy(event->src_addr, remote.addr, 16);
	__builtin_memcpy(event->dst_addr, c->local.addr, 16);
	event->src_port = remote.port;
	event->dst_port = c->local.port;
	event->tenant = c->tenant;
	event->consent = c->grant->consent;
	event->layout_version = SEKISHO_LAYOUT_VERSION;
	event->kind = kind;
	event->protocol = IPPROTO_TCP;
	if (typed)
		event->socket_cookie = bpf_get_socket_cookie((void *)sk);
	event->flags = flags;
	if (c->family == AF_INET6 && is_mapped(remote.addr))
		event->flags |= SEKISHO_FLAG_V6_SOCKET;
}

/*
 * Only what is in the ring has an end: the mark comes after the event. A second event of the socket
 * (see below) leaves the first one's time.
 */
static __always_inline void mark(const struct sock *sk, __u32 flags, const struct covered *c)
{
	struct sekisho_recorded *m = storage_of(&recorded, sk, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!m) {
		count_loss(c->ctl, c->tenant, SEKISHO_LOSS_CLOSE, c->now);
	} else if (!m->opened_boot_ns) {
		m->opened_boot_ns = c->now;
		m->tenant = c->tenant;
		m->flags = flags;
		watch_end(sk);
	}
}

/* For the comparison of hook and witness: one more that is covered and has opened passively. */
static __always_inline void count_seen(const struct sekisho_control *ctl, __u32 seen_by)
{
	__u64 *count;

	if (!ctl->witness)
		return;
	count = bpf_map_lookup_elem(&seen, &seen_by);
	if (count)
		__sync_fetch_and_add(count, 1); /* a softirq may come between */
}

/* `typed` ones are no active opens: the caller has looked. */
static __always_inline enum sekisho_outcome record(const struct sock *sk, bool typed, __u8 kind)
{
	struct sekisho_event *event;
	struct sekisho_share *share;
	struct covered c = {};
	__u32 flags;

	if (!is_covered(sk, typed, &c))
		return SEKISHO_OUTCOME_NOT_COVERED;
	count_seen(c.ctl, SEKISHO_SEEN_BY_HOOK);
	flags = is_loopback(sk, typed) ? SEKISHO_FLAG_LOOPBACK : 0;
	if (flags && !c.ctl->record_loopback)
		return SEKISHO_OUTCOME_LOOPBACK;
	if (c.now >= c.ctl->heartbeat_until_boot_ns) {
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_ORPHANED, c.now);
		return SEKISHO_OUTCOME_LOST;
	}
	share = share_of(c.grant);
	if (share_is_full(share, c.ctl, sizeof(*event))) {
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_SHARE, c.now);
		return SEKISHO_OUTCOME_LOST;
	}
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_RING_FULL, c.now);
		return SEKISHO_OUTCOME_LOST;
	}
	__builtin_memset(event, 0, sizeof(*event));
	fill(event, sk, typed, kind, flags, &c);
	if (c.grant->fields & SEKISHO_FIELD_RTT)
		event->rtt_us = handshake_rtt_us(sk, typed);
	share_take(share, sizeof(*event));
	bpf_ringbuf_submit(event, wake_flags(c.ctl));
	if (typed && c.grant->fields & SEKISHO_FIELD_CLOSE)
		mark(sk, flags, &c);
	return SEKISHO_OUTCOME_RECORDED;
}

/*
 * The end of a connection that was emitted, once: the first program that comes takes the mark back. Where
 * TIME_WAIT follows, the kernel replaces the socket by a smaller one, so the socket's own end is here too
 * (tcp_time_wait ends with tcp_done). The tenant of these addresses may be another one by now; then nobody
 * has agreed to this.
 */
static __always_inline void record_close(const struct sock *sk)
{
	struct sekisho_recorded *m = storage_of(&recorded, sk, 0), was;
	struct sekisho_close_event *close = NULL;
	struct sekisho_share *share;
	struct covered c = {};

	if (!m || !m->opened_boot_ns)
		return;
	was = *m;
	__builtin_memset(m, 0, sizeof(*m));
	if (!is_covered(sk, true, &c) || c.tenant != was.tenant ||
	    !(c.grant->fields & SEKISHO_FIELD_CLOSE) ||
	    (was.flags & SEKISHO_FLAG_LOOPBACK && !c.ctl->record_loopback))
		return;
	share = share_of(c.grant);
	if (c.now < c.ctl->heartbeat_until_boot_ns && !share_is_full(share, c.ctl, sizeof(*close)))
		close = bpf_ringbuf_reserve(&events, sizeof(*close), 0);
	if (!close) {
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_CLOSE, c.now);
		return;
	}
	__builtin_memset(close, 0, sizeof(*close));
	fill(&close->event, sk, true, SEKISHO_KIND_CLOSE, was.flags, &c);
	close->opened_boot_ns = was.opened_boot_ns;
	share_take(share, sizeof(*close));
	bpf_ringbuf_submit(close, wake_flags(c.ctl));
}

#endif
