// SPDX-License-Identifier: BSD-2-Clause
/* Code lengths, codes and look-up tables. */
#include <stdlib.h>
#include <string.h>
#include "huffman.h"

struct leaf {
	uint32_t count;
	uint16_t symbol;
};

static int compare_leaves(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return (int)x->symbol - (int)y->symbol;
}

/*
 * Package-merge: at each level the leaves are merged with pairs of the level below; a leaf's length is
 * the number of levels at which it is among the first 2n - 2 items, counted down.
 */
struct level {
	uint16_t items; /* of the merged list */
	bool is_leaf[2 * HUFFMAN_SYMBOLS_MAX];
};

static void merge_level(const struct leaf *leaves, unsigned int n, const uint64_t *below,
			unsigned int below_items, struct level *level, uint64_t *weights)
{
	unsigned int leaf = 0, pair = 0, pairs = below_items / 2, items = 0;

	while (leaf < n || pair < pairs) {
		uint64_t pair_weight = pair < pairs ? below[2 * pair] + below[2 * pair + 1] : 0;

		level->is_leaf[items] = leaf < n && (pair == pairs || leaves[leaf].count <= pair_weight);
		if (level->is_leaf[items])
			weights[items++] = leaves[leaf++].count;
		else {
			weights[items++] = pair_weight;
			pair++;
		}
	}
	level->items = (uint16_t)items;
}

void huffman_lengths(const uint32_t *counts, unsigned int symbols, uint8_t *ret_lengths)
{
	struct leaf leaves[HUFFMAN_SYMBOLS_MAX];
	struct level levels[HUFFMAN_LENGTH_MAX];
	uint64_t weights[2][2 * HUFFMAN_SYMBOLS_MAX];
	unsigned int n = 0, below = 0, take;

	memset(ret_lengths, 0, symbols);
	for (unsigned int s = 0; s < symbols; s++)
		if (counts[s])
			leaves[n++] = (struct leaf){ counts[s], (uint16_t)s };
	if (n < 2)
		return;
	qsort(leaves, n, sizeof(*leaves), compare_leaves);
	for (unsigned int i = 0; i < HUFFMAN_LENGTH_MAX; i++) {
		merge_level(leaves, n, weights[(i + 1) & 1], below, &levels[i], weights[i & 1]);
		below = levels[i].items;
	}
	take = 2 * n - 2;
	for (unsigned int i = HUFFMAN_LENGTH_MAX; i-- > 0;) {
		unsigned int leaf = 0;

		for (unsigned int k = 0; k < take; k++)
			if (levels[i].is_leaf[k])
				ret_lengths[leaves[leaf++].symbol]++;
		take = 2 * (take - leaf);
	}
}

bool huffman_complete(const uint8_t *lengths, unsigned int symbols)
{
	uint32_t used = 0;

	for (unsigned int s = 0; s < symbols; s++) {
		if (lengths[s] > HUFFMAN_LENGTH_MAX)
			return false;
		if (lengths[s])
			used += 1u << (HUFFMAN_LENGTH_MAX - lengths[s]);
	}
	return used == 1u << HUFFMAN_LENGTH_MAX;
}

/* The lowest n (1..16) bits the other way round. */
static uint16_t turn(uint32_t bits, unsigned int n)
{
	static const uint8_t nibble[] = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 };
	uint32_t turned = (uint32_t)nibble[bits & 15] << 12 | (uint32_t)nibble[bits >> 4 & 15] << 8 |
			  (uint32_t)nibble[bits >> 8 & 15] << 4 | nibble[bits >> 12 & 15];

	return (uint16_t)(turned >> (16 - n));
}

/* The canonical code of each symbol, turned so that its first bit is lowest. */
static void assign(const uint8_t *lengths, unsigned int symbols, uint16_t *ret_bits)
{
	uint32_t next[HUFFMAN_LENGTH_MAX + 2] = {}, code = 0;

	for (unsigned int s = 0; s < symbols; s++)
		if (lengths[s])
			next[lengths[s] + 1]++;
	for (unsigned int length = 1; length <= HUFFMAN_LENGTH_MAX; length++) {
		code = (code + next[length]) << 1;
		next[length] = code;
	}
	for (unsigned int s = 0; s < symbols; s++)
		ret_bits[s] = lengths[s] ? turn(next[lengths[s]]++, lengths[s]) : 0;
}

void huffman_encoder(const uint8_t *lengths, unsigned int symbols, struct huffman_code *ret_code)
{
	assign(lengths, symbols, ret_code->bits);
	memcpy(ret_code->length, lengths, symbols);
}

/*
 * Length by length: a table for codes up to one length, twice, is that for codes of one bit more, but for
 * those of just that length. What no code has filled yet is filled by a longer one, as the code is complete.
 */
void huffman_decoder(const uint8_t *lengths, unsigned int symbols,
		     struct huffman_decoder *ret_decoder)
{
	uint16_t *entry = ret_decoder->entry, order[HUFFMAN_SYMBOLS_MAX];
	unsigned int starts[HUFFMAN_LENGTH_MAX + 2] = {}, at = 0;
	uint32_t code = 0;

	for (unsigned int s = 0; s < symbols; s++)
		starts[lengths[s] + 1]++;
	for (unsigned int length = 0; length <= HUFFMAN_LENGTH_MAX; length++)
		starts[length + 1] += starts[length];
	at = starts[1];
	for (unsigned int s = 0; s < symbols; s++)
		order[starts[lengths[s]]++] = (uint16_t)s;
	entry[0] = 0;
	for (unsigned int length = 1; length <= HUFFMAN_LENGTH_MAX; length++, code <<= 1) {
		memcpy(entry + (1u << (length - 1)), entry, sizeof(*entry) << (length - 1));
		for (; at < starts[length]; at++, code++)
			entry[turn(code, length)] = (uint16_t)(order[at] << 4 | length);
	}
}

void huffman_decoder_constant(unsigned int symbol, struct huffman_decoder *ret_decoder)
{
	for (unsigned int at = 0; at < 1u << HUFFMAN_LENGTH_MAX; at++)
		ret_decoder->entry[at] = (uint16_t)(symbol << 4);
}
