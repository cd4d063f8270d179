// SPDX-License-Identifier: BSD-2-Clause
/* AC-85: two canaries that do not come back are an alarm, and a gap from the last one that did. */
#include "recorder/canary_watch.h"
#include "unit.h"

static void one_is_no_alarm_two_are(void)
{
	struct canary_watch w = { .seen_ns = 5 };
	int64_t from, until;

	canary_watch_sung(&w, 10, 0, 100);
	canary_watch_seen(&w, 11);
	CHECK(!canary_watch_judge(&w, 100));
	CHECK_INT(w.misses, 0);
	canary_watch_sung(&w, 20, 0, 200);
	CHECK(!canary_watch_judge(&w, 200));
	CHECK_INT(w.misses, 1);
	CHECK(!canary_watch_gap(&w, 25, &from, &until));
	canary_watch_sung(&w, 30, 0, 200);
	CHECK(canary_watch_judge(&w, 200));
	CHECK(w.alarm);
	CHECK(!canary_watch_judge(&w, 200)); /* each is judged once */
	CHECK_INT(w.misses, 2);
}

static void a_miss_in_between_is_forgotten(void)
{
	struct canary_watch w = {};

	for (int64_t t = 10; t < 100; t += 10) {
		canary_watch_sung(&w, t, 0, 0);
		if (t % 20 == 0)
			canary_watch_seen(&w, t);
		CHECK(!canary_watch_judge(&w, 0));
		CHECK(!w.alarm);
	}
}

static void what_still_waits_in_the_ring_is_not_missed(void)
{
	struct canary_watch w = {};

	canary_watch_sung(&w, 10, 0, 1000);
	for (uint64_t consumer = 0; consumer < 1000; consumer += 100)
		CHECK(!canary_watch_judge(&w, consumer));
	CHECK_INT(w.misses, 0);
	CHECK_INT(w.sung_ns, 10);
	canary_watch_seen(&w, 12);
	CHECK(!canary_watch_judge(&w, 900));
	CHECK_INT(w.misses, 0);
	CHECK_INT(w.sung_ns, 0);
}

static void an_older_one_does_not_count(void)
{
	struct canary_watch w = {};

	canary_watch_sung(&w, 10, 0, 0);
	canary_watch_seen(&w, 9);
	CHECK(!canary_watch_judge(&w, 0));
	CHECK_INT(w.misses, 1);
	canary_watch_seen(&w, 3);
	CHECK_INT(w.seen_ns, 9);
}

static void the_gap_goes_from_the_last_to_the_next(void)
{
	struct canary_watch w = { .seen_ns = 5 };
	int64_t from = 0, until = 0;

	for (int64_t t = 10; t <= 20; t += 10) {
		canary_watch_sung(&w, t, 0, 0);
		(void)canary_watch_judge(&w, 0);
	}
	REQUIRE(w.alarm);
	CHECK(canary_watch_gap(&w, 21, &from, &until));
	CHECK_INT(from, 5);
	CHECK_INT(until, 21);
	/* It could not be written: the next try begins there again. */
	CHECK(canary_watch_gap(&w, 22, &from, &until));
	CHECK_INT(from, 5);
	canary_watch_stated(&w, 22);
	CHECK(!canary_watch_gap(&w, 22, &from, &until));
	CHECK(canary_watch_gap(&w, 30, &from, &until));
	CHECK_INT(from, 22);
	canary_watch_stated(&w, 30);
	canary_watch_sung(&w, 40, 0, 0);
	canary_watch_seen(&w, 41);
	CHECK(canary_watch_judge(&w, 0));
	CHECK(!w.alarm);
	CHECK(canary_watch_gap(&w, 50, &from, &until));
	CHECK_INT(from, 30);
	CHECK_INT(until, 41);
	canary_watch_stated(&w, 41);
	CHECK(!canary_watch_gap(&w, 60, &from, &until));
}

UNIT_SUITE(canary_watch, TEST(one_is_no_alarm_two_are), TEST(a_miss_in_between_is_forgotten),
	   TEST(what_still_waits_in_the_ring_is_not_missed), TEST(an_older_one_does_not_count),
	   TEST(the_gap_goes_from_the_last_to_the_next));
