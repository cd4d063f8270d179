// SPDX-License-Identifier: BSD-2-Clause
/*
 * For libFuzzer alone: changes within a frame or a section, so that what surrounds it stays in place.
 * Lengths follow the change; checksums are the target's business (it runs both with and without right ones).
 */
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "fuzz.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "segment/section_prefix.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

#define RAW_MAX 16384

/* Offset of one of the places where the magic stands behind `from`; 0: none. */
static size_t pick(const uint8_t *data, size_t size, size_t from, const char *magic, unsigned int seed)
{
	size_t found[64], count = 0;
	const uint8_t *at = data + (from < size ? from : size);

	while (count < 64 && (at = memmem(at, (size_t)(data + size - at), magic, 4)))
		found[count++] = (size_t)(at++ - data);
	return count ? found[seed % count] : 0;
}

/* Puts new_size bytes in the place of old_size; the size of all, 0: no room. */
static size_t splice(uint8_t *data, size_t size, size_t max_size, size_t at, size_t old_size,
		     const uint8_t *with, size_t new_size)
{
	if (size - old_size + new_size > max_size)
		return 0;
	memmove(data + at + new_size, data + at + old_size, size - at - old_size);
	memcpy(data + at, with, new_size);
	return size - old_size + new_size;
}

/* In place, the length stays: what comes out shorter leaves the rest as it was. */
static size_t mutate_fixed(uint8_t *data, size_t size, size_t at, size_t n)
{
	uint8_t piece[256];

	n = n < sizeof(piece) ? n : sizeof(piece);
	if (at >= size)
		return size;
	n = n < size - at ? n : size - at;
	if (!n)
		return size;
	memcpy(piece, data + at, n);
	memcpy(data + at, piece, LLVMFuzzerMutate(piece, n, n));
	return size;
}

/* The raw bytes of a frame, mutated and stored as they are. */
static size_t mutate_frame(uint8_t *data, size_t size, size_t max_size, size_t at, unsigned int seed)
{
	static uint8_t raw[RAW_MAX];
	uint32_t stored, raw_size;
	size_t n, result;
	uint8_t *h = data + at;

	if (size - at < FRAME_HEADER_BYTES || seed % 4 == 0)
		return mutate_fixed(data, size, at + 4, FRAME_AT_HEADER_CRC - 4);
	stored = get_le32(h + FRAME_AT_STORED_BYTES);
	raw_size = get_le32(h + FRAME_AT_RAW_BYTES);
	if (stored > size - at - FRAME_HEADER_BYTES || raw_size > RAW_MAX ||
	    block_unpack(h[FRAME_AT_CODING], h + FRAME_HEADER_BYTES, stored, raw, raw_size))
		return mutate_fixed(data, size, at + 4, FRAME_AT_HEADER_CRC - 4);
	/* Columns must keep their length to be decoded. */
	n = LLVMFuzzerMutate(raw, raw_size, seed % 3 ? raw_size : RAW_MAX);
	if (seed % 3)
		n = raw_size;
	result = splice(data, size, max_size, at + FRAME_HEADER_BYTES, stored, raw, n);
	if (!result)
		return size;
	h[FRAME_AT_CODING] = STORE_CODING_PLAIN;
	put_le32(h + FRAME_AT_RAW_BYTES, (uint32_t)n);
	put_le32(h + FRAME_AT_STORED_BYTES, (uint32_t)n);
	return result;
}

static size_t mutate_section(uint8_t *data, size_t size, size_t max_size, size_t at, unsigned int seed)
{
	static uint8_t rest[RAW_MAX];
	uint32_t prefix, header, body, n;
	size_t result;

	if (size - at < SECTION_LONG_PREFIX_BYTES)
		return mutate_fixed(data, size, at, size - at);
	prefix = section_prefix_bytes(data + at);
	header = section_prefix_header_size(data + at);
	body = section_prefix_body_size(data + at);
	if (seed % 8 == 0 || header < prefix || header > size - at)
		return mutate_fixed(data, size, at + 6, prefix - 6);
	if (seed % 8 < 4 && body)
		return mutate_fixed(data, size, at + header + (seed >> 4) % body, 1 + (seed >> 12) % 64);
	n = header - prefix;
	if (n > RAW_MAX || seed % 8 == 4)
		return mutate_fixed(data, size, at + prefix, n);
	memcpy(rest, data + at + prefix, n);
	result = LLVMFuzzerMutate(rest, n, RAW_MAX);
	header = prefix + (uint32_t)result;
	result = splice(data, size, max_size, at + prefix, n, rest, result);
	if (!result)
		return size;
	if (prefix == SECTION_LONG_PREFIX_BYTES)
		put_le32(data + at + SECTION_LONG_AT_HEADER_SIZE, header);
	else if (header < SECTION_SIZE_LONG)
		put_le16(data + at + SECTION_AT_HEADER_SIZE, (uint16_t)header);
	return result;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	unsigned int what = seed % 16;
	bool journal = size >= 8 && memcmp(data, JOURNAL_MAGIC, 8) == 0;
	bool segment = size >= 8 && memcmp(data, SEGMENT_MAGIC, 8) == 0;
	size_t at;

	seed /= 16;
	if ((!journal && !segment) || what < 3)
		return LLVMFuzzerMutate(data, size, max_size);
	if (what == 3)
		return mutate_fixed(data, size, 8, (journal ? JOURNAL_HEADER_BYTES : SEGMENT_HEADER_BYTES) - 8);
	if (segment && what == 4 && size > TRAILER_BYTES)
		return mutate_fixed(data, size, size - TRAILER_BYTES, TRAILER_BYTES);
	at = pick(data, size, journal ? JOURNAL_HEADER_BYTES : SEGMENT_HEADER_BYTES,
		  journal ? "SKFR" : "SKSC", seed);
	seed /= 64;
	if (!at)
		return LLVMFuzzerMutate(data, size, max_size);
	return journal ? mutate_frame(data, size, max_size, at, seed) :
			 mutate_section(data, size, max_size, at, seed);
}
