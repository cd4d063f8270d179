/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What sock.bpf.h does, for a sock_ops program: read from its context (struct bpf_sock_ops, a stable
 * interface) and by helpers, without CO-RE. The `sk` that the shared headers hand on is that context here,
 * and always `typed`.
 */
#ifndef SEKISHO_SOCKOPS_BPF_H
#define SEKISHO_SOCKOPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "endpoint.bpf.h"
#include "place.bpf.h"

struct sock; /* never looked into */

/* In network order as a whole: the kernel shifts remote_port on little-endian machines. */
#define PORT_OF(remote_port) ((__u16)bpf_ntohl(remote_port))

/*
 * Ends of connections that begin on this machine and lead to a tenant's address, or begin in a tenant's namespace, so
 * that the other end's source is known to be local: what no field of the context tells. The oldest go when there are more at once than
 * this; then what is left is that both addresses are the same. Not pinned: each build of the program has its own.
 */
#define OWN_ENDS_MAX 8192
#define OWN_END_NS (180ULL * 1000000000) /* longer than a handshake takes (tcp_syn_retries: 127 s) */

struct own_end {
	__u64 netns; /* cookie */
	__u8 addr[16];
	__u16 port;
	__u16 reserved[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OWN_ENDS_MAX);
	__type(key, struct own_end);
	__type(value, __u64); /* boot time */
} own_ends SEC(".maps");

#define OPS(sk) ((const volatile struct bpf_sock_ops *)(sk))

static __always_inline bool read_family(const struct sock *sk, bool typed, __u16 *family)
{
	*family = OPS(sk)->family;
	return *family == AF_INET || *family == AF_INET6;
}

/*
 * The words of both families are loaded, and one of them stored: out of two branches the compiler would make
 * one load by a computed pointer, which the verifier refuses for a context.
 */
#define READ_ADDRESS(addr, family, v4, v6) \
	do { \
		__be32 word = (v4), words[4] = { (v6)[0], (v6)[1], (v6)[2], (v6)[3] }; \
\
		if ((family) == AF_INET) \
			store_v4(addr, word); \
		else \
			store_words(addr, words); \
	} while (0)

static __always_inline void read_local(const struct sock *sk, bool typed, __u16 family,
				       struct endpoint *local)
{
	local->port = OPS(sk)->local_port;
	READ_ADDRESS(local->addr, family, OPS(sk)->local_ip4, OPS(sk)->local_ip6);
}

static __always_inline void read_remote(const struct sock *sk, bool typed, __u16 family,
					struct endpoint *remote)
{
	remote->port = PORT_OF(OPS(sk)->remote_port);
	READ_ADDRESS(remote->addr, family, OPS(sk)->remote_ip4, OPS(sk)->remote_ip6);
}

/* No helper tells a sock_ops program the cgroup (net/core/filter.c, sock_ops_func_proto): nobody's. */
static __always_inline __s64 find_by_cgroup(const struct sock *sk, bool typed)
{
	return 0;
}

static __always_inline __u64 netns_cookie(const struct sock *sk, bool typed)
{
	return bpf_get_netns_cookie((void *)sk);
}

static __always_inline struct own_end own_end(const struct sock *sk, const struct endpoint *at)
{
	struct own_end end = { .netns = netns_cookie(sk, true), .port = at->port };

	__builtin_memcpy(end.addr, at->addr, 16);
	return end;
}

static __always_inline bool same_words(const __u8 a[16], const __u8 b[16])
{
	__u64 x[2], y[2];

	__builtin_memcpy(x, a, 16);
	__builtin_memcpy(y, b, 16);
	return x[0] == y[0] && x[1] == y[1];
}

static __always_inline bool is_loopback(const struct sock *sk, bool typed)
{
	struct endpoint local = {}, remote = {};
	struct own_end end;
	__u16 family;
	__u64 *begun;

	if (!read_family(sk, typed, &family))
		return false;
	read_local(sk, typed, family, &local);
	read_remote(sk, typed, family, &remote);
	if (same_words(local.addr, remote.addr))
		return true;
	end = own_end(sk, &remote);
	begun = bpf_map_lookup_elem(&own_ends, &end);
	return begun && bpf_ktime_get_boot_ns() - *begun < OWN_END_NS;
}

static __always_inline __u32 handshake_rtt_us(const struct sock *sk, bool typed)
{
	return OPS(sk)->srtt_us >> 3;
}

static __always_inline void *storage_of(void *map, const struct sock *sk, __u64 flags)
{
	struct bpf_sock *own = ((struct bpf_sock_ops *)sk)->sk;

	return own ? bpf_sk_storage_get(map, own, NULL, flags) : NULL;
}

/* Changes of the socket's state call the program from here on; what others have asked for stays. */
static __always_inline void watch_end(const struct sock *sk)
{
	bpf_sock_ops_cb_flags_set((void *)sk,
				  OPS(sk)->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

#endif
