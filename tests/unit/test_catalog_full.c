/* SPDX-License-Identifier: BSD-2-Clause */
/* Day catalogs where there is no room: on the disk, in their place, in memory (AC-35 in part). */
#include "catalog/catalog_add.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "cataloging.h"
#include "fixture.h"
#include "schema/store.h"
#include "seal/seal.h"
#include "unit.h"

/* A rebuilt file takes the old one's place whole, or not at all. */
static void a_full_disk_leaves_the_old_one(void)
{
	struct store_dir store = a_store();
	struct rlimit before;
	struct problem p;
	uint8_t *old, *now;
	size_t old_size, now_size;

	for (uint64_t i = 1; i <= 5; i++)
		seal_new(&store, i);
	old = read_file(store.catalog, FILE_NAME, &old_size);
	before = disk_full_at(old_size / 4);
	CHECK(catalog_rebuild(&store, DAY_NUMBER, &p) != 0);
	CHECK(strstr(p.text, "cannot write catalog/2026-03-10.skc: ") != NULL);
	disk_has_space(before);
	now = read_file(store.catalog, FILE_NAME, &now_size);
	CHECK(now_size == old_size && memcmp(old, now, old_size) == 0);
	CHECK_INT(count_files(store.catalog, ""), 1);
	agrees(&store, 5, 10);
	free(now);
	free(old);
	store_close(&store);
}

/* No room for the catalog, nor for custody: then there is no half of either, and the next run seals. */
static void a_full_disk_leaves_no_half(void)
{
	const struct journal_origin origin = { .ring_id = 7, .rung = 1 };
	const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS };
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS, 1);
	struct seal_result result;
	struct rlimit before;
	struct problem p;
	char name[64];

	for (int round = 0; round < 2; round++) {
		struct journal *j;

		REQUIRE(journal_create(store.journal, &origin, &j, &p) == 0);
		REQUIRE(journal_append_anchor(j, &anchor) == 0);
		for (uint32_t t = 1; t <= 60; t++) {
			struct journal_tenant tenant = { .number = t, .consent = t, .id = "many00" };

			tenant.id[4] = (char)('0' + t / 10);
			tenant.id[5] = (char)('0' + t % 10);
			row.tenant = row.consent = t;
			REQUIRE(journal_append_tenants(j, &tenant, 1) == 0);
			put_rows(j, &row, 1, 2000 + t);
		}
		end_journal(store.journal, j, name);
		/* The first catalog fits, more does not; segments do. */
		if (round) {
			result = (struct seal_result){ 0 };
			before = disk_full_at((rlim_t)size_of(store.catalog, FILE_NAME) + 100);
			CHECK(seal_journal(&store, NULL, name, &result, &p) < 0);
			disk_has_space(before);
			CHECK_INT(count_files(store.journal, ""), 1);
			CHECK_INT(size_of(store.catalog, FILE_NAME), -1);
		}
		result = seal_one(&store, name);
		CHECK_INT(result.sections, round ? 0 : 60);
		CHECK_INT(result.skipped_sections, round ? 60 : 0);
		CHECK_INT(count_files(store.journal, ""), 0);
	}
	CHECK_INT(catalog_rebuild(&store, DAY_NUMBER, &p), 0);
	agrees(&store, 1, 120);
	store_close(&store);
}

/* The catalog's file cannot be written: in its place is a directory that is not empty. */
static void a_catalog_that_cannot_go_keeps_the_journal(void)
{
	struct store_dir store = a_store();
	struct seal_result result = { 0 };
	struct problem p;
	char name[64];

	REQUIRE(mkdirat(store.catalog, FILE_NAME, 0700) == 0);
	make_journal(&store, 1, 60, name);
	CHECK(seal_journal(&store, NULL, name, &result, &p) != 0);
	CHECK(strstr(p.text, "cannot remove a day catalog that is not complete") != NULL);
	CHECK_INT(count_files(store.journal, ""), 1);
	REQUIRE(unlinkat(store.catalog, FILE_NAME, AT_REMOVEDIR) == 0);
	result = seal_one(&store, name);
	CHECK_INT(result.skipped_sections, 2);
	agrees(&store, 1, 2);
	store_close(&store);
}

/* With little memory a journal makes more chunks, and nothing is lost between them. */
static void memory_is_bounded(void)
{
	struct store_dir store = a_store();
	struct catalog_add *a = catalog_add_new(&store, 100);
	struct record rows[60];
	struct rng rng = { 5 };
	struct clock_pieces clock = { 0 };
	struct gaps gaps = { 0 };
	uint64_t dropped = 9;
	struct problem p;
	int dir = fs_open_dir(store.segments, "t1", 1);

	for (uint32_t run = 0; run < 6; run++) {
		struct segment_section s = { .tenant_id = "t1", .tenant = 1, .day = DAY_NUMBER,
					     .journal_id = 77, .run = run, .rung = 1, .clock = &clock,
					     .gaps = &gaps, .span_from_ns = DAY_NS, .span_to_ns = DAY_NS };
		struct segment_place place;

		random_rows(&rng, rows, 60, DAY_NS, NS_PER_DAY);
		for (size_t i = 0; i < 60; i++)
			rows[i].tenant = 1;
		qsort(rows, 60, sizeof(*rows), record_compare_source);
		set_rows(&s, rows, 60);
		REQUIRE(segment_append(dir, &s, &place, &p) == 1);
		CHECK_INT(catalog_add_section(a, dir, &s, &place, run % 2 == 0, &p), 0);
	}
	CHECK(size_of(store.catalog, FILE_NAME) > 0); /* before the end */
	CHECK_INT(catalog_add_commit(a, &dropped, &p), 0);
	CHECK_INT(dropped, 0);
	CHECK_INT(catalog_add_commit(a, &dropped, &p), 0);
	catalog_add_free(a);
	catalog_add_free(NULL);
	agrees(&store, 2, 6);
	close(dir);
	store_close(&store);
}

UNIT_SUITE(catalog_full, TEST(a_full_disk_leaves_the_old_one), TEST(a_full_disk_leaves_no_half),
	   TEST(a_catalog_that_cannot_go_keeps_the_journal), TEST(memory_is_bounded));
