// SPDX-License-Identifier: BSD-2-Clause
/*
 * Searches over all tenants by day catalogs: the same answers as without them, whatever is asked and
 * whatever happened to the catalogs; nothing opened in vain; what is listed and gone is told (AC-50, AC-87).
 */
#include "query/search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "catalog/catalog.h"
#include "fixture.h"
#include "schema/event.h"
#include "schema/store.h"
#include "searching.h"
#include "unit.h"

#define TENANTS 12
#define ROWS 3000

static void add_tenants_journal(const struct store_dir *store, const struct record *rows, size_t count,
				int64_t gap_at)
{
	struct journal *j = a_journal(store->journal);
	struct journal_tenant tenants[TENANTS];
	struct gap gaps[2] = { { .first_utc_ns = gap_at, .last_utc_ns = gap_at + 9, .reason = STORE_GAP_NOT_ARMED },
			       { .first_utc_ns = gap_at, .last_utc_ns = gap_at + 5, .tenant = 4, .count = 3,
				 .total = 3, .reason = STORE_GAP_RING_FULL } };
	char name[64];

	memset(tenants, 0, sizeof(tenants));
	for (uint32_t i = 0; i < TENANTS; i++) {
		tenants[i].number = tenants[i].consent = i + 1;
		snprintf(tenants[i].id, sizeof(tenants[i].id), "t%u", i + 1);
	}
	REQUIRE(journal_append_tenants(j, tenants, TENANTS) == 0);
	REQUIRE(journal_append_gaps(j, gaps, 2) == 0);
	put_rows(j, rows, count, 2000);
	end_journal(store->journal, j, name);
}

/* Two days of rows, the last third not sealed yet; sources repeat. */
static void fill(const struct store_dir *store, struct record *rows)
{
	struct rng rng = { 9 };

	random_rows(&rng, rows, ROWS, DAY_NS, 2 * NS_PER_DAY);
	for (size_t i = 0; i < ROWS; i++) {
		rows[i].tenant = rows[i].consent = 1 + (uint32_t)rng_below(&rng, TENANTS);
		rows[i].lasted_ns = 0;
		rows[i].kind = SEKISHO_KIND_ESTABLISHED;
		if (i && rng_below(&rng, 3))
			rows[i].src = rows[rng_below(&rng, i)].src;
	}
	add_tenants_journal(store, rows, ROWS / 3, DAY_NS + NS_PER_DAY / 2);
	seal(store);
	add_tenants_journal(store, rows + ROWS / 3, ROWS / 3, DAY_NS + 3 * NS_PER_DAY / 2);
	seal(store);
	add_tenants_journal(store, rows + 2 * (ROWS / 3), ROWS / 3, DAY_NS + NS_PER_DAY / 3);
}

static struct query ask_about(struct rng *rng, const struct record *like)
{
	static const unsigned int bits[] = { 128, 128, 128, 127, 124, 120, 119, 104, 96, 64, 60, 56, 32, 0 };
	static const char *const asked[] = { "t12", "t3", "t1", "t7", "t2", "t10", "t5", "t6", "t4" };
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + 2 * NS_PER_DAY };

	if (rng_below(rng, 3) == 0) { /* AC-41: only these */
		q.tenants = asked;
		q.tenant_count = ARRAY_SIZE(asked);
	}
	q.by_src = rng_below(rng, 6) != 0;
	q.src = (struct prefix){ like->src, (uint8_t)bits[rng_below(rng, ARRAY_SIZE(bits))] };
	if (rng_below(rng, 8) == 0)
		q.src.addr.bytes[15] ^= 0x55;
	for (unsigned int i = q.src.bits; i < 128; i++)
		q.src.addr.bytes[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	if (rng_below(rng, 2)) {
		q.from_ns = like->time_ns - (int64_t)rng_below(rng, 3600 * NS_PER_SEC);
		q.to_ns = like->time_ns + 1 + (int64_t)rng_below(rng, 3600 * NS_PER_SEC);
	}
	return q;
}

/* Rows and facts; the last of them into *used: how many catalogs were read. */
static struct found_row *ask(const struct store_dir *store, const struct query *q,
			     struct search_result *ret_result)
{
	struct search_result r = run(store, q);
	struct found_row *rows = calloc(r.count + 1, sizeof(*rows));

	check_tenant_rows(&r);
	for (uint64_t i = 0; i < r.count; i++)
		REQUIRE(search_next(&r, &rows[i]) == 1);
	*ret_result = r;
	return rows;
}

static void check_same(const struct store_dir *with, const struct store_dir *without, const struct query *q,
		       size_t *some, size_t *opened)
{
	struct search_result a, b;
	struct found_row *x = ask(with, q, &a), *y = ask(without, q, &b);

	CHECK_INT(a.count, b.count);
	CHECK(a.count == b.count && memcmp(x, y, a.count * sizeof(*x)) == 0);
	CHECK_INT(a.gaps.count, b.gaps.count);
	CHECK(a.gaps.count == b.gaps.count &&
	      (!a.gaps.count || memcmp(a.gaps.list, b.gaps.list, a.gaps.count * sizeof(*a.gaps.list)) == 0));
	CHECK_INT(a.rungs, b.rungs);
	CHECK_INT(a.clock_seen, b.clock_seen);
	CHECK_INT(a.clock_unsynchronised, b.clock_unsynchronised);
	CHECK_INT(a.clock_error_ns, b.clock_error_ns);
	CHECK_INT(a.damaged, 0);
	CHECK_INT(b.damaged, 0);
	CHECK_INT(a.tenant_count, q->tenants ? q->tenant_count : TENANTS);
	CHECK(a.explain.catalogs > 0);
	CHECK_INT(b.explain.catalogs, 0);
	CHECK(a.explain.segments_opened <= b.explain.segments_opened);
	*some += a.count > 0;
	*opened += a.explain.segments_opened < b.explain.segments_opened;
	free(x);
	free(y);
	search_result_done(&a);
	search_result_done(&b);
}

static void answers_are_the_same_without_catalogs(void)
{
	struct store_dir store = a_store(), without = store;
	struct record *rows = calloc(ROWS, sizeof(*rows));
	struct rng rng = { 12 };
	size_t some = 0, fewer = 0;

	fill(&store, rows);
	without.catalog = -1;
	CHECK_INT(count_files(store.catalog, ".skc"), 2);
	for (int i = 0; i < 200; i++) {
		const struct query q = ask_about(&rng, &rows[rng_below(&rng, ROWS)]);

		check_same(&store, &without, &q, &some, &fewer);
	}
	/* About 55: which sections a catalog names in vain depends on the store's key. */
	CHECK_ROW(some > 80 && fewer > 20, "%zu with rows, %zu with fewer segments opened", some, fewer);
	free(rows);
	store_close(&store);
}

/* Also by questions, and for closes that lie a day behind. */
static void questions_and_closes_go_by_catalogs(void)
{
	struct store_dir store = a_store(), without = store;
	struct record *rows = calloc(ROWS, sizeof(*rows));
	struct question list[40];
	struct questions asked = { .list = list, .count = 0, .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY };
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY, .questions = &asked };
	size_t some = 0, fewer = 0;

	fill(&store, rows);
	without.catalog = -1;
	/* One by one, so that they are in order. */
	for (unsigned int i = 0; i < 40; i++) {
		list[0] = (struct question){ .src = rows[i * 17].src, .from_ns = rows[i * 17].time_ns - NS_PER_SEC,
					     .to_ns = rows[i * 17].time_ns + NS_PER_SEC, .number = 1 };
		asked.count = 1;
		check_same(&store, &without, &q, &some, &fewer);
	}
	CHECK_ROW(some > 15, "%zu", some);
	/* Closes of sealed rows of the first day, on the second. */
	for (size_t i = 0; i < ROWS / 3; i++) {
		rows[i].kind = SEKISHO_KIND_CLOSE;
		rows[i].lasted_ns = NS_PER_DAY;
		rows[i].time_ns += NS_PER_DAY;
	}
	add_tenants_journal(&store, rows, ROWS / 3, DAY_NS + NS_PER_DAY / 3);
	seal(&store);
	q.questions = NULL;
	q.open_at_end = true;
	for (unsigned int i = 0; i < 40; i++) {
		q.by_src = true;
		q.src = (struct prefix){ rows[i * 11].src, 128 };
		check_same(&store, &without, &q, &some, &fewer);
	}
	free(rows);
	store_close(&store);
}

/* One address of one tenant: its segment is opened and a few in vain, by chance, not those of all tenants. */
static void nothing_is_opened_in_vain(void)
{
	struct store_dir store = a_store();
	struct record rows[TENANTS * 4];
	struct query q = whole_time();
	struct search_result r;
	uint64_t opened = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i] = plain_row(DAY_NS + i, i + 1);
		rows[i].tenant = rows[i].consent = 1 + i % TENANTS;
	}
	add_tenants_journal(&store, rows, ARRAY_SIZE(rows), DAY_NS);
	seal(&store);
	q.by_src = true;
	q.src = a_prefix("198.51.100.7");
	CHECK_STR(found(&store, &q), "7");
	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		q.src = (struct prefix){ rows[i].src, 128 };
		r = run(&store, &q);
		CHECK_INT(r.count, 1);
		CHECK_INT(r.explain.catalogs, 1);
		CHECK_INT(r.explain.segments, TENANTS);
		CHECK_INT(r.explain.sections_skipped_catalog, TENANTS - r.explain.segments_opened);
		opened += r.explain.segments_opened;
		search_result_done(&r);
	}
	CHECK_ROW(opened < ARRAY_SIZE(rows) * 4, "%llu for %zu addresses", (unsigned long long)opened, ARRAY_SIZE(rows));
	store_close(&store);
}

static void flip(int dir_fd, const char *name, size_t at)
{
	size_t size;
	uint8_t *bytes = read_file(dir_fd, name, &size);

	REQUIRE(at < size);
	bytes[at] ^= 1;
	write_file(dir_fd, name, bytes, size);
	free(bytes);
}

/* Damaged, cut off, or of another store: it is passed over, and the answer is right. */
static void a_bad_catalog_changes_no_answer(void)
{
	struct store_dir store = a_store(), without = store;
	struct record *rows = calloc(ROWS, sizeof(*rows));
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY, .by_src = true };
	char name[] = "2026-03-10.skc";
	uint8_t *bytes;
	size_t size;

	fill(&store, rows);
	without.catalog = -1;
	bytes = read_file(store.catalog, name, &size);
	for (size_t i = 0; i < 60; i++) {
		struct search_result a, b;
		struct found_row *x, *y;

		q.src = (struct prefix){ rows[i * 3].src, 128 };
		if (i % 3 == 2)
			write_file(store.catalog, name, bytes, size * i / 60);
		else
			flip(store.catalog, name, size * i / 60);
		x = ask(&store, &q, &a);
		y = ask(&without, &q, &b);
		CHECK_ROW(a.count == b.count && memcmp(x, y, a.count * sizeof(*x)) == 0, "%zu: %zu and %zu", i,
			  (size_t)a.count, (size_t)b.count);
		CHECK_INT(a.damaged, 0);
		free(x);
		free(y);
		search_result_done(&a);
		search_result_done(&b);
		write_file(store.catalog, name, bytes, size);
	}
	free(bytes);
	free(rows);
	store_close(&store);
}

static void a_segment_that_is_listed_and_gone_is_told(void)
{
	struct store_dir store = a_store();
	struct record *rows = calloc(ROWS, sizeof(*rows));
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY, .by_src = true,
			   .src = a_prefix("203.0.113.77") };
	struct search_result r;

	fill(&store, rows);
	r = run(&store, &q);
	CHECK_INT(r.damaged, 0);
	search_result_done(&r);
	REQUIRE(unlinkat(store.segments, "t5/2026-03-10.sks", 0) == 0);
	r = run(&store, &q);
	CHECK_INT(r.damaged, 1);
	CHECK_STR(r.damage.text, "t5/2026-03-10.sks: stands in the day's catalog and not in the store");
	search_result_done(&r);
	free(rows);
	store_close(&store);
}

static uint64_t damaged(const struct store_dir *store, const struct query *q)
{
	struct search_result r = run(store, q);
	uint64_t n = r.damaged;

	search_result_done(&r);
	return n;
}

/* Also where no catalog is needed to find anything: of one tenant, and of days with few segments or none (AC-32). */
static void segments_that_are_gone_are_told_to_whoever_asks_for_them(void)
{
	static const char *const others[] = { "t4", "t6" }, *const both[] = { "t4", "t5" };
	struct store_dir store = a_store();
	struct record *rows = calloc(ROWS, sizeof(*rows));
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY, .tenant = "t5" };
	struct problem p;
	char path[64];

	fill(&store, rows);
	CHECK_INT(damaged(&store, &q), 0);
	REQUIRE(unlinkat(store.segments, "t5/2026-03-10.sks", 0) == 0);
	CHECK_INT(damaged(&store, &q), 1);
	q.tenant = "t4";
	CHECK_INT(damaged(&store, &q), 0);
	q.tenant = NULL;
	q.tenants = others;
	q.tenant_count = ARRAY_SIZE(others);
	CHECK_INT(damaged(&store, &q), 0);
	q.tenants = both;
	CHECK_INT(damaged(&store, &q), 1);
	q.from_ns += NS_PER_DAY;
	q.to_ns += NS_PER_DAY;
	CHECK_INT(damaged(&store, &q), 0); /* the other day is whole */
	q.tenant_count = 0;
	q.from_ns -= NS_PER_DAY;
	q.to_ns -= NS_PER_DAY;
	CHECK_INT(damaged(&store, &q), 1);
	for (int i = 1; i <= TENANTS; i++) {
		snprintf(path, sizeof(path), "t%d/2026-03-10.sks", i);
		REQUIRE(i == 5 || unlinkat(store.segments, path, 0) == 0);
	}
	CHECK_INT(damaged(&store, &q), TENANTS);
	/* What would make it forgotten is refused, until the day itself is deleted. */
	CHECK_INT(catalog_rebuild(&store, utc_day(DAY_NS), &p), -EBADMSG);
	CHECK_STR(strstr(p.text, "stands in the day's catalog"), "stands in the day's catalog and is not there");
	CHECK_INT(damaged(&store, &q), TENANTS);
	CHECK_INT(catalog_drop(&store, utc_day(DAY_NS)), 0);
	CHECK_INT(catalog_rebuild(&store, utc_day(DAY_NS), &p), 0);
	CHECK_INT(damaged(&store, &q), 0);
	free(rows);
	store_close(&store);
}

static void a_segment_that_is_not_listed_is_read(void)
{
	struct store_dir store = a_store(), other;
	struct record *rows = calloc(ROWS, sizeof(*rows)), row = plain_row(DAY_NS + 5, 3);
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY, .by_src = true,
			   .src = a_prefix("203.0.113.199") };
	uint8_t *bytes;
	size_t size;
	int dir;

	fill(&store, rows);
	CHECK_STR(found(&store, &q), "");
	other = a_store();
	row.src = an_addr("203.0.113.199");
	add_journal(&other, &row, 1);
	seal(&other);
	bytes = read_file(other.segments, "t1/2026-03-10.sks", &size);
	dir = fs_open_dir(store.segments, "t1", 0);
	write_file(dir, "2026-03-10.2.sks", bytes, size);
	close(dir);
	/* It says that it is part 1: damage, and told. */
	{
		struct search_result r = run(&store, &q);

		CHECK_INT(r.damaged, 1);
		search_result_done(&r);
	}
	/* Under a name of its own. */
	dir = fs_open_dir(store.segments, "t1", 0);
	unlinkat(dir, "2026-03-10.2.sks", 0);
	unlinkat(dir, "2026-03-10.sks", 0);
	write_file(dir, "2026-03-10.sks", bytes, size);
	close(dir);
	CHECK_STR(found(&store, &q), "3");
	free(bytes);
	free(rows);
	store_close(&other);
	store_close(&store);
}

UNIT_SUITE(plan, TEST(answers_are_the_same_without_catalogs), TEST(questions_and_closes_go_by_catalogs),
	   TEST(nothing_is_opened_in_vain), TEST(a_bad_catalog_changes_no_answer),
	   TEST(a_segment_that_is_listed_and_gone_is_told),
	   TEST(segments_that_are_gone_are_told_to_whoever_asks_for_them), TEST(a_segment_that_is_not_listed_is_read));
