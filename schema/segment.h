/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a segment: one tenant, one UTC day, a header and then sections, each
 * appended by one sealing run, and at last a trailer. Little-endian. FORMAT.md
 * describes it in full.
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
	SEGMENT_AT_CRC = 36, /* u32 over file id, offset 0 and the header without these four bytes */
	SEGMENT_AT_SECRET = 40, /* 32 bytes, random: the salts of its Merkle trees come from it */
	SEGMENT_AT_TENANT = 72, /* the tenant id, to the end of the header */
	SEGMENT_HEADER_BYTES = 72, /* without the tenant id */
};
#define SEGMENT_HEADER_MAX (SEGMENT_HEADER_BYTES + 64)

#define SECTION_MAGIC 0x43534b53u /* "SKSC" */

/* Then facts, tables and index of variable length up to the header's size, then the blocks. */
enum section_header_at {
	SECTION_AT_MAGIC = 0, /* u32 */
	SECTION_AT_CHECK = 4, /* u16: of the prefix, but for magic, check and checksum */
	SECTION_AT_HEADER_SIZE = 6, /* u16: the blocks start here; SECTION_SIZE_LONG: see below */
	SECTION_AT_BODY_SIZE = 8, /* u16: bytes of all blocks; likewise */
	SECTION_AT_RUN = 10, /* u16: ordinal among that journal's sections of this tenant and day */
	SECTION_AT_CRC = 12, /* u32 over file id, offset, bytes 0 to 11, and from 16 to the end of the header */
	SECTION_AT_JOURNAL_ID = 16, /* u64: file id of the journal it was sealed from */
	SECTION_AT_ROOT = 24, /* 32 bytes: Merkle root over the rows; zero without rows */
	SECTION_PREFIX_BYTES = 56,
};

/* Both sizes are this when one of them does not fit: the prefix has eight bytes more. */
#define SECTION_SIZE_LONG 65535
enum section_long_at {
	SECTION_LONG_AT_HEADER_SIZE = 56, /* u32 */
	SECTION_LONG_AT_BODY_SIZE = 60, /* u32 */
	SECTION_LONG_PREFIX_BYTES = 64,
};

enum section_flag {
	SECTION_FLAG_RTT = 1 << 0, /* some row has a round-trip time: blocks hold them */
	SECTION_FLAG_CUSTODY = 1 << 1, /* imported: the reason follows */
	SECTION_FLAG_GAPS = 1 << 2,
	SECTION_FLAG_CLOSE = 1 << 3, /* some row is of kind CLOSE */
};
#define SECTION_FLAGS_KNOWN 15 /* unknown ones: refuse */
#define SECTION_RUNG_SHIFT 4 /* the hook that recorded stands above the flags */
#define SECTION_RUNG_MAX 7

enum section_endpoint_flag {
	ENDPOINT_FLAG_V6 = 1 << 0, /* 16 bytes of destination address, else 4 */
	ENDPOINT_FLAG_ORIG_DST = 1 << 1, /* original destination: 16 bytes and port */
	ENDPOINT_FLAG_SAME_DST = 1 << 2, /* the destination address is that of an earlier endpoint, whose number follows */
	ENDPOINT_FLAG_LIKE = 1 << 3, /* kind, protocol, flags and consent are those of the endpoint before, or the usual ones */
};
#define ENDPOINT_FLAGS_KNOWN 15

#define TRAILER_MAGIC 0x52544b53u /* "SKTR" */

/* The last object of a part whose day is over; nothing follows. */
enum segment_trailer_at {
	TRAILER_AT_MAGIC = 0, /* u32 */
	TRAILER_AT_CRC = 4, /* u32 over file id, offset and bytes 8 to 63 */
	TRAILER_AT_SECTIONS = 8, /* u32 */
	TRAILER_AT_RESERVED = 12, /* zero */
	TRAILER_AT_ROWS = 16, /* u64 */
	TRAILER_AT_CLOSED_UTC = 24, /* i64 ns */
	TRAILER_AT_HASH = 32, /* SHA-256 of all bytes of the file before the trailer */
	TRAILER_BYTES = 64,
};

/* Bounds that a reader enforces before it allocates. */
#define SECTION_ROWS_MAX (1u << 20)
#define SECTION_RUN_MAX 65535
#define SECTION_ENDPOINTS_MAX 65536
#define SECTION_HEADER_MAX (16u << 20)
#define SECTION_CUSTODY_MAX 1024
/* What a block is cut at. A source with more rows goes on in the next block. */
#define BLOCK_SOURCES_MAX 128
#define BLOCK_ROWS_MAX 2048
/* No block is larger than this, whatever its rows are. */
#define BLOCK_BYTES_MAX (BLOCK_ROWS_MAX * 40 + BLOCK_SOURCES_MAX * 64)

#endif
