/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's own structs, reduced to the fields that are read. CO-RE finds the
 * real offsets when the program is loaded, so neither a vmlinux.h nor kernel
 * headers are needed. Field names: include/net/sock.h, include/net/dst.h,
 * include/linux/netdevice.h, include/linux/tcp.h, include/linux/cgroup-defs.h,
 * include/linux/kernfs.h, include/net/net_namespace.h (6.1, 6.12, 6.18).
 */
#ifndef SEKISHO_KERNEL_BPF_H
#define SEKISHO_KERNEL_BPF_H

#include <linux/types.h>

#define KERNEL_STRUCT __attribute__((preserve_access_index))

#define IFF_LOOPBACK (1 << 3)

struct in6_words {
	__be32 u6_addr32[4];
} KERNEL_STRUCT;

struct in6_addr___kernel {
	struct in6_words in6_u;
} KERNEL_STRUCT;

struct net {
	__u64 net_cookie; /* of the namespace, since 5.12; never used again */
} KERNEL_STRUCT;

struct net_pointer { /* possible_net_t */
	struct net *net;
} KERNEL_STRUCT;

struct kernfs_node {
	__u64 id; /* of a cgroup; never used again (kernfs.h: 64 bits, or 32 with a generation) */
} KERNEL_STRUCT;

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
} KERNEL_STRUCT;

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn; /* held until the cgroup itself is freed, also after rmdir */
} KERNEL_STRUCT;

struct sock_cgroup_data {
	struct cgroup *cgroup; /* in the cgroup2 hierarchy, since 5.15 whatever v1 does */
} KERNEL_STRUCT;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	struct in6_addr___kernel skc_v6_daddr;
	struct in6_addr___kernel skc_v6_rcv_saddr;
	struct net_pointer skc_net;
} KERNEL_STRUCT;

struct net_device {
	unsigned int flags;
} KERNEL_STRUCT;

struct dst_entry {
	struct net_device *dev;
} KERNEL_STRUCT;

struct sock {
	struct sock_common __sk_common;
	struct dst_entry *sk_dst_cache;
	void *sk_socket; /* NULL until accept() hands it out */
	__u16 sk_protocol;
	struct sock_cgroup_data sk_cgrp_data;
} KERNEL_STRUCT;

struct inet_sock {
	__be16 inet_sport; /* stays when skc_num is cleared (inet_put_port) */
} KERNEL_STRUCT;

struct tcp_sock {
	__u32 srtt_us; /* eighths of a microsecond */
	__u32 snd_una; /* first unacknowledged: from a random start in every connection (RFC 6528) */
	void *fastopen_rsk; /* set until a Fast Open child's handshake ends */
} KERNEL_STRUCT;

#endif
