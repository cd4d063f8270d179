/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the BPF programs and the collector agree on: the event in the ring, the
 * keys and values of the pinned maps, and their layout version.
 *
 * Shared by kernel and user side, so fixed widths, explicit padding, host byte
 * order (both sides run on one machine) except where a name says otherwise.
 * Addresses are 16 bytes in network order; IPv4 is stored as ::ffff:a.b.c.d
 * (RFC 4291 section 2.5.5.2), the one canonical form of an IPv4 peer.
 */
#ifndef SEKISHO_EVENT_H
#define SEKISHO_EVENT_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

/* Raised whenever a struct below changes; pins of another version are never read. */
#define SEKISHO_LAYOUT_VERSION 4

enum sekisho_kind {
	SEKISHO_KIND_ESTABLISHED = 1, /* passive child became ESTABLISHED (set_state, sock_ops) */
	SEKISHO_KIND_ACCEPTED = 2, /* accept() returned the connection (fexit, kretprobe) */
	SEKISHO_KIND_CLOSE = 3, /* a recorded connection ended */
	SEKISHO_KIND_CANARY = 4, /* the collector's own, of nobody: only its time and kind; never stored */
};

/* The hook in use; stored in every journal and section, so numbers are never reused. */
enum sekisho_rung {
	SEKISHO_RUNG_NONE = 0,
	SEKISHO_RUNG_SET_STATE = 1, /* tp_btf/inet_sock_set_state */
	SEKISHO_RUNG_SOCK_OPS = 2, /* sock_ops at the cgroup2 root */
	SEKISHO_RUNG_FEXIT = 3, /* fexit/inet_csk_accept */
	SEKISHO_RUNG_KRETPROBE = 4, /* kretprobe/inet_csk_accept */
};

enum sekisho_flag {
	SEKISHO_FLAG_V6_SOCKET = 1 << 0, /* IPv4 peer on an AF_INET6 (v4-mapped) socket */
	SEKISHO_FLAG_LOOPBACK = 1 << 1, /* source address local to the socket's namespace */
	SEKISHO_FLAG_CLOCK_UNSYNC = 1 << 2, /* set in user space: STA_UNSYNC at that time */
	SEKISHO_FLAG_IMPORTED = 1 << 3, /* set in user space: from `sekisho import`, not recorded here */
};

/* One accepted connection. Zeroed before it is filled: ring memory is not cleared. */
struct sekisho_event {
	__u64 time_boot_ns; /* CLOCK_BOOTTIME */
	__u64 socket_cookie; /* unique per socket while the system runs; never stored */
	__u8 src_addr[16];
	__u8 dst_addr[16];
	__u32 tenant; /* number given by the consent ledger */
	__u32 consent; /* number of the grant that allows this record */
	__u32 rtt_us; /* smoothed handshake round trip; 0 = unknown or not granted */
	__u32 flags; /* enum sekisho_flag */
	__u16 src_port;
	__u16 dst_port;
	__u8 layout_version;
	__u8 kind; /* enum sekisho_kind */
	__u8 protocol; /* IPPROTO_TCP */
	__u8 reserved;
};

/*
 * The end of a connection that was emitted before. event.kind is SEKISHO_KIND_CLOSE, event.time_boot_ns
 * the end; size and kind go together. The tuple and the flags are those of the opening.
 */
struct sekisho_close_event {
	struct sekisho_event event;
	__u64 opened_boot_ns; /* time_boot_ns of the opening; never after the end */
};

/* Socket storage: this socket was emitted, and its end is to be. All zero once it has been. */
struct sekisho_recorded {
	__u64 opened_boot_ns;
	__u32 tenant;
	__u32 flags; /* enum sekisho_flag: the route that tells loopback is gone at the end */
};

/*
 * Longest-prefix key of a selector: port and family are matched whole, then the
 * address. IPv4 uses the first four bytes of addr.
 */
struct sekisho_selector_key {
	__u32 prefix_bits; /* SEKISHO_SELECTOR_FIXED_BITS + address prefix length */
	__u8 port_be[2]; /* local port, network order; 0 = any port */
	__u8 family; /* 4 or 6 */
	__u8 addr[16];
	__u8 reserved;
};
#define SEKISHO_SELECTOR_FIXED_BITS 24

struct sekisho_selector {
	__u32 tenant;
	__u32 address_bits; /* prefix length of the address alone: the longer one wins */
};

/* Where a socket lives, for selectors that are no addresses. */
enum sekisho_place_kind {
	SEKISHO_PLACE_CGROUP = 1, /* id: of the cgroup2 directory (its kernfs id); descendants included */
	SEKISHO_PLACE_NETNS = 2, /* id: the network namespace's cookie (SO_NETNS_COOKIE) */
};

/* Neither kind of id is used again while the system runs. The value is a tenant, 0 = nobody. */
struct sekisho_place_key {
	__u64 id;
	__u32 kind; /* enum sekisho_place_kind */
	__u32 reserved;
};

/* What a grant may add to the addresses, ports and time of every record. */
enum sekisho_field {
	SEKISHO_FIELD_RTT = 1 << 0,
	SEKISHO_FIELD_CLOSE = 1 << 1, /* "t_close": when the connection ended */
};

/* Live grants that the kernel takes, and slots of "shares". */
#define SEKISHO_TENANTS_MAX 16384

/* A live consent; a tenant without an entry here is never recorded. */
struct sekisho_grant {
	__u64 until_boot_ns; /* first instant that is no longer covered */
	__u32 consent;
	__u32 fields; /* enum sekisho_field: optional fields that the grant includes */
	__u32 slot; /* of the tenant in "shares"; from SEKISHO_TENANTS_MAX on: none */
	__u32 reserved;
};

/*
 * What a tenant has in the ring: produced - consumed, in bytes with the kernel's headers. One element of
 * array "shares", mapped into the collector's memory.
 */
struct sekisho_share {
	__u64 produced; /* raised by the programs, behind the reserve and before the submit */
	__u64 consumed; /* set by the collector when the ring is released */
	__u32 tenant; /* whose it is, for the collector alone; 0 = nobody's */
	__u32 reserved;
};

enum sekisho_loss_reason {
	SEKISHO_LOSS_RING_FULL = 1, /* no space in the ring */
	SEKISHO_LOSS_ORPHANED = 2, /* heartbeat expired: no collector is responsible */
	SEKISHO_LOSS_SHARE = 15, /* the tenant has its share of the ring; as STORE_GAP_SHARE */
	/* Of a recorded connection the end: no space, no collector, or the socket could not be marked. */
	SEKISHO_LOSS_CLOSE = 9, /* as STORE_GAP_CLOSE_LOST */
	/* Counted by the collector: the kernel's own counter has them, and the hook did not see them. */
	SEKISHO_LOSS_NOT_SEEN = 13,
};

/* What became of a passive opening that the hook saw. */
enum sekisho_outcome {
	SEKISHO_OUTCOME_RECORDED = 0, /* an event is in the ring */
	SEKISHO_OUTCOME_NOT_COVERED = 1, /* no live grant */
	SEKISHO_OUTCOME_LOOPBACK = 2, /* covered, and loopback is not recorded */
	SEKISHO_OUTCOME_LOST = 3, /* counted in "losses" */
	SEKISHO_OUTCOME_DIED = 4, /* the kernel dropped it before anybody had it */
	SEKISHO_OUTCOMES = 5,
};

/*
 * Per CPU, only ever increased: passive openings of one network namespace. A child is made in SYN_RECV, which
 * TcpPassiveOpens counts (tcp_create_openreq_child), and leaves it once. Key: the namespace's cookie; 0: all others
 * together, and of those only what is recorded or lost.
 */
struct sekisho_opens {
	__u64 made;
	__u64 left[SEKISHO_OUTCOMES]; /* by enum sekisho_outcome */
};

/*
 * Kept by the collector, by the namespace's cookie: how far TcpPassiveOpens and sekisho_opens agree. Of 0, which no
 * namespace has: the same of the two counts in "seen".
 */
struct sekisho_baseline {
	__s64 offset; /* TcpPassiveOpens (the witness's count) less all that left (the hook's), as far as accounted for */
	__u64 agreed_boot_ns; /* when they last agreed */
};

struct sekisho_loss_key {
	__u32 tenant; /* 0: the tenant had no counter of its own */
	__u32 reason; /* enum sekisho_loss_reason */
};

/* Per CPU, only ever increased: a reader keeps what it saw last and subtracts. */
struct sekisho_loss {
	__u64 count;
	__u64 first_boot_ns;
	__u64 last_boot_ns;
};

/* The one element of map "control", mapped into the collector's memory. */
struct sekisho_control {
	__u64 ring_id; /* random; names this ring in journal frames */
	__u64 heartbeat_until_boot_ns; /* later events are counted, not emitted */
	__u64 loss_changes; /* raised after each count in "losses": nothing new while it stands still */
	__u32 layout_version;
	__u32 record_loopback; /* 0 or 1 */
	__u32 wake_bytes; /* wake the collector when this much waits in the ring */
	__u32 place_kinds; /* 1 << enum sekisho_place_kind: what "places" has; the rest is not looked up */
	__u64 share_bytes; /* of the ring that one tenant may have */
	__u64 canary_netns; /* cookie of the namespace whose connections are canaries; 0 = none */
	__u64 canaries; /* how many of the events in the ring have been those */
	__u32 witness; /* 0 or 1: whether "seen" is counted */
	__u32 reserved;
};

/* Index of "seen": covered passive openings, per CPU, counted while control.witness is 1. */
enum sekisho_seen {
	SEKISHO_SEEN_BY_HOOK = 0, /* by the set_state programs that emit */
	SEKISHO_SEEN_BY_WITNESS = 1, /* by the sock_ops program beside them, which only counts */
	SEKISHO_SEEN_COUNT = 2,
};

#ifdef __cplusplus
#define SEKISHO_ASSERT static_assert
#else
#define SEKISHO_ASSERT _Static_assert
#endif
SEKISHO_ASSERT(sizeof(struct sekisho_event) == 72, "event layout");
SEKISHO_ASSERT(sizeof(struct sekisho_close_event) == 80, "close event layout");
SEKISHO_ASSERT(sizeof(struct sekisho_recorded) == 16, "mark layout");
SEKISHO_ASSERT(sizeof(struct sekisho_selector_key) == 24, "selector key layout");
SEKISHO_ASSERT(sizeof(struct sekisho_place_key) == 16, "place key layout");
SEKISHO_ASSERT(sizeof(struct sekisho_grant) == 24, "grant layout");
SEKISHO_ASSERT(sizeof(struct sekisho_share) == 24, "share layout");
SEKISHO_ASSERT(sizeof(struct sekisho_loss) == 24, "loss layout");
SEKISHO_ASSERT(sizeof(struct sekisho_opens) == 48, "opens layout");
SEKISHO_ASSERT(sizeof(struct sekisho_baseline) == 16, "baseline layout");
SEKISHO_ASSERT(sizeof(struct sekisho_control) == 72, "control layout");

#endif
