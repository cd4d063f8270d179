/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The header of a section (FORMAT.md 3.10): its bytes, checked against their checksums, and parsing them. Errors as
 * those of section_open() (section_reader.h).
 */
#ifndef SEKISHO_SECTION_HEADER_H
#define SEKISHO_SECTION_HEADER_H

#include "base/cursor.h"
#include "section_reader.h"

/*
 * The checked bytes of the header at `offset` of the file, `most` of them read at first, into the empty *h, which is
 * the caller's on failure too. *facts gets what the prefix says.
 */
int section_header_load(struct segment_reader *r, uint64_t offset, size_t most, struct buffer *h,
			struct section *facts);
/* The same of `data`, which is the whole section; its header is the first facts->header_bytes of it. */
int section_header_of_data(const struct segment_reader *r, uint64_t offset, const uint8_t *data, size_t size,
			   struct section *facts);

/* Of such bytes, the facts alone; or all, into an *s of zeroes but for these facts (on failure some of it). */
int section_header_facts(struct segment_reader *r, const struct buffer *h, struct section *facts);
int section_header_parse(struct segment_reader *r, const struct buffer *h, struct section_reader *s);

#endif
