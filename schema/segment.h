/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a segment: one tenant, one UTC day, a header and then sections, each
 * appended by one sealing run. Little-endian. FORMAT.md describes it in full.
 */
#ifndef SEKISHO_SEGMENT_SCHEMA_H
#define SEKISHO_SEGMENT_SCHEMA_H

#define SEGMENT_MAGIC "SEKISHOS"
#define SEGMENT_VERSION 1
#define SEGMENT_SUFFIX ".sks"

enum segment_header_at {
	SEGMENT_AT_MAGIC = 0,
	SEGMENT_AT_VERSION = 8, /* u16 */
	SEGMENT_AT_HEADER_SIZE = 10, /* u16: sections start here */
	SEGMENT_AT_COMPATIBLE = 12, /* u32: unknown bits may be ignored by a reader */
	SEGMENT_AT_INCOMPATIBLE = 16, /* u32: unknown bits: refuse */
	SEGMENT_AT_DAY = 20, /* i32, days since 1970-01-01 UTC */
	SEGMENT_AT_FILE_ID = 24, /* u64, random */
	SEGMENT_AT_PART = 32, /* u32: 1, or N of "<day>.N.sks" */
	SEGMENT_AT_TENANT_BYTES = 36, /* u32: length of the id */
	SEGMENT_AT_CREATED_UTC = 40, /* i64 ns */
	SEGMENT_AT_TENANT = 48, /* 64 bytes, zero padded */
	SEGMENT_AT_RESERVED = 112, /* zero */
	SEGMENT_AT_CRC = 124, /* u32 over the bytes before it, file id and offset 0 */
	SEGMENT_HEADER_BYTES = 128,
};

#define SECTION_MAGIC 0x43534b53u /* "SKSC" */

/* Then the directory of SECTION_BLOCK_BYTES per block, then the blocks themselves. */
enum section_header_at {
	SECTION_AT_MAGIC = 0, /* u32 */
	SECTION_AT_HEADER_SIZE = 4, /* u16: the directory starts here */
	SECTION_AT_BLOCKS = 6, /* u16 */
	SECTION_AT_BYTES = 8, /* u64: header, directory and blocks */
	SECTION_AT_JOURNAL_ID = 16, /* u64: file id of the journal it was sealed from */
	SECTION_AT_RUN = 24, /* u32: ordinal among that journal's sections of this tenant and day */
	SECTION_AT_ROWS = 28, /* u32 */
	SECTION_AT_FIRST_UTC = 32, /* i64 ns: base of the time column */
	SECTION_AT_LAST_UTC = 40, /* i64 ns */
	SECTION_AT_OPENED_UTC = 48, /* i64 ns: earliest opening time in it (close rows: earlier than FIRST) */
	SECTION_AT_SPAN_FROM_UTC = 56, /* i64 ns: the journal it came from spoke of this time ... */
	SECTION_AT_SPAN_TO_UTC = 64, /* i64 ns: ... to this */
	SECTION_AT_SEALED_UTC = 72, /* i64 ns */
	SECTION_AT_TENANT = 80, /* u32: the tenant's number in the ledger */
	SECTION_AT_CONSENT_FIRST = 84, /* u32: least and ... */
	SECTION_AT_CONSENT_LAST = 88, /* u32: ... greatest consent number of the rows */
	SECTION_AT_COMPATIBLE = 92, /* u32 */
	SECTION_AT_INCOMPATIBLE = 96, /* u32 */
	SECTION_AT_RUNG = 100, /* u8, enum sekisho_rung */
	SECTION_AT_ORDER = 101, /* u8: 1 = rows by (source, time) */
	SECTION_AT_RESERVED = 102, /* zero */
	SECTION_AT_ROOT = 104, /* 32 bytes: Merkle root over the rows; zero = none */
	SECTION_AT_DIRECTORY_CRC = 136, /* u32 over file id, offset and bytes of the directory */
	SECTION_AT_CRC = 140, /* u32 over file id, offset and the bytes before it */
	SECTION_HEADER_BYTES = 144,
};

enum section_block_at {
	BLOCK_AT_ID = 0, /* u16, enum store_column; in ascending order */
	BLOCK_AT_CODING = 2, /* u8, enum store_coding */
	BLOCK_AT_WIDTH = 3, /* u8: bytes per row or entry */
	BLOCK_AT_RAW_BYTES = 4, /* u32 */
	BLOCK_AT_STORED_BYTES = 8, /* u32 */
	BLOCK_AT_CRC = 12, /* u32 over file id, offset and stored bytes of the block */
	SECTION_BLOCK_BYTES = 16,
};

#define SECTION_ORDER_SOURCE 1
/* Bounds that a reader enforces before it allocates. */
#define SECTION_ROWS_MAX (1u << 20)
#define SECTION_BLOCKS_MAX 64
#define SECTION_ENTRIES_MAX (1u << 20)

#endif
