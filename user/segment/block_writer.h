/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Coding the rows of a section, block by block. First every block is counted,
 * then the codes are chosen, then every block is written.
 */
#ifndef SEKISHO_BLOCK_WRITER_H
#define SEKISHO_BLOCK_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "coding.h"
#include "row.h"
#include "schema/segment.h"

struct block_plan {
	uint32_t first_row, rows, sources;
	bool v4;
};

/* The block that begins with row `first`. */
struct block_plan block_plan_next(const struct row *rows, size_t count, size_t first);

struct block_writer {
	const struct row *rows;
	const uint32_t *rank; /* of an endpoint: its number in the section's table */
	const bool *is_close; /* by rank: kind CLOSE */
	const struct endpoint *endpoints; /* by the row's index */
	uint32_t endpoint_count; /* in the section's table */
	int64_t first_utc_ns; /* of the section */
	unsigned int first_time_shift;
	bool has_rtt;
	uint32_t counts[CODING_TABLES][HUFFMAN_SYMBOLS_MAX];
	struct huffman_code codes[CODING_TABLES];
};

/* Adds to counts. */
void block_writer_count(struct block_writer *w, const struct block_plan *plan);
/* Writes to `at` (BLOCK_BYTES_MAX + 8 bytes of room) with w->codes; returns the number of bytes. */
size_t block_writer_put(struct block_writer *w, const struct block_plan *plan, uint8_t *at);

#endif
