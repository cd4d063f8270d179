/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading a socket: its two ends, loopback, round trip, where it lives. The same for typed and bare pointers.
 * sockops.bpf.h has the same functions for a hook that is given no socket.
 */
#ifndef SEKISHO_SOCK_BPF_H
#define SEKISHO_SOCK_BPF_H

#include "endpoint.bpf.h"
#include "kernel.bpf.h"
#include "place.bpf.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

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

/* Reads sixteen bytes in place; the index of a CO-RE access must be a constant. */
#define READ_IN6(words, sk, path) \
	do { \
		FIELD((words)[0], sk, path.in6_u.u6_addr32[0]); \
		FIELD((words)[1], sk, path.in6_u.u6_addr32[1]); \
		FIELD((words)[2], sk, path.in6_u.u6_addr32[2]); \
		FIELD((words)[3], sk, path.in6_u.u6_addr32[3]); \
	} while (0)

/* Whether it is TCP: SCTP and MPTCP share the tracepoint. */
static __always_inline bool read_family(const struct sock *sk, bool typed, __u16 *family)
{
	__u16 protocol = 0;

	FIELD(protocol, sk, sk_protocol);
	FIELD(*family, sk, __sk_common.skc_family);
	return protocol == IPPROTO_TCP && (*family == AF_INET || *family == AF_INET6);
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

#define CGROUP_DEPTH_MAX 32

/*
 * The nearest ancestor with a selector, itself included. A child has the cgroup of its listener from its
 * first moment (sk_clone_lock, cgroup_sk_clone), whether it is ever accepted or not; a listener has the one
 * of the process that made it (sk_alloc, cgroup_sk_alloc), wherever that process goes later. The parent is found as cgroup_parent() does,
 * on every kernel alike: ancestors[] has had other names. Deeper than the bound it cannot be known whether
 * somebody's selector is further up: nobody.
 */
static __always_inline __s64 find_by_cgroup(const struct sock *sk, bool typed)
{
	const struct cgroup_subsys_state *parent = NULL;
	const struct kernfs_node *node = NULL;
	const struct cgroup *cgroup = NULL;
	__u64 id = 0;

	if (!bpf_core_field_exists(sk->sk_cgrp_data))
		return NO_SELECTOR; /* a kernel without cgroups */
	FIELD(cgroup, sk, sk_cgrp_data.cgroup);
	for (int depth = 0; depth < CGROUP_DEPTH_MAX; depth++) {
		__s64 tenant;

		if (!cgroup)
			return NO_SELECTOR;
		FIELD(node, cgroup, kn);
		FIELD(id, node, id);
		tenant = find_place(SEKISHO_PLACE_CGROUP, id);
		if (tenant != NO_SELECTOR)
			return tenant;
		FIELD(parent, cgroup, self.parent);
		if (!parent)
			return NO_SELECTOR;
		FIELD(cgroup, parent, cgroup);
	}
	return 0;
}

/* 0 on a kernel without namespaces; a cookie is never 0. */
static __always_inline __u64 netns_cookie(const struct sock *sk, bool typed)
{
	const struct net *net = NULL;
	__u64 cookie = 0;

	if (!bpf_core_field_exists(sk->__sk_common.skc_net.net))
		return 0;
	FIELD(net, sk, __sk_common.skc_net.net);
	FIELD(cookie, net, net_cookie);
	return cookie;
}

/* What a map keeps for the socket, or NULL. */
static __always_inline void *storage_of(void *map, const struct sock *sk, __u64 flags)
{
	return bpf_sk_storage_get(map, (void *)sk, NULL, flags);
}

/* The hook sees every end by itself. */
static __always_inline void watch_end(const struct sock *sk)
{
}

#endif
