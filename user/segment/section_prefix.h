/* SPDX-License-Identifier: BSD-2-Clause */
/* The begin of a section, of one of two sizes (FORMAT.md 3.2): where things stand in it, and its two checksums. */
#ifndef SEKISHO_SECTION_PREFIX_H
#define SEKISHO_SECTION_PREFIX_H

#include <stdbool.h>
#include <stdint.h>
#include "base/block.h"
#include "schema/segment.h"

static inline bool section_prefix_is_long(const uint8_t *h)
{
	return get_le16(h + SECTION_AT_HEADER_SIZE) == SECTION_SIZE_LONG;
}

static inline uint32_t section_prefix_bytes(const uint8_t *h)
{
	return section_prefix_is_long(h) ? SECTION_LONG_PREFIX_BYTES : SECTION_PREFIX_BYTES;
}

static inline uint32_t section_prefix_header_size(const uint8_t *h)
{
	return section_prefix_is_long(h) ? get_le32(h + SECTION_LONG_AT_HEADER_SIZE) :
					   get_le16(h + SECTION_AT_HEADER_SIZE);
}

static inline uint32_t section_prefix_body_size(const uint8_t *h)
{
	return section_prefix_is_long(h) ? get_le32(h + SECTION_LONG_AT_BODY_SIZE) :
					   get_le16(h + SECTION_AT_BODY_SIZE);
}

/* What SECTION_AT_CHECK has to be. The prefix is there. */
static inline uint16_t section_prefix_check(const uint8_t *h, uint64_t file_id, uint64_t offset)
{
	uint32_t crc = block_crc(file_id, offset, h + SECTION_AT_HEADER_SIZE,
				 SECTION_AT_CRC - SECTION_AT_HEADER_SIZE, h + SECTION_AT_JOURNAL_ID,
				 section_prefix_bytes(h) - SECTION_AT_JOURNAL_ID);

	return (uint16_t)(crc ^ crc >> 16);
}

/* What SECTION_AT_CRC has to be. The header is there, header_size bytes of it. */
static inline uint32_t section_prefix_crc(const uint8_t *h, uint32_t header_size, uint64_t file_id,
					  uint64_t offset)
{
	return block_crc(file_id, offset, h, SECTION_AT_CRC, h + SECTION_AT_JOURNAL_ID,
			 header_size - SECTION_AT_JOURNAL_ID);
}

#endif
