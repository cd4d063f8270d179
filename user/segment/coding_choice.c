// SPDX-License-Identifier: BSD-2-Clause
/* Weighing a code and its description against the usual one. */
#include <string.h>
#include "coding_choice.h"
#include "schema/segment.h"

/* Symbols that occur in a table, ascending, and how often they do in all. */
struct used {
	uint8_t symbols[HUFFMAN_SYMBOLS_MAX + 8];
	unsigned int count;
	uint64_t total;
};

/* Most counts are zero: eight of them at a time are passed over. */
static void find_used(const uint32_t *counts, unsigned int symbols, struct used *u)
{
	u->count = 0;
	u->total = 0;
	for (unsigned int s = 0; s < symbols; s += 8) {
		uint64_t eight[4];

		memcpy(eight, counts + s, sizeof(eight));
		if (!(eight[0] | eight[1] | eight[2] | eight[3]))
			continue;
		for (unsigned int k = s; k < s + 8; k++) {
			u->symbols[u->count] = (uint8_t)k;
			u->count += counts[k] != 0;
			u->total += counts[k];
		}
	}
}

static uint64_t cost_bits(const uint32_t *counts, const uint8_t *lengths, const struct used *u)
{
	uint64_t bits = 0;

	for (unsigned int i = 0; i < u->count; i++)
		bits += (uint64_t)counts[u->symbols[i]] * lengths[u->symbols[i]];
	return bits;
}

/* The least that a list of their lengths takes: a nibble for each, two for a gap; or the one is named. */
static uint64_t list_bits(const struct used *u)
{
	unsigned int nibbles = u->symbols[0] ? 3 : 1;

	if (u->count == 1)
		return 16;
	for (unsigned int i = 1; i < u->count; i++)
		nibbles += u->symbols[i] > u->symbols[i - 1] + 1 ? 3 : 1;
	return 8 + 4 * (uint64_t)nibbles;
}

/* No more than the entropy of these counts, in bits: no code is below it. */
static uint64_t least_bits(const uint32_t *counts, const struct used *u)
{
	/* 16 log2(1 + i / 16), rounded down. */
	static const uint8_t sixteenths[] = { 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 12, 13, 14, 15 };
	uint32_t total = (uint32_t)u->total << 4; /* rows of a section: it fits */
	uint64_t bits = 0;

	_Static_assert(SECTION_ROWS_MAX < UINT32_MAX >> 4, "sixteen times as many rows are a number of 32 bits");
	for (unsigned int i = 0; i < u->count; i++) {
		uint32_t count = counts[u->symbols[i]], ratio = total / count; /* times 16 */
		unsigned int exponent = 31 - (unsigned int)__builtin_clz(ratio);

		bits += count * (((uint64_t)exponent - 4) * 16 + sixteenths[ratio >> (exponent - 4) & 15]);
	}
	return bits / 16;
}

/* Making a code costs more time than all else in a small section: only where it can pay. */
static bool try_own(const uint32_t *counts, unsigned int symbols, const struct used *u, uint64_t usual_bits,
		    uint8_t *ret_lengths, struct buffer *lists)
{
	size_t before = lists->size;

	if (list_bits(u) + least_bits(counts, u) >= usual_bits)
		return false;
	huffman_lengths(counts, symbols, ret_lengths);
	coding_write_lengths(ret_lengths, symbols, u->symbols[u->count - 1], lists);
	if ((lists->size - before) * 8 + cost_bits(counts, ret_lengths, u) < usual_bits)
		return true;
	if (buffer_ok(lists))
		lists->size = before;
	return false;
}

bool coding_choice(unsigned int table, const uint32_t counts[static HUFFMAN_SYMBOLS_MAX], struct buffer *lists,
		   struct huffman_code *ret_code, uint64_t *ret_bits)
{
	const struct huffman_code *usual = coding_default_code(table);
	unsigned int symbols = coding_symbols[table];
	uint8_t lengths[HUFFMAN_SYMBOLS_MAX];
	struct used u;

	find_used(counts, symbols, &u);
	*ret_bits = cost_bits(counts, coding_default_lengths(table), &u);
	if (!u.count)
		return false;
	if (!try_own(counts, symbols, &u, *ret_bits, lengths, lists)) {
		for (unsigned int i = 0; i < u.count; i++)
			ret_code->entry[u.symbols[i]] = usual->entry[u.symbols[i]];
		return false;
	}
	huffman_encoder(lengths, symbols, ret_code);
	*ret_bits = cost_bits(counts, lengths, &u);
	return true;
}
