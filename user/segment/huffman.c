// SPDX-License-Identifier: BSD-2-Clause
/* Code lengths, codes and look-up tables. */
#include <stdlib.h>
#include <string.h>
#include "huffman.h"

struct leaf {
	uint32_t count;
	uint16_t symbol;
};

/* By count, equal ones as they stand: by symbol. */
static void sort_few(struct leaf *leaves, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++) {
		struct leaf leaf = leaves[i];
		unsigned int at = i;

		for (; at > 0 && leaves[at - 1].count > leaf.count; at--)
			leaves[at] = leaves[at - 1];
		leaves[at] = leaf;
	}
}

#define FEW 24

static void sort_leaves(struct leaf *leaves, unsigned int n)
{
	struct leaf room[HUFFMAN_SYMBOLS_MAX], *from = leaves, *to = room;
	uint32_t all = 0;

	if (n <= FEW) {
		sort_few(leaves, n);
		return;
	}
	for (unsigned int i = 0; i < n; i++)
		all |= leaves[i].count;
	for (unsigned int shift = 0; shift < 32 && all >> shift; shift += 8) {
		unsigned int starts[256] = {}, sum = 0;
		struct leaf *sorted = to;

		for (unsigned int i = 0; i < n; i++)
			starts[from[i].count >> shift & 255]++;
		for (unsigned int d = 0; d < 256; d++) {
			unsigned int here = starts[d];

			starts[d] = sum;
			sum += here;
		}
		for (unsigned int i = 0; i < n; i++)
			to[starts[from[i].count >> shift & 255]++] = from[i];
		to = from;
		from = sorted;
	}
	if (from != leaves)
		memcpy(leaves, from, n * sizeof(*leaves));
}

/*
 * Huffman's own way: the two least are joined, again and again; leaves and joined ones each come in ascending
 * order. False when a code is longer than allowed.
 */
static bool join(const struct leaf *leaves, unsigned int n, uint8_t *ret_lengths)
{
	uint64_t weights[HUFFMAN_SYMBOLS_MAX];
	uint16_t leaf_parents[HUFFMAN_SYMBOLS_MAX], parents[HUFFMAN_SYMBOLS_MAX];
	uint8_t depths[HUFFMAN_SYMBOLS_MAX];
	unsigned int leaf = 0, node = 0;

	for (unsigned int made = 0; made < n - 1; made++) {
		weights[made] = 0;
		for (unsigned int two = 0; two < 2; two++) {
			if (leaf < n && (node == made || leaves[leaf].count <= weights[node])) {
				weights[made] += leaves[leaf].count;
				leaf_parents[leaf++] = (uint16_t)made;
			} else {
				weights[made] += weights[node];
				parents[node++] = (uint16_t)made;
			}
		}
	}
	depths[n - 2] = 0;
	for (unsigned int i = n - 2; i-- > 0;)
		depths[i] = (uint8_t)(depths[parents[i]] + 1);
	/* Those with the least counts lie deepest. */
	if (depths[leaf_parents[0]] + 1 > HUFFMAN_LENGTH_MAX)
		return false;
	for (unsigned int i = 0; i < n; i++)
		ret_lengths[leaves[i].symbol] = (uint8_t)(depths[leaf_parents[i]] + 1);
	return true;
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

static void merge_packages(const struct leaf *leaves, unsigned int n, uint8_t *ret_lengths)
{
	struct level levels[HUFFMAN_LENGTH_MAX];
	uint64_t weights[2][2 * HUFFMAN_SYMBOLS_MAX];
	unsigned int below = 0, take;

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

void huffman_lengths(const uint32_t *counts, unsigned int symbols, uint8_t *ret_lengths)
{
	struct leaf leaves[HUFFMAN_SYMBOLS_MAX];
	unsigned int n = 0;

	memset(ret_lengths, 0, symbols);
	for (unsigned int s = 0; s < symbols; s++)
		if (counts[s])
			leaves[n++] = (struct leaf){ counts[s], (uint16_t)s };
	if (n < 2)
		return;
	sort_leaves(leaves, n);
	if (!join(leaves, n, ret_lengths))
		merge_packages(leaves, n, ret_lengths);
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

void huffman_encoder(const uint8_t *lengths, unsigned int symbols, struct huffman_code *ret_code)
{
	uint32_t next[HUFFMAN_LENGTH_MAX + 2] = {}, code = 0;

	for (unsigned int s = 0; s < symbols; s++)
		next[lengths[s] + 1]++;
	next[1] = 0; /* of those that do not occur */
	for (unsigned int length = 1; length <= HUFFMAN_LENGTH_MAX; length++) {
		code = (code + next[length]) << 1;
		next[length] = code;
	}
	for (unsigned int s = 0; s < symbols; s++)
		ret_code->entry[s] = lengths[s] ? turn(next[lengths[s]]++, lengths[s]) |
						  (uint32_t)lengths[s] << HUFFMAN_ENTRY_SHIFT : 0;
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
