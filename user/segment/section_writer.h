/* SPDX-License-Identifier: BSD-2-Clause */
/* From rows to the bytes of a section (FORMAT.md 3.10 and 3.11). */
#ifndef SEKISHO_SECTION_WRITER_H
#define SEKISHO_SECTION_WRITER_H

#include "base/cursor.h"
#include "segment.h"

/* Bits of each table's symbols and of the plain bits beside them, tables and headers apart: what a
 * benchmark shows by column. */
struct section_report {
	uint64_t symbol_bits[30], extra_bits[30];
	uint64_t table_bytes, index_bytes, other_header_bytes, block_crc_bytes;
};

/* Room that is kept from section to section. NULL: no memory. */
struct section_room;
struct section_room *section_room_new(void);
void section_room_free(struct section_room *room);

/*
 * Appends the section to `out` as it stands at `offset` of the file. room may be NULL: made for this once.
 * secret: SEGMENT_AT_SECRET. report may be NULL. 0; -EINVAL when the rows are not in order, not of the day, or
 * too many, or run or rung beyond their limits; -ENOMEM.
 */
int section_write(struct section_room *room, const struct segment_section *s, uint64_t file_id, uint64_t offset,
		  const uint8_t secret[static 32], struct buffer *out, struct section_report *report);

#endif
