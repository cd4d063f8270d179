// SPDX-License-Identifier: BSD-2-Clause
/*
 * A tenant that withdraws with erasure: all of its rows go at once, sealed or not (AC-07), but for those of a held day
 * and those that came after it.
 */
#include "retention/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "query/search.h"
#include "retaining.h"
#include "retention/due.h"
#include "seal/day_closer.h"
#include "seal/harvest.h"
#include "seal/leave_out.h"
#include "unit.h"

/* AC-07: at once, without a clock, this tenant's alone. */
static void stop_and_erase_takes_all_of_the_tenant(void)
{
	struct store_dir store = a_sealed_store_then(ERASED);
	struct retention_result r;
	struct problem p;
	struct seen s;

	CHECK_INT(try_retain(&store, false, 0, &r, &p), 0);
	CHECK_INT(r.erased_days, 2);
	CHECK_INT(r.expired_days, 0);
	CHECK(!is_there(&store, "t1"));
	CHECK(is_there(&store, "t2/2026-03-10.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 0);
	CHECK_INT(listed(&store, DAY_NUMBER + 1, "t1"), 0);
	s = tombstones(&store);
	CHECK_INT(s.lines, 2);
	CHECK_INT(s.reason, DELETION_ERASED);
	CHECK_INT(s.because, 3);
	CHECK_INT(verify_store(&store).bad, 0);
	store_close(&store);
}

/* Rows that wait in a journal are not sealed, and that is stated; others are. */
static void rows_in_a_journal_are_left_out(void)
{
	struct store_dir store = a_store();
	struct seal_result sealed;
	struct seen s;

	put_consents(&store, ERASED);
	add_rows(&store, DAY_NS + HOUR);
	sealed = seal_rows(&store);
	CHECK_INT(sealed.rows, 1);
	CHECK_INT(count_files(store.journal, ".skj"), 0);
	CHECK(!is_there(&store, PART_1));
	CHECK(is_there(&store, "t2/2026-03-10.sks"));
	s = tombstones(&store);
	CHECK_INT(s.lines, 1);
	CHECK_STR(s.tenant, "t1");
	CHECK_INT(s.day, DAY_NUMBER);
	CHECK_INT(s.reason, DELETION_ERASED);
	CHECK_INT(s.because, 3);
	CHECK_INT(s.parts, 0);
	CHECK_INT(s.rows, 1);
	/* What came after the withdrawal (a later grant's) is kept, on the same day. */
	add_rows(&store, DAY_NS + NS_PER_DAY + 13 * HOUR);
	CHECK_INT(seal_rows(&store).rows, 2);
	CHECK(is_there(&store, "t1/2026-03-11.sks"));
	CHECK_INT(retain(&store, DAY_NS).files, 0);
	CHECK_INT(verify_store(&store).bad, 0);
	store_close(&store);
}

/* AC-07: held rows remain, sealed or not; when the hold ends they go. */
static void held_days_survive_an_erasure(void)
{
	struct store_dir store = a_sealed_store_then(ERASED);
	struct retention_result r;

	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	add_rows(&store, DAY_NS + 2 * HOUR); /* a held day's: is sealed */
	add_rows(&store, DAY_NS - HOUR); /* another one's: is not */
	CHECK_INT(seal_rows(&store).rows, 3);
	CHECK_INT(tombstones(&store).rows, 1);
	CHECK_INT(tombstones(&store).day, DAY_NUMBER - 1);
	r = retain(&store, DAY_NS);
	CHECK_INT(r.held_days, 1);
	CHECK_INT(r.erased_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK_INT(verify_store(&store).bad, 0);
	release_hold(&store);
	r = retain(&store, DAY_NS);
	CHECK_INT(r.erased_days, 1);
	CHECK_INT(r.rows, 2);
	CHECK(!is_there(&store, "t1"));
	CHECK_INT(verify_store(&store).bad, 0);
	store_close(&store);
}

/* The day of the withdrawal, held, and the tenant comes back on that day: what comes later stays when the hold ends. */
static void what_came_after_the_withdrawal_stays(void)
{
	struct store_dir store = a_sealed_store_then(ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	struct retention_result r;

	set_hold(&store, "t1", DAY_NUMBER + 1, DAY_NUMBER + 1, utc_now_ns() + NS_PER_DAY);
	r = retain(&store, DAY_NS);
	CHECK_INT(r.held_days, 1);
	add_rows(&store, DAY_NS + NS_PER_DAY + 14 * HOUR);
	CHECK_INT(seal_rows(&store).rows, 2);
	CHECK(is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t1/2026-03-11.2.sks"));
	r = retain(&store, DAY_NS);
	CHECK_INT(r.held_days, 1);
	release_hold(&store);
	r = retain(&store, DAY_NS);
	CHECK_INT(r.files, 1);
	CHECK_INT(r.rows, 1);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t1/2026-03-11.2.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER + 1, "t1"), 1);
	CHECK_INT(verify_store(&store).bad, 0);
	/* A part of its day that expires goes whole. */
	CHECK_INT(retain(&store, due_instant(DAY_NUMBER + 1, 30)).expired_days, 1);
	CHECK(!is_there(&store, "t1"));
	store_close(&store);
}

/* For a run that was killed before its journal went. Caller frees; one journal is there, *name is its. */
static uint8_t *keep_journal(const struct store_dir *store, char name[static 64], size_t *size)
{
	char **names;
	uint8_t *data;
	size_t count;

	REQUIRE(fs_list(store->journal, ".skj", &names, &count) == 0 && count == 1);
	snprintf(name, 64, "%s", names[0]);
	data = read_file(store->journal, name, size);
	fs_free_names(names, count);
	return data;
}

static uint64_t rows_of(const struct store_dir *store, const char *tenant)
{
	struct query q = { .tenant = tenant, .from_ns = 0, .to_ns = INT64_MAX };
	struct search_result r;
	struct problem p = { "" };
	uint64_t count;

	REQUIRE(search_run(store, &q, &r, &p) == 0);
	count = r.count;
	search_result_done(&r);
	return count;
}

/* The first part went, a later one is there: the day goes on behind it, once, and gets its trailer. */
static void a_day_without_its_first_part_goes_on(void)
{
	struct store_dir store = a_sealed_store_then(ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	struct seal_result closed = { 0 };
	struct problem note = { "" }, p = { "" };
	char name[64];
	uint8_t *copy;
	size_t size;

	set_hold(&store, "t1", DAY_NUMBER + 1, DAY_NUMBER + 1, utc_now_ns() + NS_PER_DAY);
	(void)retain(&store, DAY_NS);
	add_rows(&store, DAY_NS + NS_PER_DAY + 14 * HOUR);
	copy = keep_journal(&store, name, &size);
	CHECK_INT(seal_rows(&store).rows, 2);
	release_hold(&store);
	CHECK_INT(retain(&store, DAY_NS).files, 1);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	/* The run that sealed was killed before its journal went. */
	write_file(store.journal, name, copy, size);
	CHECK_INT(seal_rows(&store).skipped_sections, 2);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	add_rows(&store, DAY_NS + NS_PER_DAY + 15 * HOUR);
	CHECK_INT(seal_rows(&store).sections, 2);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK(!is_there(&store, "t1/2026-03-11.3.sks"));
	CHECK_ROW(day_close(&store, DAY_NUMBER + 1, &closed, &note, &p) == 0, "%s", p.text);
	CHECK_INT(closed.closed_files, 2); /* t1's and t2's */
	add_rows(&store, DAY_NS + NS_PER_DAY + 16 * HOUR);
	CHECK_INT(seal_rows(&store).sections, 2);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t1/2026-03-11.3.sks"));
	CHECK_INT(rows_of(&store, "t1"), 3);
	CHECK_INT(verify_store(&store).bad, 0);
	free(copy);
	store_close(&store);
}

/* A journal that the tenant wanted erased and wrote to again, sealed by a run that was killed before the journal went:
 * when the day is held since, all of its rows are sealed. */
static void rows_that_are_held_since_are_sealed(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[2] = { plain_row(DAY_NS + NS_PER_DAY + 11 * HOUR, 1),
				  plain_row(DAY_NS + NS_PER_DAY + 14 * HOUR, 2) };
	char name[64];
	uint8_t *copy;
	size_t size;

	put_consents(&store, ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	put_rows(j, rows, 2, 2000);
	end_journal(store.journal, j, name);
	copy = keep_journal(&store, name, &size);
	CHECK_INT(seal_rows(&store).rows, 1);
	write_file(store.journal, name, copy, size);
	set_hold(&store, "t1", DAY_NUMBER + 1, DAY_NUMBER + 1, utc_now_ns() + NS_PER_DAY);
	(void)seal_rows(&store);
	CHECK_INT(rows_of(&store, "t1"), 2);
	CHECK_INT(verify_store(&store).bad, 0);
	free(copy);
	store_close(&store);
}

/* The rows that each range of a journal has of t2. */
static size_t ranges_of_t2(struct journal_reader *r, const struct leave_out *l, uint32_t *rows, size_t most)
{
	struct harvest *h = harvest_new(r, 1);
	struct problem p = { "" };
	size_t ranges = 0;

	REQUIRE(h != NULL);
	harvest_leave_out(h, l);
	while (ranges < most && harvest_load(h, &p) > 0) {
		rows[ranges] = 0;
		for (size_t i = 0; i < harvest_group_count(h); i++)
			if (harvest_group(h, i)->tenant == 2)
				rows[ranges] += harvest_group(h, i)->rows;
		ranges++;
	}
	harvest_free(h);
	return ranges;
}

/* A run that was cut off, and the tenant then withdrew: the sections of others are where they were. */
static void what_is_left_out_moves_nobody_else(void)
{
	enum { FRAMES = 6, RANGES = 20 };
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[2] = { plain_row(DAY_NS, 1), plain_row(DAY_NS, 2) };
	uint32_t before[RANGES], after[RANGES];
	struct journal_reader r;
	struct leave_out l;
	struct problem p = { "" };
	size_t count;
	char name[64];

	rows[1].tenant = rows[1].consent = 2;
	for (unsigned int i = 0; i < FRAMES; i++)
		put_rows(j, i % 2 ? &rows[1] : &rows[0], 1, 2000 + i);
	end_journal(store.journal, j, name);
	put_consents(&store, ERASED);
	REQUIRE(journal_reader_open(store.journal, name, &r, &p) == 0);
	leave_out_open(&store, &l);
	count = ranges_of_t2(&r, NULL, before, RANGES);
	CHECK(count > 1 && count < RANGES);
	CHECK_INT(ranges_of_t2(&r, &l, after, RANGES), count);
	CHECK(memcmp(before, after, count * sizeof(*before)) == 0);
	leave_out_close(&l);
	journal_reader_close(&r);
	store_close(&store);
}

/* A hold that comes while a journal is sealed: nothing of the day goes, and the next run seals it. */
static void a_hold_stops_what_is_left_out(void)
{
	struct store_dir store = a_store();
	struct leave_out_day day = { .tenant_id = "t1", .day = DAY_NUMBER, .rows = 1 };
	struct leave_out l;
	struct problem p = { "" };

	put_consents(&store, ERASED);
	leave_out_open(&store, &l);
	CHECK(leave_out_before(&l, "t1", DAY_NUMBER) != INT64_MIN);
	CHECK(leave_out_before(&l, "t1", DAY_NUMBER + 2) == INT64_MIN);
	CHECK(leave_out_before(&l, "t2", DAY_NUMBER) == INT64_MIN);
	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	CHECK_INT(leave_out_state(&l, &store, 7, &day, 1, &p), -EAGAIN);
	CHECK_INT(tombstones(&store).lines, 0);
	CHECK(leave_out_before(&l, "t1", DAY_NUMBER) == INT64_MIN);
	leave_out_close(&l);
	store_close(&store);
}

/* The ledger could not be written when the tenant's rows were to go: those of its next grant do not go with them. */
static void what_comes_after_an_erasure_that_failed_stays(void)
{
	struct store_dir store = a_sealed_store_then(ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	struct retention_result r;
	struct problem p;

	CHECK_INT(unlinkat(store.ledger, ".lock", 0), 0);
	CHECK_INT(mkdirat(store.ledger, ".lock", 0700), 0);
	CHECK(try_retain(&store, true, DAY_NS, &r, &p) < 0);
	CHECK_INT(r.files, 0);
	CHECK_INT(unlinkat(store.ledger, ".lock", AT_REMOVEDIR), 0);
	add_rows(&store, DAY_NS + NS_PER_DAY + 14 * HOUR);
	CHECK_INT(seal_rows(&store).rows, 2);
	CHECK_INT(retain(&store, DAY_NS).rows, 2);
	CHECK_INT(rows_of(&store, "t1"), 1);
	CHECK_INT(verify_store(&store).bad, 0);
	store_close(&store);
}

UNIT_SUITE(retention_erasure, TEST(stop_and_erase_takes_all_of_the_tenant), TEST(rows_in_a_journal_are_left_out),
	   TEST(held_days_survive_an_erasure), TEST(what_came_after_the_withdrawal_stays),
	   TEST(a_day_without_its_first_part_goes_on), TEST(rows_that_are_held_since_are_sealed),
	   TEST(what_is_left_out_moves_nobody_else), TEST(a_hold_stops_what_is_left_out),
	   TEST(what_comes_after_an_erasure_that_failed_stays));
