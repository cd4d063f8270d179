/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a day catalog: which sections of all tenants a UTC day has, and which
 * of them can hold a source. A header and then chunks, appended by sealing runs.
 * It is derived from the segments. Little-endian. FORMAT.md describes it in full.
 */
#ifndef SEKISHO_CATALOG_SCHEMA_H
#define SEKISHO_CATALOG_SCHEMA_H

#define CATALOG_MAGIC "SEKISHOC"
#define CATALOG_VERSION 1
#define CATALOG_SUFFIX ".skc"

enum catalog_header_at {
	CATALOG_AT_MAGIC = 0,
	CATALOG_AT_VERSION = 8, /* u16 */
	CATALOG_AT_HEADER_SIZE = 10, /* u16: chunks start here */
	CATALOG_AT_COMPATIBLE = 12, /* u32: unknown bits may be ignored by a reader */
	CATALOG_AT_INCOMPATIBLE = 16, /* u32: unknown bits: refuse */
	CATALOG_AT_DAY = 20, /* i32, days since 1970-01-01 UTC */
	CATALOG_AT_FILE_ID = 24, /* u64, random */
	CATALOG_AT_RESERVED = 32, /* 12 bytes, zero */
	CATALOG_AT_CRC = 44, /* u32 over file id, offset 0 and bytes 0 to 43 */
	CATALOG_HEADER_BYTES = 48,
};

#define CHUNK_MAGIC 0x4b434b53u /* "SKCK" */

/* Then the facts, the directory and the buckets. */
enum catalog_chunk_at {
	CHUNK_AT_MAGIC = 0, /* u32 */
	CHUNK_AT_PREFIX_CRC = 4, /* u32 over file id, offset and bytes 8 to 63 */
	CHUNK_AT_FACTS_BYTES = 8, /* u32: as stored */
	CHUNK_AT_FACTS_RAW = 12, /* u32: unpacked */
	CHUNK_AT_FACTS_CRC = 16, /* u32 over file id, offset of the facts and the stored bytes */
	CHUNK_AT_DIRECTORY_BYTES = 20, /* u32 */
	CHUNK_AT_DIRECTORY_CRC = 24, /* u32 over file id, offset of the directory and its bytes */
	CHUNK_AT_BUCKETS = 28, /* u32: how many */
	CHUNK_AT_BUCKETS_BYTES = 32, /* u32: of all of them */
	CHUNK_AT_PAIRS = 36, /* u32: in all of them */
	CHUNK_AT_SEED = 40, /* u64, random: of the hash of a key */
	CHUNK_AT_CODING = 48, /* u8: enum store_coding of the facts */
	CHUNK_AT_CELL_BITS = 49, /* u8: a bucket has 2^n cells */
	CHUNK_AT_COUNT_LENGTHS = 50, /* u32: of the codes of the numbers of pairs in a cell, four bits each */
	CHUNK_AT_RESERVED = 54, /* 10 bytes, zero */
	CHUNK_PREFIX_BYTES = 64,
};

enum catalog_origin_flag {
	CATALOG_ORIGIN_IMPORTED = 1 << 0,
};
#define CATALOG_ORIGIN_FLAGS_KNOWN 1

enum catalog_section_flag {
	CATALOG_SECTION_CLOSE = 1 << 0, /* some row is of kind CLOSE */
	CATALOG_SECTION_ALWAYS = 1 << 1, /* not all of its sources are known: it can hold any */
};
#define CATALOG_SECTION_FLAGS_KNOWN 3

/* Times of a section are kept in units of 2^26 ns (67 ms), outwards. */
#define CATALOG_TIME_SHIFT 26
/* Sections whose columns stand together. */
#define CATALOG_GROUP_SECTIONS 512
/* Bits that a key is hashed to. */
#define CATALOG_HASH_BITS 40
/* Numbers of pairs in a cell that have a code, and the one that is added to the next. */
#define CATALOG_COUNT_SYMBOLS 8
#define CATALOG_COUNT_MORE 7
/* Pairs of a cell whose sections are told together. */
#define CATALOG_GROUP_PAIRS 4

/* Bounds that a reader enforces before it allocates. */
#define CATALOG_FACTS_MAX (64u << 20)
#define CATALOG_SECTIONS_MAX (1u << 20)
#define CATALOG_PAIRS_MAX (1u << 22)
#define CATALOG_CELLS_MAX (1u << 24)
#define CATALOG_CELL_BITS_MAX 16
#define CATALOG_BUCKET_MAX (16u << 20)
#define CATALOG_CODE_MAX 24

#endif
