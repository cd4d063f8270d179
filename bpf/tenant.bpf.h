/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose connection it is, by the local side alone: address, cgroup, network namespace; and whether a
 * live grant covers it. Nothing remote is read here. `sk` is for the functions that read it: sock.bpf.h or
 * sockops.bpf.h, one of which comes before this.
 */
#ifndef SEKISHO_TENANT_BPF_H
#define SEKISHO_TENANT_BPF_H

#include "endpoint.bpf.h"
#include "place.bpf.h"

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

static __always_inline __s64 find_by_netns(const struct sock *sk, bool typed)
{
	__u64 cookie = netns_cookie(sk, typed);

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
	__u32 zero = 0;

	if (!read_family(sk, typed, &c->family))
		return false;
	c->ctl = bpf_map_lookup_elem(&control, &zero);
	if (!c->ctl)
		return false;
	read_local(sk, typed, c->family, &c->local);
	return find_tenant(sk, typed, c);
}

#endif
