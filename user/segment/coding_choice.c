// SPDX-License-Identifier: BSD-2-Clause
/* Weighing a code and its description against the usual one. */
#include "coding_choice.h"

static uint64_t cost_bits(const uint32_t *counts, const uint8_t *lengths, unsigned int symbols)
{
	uint64_t bits = 0;

	for (unsigned int s = 0; s < symbols; s++)
		bits += (uint64_t)counts[s] * lengths[s];
	return bits;
}

/* Symbols that occur in a table, and the least that a list of their lengths takes. */
struct tally {
	unsigned int used, last;
	uint64_t total, list_bits;
};

static struct tally tally_up(const uint32_t *counts, unsigned int symbols)
{
	struct tally t = { .list_bits = 8 };

	for (unsigned int s = 0; s < symbols; s++) {
		if (!counts[s])
			continue;
		/* A nibble for each, two for a gap. */
		t.list_bits += !t.used ? (s ? 12 : 4) : s > t.last + 1 ? 12 : 4;
		t.total += counts[s];
		t.last = s;
		t.used++;
	}
	if (t.used == 1)
		t.list_bits = 16; /* the one symbol is named */
	return t;
}

/* No more than the entropy of these counts, in bits: no code is below it. */
static uint64_t least_bits(const uint32_t *counts, unsigned int symbols, uint64_t total)
{
	/* 16 log2(1 + i / 16), rounded down. */
	static const uint8_t sixteenths[] = { 0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 12, 13, 14, 15 };
	uint64_t bits = 0;

	for (unsigned int s = 0; s < symbols; s++) {
		uint64_t ratio = counts[s] ? (total << 4) / counts[s] : 16; /* times 16 */
		unsigned int exponent = 63 - (unsigned int)__builtin_clzll(ratio);

		bits += counts[s] * (((uint64_t)exponent - 4) * 16 + sixteenths[ratio >> (exponent - 4) & 15]);
	}
	return bits / 16;
}

/* Making a code costs more time than all else in a small section: only where it can pay. */
static bool try_own(const uint32_t *counts, unsigned int symbols, uint64_t usual_bits, uint8_t *ret_lengths,
		    struct buffer *lists)
{
	struct tally t = tally_up(counts, symbols);
	size_t before = lists->size;

	if (t.list_bits + least_bits(counts, symbols, t.total) >= usual_bits)
		return false;
	huffman_lengths(counts, symbols, ret_lengths);
	coding_write_lengths(ret_lengths, symbols, t.last, lists);
	if ((lists->size - before) * 8 + cost_bits(counts, ret_lengths, symbols) < usual_bits)
		return true;
	if (buffer_ok(lists))
		lists->size = before;
	return false;
}

bool coding_choice(unsigned int table, const uint32_t *counts, struct buffer *lists,
		   struct huffman_code *ret_code, uint64_t *ret_bits)
{
	unsigned int symbols = coding_symbols[table];
	uint8_t lengths[HUFFMAN_SYMBOLS_MAX];

	*ret_bits = cost_bits(counts, coding_default_lengths(table), symbols);
	if (!*ret_bits) /* the usual codes have no length 0 */
		return false;
	if (!try_own(counts, symbols, *ret_bits, lengths, lists)) {
		*ret_code = *coding_default_code(table);
		return false;
	}
	huffman_encoder(lengths, symbols, ret_code);
	*ret_bits = cost_bits(counts, lengths, symbols);
	return true;
}
