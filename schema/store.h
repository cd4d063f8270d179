/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What journal and segment files have in common: column numbers, codings, and
 * the fixed-size entries for clock anchors and gaps. All little-endian. The
 * byte-exact description is FORMAT.md; a test compares its tables with this.
 */
#ifndef SEKISHO_STORE_SCHEMA_H
#define SEKISHO_STORE_SCHEMA_H

/* Columns of a row in a journal. Numbers are never reused. */
enum store_column {
	STORE_COLUMN_TIME = 1, /* ns after the base time of frame or section, 8 bytes */
	STORE_COLUMN_SRC_ADDR = 2, /* 16 bytes, network order, IPv4 as ::ffff:a.b.c.d */
	STORE_COLUMN_SRC_PORT = 3, /* 2 bytes */
	STORE_COLUMN_DST_ADDR = 4,
	STORE_COLUMN_DST_PORT = 5,
	STORE_COLUMN_TENANT = 6, /* 4 bytes; journal only: a segment holds one tenant */
	STORE_COLUMN_CONSENT = 7, /* 4 bytes */
	STORE_COLUMN_RTT_US = 8, /* 4 bytes */
	STORE_COLUMN_FLAGS = 9, /* 4 bytes, enum sekisho_flag */
	STORE_COLUMN_KIND = 10, /* 1 byte, enum sekisho_kind */
	STORE_COLUMN_PROTOCOL = 11, /* 1 byte, IP protocol number */
	STORE_COLUMN_ORIG_DST_ADDR = 12, /* destination before translation; zero = none */
	STORE_COLUMN_ORIG_DST_PORT = 13,
	STORE_COLUMN_LASTED = 14, /* ns, 8 bytes: rows of kind CLOSE, how long it was open */
};

enum store_coding {
	STORE_CODING_PLAIN = 0,
	STORE_CODING_ZSTD = 1, /* one zstd frame with content size (RFC 8878) */
};

/* boot_ns u64, utc_ns i64, max_error_ns u64, adjtimex status u32, reserved u32 */
#define STORE_ANCHOR_BYTES 32
/* first_utc_ns i64, last_utc_ns i64, count u64, total u64, tenant u32, reason u32 */
#define STORE_GAP_BYTES 40

enum store_gap_reason {
	STORE_GAP_RING_FULL = 1, /* the collector was too slow; count is exact */
	STORE_GAP_ORPHANED = 2, /* heartbeat expired with no collector; count is exact */
	STORE_GAP_NOT_ARMED = 3, /* no program was attached, or told to record nobody; count unknown (0) */
	STORE_GAP_STOPPED = 4, /* stopped by the operator (--disarm) */
	STORE_GAP_MALFORMED = 5, /* events that could not be understood; count is exact */
	STORE_GAP_HOOK_BUSY = 6, /* the kernel skipped the program; count is an upper bound */
	STORE_GAP_DAMAGED = 7, /* frames of a journal file that fail their checksum */
	STORE_GAP_PROGRAM_REPLACED = 8, /* old program detached before the new one attached */
	STORE_GAP_CLOSE_LOST = 9, /* ends of recorded connections, no connections; count is exact */
	STORE_GAP_UNRESOLVED = 11, /* a selector of the tenant named nothing, or something not known yet */
	STORE_GAP_NOT_EVALUATED = 12, /* the hook cannot tell which connections belong to a selector */
	STORE_GAP_DISK_FULL = 10, /* no room on the disk, and then none in the ring; count is exact; total as RING_FULL */
	STORE_GAP_NOT_SEEN = 13, /* openings that the kernel counted and the hook did not see; count is exact */
	STORE_GAP_CANARY = 14, /* the collector's own connections did not come out of the ring; count unknown (0) */
	STORE_GAP_SHARE = 15, /* the tenant had its share of the ring, a quarter; count is exact */
	STORE_GAP_DISK_SHARE = 16, /* no room on the disk, and then none in the tenant's share; total as SHARE */
	STORE_GAP_CLOCK_SET = 17, /* the clock was set; nothing was lost, times may be off by as much */
};

#endif
