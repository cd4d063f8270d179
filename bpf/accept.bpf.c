// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Emits one event for each passive TCP connection of a consenting tenant, and where the consent includes
 * it, one for its end.
 *
 * The collector attaches one rung, chosen by trying: a socket becoming
 * ESTABLISHED (tp_btf, the same program twice), or accept() returning it (fexit,
 * kretprobe). All share record(): the tenant is found by the local side first,
 * and without a live grant nothing is emitted and the remote address is not read.
 * Ends are seen by the first rung alone.
 */
#include <stdbool.h>
#include "kernel.bpf.h"
#include "maps.bpf.h"
#include <linux/ptrace.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * tp_btf gives a typed pointer whose fields are plain loads; a return probe gives
 * a bare number that must be copied from. `typed` is a constant at each call, so
 * only one of the two remains in a program.
 */
#define FIELD(dst, sk, path) \
	do { \
		if (typed) \
			(dst) = (sk)->path; \
		else \
			BPF_CORE_READ_INTO(&(dst), sk, path); \
	} while (0)

/* One end of a connection, canonical form. */
struct endpoint {
	__u8 addr[16];
	__u16 port;
};

/* Reads sixteen bytes in place; the index of a CO-RE access must be a constant. */
#define READ_IN6(words, sk, path) \
	do { \
		FIELD((words)[0], sk, path.in6_u.u6_addr32[0]); \
		FIELD((words)[1], sk, path.in6_u.u6_addr32[1]); \
		FIELD((words)[2], sk, path.in6_u.u6_addr32[2]); \
		FIELD((words)[3], sk, path.in6_u.u6_addr32[3]); \
	} while (0)

static __always_inline void store_words(__u8 addr[16], const __be32 words[4])
{
	__builtin_memcpy(addr, words, 16);
}

static __always_inline void store_v4(__u8 addr[16], __be32 v4)
{
	__be32 words[4] = { 0, 0, bpf_htonl(0xffff), v4 };

	store_words(addr, words);
}

static __always_inline void read_local(const struct sock *sk, bool typed, __u16 family,
				       struct endpoint *local)
{
	__be32 words[4] = {};
	__be32 v4 = 0;

	local->port = typed ? sk->__sk_common.skc_num : 0;
	if (!local->port) {
		/* inet_put_port() clears skc_num when a connection ends, accepted or not. */
		__be16 port = BPF_CORE_READ((const struct inet_sock *)sk, inet_sport);

		local->port = bpf_ntohs(port);
	}
	if (family == AF_INET) {
		FIELD(v4, sk, __sk_common.skc_rcv_saddr);
		store_v4(local->addr, v4);
	} else {
		READ_IN6(words, sk, __sk_common.skc_v6_rcv_saddr);
		store_words(local->addr, words);
	}
}

static __always_inline void read_remote(const struct sock *sk, bool typed, __u16 family,
					struct endpoint *remote)
{
	__be32 words[4] = {};
	__be32 v4 = 0;
	__be16 port = 0;

	FIELD(port, sk, __sk_common.skc_dport);
	remote->port = bpf_ntohs(port);
	if (family == AF_INET) {
		FIELD(v4, sk, __sk_common.skc_daddr);
		store_v4(remote->addr, v4);
	} else {
		READ_IN6(words, sk, __sk_common.skc_v6_daddr);
		store_words(remote->addr, words);
	}
}

static __always_inline bool is_mapped(const __u8 addr[16])
{
	__u32 words[4];

	__builtin_memcpy(words, addr, 16);
	return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff);
}

/* The tenant of a local address and port, or 0. The longer address prefix wins; among equals the
 * selector that names the port. */
static __always_inline __u32 find_tenant(const struct endpoint *local)
{
	struct sekisho_selector_key key = {};
	struct sekisho_selector *any_port, *with_port;
	__be16 port = bpf_htons(local->port);

	if (is_mapped(local->addr)) {
		key.family = 4;
		__builtin_memcpy(key.addr, local->addr + 12, 4);
		key.prefix_bits = SEKISHO_SELECTOR_FIXED_BITS + 32;
	} else {
		key.family = 6;
		__builtin_memcpy(key.addr, local->addr, 16);
		key.prefix_bits = SEKISHO_SELECTOR_FIXED_BITS + 128;
	}
	any_port = bpf_map_lookup_elem(&selectors, &key);
	__builtin_memcpy(key.port_be, &port, 2);
	with_port = bpf_map_lookup_elem(&selectors, &key);
	if (with_port && (!any_port || with_port->address_bits >= any_port->address_bits))
		return with_port->tenant;
	return any_port ? any_port->tenant : 0;
}

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

/*
 * Whether the source address is local to the socket's own namespace. The route
 * back to a local address always leaves by the loopback device (ip_route_output
 * for RTN_LOCAL; ip6_rt_get_dev_rcu for RTF_LOCAL), whatever device the client
 * bound to; an interface index or 127/8 would miss the node's other addresses.
 */
static __always_inline bool is_loopback(const struct sock *sk, bool typed)
{
	const struct dst_entry *route;

	if (!typed)
		return BPF_CORE_READ(sk, sk_dst_cache, dev, flags) & IFF_LOOPBACK;
	route = sk->sk_dst_cache;
	return route && route->dev->flags & IFF_LOOPBACK;
}

static __always_inline __u32 handshake_rtt_us(const struct sock *sk, bool typed)
{
	struct tcp_sock *tp;

	if (!typed)
		return BPF_CORE_READ((const struct tcp_sock *)sk, srtt_us) >> 3;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	return tp ? tp->srtt_us >> 3 : 0;
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

/* What is known of a connection before anything of its remote side is read. */
struct covered {
	struct endpoint local;
	__u16 family;
	__u32 tenant;
	__u64 now;
	const struct sekisho_grant *grant;
	struct sekisho_control *ctl;
};

/* Whether a live grant covers the local side now. */
static __always_inline bool is_covered(const struct sock *sk, bool typed, struct covered *c)
{
	__u16 protocol = 0;
	__u32 zero = 0;

	FIELD(protocol, sk, sk_protocol); /* SCTP and MPTCP share the tracepoint */
	FIELD(c->family, sk, __sk_common.skc_family);
	if (protocol != IPPROTO_TCP || (c->family != AF_INET && c->family != AF_INET6))
		return false;
	read_local(sk, typed, c->family, &c->local);
	c->tenant = find_tenant(&c->local);
	if (!c->tenant)
		return false;
	c->grant = bpf_map_lookup_elem(&grants, &c->tenant);
	c->ctl = bpf_map_lookup_elem(&control, &zero);
	c->now = bpf_ktime_get_boot_ns();
	return c->grant && c->ctl && c->now < c->grant->until_boot_ns;
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
	struct sekisho_recorded *m = bpf_sk_storage_get(&recorded, (void *)sk, NULL,
							BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (!m) {
		count_loss(c->ctl, c->tenant, SEKISHO_LOSS_CLOSE, c->now);
	} else if (!m->opened_boot_ns) {
		m->opened_boot_ns = c->now;
		m->tenant = c->tenant;
		m->flags = flags;
	}
}

static __always_inline int record(const struct sock *sk, bool typed, __u8 kind)
{
	struct sekisho_event *event;
	struct covered c = {};
	__u32 flags;

	if (!is_covered(sk, typed, &c))
		return 0;
	/* An active open carries the mark of set_state(). */
	if (typed && bpf_sk_storage_get(&active_opens, (void *)sk, NULL, 0))
		return 0;
	flags = is_loopback(sk, typed) ? SEKISHO_FLAG_LOOPBACK : 0;
	if (flags && !c.ctl->record_loopback)
		return 0;
	if (c.now >= c.ctl->heartbeat_until_boot_ns) {
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_ORPHANED, c.now);
		return 0;
	}
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_RING_FULL, c.now);
		return 0;
	}
	__builtin_memset(event, 0, sizeof(*event));
	fill(event, sk, typed, kind, flags, &c);
	if (c.grant->fields & SEKISHO_FIELD_RTT)
		event->rtt_us = handshake_rtt_us(sk, typed);
	bpf_ringbuf_submit(event, wake_flags(c.ctl));
	if (typed && c.grant->fields & SEKISHO_FIELD_CLOSE)
		mark(sk, flags, &c);
	return 0;
}

/*
 * The end of a connection that was emitted, once: the first program that comes takes the mark back. Where
 * TIME_WAIT follows, the kernel replaces the socket by a smaller one, so the socket's own end is here too
 * (tcp_time_wait ends with tcp_done). The tenant of these addresses may be another one by now; then nobody
 * has agreed to this.
 */
static __always_inline void record_close(const struct sock *sk)
{
	struct sekisho_recorded *m = bpf_sk_storage_get(&recorded, (void *)sk, NULL, 0), was;
	struct sekisho_close_event *close = NULL;
	struct covered c = {};

	if (!m || !m->opened_boot_ns)
		return;
	was = *m;
	__builtin_memset(m, 0, sizeof(*m));
	if (!is_covered(sk, true, &c) || c.tenant != was.tenant ||
	    !(c.grant->fields & SEKISHO_FIELD_CLOSE) ||
	    (was.flags & SEKISHO_FLAG_LOOPBACK && !c.ctl->record_loopback))
		return;
	if (c.now < c.ctl->heartbeat_until_boot_ns)
		close = bpf_ringbuf_reserve(&events, sizeof(*close), 0);
	if (!close) {
		count_loss(c.ctl, c.tenant, SEKISHO_LOSS_CLOSE, c.now);
		return;
	}
	__builtin_memset(close, 0, sizeof(*close));
	fill(&close->event, sk, true, SEKISHO_KIND_CLOSE, was.flags, &c);
	close->opened_boot_ns = was.opened_boot_ns;
	bpf_ringbuf_submit(close, wake_flags(c.ctl));
}

static __always_inline __u32 send_sequence(const struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock((void *)sk);

	return tp ? tp->snd_una : 0;
}

/*
 * A passive child is made when the handshake's last ACK has been checked (tcp_check_req, or
 * cookie_v4_check) and leaves SYN_RECV when that ACK is processed (tcp_rcv_state_process), normally
 * to ESTABLISHED. But it is in the accept queue already: an application on another CPU that
 * accepts and closes at once takes it to FIN_WAIT1, or by an abort to CLOSE, first (tcp_child_process
 * queues the ACK behind the owner). So every way out of SYN_RECV counts, with three exceptions:
 * a simultaneous open, of which a self-connect is a case (RFC 9293 section 3.5, figure 7), comes from
 * SYN_SENT and is marked there; a child that goes to CLOSE before accept() had it was dropped by the
 * kernel (tcp_v4_syn_recv_sock, inet_csk_listen_stop); and so was a Fast Open child (RFC 7413), made
 * by the SYN alone, that is closed before its handshake ends.
 */
static __always_inline bool leaves_handshake(const struct sock *sk, int oldstate, int newstate)
{
	struct tcp_sock *tp;

	if (oldstate != TCP_SYN_RECV)
		return false;
	if (newstate != TCP_CLOSE)
		return true;
	if (!sk->sk_socket)
		return false;
	tp = bpf_skc_to_tcp_sock((void *)sk);
	return tp && !tp->fastopen_rsk;
}

/* Whether the first of the two programs has this connection; if not, it is ours from here on. */
static __always_inline bool first_has_it(const struct sock *sk, bool first)
{
	struct last_handled *last;
	__u32 zero = 0;
	__u32 snd_una;

	last = bpf_map_lookup_elem(&handled, &zero);
	if (!last)
		return true;
	snd_una = send_sequence(sk);
	if (!first && last->sk == (__u64)sk && last->snd_una == snd_una)
		return true;
	last->sk = (__u64)sk;
	last->snd_una = snd_una;
	return false;
}

static __always_inline int set_state(const struct sock *sk, int oldstate, int newstate,
				     bool first)
{
	if (newstate == TCP_SYN_RECV && oldstate == TCP_SYN_SENT)
		bpf_sk_storage_get(&active_opens, (void *)sk, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (leaves_handshake(sk, oldstate, newstate) && !first_has_it(sk, first))
		record(sk, true, SEKISHO_KIND_ESTABLISHED);
	if (newstate == TCP_CLOSE)
		record_close(sk);
	return 0;
}

/*
 * Since 6.2 the kernel does not run a program on a CPU where the same program is running already
 * (__bpf_trace_run, 05b24ff9b2cf): when a softirq interrupts it in process context, say in close(),
 * the connections of that softirq are skipped. Measured with one program, the server's CPU taking
 * the interrupts: 5 to 13 in 1,000 lost on 6.18, 1 in 1,000 on 6.12 under qemu.
 *
 * So the same program is attached twice. A tracepoint runs with preemption disabled
 * (include/linux/tracepoint.h) and softirqs do not nest, so at most one of the two is interrupted on
 * a CPU; the other one runs and, not finding the socket in `handled`, records it. Should an interrupt
 * come between the two for one socket, the second may emit it again: the collector drops the
 * second event of a cookie. An end needs no `handled`: whichever runs first takes the mark.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state_1, const struct sock *sk, int oldstate, int newstate)
{
	return set_state(sk, oldstate, newstate, true);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_set_state_2, const struct sock *sk, int oldstate, int newstate)
{
	return set_state(sk, oldstate, newstate, false);
}

/* Only the return value: the arguments changed in 6.10 (92ef0fd55ac8). */
SEC("fexit/inet_csk_accept")
int on_accept_fexit(__u64 *ctx)
{
	__u64 sk = 0;

	if (bpf_get_func_ret(ctx, &sk) || !sk)
		return 0;
	return record((const struct sock *)sk, false, SEKISHO_KIND_ACCEPTED);
}

SEC("kretprobe/inet_csk_accept")
int on_accept_kretprobe(struct pt_regs *ctx)
{
	const struct sock *sk = (const struct sock *)PT_REGS_RC(ctx);

	return sk ? record(sk, false, SEKISHO_KIND_ACCEPTED) : 0;
}
