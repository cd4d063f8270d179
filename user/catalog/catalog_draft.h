/* SPDX-License-Identifier: BSD-2-Clause */
/* A chunk in the making: sections and the keys of their sources. */
#ifndef SEKISHO_CATALOG_DRAFT_H
#define SEKISHO_CATALOG_DRAFT_H

#include "catalog.h"
#include "segment/row.h"
#include "segment/section_reader.h"

struct catalog_draft {
	struct catalog lists; /* of the day */
	uint8_t *flags; /* by section */
	size_t flags_capacity;
	uint64_t *pairs; /* catalog_filter.h; at most CATALOG_PAIRS_MAX */
	size_t pair_count, pair_capacity;
	uint64_t seed;
};

/* 0 or -EIO (no randomness). */
int catalog_draft_init(struct catalog_draft *d, int32_t day);
void catalog_draft_done(struct catalog_draft *d);

/* Whether this many more keys fit in. */
bool catalog_draft_has_room(const struct catalog_draft *d, size_t keys);

/*
 * A section of the segment r, whose keys are those of rows in the order of a section. The caller has asked
 * for room. 0 or -ENOMEM.
 */
int catalog_draft_add_rows(struct catalog_draft *d, const struct segment_reader *r,
			   const struct section_reader *s, const struct row *rows, size_t count);
/*
 * The same from its blocks; *ret_whole says whether all of them could be read. Otherwise it is kept as one
 * that can hold any source, or not at all with `or_not`. 0, -ENOMEM, I/O errors.
 */
int catalog_draft_add_blocks(struct catalog_draft *d, struct segment_reader *r,
			     const struct section_reader *s, bool or_not, bool *ret_whole);

/*
 * The chunk as it stands at `offset` of a file; the draft is empty then. shared: all sections of a segment
 * have one code, so that what can be in one of them is looked for in all. spread: catalog_filter.h.
 */
int catalog_draft_write(struct catalog_draft *d, bool shared, int spread, uint64_t file_id,
			uint64_t offset, struct buffer *out);

#endif
