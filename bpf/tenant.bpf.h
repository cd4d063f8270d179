/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose connection it is, by the local side alone: address, cgroup, network namespace; and whether a
 * live grant covers it. Nothing remote is read here.
 */
#ifndef SEKISHO_TENANT_BPF_H
#define SEKISHO_TENANT_BPF_H

#include "maps.bpf.h"
#include "sock.bpf.h"

#define CGROUP_DEPTH_MAX 32

/* No selector matches. Otherwise a tenant (32 bits); 0 is nobody, who has no grant. */
#define NO_SELECTOR ((__s64)-1)

/* The longer address prefix wins; among equals the selector that names the port. */
static __always_inline __s64 find_by_address(const struct endpoint *local)
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
	return any_port ? (__s64)any_port->tenant : NO_SELECTOR;
}

static __always_inline __s64 find_place(__u32 kind, __u64 id)
{
	struct sekisho_place_key key = { .id = id, .kind = kind };
	__u32 *tenant = bpf_map_lookup_elem(&places, &key);

	return tenant ? (__s64)*tenant : NO_SELECTOR;
}

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

static __always_inline __s64 find_by_netns(const struct sock *sk, bool typed)
{
	__u64 cookie = read_netns(sk, typed);

	return cookie ? find_place(SEKISHO_PLACE_NETNS, cookie) : NO_SELECTOR;
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

static __always_inline const struct sekisho_grant *live_grant(__s64 tenant, __u64 now)
{
	__u32 key = tenant;
	const struct sekisho_grant *grant = bpf_map_lookup_elem(&grants, &key);

	return grant && now < grant->until_boot_ns ? grant : NULL;
}

/*
 * The container tells more than a number that may be another's elsewhere: cgroup before namespace before
 * address. But whoever else has a selector that matches must have agreed too, or nobody is recorded.
 */
static __always_inline bool find_tenant(const struct sock *sk, bool typed, struct covered *c)
{
	__s64 by_address = find_by_address(&c->local), by_cgroup = NO_SELECTOR, by_netns = NO_SELECTOR;
	__s64 tenant = by_address;

	if (c->ctl->place_kinds & 1 << SEKISHO_PLACE_NETNS)
		by_netns = find_by_netns(sk, typed);
	if (c->ctl->place_kinds & 1 << SEKISHO_PLACE_CGROUP)
		by_cgroup = find_by_cgroup(sk, typed);
	if (by_netns != NO_SELECTOR)
		tenant = by_netns;
	if (by_cgroup != NO_SELECTOR)
		tenant = by_cgroup;
	if (tenant <= 0)
		return false;
	c->now = bpf_ktime_get_boot_ns();
	if (by_netns != NO_SELECTOR && by_netns != tenant && !live_grant(by_netns, c->now))
		return false;
	if (by_address != NO_SELECTOR && by_address != tenant && !live_grant(by_address, c->now))
		return false;
	c->tenant = tenant;
	c->grant = live_grant(tenant, c->now);
	return c->grant;
}

/* Whether live grants cover the local side now. */
static __always_inline bool is_covered(const struct sock *sk, bool typed, struct covered *c)
{
	__u16 protocol = 0;
	__u32 zero = 0;

	FIELD(protocol, sk, sk_protocol); /* SCTP and MPTCP share the tracepoint */
	FIELD(c->family, sk, __sk_common.skc_family);
	if (protocol != IPPROTO_TCP || (c->family != AF_INET && c->family != AF_INET6))
		return false;
	c->ctl = bpf_map_lookup_elem(&control, &zero);
	if (!c->ctl)
		return false;
	read_local(sk, typed, c->family, &c->local);
	return find_tenant(sk, typed, c);
}

#endif
