// SPDX-License-Identifier: BSD-2-Clause
/* Pairs to cells to bits, and back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "catalog_filter.h"

/* Pairs of a bucket, 2^n: some 300 bytes, so that a question reads one page and decodes for a microsecond. */
#define BUCKET_BITS 8
#define SECTION_MASK 0xffffffu
#define DIGIT_BITS 10 /* of a pass of sorting; four make up a hash */

uint64_t catalog_key(const struct addr *src)
{
	uint64_t half;

	memcpy(&half, src->bytes + (addr_is_v4(src) ? 8 : 0), sizeof(half));
	return __builtin_bswap64(half);
}

/* The finaliser of splitmix64. */
uint64_t catalog_hash(uint64_t key, uint64_t seed)
{
	uint64_t v = key ^ seed;

	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return (v ^ v >> 31) >> (64 - CATALOG_HASH_BITS);
}

int catalog_code_make(const uint8_t *lengths, size_t count, struct catalog_code *ret_code)
{
	struct catalog_code code = {};
	uint32_t at[CATALOG_CODE_MAX + 2] = {};
	uint64_t share = 0, coded = 0;

	for (size_t i = 0; i < count; i++) {
		if (lengths[i] > CATALOG_CODE_MAX)
			return -EBADMSG;
		code.count[lengths[i]]++;
	}
	code.count[0] = 0;
	for (unsigned int n = 1; n <= CATALOG_CODE_MAX; n++) {
		share += (uint64_t)code.count[n] << (CATALOG_CODE_MAX - n);
		coded += code.count[n];
		at[n + 1] = at[n] + code.count[n];
		if (code.count[n])
			code.longest = n;
	}
	/* Complete, but for none or a single one. */
	if (coded && share != UINT64_C(1) << CATALOG_CODE_MAX && (coded > 1 || code.longest != 1))
		return -EBADMSG;
	code.symbols = malloc((coded + 1) * sizeof(*code.symbols));
	if (!code.symbols)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (lengths[i])
			code.symbols[at[lengths[i]]++] = (uint32_t)i;
	*ret_code = code;
	return 0;
}

void catalog_code_done(struct catalog_code *code)
{
	free(code->symbols);
	memset(code, 0, sizeof(*code));
}

void catalog_walk_start(struct catalog_walk *w, const struct catalog_cells *cells,
			const struct catalog_code *code, const uint8_t *bits, size_t size)
{
	*w = (struct catalog_walk){
		.bits = { .data = bits, .end = size * 8 },
		.cells = cells,
		.code = code,
	};
}

/* How many zeroes stand before the next one. */
static uint64_t take_unary(struct bit_reader *bits)
{
	uint64_t zeroes = 0, v;

	while (bits_ok(bits)) {
		v = bits_peek(bits) & ((UINT64_C(1) << BITS_MAX) - 1);
		if (v) {
			unsigned int n = (unsigned int)__builtin_ctzll(v);

			bits->at += n + 1;
			return zeroes + n;
		}
		bits->at += BITS_MAX;
		zeroes += BITS_MAX;
	}
	return zeroes;
}

static bool take_section(struct catalog_walk *w)
{
	const struct catalog_code *code = w->code;
	uint64_t v = bits_peek(&w->bits);
	uint32_t at = 0, first = 0, index = 0;

	for (unsigned int n = 1; n <= code->longest; n++, v >>= 1) {
		at |= v & 1;
		if (at - first < code->count[n]) {
			w->section = code->symbols[index + at - first];
			w->bits.at += n;
			return true;
		}
		index += code->count[n];
		first = (first + code->count[n]) << 1;
		at <<= 1;
	}
	return false;
}

/* Only the filling of the last byte is left, and it is zero. */
static int walk_end(struct catalog_walk *w)
{
	size_t left = w->bits.end - w->bits.at;

	if (!bits_ok(&w->bits) || left > 7)
		return -EBADMSG;
	return bits_get(&w->bits, (unsigned int)left) ? -EBADMSG : 0;
}

int catalog_walk_next(struct catalog_walk *w)
{
	uint64_t cells = UINT64_C(1) << w->cells->cell_bits;
	uint64_t cell = w->cell + (take_unary(&w->bits) << w->cells->gap_bits);

	cell += bits_get(&w->bits, w->cells->gap_bits);
	if (!bits_ok(&w->bits) || cell > cells)
		return -EBADMSG;
	if (cell == cells)
		return walk_end(w);
	w->cell = (uint32_t)cell;
	return take_section(w) && bits_ok(&w->bits) ? 1 : -EBADMSG;
}

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

/* Sorted pairs become cell << 24 | section, ordered, each once; returns how many. */
static size_t to_cells(const struct catalog_cells *cells, uint64_t *pairs, size_t count)
{
	size_t kept = 0, end;

	for (size_t i = 0; i < count; i++)
		pairs[i] = catalog_cell(cells, pairs[i] >> 24) << 24 | (pairs[i] & SECTION_MASK);
	for (size_t i = 0; i < count; i = end) {
		for (end = i + 1; end < count && pairs[end] >> 24 == pairs[i] >> 24; end++)
			;
		if (end - i > 1)
			qsort(pairs + i, end - i, sizeof(*pairs), compare_pairs);
		for (size_t k = i; k < end; k++)
			if (k == i || pairs[k] != pairs[k - 1])
				pairs[kept++] = pairs[k];
	}
	return kept;
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

static int choose_code(const uint64_t *pairs, size_t count, size_t sections, uint8_t *lengths)
{
	struct leaf *leaves = calloc(sections + 1, sizeof(*leaves));
	size_t used = 0;
	int error = leaves ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++)
		leaves[pairs[i] & SECTION_MASK].count++;
	for (size_t i = 0; i < sections && !error; i++)
		if (leaves[i].count)
			leaves[used++] = (struct leaf){ leaves[i].count, (uint32_t)i };
	if (used) {
		qsort(leaves, used, sizeof(*leaves), compare_leaves);
		error = make_lengths(leaves, used, lengths);
	}
	free(leaves);
	return error;
}

/* By section: its code with the first bit lowest. */
static uint32_t *make_codes(const uint8_t *lengths, size_t sections)
{
	uint32_t *codes = calloc(sections + 1, sizeof(*codes)), next = 0, at = 0;
	struct catalog_code code;

	if (!codes || catalog_code_make(lengths, sections, &code)) {
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

static void put_gap(struct bit_writer *w, uint64_t gap, unsigned int gap_bits)
{
	uint64_t zeroes = gap >> gap_bits;

	for (; zeroes >= 32; zeroes -= 32)
		bits_put(w, 0, 32);
	bits_put(w, UINT64_C(1) << zeroes, (unsigned int)zeroes + 1);
	bits_put(w, gap & ((UINT64_C(1) << gap_bits) - 1), gap_bits);
}

/* Pairs of one bucket; 4 bytes of room for the checksum stand before. */
static int write_bucket(struct catalog_filter *f, const uint32_t *codes, const uint64_t *pairs,
			size_t count)
{
	const struct catalog_cells *cells = &f->cells;
	uint64_t room = ((UINT64_C(1) << cells->cell_bits) >> 3) + count * 8 + 64, cell = 0;
	uint64_t mask = (UINT64_C(1) << cells->cell_bits) - 1;
	size_t start = f->buckets.size;
	uint8_t *p = buffer_extend(&f->buckets, 4 + room);
	struct bit_writer w;

	if (!p)
		return -ENOMEM;
	w = (struct bit_writer){ .at = p + 4 };
	for (size_t i = 0; i < count; i++) {
		uint32_t section = pairs[i] & SECTION_MASK;

		put_gap(&w, (pairs[i] >> 24 & mask) - cell, cells->gap_bits);
		cell = pairs[i] >> 24 & mask;
		bits_put(&w, codes[section], f->lengths[section]);
	}
	put_gap(&w, mask + 1 - cell, cells->gap_bits);
	bits_end(&w);
	f->buckets.size = start + (size_t)(w.at - p);
	return 0;
}

static int write_buckets(struct catalog_filter *f, const uint64_t *pairs, size_t count,
			 size_t sections)
{
	uint32_t *codes = make_codes(f->lengths, sections);
	size_t at = 0;
	int error = codes ? 0 : -ENOMEM;

	for (uint32_t b = 0; b < f->cells.buckets && !error; b++) {
		size_t end = at, start = f->buckets.size;

		while (end < count && pairs[end] >> (24 + f->cells.cell_bits) == b)
			end++;
		error = write_bucket(f, codes, pairs + at, end - at);
		f->sizes[b] = (uint32_t)(f->buckets.size - start);
		buffer_varint(&f->directory, f->sizes[b]);
		at = end;
	}
	free(codes);
	return error || !buffer_ok(&f->directory) ? -ENOMEM : 0;
}

/* Cells for `count` pairs, and the plain bits that make their distances shortest (Golomb 1966). */
static struct catalog_cells choose_cells(size_t count, unsigned int more_cells)
{
	struct catalog_cells c = { .cell_bits = (uint8_t)(BUCKET_BITS + more_cells) };
	uint64_t cells;

	c.buckets = (uint32_t)((count + (1u << BUCKET_BITS) - 1) >> BUCKET_BITS);
	cells = (uint64_t)c.buckets << c.cell_bits;
	while (count && (UINT64_C(100) * count << c.gap_bits) < 48 * cells + 24 * count)
		c.gap_bits++;
	if (c.gap_bits > c.cell_bits)
		c.gap_bits = c.cell_bits;
	return c;
}

int catalog_filter_make(uint64_t *pairs, size_t count, size_t sections, unsigned int more_cells,
			struct catalog_filter *ret_filter)
{
	struct catalog_filter f = { .cells = choose_cells(count, more_cells) };
	int error = sort_pairs(pairs, count);

	f.lengths = calloc(sections + 1, 1);
	f.sizes = calloc(f.cells.buckets + 1, sizeof(*f.sizes));
	if (!f.lengths || !f.sizes)
		error = -ENOMEM;
	if (!error) {
		count = to_cells(&f.cells, pairs, count);
		f.pairs = (uint32_t)count;
		error = choose_code(pairs, count, sections, f.lengths);
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
