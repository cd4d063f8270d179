/* SPDX-License-Identifier: BSD-2-Clause */
/* The pairs of a source and a section: their keys, codes and buckets come back, and are small. */
#include "catalog/catalog_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "unit.h"

/* All of a /64 is one key; an IPv4 address is its own. */
static void keys(void)
{
	const struct addr v6 = an_addr("2001:db8:1:2:3:4:5:6"), same = an_addr("2001:db8:1:2::");
	const struct addr other = an_addr("2001:db8:1:3:3:4:5:6");
	const struct addr v4 = an_addr("192.0.2.1"), mapped = an_addr("::ffff:192.0.2.1");

	CHECK(catalog_key(&v6) == catalog_key(&same));
	CHECK(catalog_key(&v6) != catalog_key(&other));
	CHECK(catalog_key(&v6) == UINT64_C(0x20010db800010002));
	CHECK(catalog_key(&v4) == catalog_key(&mapped));
	CHECK(catalog_key(&v4) == UINT64_C(0xffffc0000201));
	CHECK(catalog_hash(1, 0) != catalog_hash(1, 1));
	CHECK(catalog_hash(12345, 678) < UINT64_C(1) << CATALOG_HASH_BITS);
}

/* Codes of a filter, as a reader makes them. */
static void make_codes(const struct catalog_filter *f, size_t sections, struct catalog_code *ret_code,
		       struct catalog_code *ret_counts)
{
	REQUIRE(catalog_code_make(f->lengths, sections, ret_code) == 0);
	REQUIRE(catalog_code_make(f->count_lengths, CATALOG_COUNT_SYMBOLS, ret_counts) == 0);
}

/* Every pair that the buckets have, packed, with the cell in place of the hash; they are f->pairs, each once. */
static uint64_t *read_back(struct catalog_filter *f, const struct catalog_code *code,
			   const struct catalog_code *counts)
{
	uint64_t *list = calloc(f->pairs + 1, sizeof(*list));
	struct catalog_walk w;
	size_t found = 0, at = 0;

	REQUIRE(list && buffer_extend(&f->buckets, BITS_PADDING));
	for (uint32_t b = 0; b < f->cells.buckets; b++) {
		int next;

		catalog_walk_start(&w, &f->cells, code, counts, f->buckets.data + at + 4, f->sizes[b] - 4);
		while ((next = catalog_walk_next(&w)) > 0) {
			REQUIRE(found < f->pairs);
			list[found++] = catalog_pack(((uint64_t)b << f->cells.cell_bits) + w.cell, w.section);
		}
		CHECK_INT(next, 0);
		at += f->sizes[b];
	}
	CHECK_INT(found, f->pairs);
	return list;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What stands in the buckets are these pairs, each once. */
static void comes_back(struct catalog_filter *f, uint64_t *kept, size_t count, size_t sections)
{
	struct catalog_code code, counts;
	uint64_t *list;
	size_t unique = 0;

	make_codes(f, sections, &code, &counts);
	list = read_back(f, &code, &counts);
	for (size_t i = 0; i < count; i++)
		kept[i] = catalog_pack(catalog_cell(&f->cells, kept[i] >> 24), kept[i] & 0xffffff);
	qsort(kept, count, sizeof(*kept), compare_u64);
	for (size_t i = 0; i < count; i++)
		if (!i || kept[i] != kept[unique - 1])
			kept[unique++] = kept[i];
	qsort(list, f->pairs, sizeof(*list), compare_u64);
	CHECK_INT(unique, f->pairs);
	CHECK(unique == f->pairs && memcmp(list, kept, unique * sizeof(*kept)) == 0);
	free(list);
	catalog_code_done(&code);
	catalog_code_done(&counts);
}

/* Few bits: sections of very different size, each pair comes back. */
static void pairs_are_small_and_come_back(void)
{
	const double bits_max[] = { 8.3, 9.2, 10.4 };
	const size_t count = 100000, sections = 500;
	uint64_t *pairs = calloc(count, sizeof(*pairs)), *kept = calloc(count, sizeof(*kept));
	struct rng rng = { 3 };
	struct catalog_filter f;
	double bits;

	for (int spread = CATALOG_SPREAD_LEAST; spread <= CATALOG_SPREAD_MOST; spread++) {
		for (size_t i = 0; i < count; i++) {
			uint64_t section = rng_below(&rng, 1 + rng_below(&rng, 1 + rng_below(&rng, sections)));

			pairs[i] = kept[i] = catalog_pack(catalog_hash(rng_next(&rng), 5), (uint32_t)section);
		}
		REQUIRE(catalog_filter_make(pairs, count, sections, spread, &f) == 0);
		bits = (double)(f.buckets.size + f.directory.size) * 8 / (double)count;
		CHECK_ROW(bits < bits_max[spread - CATALOG_SPREAD_LEAST], "%.2f bits a pair, spread %d", bits, spread);
		CHECK(f.pairs > count * 95 / 100 && f.pairs <= count);
		comes_back(&f, kept, count, sections);
		catalog_filter_done(&f);
	}
	free(pairs);
	free(kept);
}

/* Sources that are everywhere, others that are in one section; from no pairs and one section on. */
static void cells_of_any_number_of_pairs(void)
{
	const size_t numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 16, 21, 300 };
	uint64_t pairs[1000], kept[1000];
	size_t count = 0;
	struct catalog_filter f;

	for (size_t sections = 1; sections <= 300; sections += 299) {
		count = 0;
		for (size_t n = 0; n < ARRAY_SIZE(numbers); n++)
			for (uint32_t s = 0; s < numbers[n] && s < sections; s++, count++)
				kept[count] = pairs[count] = catalog_pack(catalog_hash(n, 9), s);
		REQUIRE(catalog_filter_make(pairs, count, sections, 0, &f) == 0);
		CHECK_INT(f.pairs, sections == 1 ? ARRAY_SIZE(numbers) - 1 : 415);
		comes_back(&f, kept, count, sections);
		catalog_filter_done(&f);
	}
	REQUIRE(catalog_filter_make(pairs, 0, 3, 0, &f) == 0);
	CHECK_INT(f.cells.buckets, 0);
	CHECK_INT(f.pairs, 0);
	catalog_filter_done(&f);
}

/* One section that has nearly all, and others whose codes would be deeper than a reader takes. */
static void codes_are_bounded(void)
{
	const size_t sections = 40;
	uint64_t *pairs = calloc(CATALOG_PAIRS_MAX, sizeof(*pairs));
	struct catalog_filter f;
	struct catalog_code code;
	uint32_t number = 1, before = 1;
	size_t count = 0;

	/* Fibonacci numbers make the deepest tree. */
	for (uint32_t s = 0; s < 31; s++) {
		uint32_t next = number + before;

		for (uint32_t i = 0; i < number && count < CATALOG_PAIRS_MAX; i++, count++)
			pairs[count] = catalog_pack(catalog_hash(count, 1), s);
		before = number;
		number = next;
	}
	REQUIRE(count > 3000000);
	REQUIRE(catalog_filter_make(pairs, count, sections, 0, &f) == 0);
	REQUIRE(catalog_code_make(f.lengths, sections, &code) == 0);
	CHECK(code.longest <= CATALOG_CODE_MAX);
	CHECK(code.longest > 16);
	CHECK_INT(f.lengths[39], 0);
	catalog_code_done(&code);
	catalog_filter_done(&f);
	free(pairs);
}

static void bad_codes_are_refused(void)
{
	const uint8_t too_many[] = { 1, 1, 1 }, too_few[] = { 2, 2 }, too_deep[] = { CATALOG_CODE_MAX + 1 };
	const uint8_t one[] = { 0, 1, 0 }, none[] = { 0, 0 }, good[] = { 1, 2, 0, 2 };
	struct catalog_code code;

	CHECK_INT(catalog_code_make(too_many, 3, &code), -EBADMSG);
	CHECK_INT(catalog_code_make(too_few, 2, &code), -EBADMSG);
	CHECK_INT(catalog_code_make(too_deep, 1, &code), -EBADMSG);
	CHECK_INT(catalog_code_make(one, 3, &code), 0);
	catalog_code_done(&code);
	CHECK_INT(catalog_code_make(none, 2, &code), 0);
	catalog_code_done(&code);
	CHECK_INT(catalog_code_make(good, 4, &code), 0);
	CHECK_INT(code.symbols[0], 0);
	CHECK_INT(code.symbols[1], 1);
	CHECK_INT(code.symbols[2], 3);
	catalog_code_done(&code);
}

/* AC-63: a section that stands in a cell again and again is refused, and makes no work. */
static void a_section_twice_is_refused(void)
{
	enum { SPAN = 1000, SECTIONS = 4 * SPAN };
	const uint8_t lengths[] = { 1, 2, 3, 3 }, count_lengths[] = { 3, 3, 3, 3, 3, 3, 3, 3 };
	const struct catalog_cells cells = { .buckets = 1, .cell_bits = 3 };
	uint8_t by_section[SECTIONS] = { 0 };
	uint32_t *ends = calloc(SECTIONS, sizeof(*ends)), *numbers = calloc(SECTIONS, sizeof(*numbers));
	bool *wanted = calloc(SECTIONS, sizeof(*wanted));
	struct catalog_code code, counts;
	struct rng rng = { 8 };
	size_t refused = 0, taken = 0;

	for (uint32_t i = 0; i < SECTIONS; i++) {
		ends[i] = (i / SPAN + 1) * SPAN;
		numbers[i] = SECTIONS - 1 - i;
	}
	for (size_t i = 0; i < 4; i++)
		by_section[i * SPAN] = lengths[i];
	REQUIRE(catalog_code_make(by_section, SECTIONS, &code) == 0);
	REQUIRE(catalog_code_make(count_lengths, CATALOG_COUNT_SYMBOLS, &counts) == 0);
	for (int round = 0; round < 20000; round++) {
		uint8_t bytes[40 + BITS_PADDING] = { 0 };
		struct catalog_walk w, plain;
		size_t pairs = 0, marked = 0;
		int more, said;

		for (size_t i = 0; i < 40; i++)
			bytes[i] = (uint8_t)rng_next(&rng);
		catalog_walk_start(&plain, &cells, &code, &counts, bytes, 40);
		while ((more = catalog_walk_next(&plain)) > 0 && plain.cell == 0)
			pairs++;
		memset(wanted, 0, SECTIONS);
		catalog_walk_start(&w, &cells, &code, &counts, bytes, 40);
		said = catalog_walk_mark(&w, 0, ends, numbers, SECTIONS, wanted);
		for (size_t i = 0; i < SECTIONS; i++)
			marked += wanted[i];
		CHECK_INT(said, pairs > 4 || more < 0 ? -EBADMSG : (int)pairs * SPAN);
		CHECK(marked <= pairs * SPAN);
		refused += pairs > 4;
		taken += said > 0;
	}
	CHECK_ROW(refused > 100 && taken > 100, "%zu refused, %zu taken", refused, taken);
	catalog_code_done(&code);
	catalog_code_done(&counts);
	free(ends);
	free(numbers);
	free(wanted);
}

UNIT_SUITE(catalog_filter, TEST(keys), TEST(pairs_are_small_and_come_back), TEST(cells_of_any_number_of_pairs),
	   TEST(codes_are_bounded), TEST(bad_codes_are_refused), TEST(a_section_twice_is_refused));
