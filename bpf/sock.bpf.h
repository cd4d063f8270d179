/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Reading a socket: its two ends, loopback, round trip. The same for typed and bare pointers. */
#ifndef SEKISHO_SOCK_BPF_H
#define SEKISHO_SOCK_BPF_H

#include <stdbool.h>
#include "kernel.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

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

/* The cookie of the socket's network namespace; 0 on a kernel without namespaces. */
static __always_inline __u64 read_netns(const struct sock *sk, bool typed)
{
	const struct net *net = NULL;
	__u64 cookie = 0;

	if (!bpf_core_field_exists(sk->__sk_common.skc_net.net))
		return 0;
	FIELD(net, sk, __sk_common.skc_net.net);
	FIELD(cookie, net, net_cookie);
	return cookie;
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

#endif
