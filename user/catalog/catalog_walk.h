/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading which sections can hold a source. Each pair of a key (IPv4 address or
 * upper 64 bits of IPv6) and a section is hashed to a cell; cells are numbered
 * through, 2^n of them are a bucket. A bucket tells for each of its cells how many
 * pairs it has and their sections, by a Huffman code after how many pairs each
 * section has. A question reads one bucket.
 */
#ifndef SEKISHO_CATALOG_WALK_H
#define SEKISHO_CATALOG_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "schema/catalog.h"
#include "segment/bits.h"

uint64_t catalog_key(const struct addr *src);
/* CATALOG_HASH_BITS bits. */
uint64_t catalog_hash(uint64_t key, uint64_t seed);

/* How the cells lie. */
struct catalog_cells {
	uint32_t buckets;
	uint8_t cell_bits;
};

static inline uint64_t catalog_cell(const struct catalog_cells *f, uint64_t hash)
{
	return hash * ((uint64_t)f->buckets << f->cell_bits) >> CATALOG_HASH_BITS;
}

/* A canonical code: of the sections, or of the numbers of pairs in a cell. By length of the codes: */
struct catalog_code {
	unsigned int longest;
	uint32_t count[CATALOG_CODE_MAX + 1]; /* how many */
	uint32_t first[CATALOG_CODE_MAX + 1]; /* the first one */
	uint32_t index[CATALOG_CODE_MAX + 1]; /* where its symbol stands in symbols */
	uint32_t *symbols; /* in the order of their codes */
};

/* From the lengths by symbol (0: has no pair). -EBADMSG when they make no complete code; -ENOMEM. */
int catalog_code_make(const uint8_t *lengths, size_t count, struct catalog_code *ret_code);
void catalog_code_done(struct catalog_code *code);

/* Taking the pairs of a bucket one after the other. */
struct catalog_walk {
	struct bit_reader bits;
	const struct catalog_cells *cells;
	const struct catalog_code *sections, *counts;
	uint32_t cell, section; /* of the last pair; the cell within the bucket */
	/* Private. */
	uint32_t next_cell;
	uint64_t left; /* pairs of the cell behind the group */
	uint32_t group[CATALOG_GROUP_PAIRS];
	unsigned int held; /* of the group, to be given out */
};
/* `bits` has BITS_PADDING readable bytes behind its end. */
void catalog_walk_start(struct catalog_walk *w, const struct catalog_cells *cells,
			const struct catalog_code *sections, const struct catalog_code *counts,
			const uint8_t *bits, size_t size);
/* 1: a pair; 0: the end; -EBADMSG. Cells ascend. */
int catalog_walk_next(struct catalog_walk *w);
/*
 * Walks to a cell and sets wanted[numbers[i]] for its sections i; a code stands for the sections from its own to before
 * shared_end[it]. How many those are, at most `count`; -EBADMSG, also for more, since a cell has a section once: bytes
 * that say otherwise must not make the work larger than the chunk.
 */
int catalog_walk_mark(struct catalog_walk *w, uint32_t cell, const uint32_t *shared_end, const uint32_t *numbers,
		      size_t count, bool *wanted);

#endif
