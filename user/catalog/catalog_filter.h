/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which sections can hold a source. Each pair of a key (IPv4 address or upper 64
 * bits of IPv6) and a section is hashed to a cell; cells are numbered through, 2^n
 * of them are a bucket. A bucket tells for each of its pairs how many cells after
 * the one before it lies, and its section in a Huffman code by how many pairs each
 * section has. A question reads one bucket.
 */
#ifndef SEKISHO_CATALOG_FILTER_H
#define SEKISHO_CATALOG_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/cursor.h"
#include "schema/catalog.h"
#include "segment/bits.h"


uint64_t catalog_key(const struct addr *src);
/* CATALOG_HASH_BITS bits. */
uint64_t catalog_hash(uint64_t key, uint64_t seed);

/* A pair: the hash in the upper 40 bits, the section below. */
static inline uint64_t catalog_pack(uint64_t hash, uint32_t section)
{
	return hash << 24 | section;
}

/* How the cells lie. */
struct catalog_cells {
	uint32_t buckets;
	uint8_t cell_bits, gap_bits;
};

static inline uint64_t catalog_cell(const struct catalog_cells *f, uint64_t hash)
{
	return hash * ((uint64_t)f->buckets << f->cell_bits) >> CATALOG_HASH_BITS;
}

/* The sections' code. */
struct catalog_code {
	unsigned int longest;
	uint32_t count[CATALOG_CODE_MAX + 1]; /* of each length */
	uint32_t *symbols; /* in the order of their codes */
};

/* From the lengths by section (0: has no pair). -EBADMSG when they make no complete code; -ENOMEM. */
int catalog_code_make(const uint8_t *lengths, size_t count, struct catalog_code *ret_code);
void catalog_code_done(struct catalog_code *code);

/* Taking the pairs of a bucket one after the other. */
struct catalog_walk {
	struct bit_reader bits;
	const struct catalog_cells *cells;
	const struct catalog_code *code;
	uint32_t cell, section; /* of the last pair; the cell within the bucket */
};
/* `bits` has BITS_PADDING readable bytes behind its end. */
void catalog_walk_start(struct catalog_walk *w, const struct catalog_cells *cells,
			const struct catalog_code *code, const uint8_t *bits, size_t size);
/* 1: a pair; 0: the end; -EBADMSG. Cells ascend. */
int catalog_walk_next(struct catalog_walk *w);

/* A filter as it is written. */
struct catalog_filter {
	struct catalog_cells cells;
	uint32_t pairs;
	uint8_t *lengths; /* by section */
	struct buffer directory; /* varint of each bucket's bytes */
	struct buffer buckets; /* each: room for its checksum, bits */
	uint32_t *sizes; /* of the buckets */
};

/*
 * Makes one of pairs of `sections` sections; the pairs are sorted and those that fall together taken once.
 * more_cells: bits more than one cell a pair: each halves the sections that a question finds in vain, for
 * two thirds of a bit a pair. 0 or -ENOMEM.
 */
int catalog_filter_make(uint64_t *pairs, size_t count, size_t sections, unsigned int more_cells,
			struct catalog_filter *ret_filter);
void catalog_filter_done(struct catalog_filter *f);

#endif
