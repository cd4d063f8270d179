/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps, all pinned by the collector so that they outlive it. Empty maps
 * record nothing. Keys and values: schema/event.h.
 */
#ifndef SEKISHO_MAPS_BPF_H
#define SEKISHO_MAPS_BPF_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "schema/event.h"

#define SEKISHO_SELECTORS_MAX 65536
#define SEKISHO_PLACES_MAX 65536
#define SEKISHO_NETNS_MAX 16384

/* Size is set before loading (ring_size of the configuration). */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SEKISHO_SELECTORS_MAX);
	__type(key, struct sekisho_selector_key);
	__type(value, struct sekisho_selector);
} selectors SEC(".maps");

/* cgroup or network namespace → tenant; 0 is nobody. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SEKISHO_PLACES_MAX);
	__type(key, struct sekisho_place_key);
	__type(value, __u32);
} places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SEKISHO_TENANTS_MAX);
	__type(key, __u32);
	__type(value, struct sekisho_grant);
} grants SEC(".maps");

/* By the slot that the grant names: who has how much of the ring. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SEKISHO_TENANTS_MAX);
	__type(key, __u32);
	__type(value, struct sekisho_share);
} shares SEC(".maps");

/* Entries are made by the collector when a grant goes live: the program only counts. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 5 * SEKISHO_TENANTS_MAX + 5);
	__type(key, struct sekisho_loss_key);
	__type(value, struct sekisho_loss);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct sekisho_control);
} control SEC(".maps");

/* Entries are made by the collector for the namespaces that it reconciles. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SEKISHO_NETNS_MAX);
	__type(key, __u64);
	__type(value, struct sekisho_opens);
} opens SEC(".maps");

/* The collector's alone; pinned, so that a restart goes on where the last one agreed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, SEKISHO_NETNS_MAX);
	__type(key, __u64);
	__type(value, struct sekisho_baseline);
} baselines SEC(".maps");

/* For the witness: see enum sekisho_seen. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SEKISHO_SEEN_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

/*
 * Marks sockets that opened actively, since a simultaneous open or a self-connect then looks like a passive
 * one: those that come so far (set_state() in accept.bpf.c), or all of a tenant (sockops.bpf.c).
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u8);
} active_opens SEC(".maps");

/*
 * Marks sockets whose opening is in the ring and whose end the tenant has agreed to: no mark, no close.
 * The kernel frees a mark with its socket.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct sekisho_recorded);
} recorded SEC(".maps");

#endif
