/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The day catalog: what it lists, that it never leaves out a section that holds a
 * source, that it rarely names one in vain, and that no bad byte of it is believed.
 */
#include "catalog/catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "catalog/catalog_facts.h"
#include "catalog/catalog_filter.h"
#include "catalog/catalog_lists.h"
#include "fixture.h"
#include "schema/store.h"
#include "seal/seal.h"
#include "unit.h"

#define TENANTS 40
#define SOURCES 2500 /* of each */

static struct addr source_of(struct rng *r)
{
	struct addr a = { .bytes = { [10] = 0xff, 0xff } };
	uint64_t v = rng_next(r);

	if (v % 3 == 0) {
		memset(&a, 0, sizeof(a));
		a.bytes[0] = 0x24;
		memcpy(a.bytes + 3, (const uint8_t *)&v + 1, 5);
		v = rng_next(r);
		memcpy(a.bytes + 8, &v, 8);
	} else {
		memcpy(a.bytes + 12, (const uint8_t *)&v + 2, 4);
	}
	return a;
}

/* A journal of many tenants, each with its own sources and each second one shared by all. */
static struct record *seal_many(const struct store_dir *store, size_t tenants, size_t sources)
{
	const struct journal_origin origin = { .ring_id = 7, .rung = 1 };
	const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS };
	struct record *rows = calloc(tenants * sources, sizeof(*rows));
	struct journal_tenant *list = calloc(tenants, sizeof(*list));
	struct seal_result result = { 0 };
	struct rng rng = { 7 }, shared;
	struct journal *j;
	struct problem p;
	char name[64];

	REQUIRE(rows && list && journal_create(store->journal, &origin, &j, &p) == 0);
	for (uint32_t t = 0; t < tenants; t++) {
		list[t].number = list[t].consent = t + 1;
		snprintf(list[t].id, sizeof(list[t].id), "c%03u", t);
		shared = (struct rng){ 99 };
		for (size_t i = 0; i < sources; i++) {
			struct record *row = &rows[t * sources + i];

			*row = plain_row(DAY_NS + (int64_t)rng_below(&rng, NS_PER_DAY), 1);
			row->src = source_of(i % 2 ? &shared : &rng);
			row->tenant = row->consent = t + 1;
		}
	}
	REQUIRE(journal_append_tenants(j, list, tenants) == 0);
	REQUIRE(journal_append_anchor(j, &anchor) == 0);
	for (size_t t = 0; t < tenants; t++)
		put_rows(j, rows + t * sources, sources, 2000 + t);
	end_journal(store->journal, j, name);
	REQUIRE(seal_journal(store, NULL, name, &result, &p) == 0);
	CHECK_INT(result.days_without_catalog, 0);
	free(list);
	return rows;
}

static struct catalog *a_catalog(const struct store_dir *store)
{
	struct catalog *c = NULL;
	struct problem p = { "" };
	int error = catalog_open(store->catalog, DAY_NUMBER, &c, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	return c;
}

static void agrees_with_segments(const struct store_dir *store)
{
	struct problem p = { "" };
	int error = catalog_compare(store, DAY_NUMBER, NULL, NULL, &p);

	CHECK_ROW(error == 0, "%s", p.text);
}

static void a_day_without_a_catalog(void)
{
	struct store_dir store = a_store();
	struct catalog *c = NULL;
	struct problem p;
	char name[CATALOG_NAME_MAX];

	catalog_name(DAY_NUMBER, name);
	CHECK_STR(name, "2026-03-10.skc");
	CHECK_INT(catalog_open(store.catalog, DAY_NUMBER, &c, &p), -ENOENT);
	CHECK_STR(p.text, "cannot open catalog/2026-03-10.skc: No such file or directory");
	CHECK_INT(catalog_open(-1, DAY_NUMBER, &c, &p), -ENOENT);
	CHECK(c == NULL);
	catalog_close(NULL);
	store_close(&store);
}

/* 100,000 pairs of a source and a section: each is found, others hardly ever. */
static void every_source_is_found(void)
{
	struct store_dir store = a_store();
	struct record *rows = seal_many(&store, TENANTS, SOURCES);
	struct catalog *c = a_catalog(&store);
	struct rng rng = { 123456 };
	size_t missed = 0, in_vain = 0;
	bool wanted[TENANTS];

	REQUIRE(c->section_count == TENANTS);
	CHECK_INT(c->tenant_count, TENANTS);
	CHECK_INT(c->segment_count, TENANTS);
	CHECK_INT(c->origin_count, 1);
	for (uint32_t t = 0; t < TENANTS; t++)
		CHECK_STR(c->tenants[c->segments[c->sections[t].segment].tenant], c->tenants[t]);
	for (size_t i = 0; i < TENANTS * SOURCES; i++) {
		memset(wanted, 0, sizeof(wanted));
		CHECK_INT(catalog_find(c, &rows[i].src, wanted), 0);
		missed += !wanted[rows[i].tenant - 1];
	}
	CHECK_INT(missed, 0);
	for (size_t i = 0; i < 10000; i++) {
		struct addr absent = source_of(&rng);

		memset(wanted, 0, sizeof(wanted));
		CHECK_INT(catalog_find(c, &absent, wanted), 0);
		for (size_t t = 0; t < TENANTS; t++)
			in_vain += wanted[t];
	}
	CHECK_ROW(in_vain > 15000 && in_vain < 24000, "%zu of 10000 times 40", in_vain);
	/* A shared one is found everywhere; others stay as they were. */
	memset(wanted, 0, sizeof(wanted));
	CHECK_INT(catalog_find(c, &rows[1].src, wanted), 0);
	for (size_t t = 0; t < TENANTS; t++)
		CHECK(wanted[t]);
	catalog_close(c);
	agrees_with_segments(&store);
	free(rows);
	store_close(&store);
}

/* All of a /64 is one key; an IPv4 address is its own. */
/* Units of time do not divide a day: the last one of a section that spans it ends behind the day. */
static void a_section_of_a_whole_day(void)
{
	const int64_t edges[] = { 0, 1, 30 * MS, 66 * MS, 70 * MS };

	for (size_t i = 0; i < ARRAY_SIZE(edges) * ARRAY_SIZE(edges); i++) {
		struct store_dir store;
		char path[300];
		struct problem p = { "" };
		const struct journal_origin origin = { .ring_id = 7, .rung = 1 };
		const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS };
		const struct journal_tenant tenant = { .number = 1, .consent = 1, .id = "t1" };
		struct record rows[2] = { plain_row(DAY_NS + edges[i % ARRAY_SIZE(edges)], 1),
					  plain_row(DAY_NS + NS_PER_DAY - 1 - edges[i / ARRAY_SIZE(edges)], 1) };
		struct seal_result result = { 0 };
		struct journal *j;
		char name[64];

		snprintf(path, sizeof(path), "%s/day%zu", unit_temp_path(), i);
		REQUIRE(store_open(path, 1, &store, &p) == 0);
		rows[0].tenant = rows[0].consent = rows[1].tenant = rows[1].consent = 1;
		REQUIRE(journal_create(store.journal, &origin, &j, &p) == 0);
		REQUIRE(journal_append_tenants(j, &tenant, 1) == 0 && journal_append_anchor(j, &anchor) == 0);
		put_rows(j, rows, 2, 2000);
		end_journal(store.journal, j, name);
		CHECK_INT(seal_journal(&store, NULL, name, &result, &p), 0);
		CHECK_INT(result.days_without_catalog, 0);
		agrees_with_segments(&store);
		store_close(&store);
	}
}

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

/* Whatever single bit is bad: it is said, and no section that holds a source is left out. */
static void every_flipped_bit_is_found(void)
{
	struct store_dir store = a_store();
	struct record *rows = seal_many(&store, 3, 12);
	size_t size, opened = 0, refused = 0, unsaid = 0, left_out = 0, unseen = 0;
	uint8_t *bytes = read_file(store.catalog, "2026-03-10.skc", &size);

	for (size_t bit = 0; bit < size * 8; bit++) {
		struct catalog_facts facts = { 0 };
		struct catalog *c = NULL;
		struct problem p;
		bool said = false;

		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		write_file(store.catalog, "2026-03-10.skc", bytes, size);
		unseen += catalog_check(store.catalog, DAY_NUMBER, &facts, &p) != 0 || facts.bad != 1;
		if (catalog_open(store.catalog, DAY_NUMBER, &c, &p) == -EBADMSG) {
			refused++;
		} else {
			opened++;
			for (size_t i = 0; i < 36; i++) {
				bool wanted[3] = { false };

				said |= catalog_find(c, &rows[i].src, wanted) == -EBADMSG;
				left_out += !wanted[rows[i].tenant - 1];
			}
			unsaid += !said;
			catalog_close(c);
		}
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_INT(unseen, 0);
	CHECK_INT(unsaid, 0);
	CHECK_INT(left_out, 0);
	CHECK(opened > 200); /* in the bucket */
	CHECK(refused > 1500);
	CHECK_INT(opened + refused, size * 8);
	write_file(store.catalog, "2026-03-10.skc", bytes, size);
	agrees_with_segments(&store);
	free(bytes);
	free(rows);
	store_close(&store);
}

/* Cut anywhere, it is no answer. */
static void a_torn_tail_is_no_answer(void)
{
	struct store_dir store = a_store();
	struct record *rows = seal_many(&store, 3, 12);
	size_t size, believed = 0, unseen = 0;
	uint8_t *bytes = read_file(store.catalog, "2026-03-10.skc", &size);
	struct catalog_facts facts;
	struct catalog *c;
	struct problem p;

	for (size_t length = 0; length < size; length++) {
		write_file(store.catalog, "2026-03-10.skc", bytes, length);
		believed += catalog_open(store.catalog, DAY_NUMBER, &c, &p) != -EBADMSG;
		REQUIRE(catalog_check(store.catalog, DAY_NUMBER, &facts, &p) == 0);
		unseen += !(length < CATALOG_HEADER_BYTES ? facts.bad == 1 : facts.torn && !facts.bad);
	}
	CHECK_INT(believed, 0);
	CHECK_INT(unseen, 0);
	CHECK_STR(p.text, "catalog/2026-03-10.skc: ends inside a chunk (offset 48)");
	free(bytes);
	free(rows);
	store_close(&store);
}

/* AC-63: facts and buckets of any bytes are refused or taken, never more. */
static void any_bytes_are_survived(void)
{
	struct store_dir store = a_store();
	struct record *rows = seal_many(&store, 12, 20);
	struct catalog *c = a_catalog(&store);
	const uint8_t zeroes[12] = { 0 }, lengths[] = { 1, 2, 3, 3 }, count_lengths[] = { 1, 2, 3, 4, 5, 6, 7, 7 };
	struct rng rng = { 2026 };
	struct buffer whole = { 0 }, bad = { 0 };
	struct catalog_code code, counts;
	size_t taken = 0, refused = 0, pairs = 0;

	REQUIRE(c->section_count == 12);
	catalog_facts_write(c, zeroes, zeroes, &whole);
	for (int round = 0; round < 20000; round++) {
		struct catalog read = { .day = DAY_NUMBER, .fd = -1 };
		uint8_t *flags = NULL, *code_bits = NULL;
		struct cursor in;

		buffer_clear(&bad);
		buffer_bytes(&bad, whole.data, whole.size);
		for (uint64_t n = round ? 1 + rng_below(&rng, 3) : 0; n > 0; n--)
			bad.data[rng_below(&rng, bad.size)] = (uint8_t)rng_next(&rng);
		cursor_init(&in, bad.data, round % 5 == 4 ? rng_below(&rng, bad.size) : bad.size);
		if (catalog_facts_read(&in, &read, &flags, &code_bits) == 0) {
			taken++;
			for (size_t i = 0; i < read.section_count; i++) {
				CHECK(read.sections[i].segment < read.segment_count);
				CHECK(read.sections[i].origin < read.origin_count);
			}
		} else {
			refused++;
			CHECK(round > 0 && !flags && !code_bits);
		}
		free(flags);
		free(code_bits);
		catalog_lists_done(&read);
	}
	CHECK(taken > 1000 && refused > 1000);
	REQUIRE(catalog_code_make(lengths, 4, &code) == 0);
	REQUIRE(catalog_code_make(count_lengths, CATALOG_COUNT_SYMBOLS, &counts) == 0);
	for (int round = 0; round < 20000; round++) {
		const struct catalog_cells cells = { .buckets = 1, .cell_bits = (uint8_t)(4 + round % 9) };
		uint8_t bytes[40 + BITS_PADDING] = { 0 };
		struct catalog_walk w;
		size_t size = rng_below(&rng, 40);
		int more;

		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(rng_next(&rng) & rng_next(&rng));
		catalog_walk_start(&w, &cells, &code, &counts, bytes, size);
		while ((more = catalog_walk_next(&w)) > 0) {
			pairs++;
			CHECK(w.section < 4 && w.cell < 1u << cells.cell_bits);
		}
		CHECK(more == 0 || more == -EBADMSG);
	}
	CHECK(pairs > 10000);
	catalog_code_done(&code);
	catalog_code_done(&counts);
	buffer_done(&whole);
	buffer_done(&bad);
	catalog_close(c);
	free(rows);
	store_close(&store);
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

/* Another magic, day, version: refused, in words. */
static void what_is_not_ours_is_refused(void)
{
	struct store_dir store = a_store();
	struct record *rows = seal_many(&store, 2, 5);
	size_t size;
	uint8_t *bytes = read_file(store.catalog, "2026-03-10.skc", &size);
	struct catalog *c = NULL;
	struct problem p;

	write_file(store.catalog, "2026-03-11.skc", bytes, size);
	CHECK_INT(catalog_open(store.catalog, DAY_NUMBER + 1, &c, &p), -EBADMSG);
	CHECK_STR(p.text, "catalog/2026-03-11.skc: is of another day than its name says (offset 20)");
	write_file(store.catalog, "2026-03-10.skc", "SEKISHOS", 8);
	CHECK_INT(catalog_open(store.catalog, DAY_NUMBER, &c, &p), -EBADMSG);
	CHECK_STR(p.text, "catalog/2026-03-10.skc: shorter than its header");
	REQUIRE(unlinkat(store.catalog, "2026-03-10.skc", 0) == 0);
	REQUIRE(mkdirat(store.catalog, "2026-03-10.skc", 0700) == 0);
	CHECK_INT(catalog_open(store.catalog, DAY_NUMBER, &c, &p), -EBADMSG);
	CHECK(c == NULL);
	REQUIRE(unlinkat(store.catalog, "2026-03-10.skc", AT_REMOVEDIR) == 0);
	free(bytes);
	free(rows);
	store_close(&store);
}

UNIT_SUITE(catalog, TEST(a_day_without_a_catalog), TEST(every_source_is_found),
	   TEST(a_section_of_a_whole_day), TEST(keys),
	   TEST(pairs_are_small_and_come_back), TEST(cells_of_any_number_of_pairs),
	   TEST(codes_are_bounded), TEST(bad_codes_are_refused),
	   TEST(every_flipped_bit_is_found), TEST(a_torn_tail_is_no_answer),
	   TEST(any_bytes_are_survived), TEST(a_section_twice_is_refused), TEST(what_is_not_ours_is_refused));
