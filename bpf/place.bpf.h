/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Whose a cgroup or a network namespace is. */
#ifndef SEKISHO_PLACE_BPF_H
#define SEKISHO_PLACE_BPF_H

#include "maps.bpf.h"

/* No selector matches. Otherwise a tenant (32 bits); 0 is nobody, who has no grant. */
#define NO_SELECTOR ((__s64)-1)

static __always_inline __s64 find_place(__u32 kind, __u64 id)
{
	struct sekisho_place_key key = { .id = id, .kind = kind };
	__u32 *tenant = bpf_map_lookup_elem(&places, &key);

	return tenant ? (__s64)*tenant : NO_SELECTOR;
}

#endif
