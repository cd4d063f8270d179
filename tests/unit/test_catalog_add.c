/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Day catalogs while sealing goes on: whatever is missing, damaged, interrupted or
 * put back, what a catalog does not list is in a journal (AC-33 in part), and a
 * catalog that cannot be complete is not there.
 */
#include "catalog/catalog_add.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "cataloging.h"
#include "fixture.h"
#include "schema/event.h"
#include "schema/store.h"
#include "seal/seal.h"
#include "unit.h"

static void each_journal_is_a_chunk(void)
{
	struct store_dir store = a_store();
	struct catalog *c;
	struct problem p;

	for (uint64_t i = 1; i <= 3; i++) {
		CHECK_INT(seal_new(&store, i).days_without_catalog, 0);
		agrees(&store, i, 2 * i);
	}
	REQUIRE(catalog_open(store.catalog, DAY_NUMBER, &c, &p) == 0);
	CHECK_INT(c->tenant_count, 2);
	CHECK_INT(c->segment_count, 2);
	CHECK_INT(c->origin_count, 3);
	for (size_t i = 0; i < 3; i++) {
		CHECK_INT(c->origins[i].rung, SEKISHO_RUNG_SET_STATE);
		CHECK(!c->origins[i].imported);
		CHECK_INT(c->origins[i].span_from_ns, DAY_NS);
		REQUIRE(c->origins[i].clock.count == 1);
		CHECK_INT(c->origins[i].clock.list[0].max_error_ns, 262144);
	}
	for (size_t i = 0; i < c->section_count; i++) {
		CHECK(c->sections[i].has_close);
		CHECK(c->sections[i].opened_utc_ns < c->sections[i].last_utc_ns);
	}
	catalog_close(c);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), 0);
	agrees(&store, 1, 6);
	store_close(&store);
}

/* After so many that a search would feel it, one chunk is made of them. */
static void many_chunks_become_one(void)
{
	struct store_dir store = a_store();
	struct catalog_facts facts = { 0 };
	struct problem p;

	for (uint64_t i = 1; i <= 32; i++)
		seal_new(&store, i);
	agrees(&store, 32, 64);
	seal_new(&store, 33);
	agrees(&store, 1, 66);
	seal_new(&store, 34);
	agrees(&store, 2, 68);
	REQUIRE(catalog_check(store.catalog, DAY_NUMBER, &facts, &p) == 0);
	/* Sources that a segment has in many sections are one pair, and cells are made for that one. */
	CHECK(facts.pairs > 30 && facts.pairs < 100);
	CHECK_INT(facts.buckets, 2);
	store_close(&store);
}

/* Gaps: those of the node once, those of a tenant with its index. */
static void gaps_are_listed(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	const struct gap gaps[] = {
		{ .first_utc_ns = DAY_NS + 10, .last_utc_ns = DAY_NS + 20, .count = 7, .total = 9,
		  .tenant = 2, .reason = STORE_GAP_RING_FULL },
		{ .first_utc_ns = DAY_NS + 5, .last_utc_ns = DAY_NS + NS_PER_DAY, .count = 3,
		  .reason = STORE_GAP_MALFORMED },
	};
	struct catalog *c;
	struct problem p;
	char name[64];

	REQUIRE(journal_append_gaps(j, gaps, ARRAY_SIZE(gaps)) == 0);
	end_journal(store.journal, j, name);
	seal_one(&store, name);
	for (int rebuilt = 0; rebuilt < 2; rebuilt++) {
		agrees(&store, 1, 2);
		REQUIRE(catalog_open(store.catalog, DAY_NUMBER, &c, &p) == 0);
		REQUIRE(c->origin_count == 1 && c->origins[0].gaps.count == 2);
		CHECK_INT(c->origins[0].gaps.list[0].tenant, CATALOG_EVERY_TENANT);
		CHECK_INT(c->origins[0].gaps.list[0].first_utc_ns, DAY_NS + 5);
		CHECK_INT(c->origins[0].gaps.list[0].last_utc_ns, DAY_NS + NS_PER_DAY - 1);
		CHECK_INT(c->origins[0].gaps.list[0].count, 3);
		CHECK_STR(c->tenants[c->origins[0].gaps.list[1].tenant], "t2");
		CHECK_INT(c->origins[0].gaps.list[1].total, 9);
		CHECK_INT(c->sections[0].rows, 0);
		CHECK_INT(c->sections[0].first_utc_ns, DAY_NS);
		catalog_close(c);
		CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), 0);
	}
	/* Its continuation, on the day after. */
	REQUIRE(catalog_open(store.catalog, DAY_NUMBER + 1, &c, &p) == 0);
	CHECK_INT(c->origins[0].gaps.count, 1);
	CHECK_INT(c->origins[0].gaps.list[0].count, 0);
	catalog_close(c);
	store_close(&store);
}

/* Killed between the catalog and the unlink: a repeated run lists nothing twice. */
static void a_repeated_run_adds_nothing(void)
{
	struct store_dir store = a_store();
	struct seal_result result;
	char name[64];
	uint8_t *journal;
	size_t size;
	long long before;

	seal_new(&store, 1);
	make_journal(&store, 2, 60, name);
	journal = read_file(store.journal, name, &size);
	seal_one(&store, name);
	before = size_of(store.catalog, FILE_NAME);
	write_file(store.journal, name, journal, size);
	result = seal_one(&store, name);
	CHECK_INT(result.skipped_sections, 2);
	CHECK_INT(size_of(store.catalog, FILE_NAME), before);
	agrees(&store, 2, 4);
	free(journal);
	store_close(&store);
}

/* Killed between the sections and the catalog: the journal is there, and the next run lists them. */
static void sections_without_catalog_are_listed_later(void)
{
	for (int first = 0; first < 2; first++) {
		struct store_dir store = a_store(), without = store;
		struct seal_result result;
		struct catalog *c;
		struct problem p;
		char name[64];
		uint8_t *journal;
		size_t size;

		seal_new(&store, 1);
		make_journal(&store, 2, 60, name);
		journal = read_file(store.journal, name, &size);
		without.catalog = -1;
		seal_one(&without, name);
		write_file(store.journal, name, journal, size);
		/* The catalog stands, and misses what the journal has. */
		CHECK_INT(catalog_compare(&store, DAY_NUMBER, NULL, NULL, &p), -EBADMSG);
		CHECK(strstr(p.text, "catalog/2026-03-10.skc does not list segments/t1/2026-03-10.sks") != NULL);
		REQUIRE(catalog_open(store.catalog, DAY_NUMBER, &c, &p) == 0);
		CHECK_INT(c->section_count, 2);
		catalog_close(c);
		if (first) /* another journal is sealed before: it cannot leave them out */
			seal_new(&store, 3);
		result = seal_one(&store, name);
		CHECK_INT(result.skipped_sections, 2);
		CHECK_INT(result.sections, 0);
		agrees(&store, first ? 1 : 2, first ? 6 : 4);
		free(journal);
		CHECK_INT(unlinkat(store.catalog, FILE_NAME, 0), 0);
		for (int t = 1; t <= 2; t++) {
			const char *path = t == 1 ? "t1/2026-03-10.sks" : "t2/2026-03-10.sks";

			CHECK_INT(unlinkat(store.segments, path, 0), 0);
		}
		store_close(&store);
	}
}

static bool any_journal(void *ctx, uint64_t journal_id)
{
	(void)journal_id;
	(*(size_t *)ctx)++;
	return true;
}

/* What has its journal still need not be listed. */
static void unsealed_sections_may_be_missing(void)
{
	struct store_dir store = a_store(), without = store;
	struct problem p;
	size_t asked = 0;
	char name[64];

	seal_new(&store, 1);
	make_journal(&store, 2, 60, name);
	without.catalog = -1;
	seal_one(&without, name);
	CHECK_INT(catalog_compare(&store, DAY_NUMBER, any_journal, &asked, &p), 0);
	CHECK_INT(asked, 2);
	store_close(&store);
}

/* Gone, damaged, torn, or an older one: the next run makes it again, of everything. */
static void what_is_wrong_is_made_again(void)
{
	struct store_dir store = a_store();
	struct problem p;
	uint8_t *older, *bytes;
	size_t older_size, size, sections = 6;

	seal_new(&store, 1);
	older = read_file(store.catalog, FILE_NAME, &older_size);
	seal_new(&store, 2);
	CHECK_INT(unlinkat(store.catalog, FILE_NAME, 0), 0);
	seal_new(&store, 3);
	agrees(&store, 1, sections);
	for (int wrong = 0; wrong < 4; wrong++) {
		bytes = read_file(store.catalog, FILE_NAME, &size);
		switch (wrong) {
		case 0: /* header */
			bytes[30] ^= 1;
			write_file(store.catalog, FILE_NAME, bytes, size);
			break;
		case 1: /* facts */
			bytes[CATALOG_HEADER_BYTES + CHUNK_PREFIX_BYTES + 9] ^= 1;
			write_file(store.catalog, FILE_NAME, bytes, size);
			break;
		case 2:
			write_file(store.catalog, FILE_NAME, bytes, size - 1);
			break;
		default:
			write_file(store.catalog, FILE_NAME, older, older_size);
			CHECK_INT(catalog_compare(&store, DAY_NUMBER, NULL, NULL, &p), -EBADMSG);
		}
		free(bytes);
		CHECK_INT(seal_new(&store, 10 + (uint64_t)wrong).days_without_catalog, 0);
		sections += 2;
		agrees(&store, 1, sections);
	}
	free(older);
	store_close(&store);
}

/* A row of a tenant, from a journal of its own. */
static void seal_source(const struct store_dir *store, uint32_t tenant, const char *src)
{
	struct record row = plain_row(DAY_NS, 1);
	struct journal *j = a_journal(store->journal);
	char name[64];

	row.tenant = tenant;
	row.src = an_addr(src);
	put_rows(j, &row, 1, 2000);
	end_journal(store->journal, j, name);
	seal_one(store, name);
}

static void seal_row(const struct store_dir *store, uint32_t tenant)
{
	seal_source(store, tenant, "192.0.2.1");
}

/* Of the sections in the order of the catalog: '1' for those that can hold the source. */
static void found_for(struct catalog *c, const char *src, char found[static 16])
{
	const struct addr a = an_addr(src);
	bool wanted[15] = { false };

	REQUIRE(c->section_count < 16);
	CHECK_INT(catalog_find(c, &a, wanted), 0);
	for (size_t i = 0; i < c->section_count; i++)
		found[i] = wanted[i] ? '1' : '0';
	found[c->section_count] = '\0';
}

/* Which sections of t1 and t2 hold a source, as sealing lists them and when the day's segments share codes. */
static void sections_of_a_segment_share_a_code(void)
{
	static const struct {
		uint32_t tenant;
		const char *src;
	} rows[] = { { 1, "192.0.2.1" }, { 1, "192.0.2.2" }, { 2, "192.0.2.3" }, { 1, "192.0.2.4" },
		     { 2, "192.0.2.5" }, { 2, "192.0.2.6" } };
	static const char *const sealed[] = { "100000", "010000", "001000", "000100", "000010", "000001" };
	struct store_dir store = a_store();
	struct catalog *c;
	struct problem p;
	char found[16];
	size_t wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		seal_source(&store, rows[i].tenant, rows[i].src);
	REQUIRE(catalog_open(store.catalog, DAY_NUMBER, &c, &p) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		found_for(c, rows[i].src, found);
		CHECK(found[i] == '1');
		wrong += strcmp(found, sealed[i]) != 0; /* a cell of a chunk in vain */
	}
	CHECK(wrong < 3);
	catalog_close(c);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), 0);
	agrees(&store, 1, 6);
	REQUIRE(catalog_open(store.catalog, DAY_NUMBER, &c, &p) == 0);
	wrong = 0;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		found_for(c, rows[i].src, found);
		CHECK(strncmp(found, "111", 3) == 0 || rows[i].tenant != 1);
		CHECK(strcmp(found + 3, "111") == 0 || rows[i].tenant != 2);
		wrong += strcmp(found, rows[i].tenant == 1 ? "111000" : "000111") != 0;
	}
	CHECK(wrong < 3);
	catalog_close(c);
	store_close(&store);
}

/* Segments of others, that nobody listed, are listed with the first journal of the day. */
static void the_first_catalog_lists_older_segments(void)
{
	struct store_dir store = a_store(), without = store;

	without.catalog = -1;
	seal_row(&without, 2);
	seal_row(&store, 1);
	agrees(&store, 1, 2);
	store_close(&store);
}

/* Also those whose first parts were erased: a search over all tenants must not miss the rest (AC-87). */
static void the_first_catalog_lists_later_parts(void)
{
	struct store_dir store = a_store(), without = store;
	struct problem p;
	int dir;

	without.catalog = -1;
	seal_row(&without, 2);
	dir = fs_open_dir(store.segments, "t2", 0);
	for (int part = 2; part <= 3; part++) {
		CHECK_INT(segment_close_day(dir, DAY_NUMBER, &p), 1);
		seal_row(&without, 2);
	}
	CHECK_INT(unlinkat(dir, "2026-03-10.sks", 0) + unlinkat(dir, "2026-03-10.2.sks", 0), 0);
	CHECK(size_of(dir, "2026-03-10.3.sks") > 0);
	close(dir);
	seal_row(&store, 1);
	agrees(&store, 1, 2);
	store_close(&store);
}

static void an_erased_tenant_goes(void)
{
	struct store_dir store = a_store();
	struct problem p;
	struct catalog *c;

	seal_new(&store, 1);
	CHECK_INT(unlinkat(store.segments, "t1/2026-03-10.sks", 0), 0);
	CHECK_INT(catalog_compare(&store, DAY_NUMBER, NULL, NULL, &p), -EBADMSG);
	CHECK(strstr(p.text, "lists a section that is not there: t1 part 1 offset 74") != NULL);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), -EBADMSG);
	CHECK_STR(p.text, "segments/t1/2026-03-10.sks: stands in the day's catalog and is not there");
	CHECK_INT(catalog_drop(&store, DAY_NUMBER), 0);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), 0);
	agrees(&store, 1, 1);
	REQUIRE(catalog_open(store.catalog, DAY_NUMBER, &c, &p) == 0);
	CHECK_INT(c->tenant_count, 1);
	CHECK_STR(c->tenants[0], "t2");
	catalog_close(c);
	CHECK_INT(unlinkat(store.segments, "t2/2026-03-10.sks", 0), 0);
	CHECK_INT(catalog_drop(&store, DAY_NUMBER), 0);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), 0);
	CHECK_INT(size_of(store.catalog, FILE_NAME), -1);
	CHECK_INT(catalog_drop(&store, DAY_NUMBER), 0);
	store_close(&store);
}

/* Where something is lost in a segment, a catalog would hide it. */
static void a_damaged_segment_has_no_catalog(void)
{
	struct store_dir store = a_store();
	struct problem p;
	uint8_t *bytes, *catalog;
	size_t size, catalog_size;
	int dir = fs_open_dir(store.segments, "t1", 1);

	seal_new(&store, 1);
	bytes = read_file(dir, "2026-03-10.sks", &size);
	catalog = read_file(store.catalog, FILE_NAME, &catalog_size);
	bytes[74 + SECTION_AT_RUN] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), -EBADMSG);
	CHECK(strstr(p.text, "segments/t1/2026-03-10.sks: damaged (offset 74)") != NULL);
	CHECK_INT(size_of(store.catalog, FILE_NAME), (long long)catalog_size); /* the old one stands */
	/* Torn, and sealed nowhere else. */
	bytes[74 + SECTION_AT_RUN] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size - 1);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), -EBADMSG);
	CHECK(strstr(p.text, "ends inside a section (offset 74)") != NULL);
	CHECK_INT(unlinkat(store.catalog, FILE_NAME, 0), 0);
	CHECK_INT(seal_new(&store, 2).days_without_catalog, 1);
	CHECK_INT(size_of(store.catalog, FILE_NAME), -1);
	CHECK_INT(count_files(store.journal, ""), 0);
	free(bytes);
	free(catalog);
	close(dir);
	store_close(&store);
}

/* A section with a bad block can hold any source: a search must meet the damage. */
static void a_bad_block_is_always_asked(void)
{
	struct store_dir store = a_store();
	struct addr absent = an_addr("203.0.113.0");
	struct catalog *c;
	struct problem p;
	uint8_t *bytes;
	size_t size;
	size_t marked[2] = { 0 };
	int dir = fs_open_dir(store.segments, "t2", 1);

	seal_new(&store, 1);
	bytes = read_file(dir, "2026-03-10.sks", &size);
	bytes[size - 3] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), 0);
	REQUIRE(catalog_open(store.catalog, DAY_NUMBER, &c, &p) == 0);
	REQUIRE(c->section_count == 2);
	for (absent.bytes[15] = 0; absent.bytes[15] < 200; absent.bytes[15]++) {
		bool wanted[2] = { false };

		CHECK_INT(catalog_find(c, &absent, wanted), 0);
		marked[0] += wanted[0];
		marked[1] += wanted[1];
	}
	CHECK_STR(c->tenants[c->segments[c->sections[1].segment].tenant], "t2");
	CHECK_INT(marked[1], 200);
	CHECK_ROW(marked[0] < 60, "%zu of 200", marked[0]);
	catalog_close(c);
	free(bytes);
	close(dir);
	store_close(&store);
}

UNIT_SUITE(catalog_add, TEST(each_journal_is_a_chunk), TEST(many_chunks_become_one), TEST(gaps_are_listed),
	   TEST(a_repeated_run_adds_nothing), TEST(sections_without_catalog_are_listed_later),
	   TEST(unsealed_sections_may_be_missing), TEST(what_is_wrong_is_made_again),
	   TEST(the_first_catalog_lists_older_segments), TEST(the_first_catalog_lists_later_parts),
	   TEST(sections_of_a_segment_share_a_code), TEST(an_erased_tenant_goes),
	   TEST(a_damaged_segment_has_no_catalog), TEST(a_bad_block_is_always_asked));
