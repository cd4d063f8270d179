/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding the rows of one block, as far as they are needed: a search for a
 * source stops after the sources, one for a time after the times.
 */
#ifndef SEKISHO_BLOCK_READER_H
#define SEKISHO_BLOCK_READER_H

#include <stdbool.h>
#include <stdint.h>
#include "bits.h"
#include "block_writer.h"

enum block_stage {
	BLOCK_NONE = 0,
	BLOCK_SOURCES = 1,
	BLOCK_TIMES = 2,
	BLOCK_ALL = 3,
};

/* About 130 KiB; reused from block to block. */
struct block_rows {
	enum block_stage stage; /* what is filled in */
	uint32_t rows, first_row; /* in this block; number of the first one in the section */
	/* From BLOCK_SOURCES on. Rows source_end[i-1] (0 for i = 0) to source_end[i] - 1 are of source i. */
	uint32_t sources;
	struct addr source[BLOCK_SOURCES_MAX];
	uint16_t source_end[BLOCK_SOURCES_MAX];
	/* From BLOCK_TIMES on. */
	int64_t time_ns[BLOCK_ROWS_MAX];
	/* From BLOCK_ALL on. */
	int64_t lasted_ns[BLOCK_ROWS_MAX];
	uint32_t endpoint[BLOCK_ROWS_MAX];
	uint16_t src_port[BLOCK_ROWS_MAX];
	uint8_t rtt[BLOCK_ROWS_MAX];
	/* Private: where decoding goes on, and the number of the block in its section. */
	uint32_t block;
	struct bit_reader bits;
	bool v4, uniform[BLOCK_SOURCES_MAX];
	uint8_t bytes[BLOCK_BYTES_MAX + BITS_PADDING];
};

/* The codes of a section; decoders are made when first used, the usual ones once for all. */
struct block_codes {
	bool usual[CODING_TABLES]; /* then the rest is not looked at */
	uint8_t lengths[CODING_TABLES][HUFFMAN_SYMBOLS_MAX];
	int16_t constant[CODING_TABLES]; /* the one symbol, or -1: lengths count */
	bool made[CODING_TABLES];
	struct huffman_decoder decoders[CODING_TABLES];
};

/* What decoding needs to know of the section. */
struct block_section {
	struct block_codes *codes;
	int64_t first_utc_ns, last_utc_ns, opened_utc_ns;
	unsigned int first_time_shift;
	bool has_rtt;
	uint32_t endpoint_count;
	const bool *is_close; /* of each endpoint */
};

/*
 * b->bytes holds `size` bytes of a block with `rows` rows whose first source is given; nothing is
 * decoded yet.
 */
void block_reader_start(struct block_rows *b, size_t size, uint32_t rows, uint32_t first_row,
			const struct addr *first_source);
/* 0, or -EBADMSG when the bytes are not such a block. */
int block_reader_decode(const struct block_section *s, enum block_stage stage, struct block_rows *b);

#endif
