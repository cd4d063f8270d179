// SPDX-License-Identifier: BSD-2-Clause
/* AC-85: two canaries that do not come back are an alarm, and a gap from the last one that did. */
#include <errno.h>
#include "recorder/canary_watch.h"
#include "unit.h"

#define PATIENCE 4

/* When it had its time, and the ring has been read. */
static bool judge_late(struct canary_watch *w)
{
	return canary_watch_judge(w, w->sung_ns + PATIENCE, 100, 100);
}

static void one_is_no_alarm_two_are(void)
{
	struct canary_watch w = { .seen_ns = 5 };
	int64_t from, until;

	canary_watch_sung(&w, 10, 0, PATIENCE);
	canary_watch_seen(&w, 11);
	CHECK(!judge_late(&w));
	CHECK_INT(w.misses, 0);
	canary_watch_sung(&w, 20, 0, PATIENCE);
	CHECK(!judge_late(&w));
	CHECK_INT(w.misses, 1);
	CHECK(!canary_watch_gap(&w, 25, &from, &until));
	canary_watch_sung(&w, 30, 0, PATIENCE);
	CHECK(judge_late(&w));
	CHECK(w.alarm);
	CHECK(!canary_watch_judge(&w, 90, 200, 200)); /* each is judged once */
	CHECK_INT(w.misses, 2);
}

static void a_miss_in_between_is_forgotten(void)
{
	struct canary_watch w = {};

	for (int64_t t = 10; t < 100; t += 10) {
		canary_watch_sung(&w, t, 0, PATIENCE);
		if (t % 20 == 0)
			canary_watch_seen(&w, t);
		CHECK(!judge_late(&w));
		CHECK(!w.alarm);
	}
}

/* The ring is read at once; on a busy machine the canary comes later than that. */
static void one_that_comes_late_is_not_missed(void)
{
	struct canary_watch w = {};

	for (int64_t t = 10; t < 100; t += 10) {
		canary_watch_sung(&w, t, -EAGAIN, PATIENCE);
		for (int64_t now = t; now < t + PATIENCE; now++)
			CHECK(!canary_watch_judge(&w, now, 100, 100));
		CHECK_INT(w.sung_ns, t);
		canary_watch_seen(&w, t + 3);
		CHECK(!judge_late(&w));
		CHECK_INT(w.misses, 0);
		CHECK_INT(w.sung_ns, 0);
	}
}

static void what_still_waits_in_the_ring_is_not_missed(void)
{
	struct canary_watch w = {};

	canary_watch_sung(&w, 10, 0, PATIENCE);
	for (uint64_t consumer = 0; consumer < 1000; consumer += 100)
		CHECK(!canary_watch_judge(&w, 20 + (int64_t)consumer, 1000 + consumer, consumer));
	CHECK_INT(w.misses, 0);
	CHECK_INT(w.sung_ns, 10);
	canary_watch_seen(&w, 12);
	CHECK(!canary_watch_judge(&w, 2000, 2000, 900));
	CHECK_INT(w.misses, 0);
	CHECK_INT(w.sung_ns, 0);
	/* Without it, as far as the ring was written when its time was over. */
	canary_watch_sung(&w, 3000, 0, PATIENCE);
	CHECK(!canary_watch_judge(&w, 3000 + PATIENCE, 3000, 2000));
	CHECK(!canary_watch_judge(&w, 3100, 5000, 2999));
	CHECK_INT(w.misses, 0);
	CHECK(!canary_watch_judge(&w, 3200, 5000, 3000));
	CHECK_INT(w.misses, 1);
}

static void an_older_one_does_not_count(void)
{
	struct canary_watch w = {};

	canary_watch_sung(&w, 10, 0, PATIENCE);
	canary_watch_seen(&w, 9);
	CHECK(!judge_late(&w));
	CHECK_INT(w.misses, 1);
	canary_watch_seen(&w, 3);
	CHECK_INT(w.seen_ns, 9);
}

static void the_gap_goes_from_the_last_to_the_next(void)
{
	struct canary_watch w = { .seen_ns = 5 };
	int64_t from = 0, until = 0;

	for (int64_t t = 10; t <= 20; t += 10) {
		canary_watch_sung(&w, t, 0, PATIENCE);
		(void)judge_late(&w);
	}
	REQUIRE(w.alarm);
	CHECK(canary_watch_gap(&w, 21, &from, &until));
	CHECK_INT(from, 5);
	CHECK_INT(until, 21);
	/* It could not be written: the next try begins there again. */
	CHECK(canary_watch_is_due(&w, 21));
	CHECK(canary_watch_gap(&w, 22, &from, &until));
	CHECK_INT(from, 5);
	canary_watch_stated(&w, 22);
	CHECK(!canary_watch_gap(&w, 22, &from, &until));
	CHECK(canary_watch_gap(&w, 30, &from, &until));
	CHECK_INT(from, 22);
	canary_watch_stated(&w, 30);
	canary_watch_sung(&w, 40, 0, PATIENCE);
	canary_watch_seen(&w, 41);
	CHECK(judge_late(&w));
	CHECK(!w.alarm);
	CHECK(canary_watch_gap(&w, 50, &from, &until));
	CHECK_INT(from, 30);
	CHECK_INT(until, 41);
	canary_watch_stated(&w, 41);
	CHECK(!canary_watch_gap(&w, 60, &from, &until));
	CHECK(!canary_watch_is_due(&w, 60));
}

/* Two are missed, and a search states until 30 what was not seen since 5. */
static struct canary_watch stated_until_30(void)
{
	struct canary_watch w = { .seen_ns = 5 };
	int64_t from, until;

	for (int64_t t = 10; t <= 20; t += 10) {
		canary_watch_sung(&w, t, 0, PATIENCE);
		(void)judge_late(&w);
	}
	CHECK(canary_watch_gap(&w, 30, &from, &until));
	canary_watch_stated(&w, until);
	return w;
}

/* One from before that came out of the ring only behind it: the alarm ends, and what comes later is no gap. */
static void an_end_that_was_stated_already_is_one(void)
{
	struct canary_watch w = stated_until_30();
	int64_t from, until;

	canary_watch_sung(&w, 24, 0, PATIENCE);
	canary_watch_seen(&w, 25);
	CHECK(judge_late(&w));
	CHECK(!w.alarm);
	CHECK(!canary_watch_is_due(&w, 31));
	for (int64_t t = 40; t <= 10000; t += 20) {
		CHECK(!canary_watch_gap(&w, t, &from, &until));
		canary_watch_sung(&w, t, 0, PATIENCE);
		canary_watch_seen(&w, t + 1);
		CHECK(!judge_late(&w));
	}
	CHECK(!canary_watch_gap(&w, 20000, &from, &until));
}

/* It is tried again, and stays what it was when more of them come back. */
static void an_end_that_could_not_be_written_is_due(void)
{
	struct canary_watch w = stated_until_30();
	int64_t from = 0, until = 0;

	canary_watch_sung(&w, 40, 0, PATIENCE);
	canary_watch_seen(&w, 41);
	CHECK(judge_late(&w));
	canary_watch_sung(&w, 60, 0, PATIENCE);
	canary_watch_seen(&w, 61);
	CHECK(!judge_late(&w));
	CHECK(canary_watch_is_due(&w, 61));
	CHECK(canary_watch_gap(&w, 61, &from, &until));
	CHECK_INT(from, 30);
	CHECK_INT(until, 41);
	canary_watch_stated(&w, until);
	CHECK(!canary_watch_is_due(&w, 62));
}

/* A day without one: pieces, not one for each that is missed; none is longer than what was said before, or a minute. */
static void pieces_grow(void)
{
	const int64_t second = 1000000000, day = 86400 * second;
	struct canary_watch w = { .seen_ns = second };
	int64_t from, until, pieces = 0;

	for (int64_t t = 20 * second; t < day; t += 20 * second) {
		canary_watch_sung(&w, t, 0, PATIENCE);
		(void)judge_late(&w);
		if (!canary_watch_is_due(&w, t))
			continue;
		CHECK(canary_watch_gap(&w, t, &from, &until));
		CHECK(until - from <= 60 * second && (pieces == 0 || until - from <= from - second + 20 * second));
		canary_watch_stated(&w, until);
		pieces++;
	}
	CHECK_ROW(pieces > 1430 && pieces < 1450, "%lld pieces", (long long)pieces);
	CHECK(w.stated_ns > day - 80 * second);
}

UNIT_SUITE(canary_watch, TEST(one_is_no_alarm_two_are), TEST(a_miss_in_between_is_forgotten),
	   TEST(one_that_comes_late_is_not_missed), TEST(what_still_waits_in_the_ring_is_not_missed),
	   TEST(an_older_one_does_not_count), TEST(the_gap_goes_from_the_last_to_the_next),
	   TEST(an_end_that_was_stated_already_is_one), TEST(an_end_that_could_not_be_written_is_due), TEST(pieces_grow));
