// SPDX-License-Identifier: BSD-2-Clause
/* From a key to its cell, and from bits to pairs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "catalog_walk.h"

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
	uint32_t at[CATALOG_CODE_MAX + 1];
	uint64_t share = 0, coded = 0;

	for (size_t i = 0; i < count; i++) {
		if (lengths[i] > CATALOG_CODE_MAX)
			return -EBADMSG;
		code.count[lengths[i]]++;
	}
	code.count[0] = 0;
	for (unsigned int n = 1; n <= CATALOG_CODE_MAX; n++) {
		code.first[n] = (code.first[n - 1] + code.count[n - 1]) << 1;
		code.index[n] = at[n] = (uint32_t)coded;
		share += (uint64_t)code.count[n] << (CATALOG_CODE_MAX - n);
		coded += code.count[n];
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
			const struct catalog_code *sections, const struct catalog_code *counts,
			const uint8_t *bits, size_t size)
{
	*w = (struct catalog_walk){
		.bits = { .data = bits, .end = size * 8 },
		.cells = cells,
		.sections = sections,
		.counts = counts,
	};
}

/* Whether `bits` of this length are a code, and of what. */
static bool is_code(const struct catalog_code *code, unsigned int length, uint32_t bits, uint32_t *ret_symbol)
{
	uint32_t nth = bits - code->first[length];

	if (nth >= code->count[length])
		return false;
	*ret_symbol = code->symbols[code->index[length] + nth];
	return true;
}

/* Bits that are looked at together: taking them one by one is most of what a question costs. */
struct window {
	uint64_t bits;
	unsigned int left;
};

static inline struct window window_open(struct catalog_walk *w)
{
	return (struct window){ .bits = bits_peek(&w->bits), .left = BITS_MAX };
}

static inline void window_close(struct catalog_walk *w, const struct window *v)
{
	w->bits.at += BITS_MAX - v->left;
}

/* Has as many bits as a code, or the splits above it, may take. */
static inline void window_fill(struct catalog_walk *w, struct window *v)
{
	if (v->left >= CATALOG_CODE_MAX)
		return;
	window_close(w, v);
	*v = window_open(w);
}

static inline uint32_t window_bits(struct window *v, unsigned int n)
{
	uint32_t bits = (uint32_t)v->bits & ((1u << n) - 1);

	v->bits >>= n;
	v->left -= n;
	return bits;
}

/* What is left of a code of which the first bits are known. */
static inline bool take_code(struct catalog_walk *w, struct window *v, const struct catalog_code *code,
			     unsigned int length, uint32_t bits, uint32_t *ret_symbol)
{
	window_fill(w, v);
	while (!is_code(code, length, bits, ret_symbol)) {
		if (length++ >= code->longest)
			return false;
		bits = bits << 1 | window_bits(v, 1);
	}
	return true;
}

/* How many pairs the next cell has. */
static bool take_count(struct catalog_walk *w)
{
	struct window v = window_open(w);
	uint32_t symbol = 0;
	bool good;

	w->left = 0;
	do {
		good = take_code(w, &v, w->counts, 0, 0, &symbol) && bits_ok(&w->bits);
		w->left += symbol;
	} while (good && symbol == CATALOG_COUNT_MORE);
	window_close(w, &v);
	return good && bits_ok(&w->bits);
}

/* How many of k codes that begin alike go on with a zero. */
static inline unsigned int take_split(struct window *v, unsigned int k)
{
	if (k == 3)
		return window_bits(v, 2);
	if (!window_bits(v, 1))
		return k / 2;
	if (k == 2)
		return window_bits(v, 1) ? 0 : 2;
	if (!window_bits(v, 1))
		return 1;
	if (!window_bits(v, 1))
		return 3;
	return window_bits(v, 1) ? 4 : 0;
}

/* The next k pairs of the cell, which differ. */
static bool take_group(struct catalog_walk *w, unsigned int k)
{
	/* Beginnings of codes; each is of one code at least, so there are no more. */
	struct {
		unsigned int k, length;
		uint32_t bits;
	} open[CATALOG_GROUP_PAIRS] = { { .k = k } }, now;
	struct window v = window_open(w);
	unsigned int count = 1, zero;

	w->held = 0;
	while (count) {
		now = open[--count];
		if (now.k == 1) {
			if (!take_code(w, &v, w->sections, now.length, now.bits, &w->group[w->held++]))
				return false;
			continue;
		}
		/* Where a code ends it is one section's, and there is no second one. */
		if (now.length++ >= w->sections->longest || !bits_ok(&w->bits) ||
		    is_code(w->sections, now.length - 1, now.bits, &w->group[w->held]))
			return false;
		window_fill(w, &v);
		zero = take_split(&v, now.k);
		now.bits <<= 1;
		if (now.k > zero) {
			open[count] = now;
			open[count].k = now.k - zero;
			open[count++].bits |= 1;
		}
		if (zero) {
			open[count] = now;
			open[count++].k = zero;
		}
	}
	window_close(w, &v);
	return bits_ok(&w->bits);
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
	unsigned int k;

	while (!w->held && !w->left) {
		if (w->next_cell == UINT32_C(1) << w->cells->cell_bits)
			return walk_end(w);
		w->cell = w->next_cell++;
		if (!take_count(w))
			return -EBADMSG;
	}
	if (!w->held) {
		k = w->left < CATALOG_GROUP_PAIRS ? (unsigned int)w->left : CATALOG_GROUP_PAIRS;
		w->left -= k;
		if (!take_group(w, k))
			return -EBADMSG;
	}
	w->section = w->group[--w->held];
	return 1;
}

int catalog_walk_mark(struct catalog_walk *w, uint32_t cell, const uint32_t *shared_end, const uint32_t *numbers,
		      size_t count, bool *wanted)
{
	size_t marked = 0;
	int more;

	while ((more = catalog_walk_next(w)) > 0 && w->cell <= cell) {
		if (w->cell < cell)
			continue;
		marked += shared_end[w->section] - w->section;
		if (marked > count)
			return -EBADMSG;
		for (uint32_t i = w->section; i < shared_end[w->section]; i++)
			wanted[numbers[i]] = true;
	}
	return more < 0 ? more : (int)marked;
}
