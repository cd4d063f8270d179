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

UNIT_SUITE(catalog, TEST(a_day_without_a_catalog), TEST(every_source_is_found), TEST(a_section_of_a_whole_day),
	   TEST(every_flipped_bit_is_found), TEST(a_torn_tail_is_no_answer), TEST(any_bytes_are_survived),
	   TEST(what_is_not_ours_is_refused));
