/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a journal file: one header, then frames until the end. Little-endian.
 * FORMAT.md describes it in full.
 */
#ifndef SEKISHO_JOURNAL_SCHEMA_H
#define SEKISHO_JOURNAL_SCHEMA_H

#define JOURNAL_MAGIC "SEKISHOJ"
#define JOURNAL_VERSION 1
#define JOURNAL_SUFFIX ".skj"

/* Offsets of the file header. */
enum journal_header_at {
	JOURNAL_AT_MAGIC = 0,
	JOURNAL_AT_VERSION = 8, /* u16 */
	JOURNAL_AT_HEADER_SIZE = 10, /* u16: frames start here */
	JOURNAL_AT_COMPATIBLE = 12, /* u32: unknown bits may be ignored by a reader */
	JOURNAL_AT_INCOMPATIBLE = 16, /* u32: unknown bits: refuse */
	JOURNAL_AT_RUNG = 20, /* u8, enum sekisho_rung */
	JOURNAL_AT_FILE_ID = 24, /* u64, random */
	JOURNAL_AT_RING_ID = 32, /* u64: the ring these events came from; 0: imported */
	JOURNAL_AT_RING_START = 40, /* u64: its consumer position when the file began */
	JOURNAL_AT_CREATED_UTC = 48, /* i64 ns */
	JOURNAL_AT_CREATED_BOOT = 56, /* u64 ns */
	JOURNAL_AT_BOOT_ID = 64, /* 16 bytes, /proc/sys/kernel/random/boot_id */
	JOURNAL_AT_RESERVED = 80, /* zero */
	JOURNAL_AT_CRC = 124, /* u32 over the bytes before it, file id and offset 0 */
	JOURNAL_HEADER_BYTES = 128,
};

#define JOURNAL_FRAME_MAGIC 0x52464b53u /* "SKFR" */

enum journal_frame_at {
	FRAME_AT_MAGIC = 0, /* u32 */
	FRAME_AT_TYPE = 4, /* u8, enum journal_frame_type */
	FRAME_AT_CODING = 5, /* u8, enum store_coding */
	FRAME_AT_HEADER_SIZE = 6, /* u16 */
	FRAME_AT_ENTRIES = 8, /* u32 */
	FRAME_AT_RAW_BYTES = 12, /* u32 */
	FRAME_AT_STORED_BYTES = 16, /* u32 */
	FRAME_AT_COLUMNS = 20, /* u32: bit n = column n is stored; an absent one is all zero */
	FRAME_AT_RING_END = 24, /* u64: events before this ring position are in the journal */
	FRAME_AT_FIRST_BOOT = 32, /* u64 ns: base of the time column; least time of the rows */
	FRAME_AT_LAST_BOOT = 40, /* u64 ns */
	FRAME_AT_HEADER_CRC = 48, /* u32 over file id, offset of the frame and the bytes before it */
	FRAME_AT_CRC = 52, /* u32 over file id, offset of the payload and the stored bytes */
	FRAME_HEADER_BYTES = 56,
};

enum journal_frame_type {
	FRAME_ROWS = 1, /* columns of records, byte planes */
	FRAME_ANCHORS = 2, /* STORE_ANCHOR_BYTES each */
	FRAME_GAPS = 3, /* STORE_GAP_BYTES each */
	FRAME_TENANTS = 4, /* who is recorded from here on: number u32, consent u32, id length u8, id */
	FRAME_CUSTODY = 5, /* an import's journal: the reason, UTF-8, 1 to SECTION_CUSTODY_MAX bytes */
};

/* Bounds that a reader enforces before it allocates. */
#define JOURNAL_FRAME_ROWS_MAX 65536
#define JOURNAL_FRAME_RAW_MAX (16u << 20)
#define JOURNAL_FILE_MAX (4ull << 30)

#endif
