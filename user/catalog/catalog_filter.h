/* SPDX-License-Identifier: BSD-2-Clause */
/* Making what catalog_walk.h reads: which sections can hold a source. */
#ifndef SEKISHO_CATALOG_FILTER_H
#define SEKISHO_CATALOG_FILTER_H

#include "base/cursor.h"
#include "catalog_walk.h"

/* A pair: the hash in the upper 40 bits, the section below. */
static inline uint64_t catalog_pack(uint64_t hash, uint32_t section)
{
	return hash << 24 | section;
}

/* A filter as it is written. */
struct catalog_filter {
	struct catalog_cells cells;
	uint32_t pairs;
	uint8_t *lengths; /* of the sections' codes */
	uint8_t count_lengths[CATALOG_COUNT_SYMBOLS]; /* of the numbers of pairs in a cell */
	struct buffer directory; /* varint of each bucket's bytes */
	struct buffer buckets; /* each: room for its checksum, bits */
	uint32_t *sizes; /* of the buckets */
};

/* Cells are 2^spread times as many as pairs: what a question finds in vain is 1 / 2^spread. */
#define CATALOG_SPREAD_LEAST (-1)
#define CATALOG_SPREAD_MOST 1

/* Makes one of pairs of `sections` sections; the pairs are sorted and those that fall together taken once.
 * 0 or -ENOMEM. */
int catalog_filter_make(uint64_t *pairs, size_t count, size_t sections, int spread,
			struct catalog_filter *ret_filter);
void catalog_filter_done(struct catalog_filter *f);

#endif
