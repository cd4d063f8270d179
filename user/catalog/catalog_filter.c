// SPDX-License-Identifier: BSD-2-Clause
/* Pairs to cells to bits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "catalog_filter.h"

/* Pairs of a bucket, 2^n: some 250 bytes, so that a question reads one page and decodes for microseconds. */
#define BUCKET_BITS 8
#define SECTION_MASK 0xffffffu
#define DIGIT_BITS 10 /* of a pass of sorting; four make up a hash */

static int sort_pairs(uint64_t *pairs, size_t count)
{
	uint64_t *from = pairs, *to = malloc((count + 1) * sizeof(*to)), *spare = to, *swap;

	if (!to)
		return -ENOMEM;
	for (unsigned int shift = 24; shift < 64; shift += DIGIT_BITS) {
		size_t at[1u << DIGIT_BITS] = {}, sum = 0;

		for (size_t i = 0; i < count; i++)
			at[from[i] >> shift & ((1u << DIGIT_BITS) - 1)]++;
		for (size_t d = 0; d < 1u << DIGIT_BITS; d++) {
			size_t n = at[d];

			at[d] = sum;
			sum += n;
		}
		for (size_t i = 0; i < count; i++)
			to[at[from[i] >> shift & ((1u << DIGIT_BITS) - 1)]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	_Static_assert((64 - 24) / DIGIT_BITS % 2 == 0, "the sorted pairs end where they began");
	free(spare);
	return 0;
}

static int compare_pairs(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* How many of the pairs have the hash, or cell, of the first one; there is one at least. */
static size_t alike(const uint64_t *pairs, size_t count)
{
	size_t n = 1;

	while (n < count && pairs[n] >> 24 == pairs[0] >> 24)
		n++;
	return n;
}

/* Sorted by hash, or cell: ordered, each once; returns how many. */
static size_t each_once(uint64_t *pairs, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0, n; i < count; i += n) {
		bool ordered = true;

		n = alike(pairs + i, count - i);
		for (size_t k = i + 1; k < i + n; k++)
			ordered &= pairs[k - 1] <= pairs[k];
		if (!ordered)
			qsort(pairs + i, n, sizeof(*pairs), compare_pairs);
		for (size_t k = i; k < i + n; k++)
			if (k == i || pairs[k] != pairs[k - 1])
				pairs[kept++] = pairs[k];
	}
	return kept;
}

/* Sorted pairs become cell << 24 | section, ordered, each once; returns how many. */
static size_t to_cells(const struct catalog_cells *cells, uint64_t *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		pairs[i] = catalog_cell(cells, pairs[i] >> 24) << 24 | (pairs[i] & SECTION_MASK);
	return each_once(pairs, count);
}

/* By count; a section's number makes the order total. */
struct leaf {
	uint32_t count, section;
};

static int compare_leaves(const void *a, const void *b)
{
	const struct leaf *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return x->section < y->section ? -1 : x->section > y->section;
}

/*
 * Depths of a Huffman tree over ascending leaves that count at least `least`; returns the greatest. weight
 * and parent have room for 2 * count nodes: leaves first, then inner ones in the order they are made.
 */
static unsigned int huffman_depths(const struct leaf *leaves, size_t count, uint32_t least,
				   uint64_t *weight, uint32_t *parent, uint8_t *depth)
{
	size_t leaf = 0, inner = count, made = count;

	for (size_t i = 0; i < count; i++)
		weight[i] = leaves[i].count < least ? least : leaves[i].count;
	for (; made < 2 * count - 1; made++) {
		weight[made] = 0;
		for (int child = 0; child < 2; child++) {
			bool take_leaf = leaf < count && (inner == made || weight[leaf] <= weight[inner]);
			size_t taken = take_leaf ? leaf++ : inner++;

			weight[made] += weight[taken];
			parent[taken] = (uint32_t)made;
		}
	}
	depth[made - 1] = 0;
	for (size_t i = made - 1; i-- > 0;)
		depth[i] = depth[parent[i]] < UINT8_MAX ? depth[parent[i]] + 1 : UINT8_MAX;
	/* The rarest leaf is the deepest. */
	return depth[0];
}

static int make_lengths(const struct leaf *leaves, size_t count, uint8_t *lengths)
{
	uint64_t *weight = malloc((2 * count + 1) * sizeof(*weight));
	uint32_t *parent = malloc((2 * count + 1) * sizeof(*parent));
	uint8_t *depth = malloc(2 * count + 1);
	int error = weight && parent && depth ? 0 : -ENOMEM;

	/* Flatter and flatter: with all counts alike it is as deep as log2 of the number of sections. */
	for (uint32_t least = 1; !error; least *= 2)
		if (huffman_depths(leaves, count, least, weight, parent, depth) <= CATALOG_CODE_MAX)
			break;
	for (size_t i = 0; i < count && !error; i++)
		lengths[leaves[i].section] = count == 1 ? 1 : depth[i];
	free(weight);
	free(parent);
	free(depth);
	return error;
}

static int choose_code(const uint32_t *counts, size_t symbols, uint8_t *lengths)
{
	struct leaf *leaves = malloc((symbols + 1) * sizeof(*leaves));
	size_t used = 0;
	int error = leaves ? 0 : -ENOMEM;

	for (size_t i = 0; i < symbols && !error; i++)
		if (counts[i])
			leaves[used++] = (struct leaf){ counts[i], (uint32_t)i };
	if (used) {
		qsort(leaves, used, sizeof(*leaves), compare_leaves);
		error = make_lengths(leaves, used, lengths);
	}
	free(leaves);
	return error;
}

/* Both codes after how often each symbol stands in the buckets. */
static int choose_codes(struct catalog_filter *f, const uint64_t *pairs, size_t count, size_t sections)
{
	uint32_t *uses = calloc(sections + 1, sizeof(*uses)), counts[CATALOG_COUNT_SYMBOLS] = {};
	size_t cells = 0;
	int error = uses ? 0 : -ENOMEM;

	for (size_t i = 0, n; i < count && !error; i += n, cells++) {
		n = alike(pairs + i, count - i);
		for (size_t k = 0; k < n; k++)
			uses[pairs[i + k] & SECTION_MASK]++;
		counts[CATALOG_COUNT_MORE] += (uint32_t)(n / CATALOG_COUNT_MORE);
		counts[n % CATALOG_COUNT_MORE]++;
	}
	counts[0] += (uint32_t)(((size_t)f->cells.buckets << f->cells.cell_bits) - cells);
	if (!error)
		error = choose_code(uses, sections, f->lengths);
	if (!error)
		error = choose_code(counts, CATALOG_COUNT_SYMBOLS, f->count_lengths);
	free(uses);
	return error;
}

/* By symbol: its code with the first bit lowest. */
static uint32_t *make_codes(const uint8_t *lengths, size_t symbols)
{
	uint32_t *codes = calloc(symbols + 1, sizeof(*codes)), next = 0, at = 0;
	struct catalog_code code;

	if (!codes || catalog_code_make(lengths, symbols, &code)) {
		free(codes);
		return NULL;
	}
	for (unsigned int n = 1; n <= code.longest; n++, next <<= 1)
		for (uint32_t i = 0; i < code.count[n]; i++, next++) {
			uint32_t *c = &codes[code.symbols[at++]];

			for (unsigned int bit = 0; bit < n; bit++)
				*c |= (next >> bit & 1) << (n - 1 - bit);
		}
	catalog_code_done(&code);
	return codes;
}

/* What takes part in writing buckets. */
struct coder {
	struct bit_writer bits;
	const struct catalog_filter *f;
	uint32_t *codes, *count_codes;
};

static void put_count(struct coder *c, size_t n)
{
	const uint8_t *lengths = c->f->count_lengths;

	for (; n >= CATALOG_COUNT_MORE; n -= CATALOG_COUNT_MORE)
		bits_put(&c->bits, c->count_codes[CATALOG_COUNT_MORE], lengths[CATALOG_COUNT_MORE]);
	bits_put(&c->bits, c->count_codes[n], lengths[n]);
}

/* How many of k codes that begin alike go on with a zero: half of them most likely. */
static void put_split(struct coder *c, unsigned int k, unsigned int zero)
{
	/* First bit lowest, and above four bits how many. */
	static const uint8_t splits[CATALOG_GROUP_PAIRS + 1][CATALOG_GROUP_PAIRS + 1] = {
		[1] = { 0x11, 0x10 },
		[2] = { 0x23, 0x10, 0x21 },
		[3] = { 0x20, 0x21, 0x22, 0x23 },
		[4] = { 0x47, 0x21, 0x10, 0x33, 0x4f },
	};

	bits_put(&c->bits, splits[k][zero] & 15, splits[k][zero] >> 4);
}

/* The sections of a group, of whose codes `length` bits are known: what order they stand in is not told. */
static void put_group(struct coder *c, const uint32_t *sections, unsigned int k, unsigned int length)
{
	uint32_t side[2][CATALOG_GROUP_PAIRS];
	unsigned int n[2] = {};

	if (k == 1) {
		bits_put(&c->bits, c->codes[*sections] >> length, c->f->lengths[*sections] - length);
		return;
	}
	for (unsigned int i = 0; i < k; i++) {
		unsigned int bit = c->codes[sections[i]] >> length & 1;

		side[bit][n[bit]++] = sections[i];
	}
	put_split(c, k, n[0]);
	for (int bit = 0; bit < 2; bit++)
		if (n[bit])
			put_group(c, side[bit], n[bit], length + 1);
}

/* A cell of n pairs. Those of a group lie apart: neighbours' codes begin alike, which costs most to tell. */
static void put_cell(struct coder *c, const uint64_t *pairs, size_t n)
{
	size_t groups = (n + CATALOG_GROUP_PAIRS - 1) / CATALOG_GROUP_PAIRS;
	uint32_t sections[CATALOG_GROUP_PAIRS];
	unsigned int k = 0;

	put_count(c, n);
	for (size_t g = 0; g < groups; g++)
		for (size_t i = g; i < n; i += groups) {
			sections[k++] = pairs[i] & SECTION_MASK;
			if (k == CATALOG_GROUP_PAIRS) {
				put_group(c, sections, k, 0);
				k = 0;
			}
		}
	if (k)
		put_group(c, sections, k, 0);
}

/* Pairs of bucket b; 4 bytes of room for the checksum stand before. Returns how many there were. */
static size_t put_bucket(struct coder *c, uint32_t b, const uint64_t *pairs, size_t count)
{
	uint64_t cell = (uint64_t)b << c->f->cells.cell_bits, end = (uint64_t)(b + 1) << c->f->cells.cell_bits;
	size_t at = 0, n;

	for (; cell < end; cell++, at += n) {
		n = at < count && pairs[at] >> 24 == cell ? alike(pairs + at, count - at) : 0;
		put_cell(c, pairs + at, n);
	}
	bits_end(&c->bits);
	return at;
}

static int write_buckets(struct catalog_filter *f, const uint64_t *pairs, size_t count,
			 size_t sections)
{
	struct coder c = { .f = f, .codes = make_codes(f->lengths, sections),
			   .count_codes = make_codes(f->count_lengths, CATALOG_COUNT_SYMBOLS) };
	int error = c.codes && c.count_codes ? 0 : -ENOMEM;
	size_t at = 0;

	for (uint32_t b = 0; b < f->cells.buckets && !error; b++) {
		size_t end = at, start = f->buckets.size;
		uint8_t *p;

		while (end < count && pairs[end] >> (24 + f->cells.cell_bits) == b)
			end++;
		/* A pair takes four bytes at most, a cell's number a byte. */
		p = buffer_extend(&f->buckets, 4 + (end - at) * 8 + (UINT64_C(1) << f->cells.cell_bits) + 64);
		if (!p) {
			error = -ENOMEM;
			break;
		}
		c.bits = (struct bit_writer){ .at = p + 4 };
		at += put_bucket(&c, b, pairs + at, end - at);
		f->sizes[b] = (uint32_t)(c.bits.at - p);
		f->buckets.size = start + f->sizes[b];
		buffer_varint(&f->directory, f->sizes[b]);
	}
	free(c.codes);
	free(c.count_codes);
	return error || !buffer_ok(&f->directory) ? -ENOMEM : 0;
}

static struct catalog_cells choose_cells(size_t count, int spread)
{
	return (struct catalog_cells){
		.buckets = (uint32_t)((count + (1u << BUCKET_BITS) - 1) >> BUCKET_BITS),
		.cell_bits = (uint8_t)(BUCKET_BITS + spread),
	};
}

int catalog_filter_make(uint64_t *pairs, size_t count, size_t sections, int spread,
			struct catalog_filter *ret_filter)
{
	struct catalog_filter f = {};
	int error = sort_pairs(pairs, count);

	if (!error)
		count = each_once(pairs, count);
	f.cells = choose_cells(count, spread);
	f.lengths = calloc(sections + 1, 1);
	f.sizes = calloc(f.cells.buckets + 1, sizeof(*f.sizes));
	if (!f.lengths || !f.sizes)
		error = -ENOMEM;
	if (!error) {
		count = to_cells(&f.cells, pairs, count);
		f.pairs = (uint32_t)count;
		error = choose_codes(&f, pairs, count, sections);
	}
	if (!error)
		error = write_buckets(&f, pairs, count, sections);
	if (error)
		catalog_filter_done(&f);
	else
		*ret_filter = f;
	return error;
}

void catalog_filter_done(struct catalog_filter *f)
{
	free(f->lengths);
	free(f->sizes);
	buffer_done(&f->directory);
	buffer_done(&f->buckets);
	memset(f, 0, sizeof(*f));
}
