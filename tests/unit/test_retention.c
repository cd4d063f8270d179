// SPDX-License-Identifier: BSD-2-Clause
/*
 * Retention and holds on a store of rows: what is due goes whole, file and index, stated before (AC-32, AC-36), and
 * what is held, or not due, stays (AC-35).
 */
#include "retention/retention.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>
#include "ledger/custody.h"
#include "ledger/holds.h"
#include "retaining.h"
#include "retention/due.h"
#include "unit.h"

/* --- Expiry --- */

/* AC-36, AC-32: not an hour too early, file and index, stated with the hash that it had; everything else verifies. */
static void a_day_goes_when_it_is_due(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	uint8_t hash[LEDGER_HASH_BYTES];
	struct retention_result r;
	struct verify_facts facts;
	struct seen s;
	int fd = openat(store.segments, PART_1, O_RDONLY | O_CLOEXEC);
	long long size = size_of(store.segments, PART_1);

	REQUIRE(fd >= 0);
	CHECK_INT(custody_hash(fd, 0, (uint64_t)size, hash), 0);
	close(fd);
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 1);
	r = retain(&store, DUE_30 - 1);
	CHECK_INT(r.files, 0);
	CHECK(is_there(&store, PART_1));
	CHECK_INT(tombstones(&store).lines, 0);
	r = retain(&store, DUE_30);
	CHECK_INT(r.expired_days, 1);
	CHECK_INT(r.erased_days, 0);
	CHECK_INT(r.files, 1);
	CHECK_INT(r.rows, 1);
	CHECK_INT(r.bytes, size);
	CHECK(!is_there(&store, PART_1));
	CHECK(is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t2/2026-03-10.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 0);
	CHECK_INT(listed(&store, DAY_NUMBER, "t2"), 1);
	CHECK_INT(listed(&store, DAY_NUMBER + 1, "t1"), 1);
	s = tombstones(&store);
	CHECK_INT(s.lines, 1);
	CHECK_STR(s.tenant, "t1");
	CHECK_INT(s.day, DAY_NUMBER);
	CHECK_INT(s.reason, DELETION_EXPIRED);
	CHECK_INT(s.because, 1);
	CHECK_INT(s.rows, 1);
	CHECK_INT(s.parts, 1);
	CHECK_INT(s.part.bytes, size);
	CHECK(memcmp(s.part.hash, hash, sizeof(hash)) == 0);
	facts = verify_store(&store);
	CHECK_ROW(facts.bad == 0, "%s", facts.first_bad.text);
	CHECK_INT(facts.sealed, 3);
	CHECK_INT(facts.deleted, 1);
	/* Once more: nothing. */
	r = retain(&store, DUE_30);
	CHECK_INT(r.files, 0);
	CHECK_INT(tombstones(&store).lines, 1);
	/* The last file takes its directory along. */
	r = retain(&store, DUE_30 + NS_PER_DAY);
	CHECK_INT(r.files, 1);
	CHECK(!is_there(&store, "t1"));
	CHECK_INT(verify_store(&store).bad, 0);
	/* Positive control: a file that nobody deleted is missed (AC-32). */
	CHECK_INT(unlinkat(store.segments, "t2/2026-03-10.sks", 0), 0);
	CHECK(verify_store(&store).bad > 0);
	store_close(&store);
}

/* Which promise counts. */
static void the_shortest_promise_for_a_day_counts(void)
{
	static const struct {
		const char *consents;
		uint32_t days, because;
	} rows[] = {
		{ "", 180, 0 }, /* imported */
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 366), 366, 1 },
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 1), 1, 1 },
		{ GRANT(1, "t2", "2026-03-09T00:00:00Z", 1), 180, 0 },
		/* Two on that day, in either order. */
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 30) GRANT(2, "t1", "2026-03-10T12:00:00Z", 60), 30, 1 },
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 60) GRANT(2, "t1", "2026-03-10T12:00:00Z", 30), 30, 2 },
		/* The other one begins when the day is over, or has ended before. */
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 60) GRANT(2, "t1", "2026-03-11T00:00:00Z", 30), 60, 1 },
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 30) GRANT(2, "t1", "2026-03-10T00:00:00Z", 60), 60, 2 },
		/* None on that day: imported, and the tenant was promised less, or more, later. */
		{ GRANT(1, "t1", "2026-03-12T00:00:00Z", 20), 20, 1 },
		{ GRANT(1, "t1", "2026-03-12T00:00:00Z", 200), 180, 0 },
		{ GRANT(1, "t1", "2026-03-01T00:00:00Z", 20) WITHDRAW(2, "t1", "2026-03-10T00:00:00Z", "STOP_ONLY"), 20, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct store_dir store = a_store();
		struct consents c = { 0 };
		struct problem p = { "" };
		uint32_t because = 99;

		put_consents(&store, rows[i].consents);
		CHECK_ROW(consents_load(&store, &c, &p) == 0, "%zu: %s", i, p.text);
		CHECK_ROW(due_retention_days(&c, "t1", DAY_NUMBER, &because) == rows[i].days, "row %zu", i);
		CHECK_ROW(because == rows[i].because, "row %zu: %u", i, because);
		consents_done(&c);
		store_close(&store);
	}
	CHECK(due_instant(DAY_NUMBER, 30) == DUE_30);
	CHECK(due_instant(INT32_MAX, 366) == INT64_MAX);
	CHECK(due_instant(INT32_MIN, 1) == INT64_MIN);
}

/* A withdrawal without erasure changes nothing for what was recorded. */
static void stop_only_lets_the_past_live(void)
{
	struct store_dir store = a_sealed_store(GRANTS WITHDRAW(3, "t1", "2026-03-12T00:00:00Z", "STOP_ONLY"));

	CHECK_INT(retain(&store, DUE_30 - 1).files, 0);
	CHECK_INT(retain(&store, DUE_30).files, 1);
	store_close(&store);
}

/* --- Holds --- */

/* AC-36: a hold outlives retention, for its days and tenant alone; release makes them go, and so does its end. */
static void a_hold_survives_retention(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	int64_t until = utc_now_ns() + 300 * NS_PER_DAY;
	struct retention_result r;

	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, until);
	r = retain(&store, DUE_30 + NS_PER_DAY);
	CHECK_INT(r.held_days, 1);
	CHECK_INT(r.expired_days, 1); /* the other day */
	CHECK(is_there(&store, PART_1));
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 1);
	CHECK_INT(verify_store(&store).bad, 0);
	/* For ever so long; and then it ends by itself. */
	CHECK_INT(retain(&store, until - 1).held_days, 1);
	CHECK(is_there(&store, PART_1));
	release_hold(&store);
	r = retain(&store, DUE_30 + NS_PER_DAY);
	CHECK_INT(r.held_days, 0);
	CHECK_INT(r.expired_days, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(verify_store(&store).bad, 0);
	store_close(&store);
}

static void a_hold_ends_at_its_date(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	int64_t until = utc_now_ns() + 300 * NS_PER_DAY;

	set_hold(&store, NULL, HOLD_FROM_EVER, HOLD_FOR_EVER, until);
	CHECK_INT(retain(&store, until - 1).held_days, 4);
	CHECK_INT(retain(&store, until).files, 4);
	CHECK_INT(verify_store(&store).bad, 0);
	store_close(&store);
}

struct deleting {
	const struct store_dir *store;
	struct retention_result result;
	int error;
};

static void *delete_now(void *ctx)
{
	struct deleting *d = ctx;
	struct problem p;

	d->error = try_retain(d->store, true, DUE_30, &d->result, &p);
	return NULL;
}

/* A hold that is set when the deletion has looked and waits for the ledgers: it looks again. */
static void a_hold_stops_a_deletion_that_has_begun(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct deleting d = { .store = &store };
	struct ledger_writer *w = NULL;
	struct problem p = { "" };
	json_t *act = json_pack("{s:s, s:s, s:s, s:n, s:n, s:i, s:s, s:s, s:s}", "event", "HOLD_SET", "number", "1",
				"tenant", "t1", "reason", "actor", "uid", 0, "first_day", "2026-03-10", "last_day",
				"2026-03-10", "until", "2099-01-01T00:00:00.000000000Z");
	pthread_t thread;

	REQUIRE(ledger_writer_open(&store, &w, &p) == 0);
	REQUIRE(pthread_create(&thread, NULL, delete_now, &d) == 0);
	for (int i = 0; i < 3000 && listed(&store, DAY_NUMBER, "t1") != -1; i++)
		usleep(10000);
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), -1); /* it has come that far */
	CHECK(is_there(&store, PART_1));
	CHECK_INT(ledger_writer_append(w, LEDGER_CUSTODY, act, utc_now_ns(), NULL), 0);
	ledger_writer_close(w);
	json_decref(act);
	REQUIRE(pthread_join(thread, NULL) == 0);
	CHECK_INT(d.error, 0);
	CHECK_INT(d.result.files, 0);
	CHECK_INT(d.result.held_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK_INT(tombstones(&store).lines, 0);
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 1);
	store_close(&store);
}

UNIT_SUITE(retention, TEST(a_day_goes_when_it_is_due), TEST(the_shortest_promise_for_a_day_counts),
	   TEST(stop_only_lets_the_past_live), TEST(a_hold_survives_retention), TEST(a_hold_ends_at_its_date),
	   TEST(a_hold_stops_a_deletion_that_has_begun));
