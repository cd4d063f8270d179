// SPDX-License-Identifier: BSD-2-Clause
/* What is not certain to be due stays: the clock of retention, and none at all (AC-35). */
#include "retention/retention_clock.h"

#include <errno.h>
#include <string.h>
#include "retaining.h"
#include "unit.h"

static void without_a_clock_nothing_expires(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct retention_result r;
	struct problem p;

	CHECK_INT(try_retain(&store, false, DUE_30 + 9999 * NS_PER_DAY, &r, &p), 0);
	CHECK_INT(r.files, 0);
	CHECK(is_there(&store, PART_1));
	/* And no hold ends. */
	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	put_consents(&store, ERASED);
	CHECK_INT(try_retain(&store, false, INT64_MAX, &r, &p), 0);
	CHECK_INT(r.held_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	store_close(&store);
}

static struct retention_sample at(int64_t utc_ns, int64_t boot_ns, const char *boot_id, bool synchronised)
{
	struct retention_sample s = { .utc_ns = utc_ns, .boot_ns = (uint64_t)boot_ns, .synchronised = synchronised };

	strcpy(s.boot_id, boot_id);
	return s;
}

/* The time that is believed, or the error. */
static int64_t believe(const struct store_dir *store, struct retention_sample s, bool *ret_ahead)
{
	struct problem note = { "" }, p = { "" };
	int64_t now = 0;
	int error = retention_clock_now(store, &s, &now, &note, &p);

	CHECK_ROW(error == 0 || error == -ETIME, "%s", p.text);
	*ret_ahead = note.text[0] != '\0';
	return error ? error : now;
}

static void a_clock_that_jumps_is_not_believed(void)
{
	struct store_dir store = a_store();
	int64_t day = NS_PER_DAY, t0 = a_time("2026-03-09T00:00:00Z");
	bool ahead;

	/* Nothing known yet. */
	CHECK_INT(believe(&store, at(t0, 0, "b1", false), &ahead), -ETIME);
	put_consents(&store, GRANTS);
	/* The ledgers' last line may be of custody: the key, made now. */
	t0 = utc_now_ns() + HOUR;
	CHECK_INT(believe(&store, at(t0 - 2 * HOUR - day, 0, "b1", false), &ahead), -ETIME); /* behind the ledgers */
	CHECK(believe(&store, at(t0, 5 * HOUR, "b1", false), &ahead) <= t0);
	/* Synchronised: believed, and from here on. */
	CHECK(believe(&store, at(t0, 6 * HOUR, "b1", true), &ahead) == t0);
	CHECK(!ahead);
	CHECK(believe(&store, at(t0 + HOUR, 7 * HOUR, "b1", false), &ahead) == t0 + HOUR);
	CHECK(!ahead);
	/* A year ahead: no more than has passed. */
	CHECK(believe(&store, at(t0 + 365 * day, 8 * HOUR, "b1", false), &ahead) <= t0 + 2 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	CHECK(believe(&store, at(t0 + 365 * day, 9 * HOUR, "b1", false), &ahead) <= t0 + 3 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	/* A restart of the machine does not help it: the time since is certain, no more. */
	CHECK(believe(&store, at(t0 + 365 * day, 2 * HOUR, "b2", false), &ahead) <= t0 + 5 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	/* Put right again. */
	CHECK(believe(&store, at(t0 + 5 * HOUR, 2 * HOUR + 1, "b2", false), &ahead) <= t0 + 5 * HOUR);
	CHECK(!ahead);
	/* Set back: it counts from there, and does not catch up by itself. */
	CHECK(believe(&store, at(t0 + HOUR, 2 * HOUR + 2, "b2", false), &ahead) == t0 + HOUR);
	CHECK(believe(&store, at(t0 + 6 * HOUR, 3 * HOUR + 2, "b2", false), &ahead) < t0 + 2 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	CHECK(believe(&store, at(t0 + 7 * HOUR, 4 * HOUR, "b2", true), &ahead) == t0 + 7 * HOUR);
	CHECK(!ahead);
	/* What was kept is lost or does not read: the ledgers again. */
	write_file(store.root, RETENTION_CLOCK_FILE, "nonsense\n", 9);
	CHECK(believe(&store, at(t0 + 365 * day, 5 * HOUR, "b2", false), &ahead) < t0);
	CHECK(ahead);
	store_close(&store);
}

UNIT_SUITE(retention_clock, TEST(without_a_clock_nothing_expires), TEST(a_clock_that_jumps_is_not_believed));
