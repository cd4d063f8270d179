/* SPDX-License-Identifier: BSD-2-Clause */
/* Clock anchors: boot time to UTC, across steps, the same on any machine (AC-25, AC-26). */
#include "base/anchor.h"

#include <limits.h>
#include <string.h>
#include <sys/timex.h>
#include "fixture.h"
#include "schema/store.h"
#include "unit.h"

static void add(struct anchors *list, uint64_t boot_ns, int64_t utc_ns)
{
	CHECK_INT(anchors_add(list, &(struct anchor){ .boot_ns = boot_ns, .utc_ns = utc_ns }), 0);
}

static void kept_in_order_of_boot_time(void)
{
	struct anchors list = { 0 };
	struct rng rng = { 80 };

	for (int i = 0; i < 200; i++)
		add(&list, rng_below(&rng, 1000000), i);
	CHECK_INT(list.count, 200);
	for (size_t i = 1; i < list.count; i++)
		CHECK(list.list[i - 1].boot_ns <= list.list[i].boot_ns);
	anchors_done(&list);
	CHECK_INT(list.count, 0);
	anchors_done(NULL);
}

static void an_identical_anchor_is_kept_once(void)
{
	const struct anchor a = { .boot_ns = 10, .utc_ns = 20, .max_error_ns = 30, .status = 40 };
	const struct anchor others[] = {
		{ 11, 20, 30, 40 }, { 10, 21, 30, 40 }, { 10, 20, 31, 40 }, { 10, 20, 30, 41 },
	};
	struct anchors list = { 0 };

	CHECK_INT(anchors_add(&list, &a), 0);
	CHECK_INT(anchors_add(&list, &a), 0);
	CHECK_INT(list.count, 1);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		CHECK_INT(anchors_add(&list, &others[i]), 0);
		CHECK_INT(anchors_add(&list, &others[i]), 0);
		CHECK_INT(list.count, i + 2);
	}
	anchors_done(&list);
}

/* AC-26: a step of +5 s makes two anchors, and times on both sides are right. AC-25: exactly. */
static void conversion_before_after_between_and_across_a_step(void)
{
	static const struct {
		uint64_t boot_ns;
		int64_t want;
	} table[] = {
		{ 0, DAY_NS - 1000 }, /* before the first: by the first */
		{ 999, DAY_NS - 1 }, { 1000, DAY_NS }, { 1001, DAY_NS + 1 },
		{ 1999, DAY_NS + 999 },
		{ 2000, DAY_NS + 1000 + 5 * NS_PER_SEC }, { 2001, DAY_NS + 1001 + 5 * NS_PER_SEC },
		{ 2999, DAY_NS + 1999 + 5 * NS_PER_SEC },
		{ 3000, DAY_NS + 1000 }, /* and back by 5 s and 1 us */
		{ 1000000000000, DAY_NS + 999999998000 },
	};
	struct anchors list = { 0 };

	CHECK(anchors_find(&list, 5) == NULL);
	CHECK_INT(anchors_utc(&list, 5), 0);
	add(&list, 2000, DAY_NS + 1000 + 5 * NS_PER_SEC);
	add(&list, 3000, DAY_NS + 1000);
	add(&list, 1000, DAY_NS);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_INT(anchors_utc(&list, table[i].boot_ns), table[i].want);
	CHECK(anchors_find(&list, 0) == &list.list[0]);
	CHECK(anchors_find(&list, 1999) == &list.list[0]);
	CHECK(anchors_find(&list, 2000) == &list.list[1]);
	CHECK(anchors_find(&list, UINT64_MAX) == &list.list[2]);
	anchors_done(&list);
}

/* The bounds of a stretch of boot time, whatever steps lie in it: against each of its instants. */
static void range_of_a_stretch_with_steps(void)
{
	struct rng rng = { 81 };
	size_t with_steps = 0;

	for (int i = 0; i < 300; i++) {
		struct anchors list = { 0 };
		uint64_t first = rng_below(&rng, 60), last = first + rng_below(&rng, 60);
		int64_t least, greatest, want_least = INT64_MAX, want_greatest = INT64_MIN;

		for (size_t k = 0, n = 1 + rng_below(&rng, 5); k < n; k++)
			add(&list, k * 24 + rng_below(&rng, 24), (int64_t)rng_below(&rng, 1000));
		for (uint64_t t = first; t <= last; t++) {
			int64_t utc = anchors_utc(&list, t);

			want_least = utc < want_least ? utc : want_least;
			want_greatest = utc > want_greatest ? utc : want_greatest;
		}
		anchors_utc_range(&list, first, last, &least, &greatest);
		CHECK_ROW(least == want_least, "%d: %lld, expected %lld", i, (long long)least,
			  (long long)want_least);
		CHECK_ROW(greatest == want_greatest, "%d: %lld, expected %lld", i,
			  (long long)greatest, (long long)want_greatest);
		with_steps += want_greatest - want_least > (int64_t)(last - first);
		anchors_done(&list);
	}
	CHECK_ROW(with_steps > 100, "%zu", with_steps);
}

/* An anchor that is beside itself, and a frame that ends before it begins: any time may be meant, so none is
 * left out. */
static void range_that_runs_over_is_all_of_time(void)
{
	static const struct {
		int64_t utc;
		uint64_t first, last;
	} table[] = {
		{ INT64_MAX - 5, 10, 20 }, { 0, 0, UINT64_MAX }, { 0, 20, 10 }, { INT64_MIN, 0, UINT64_C(1) << 63 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct anchors list = { 0 };
		int64_t least, greatest;

		add(&list, 10, table[i].utc);
		anchors_utc_range(&list, table[i].first, table[i].last, &least, &greatest);
		CHECK_ROW(least == INT64_MIN && greatest == INT64_MAX, "%zu: %lld to %lld", i, (long long)least,
			  (long long)greatest);
		anchors_utc_range(&list, 10, 10, &least, &greatest);
		CHECK_ROW(least == table[i].utc && greatest == table[i].utc, "%zu", i);
		anchors_done(&list);
	}
}

static void of_two_at_one_instant_the_later_counts(void)
{
	struct anchors list = { 0 };

	add(&list, 1000, 1);
	add(&list, 1000, 2);
	CHECK_INT(anchors_utc(&list, 1000), 2);
	CHECK_INT(anchors_utc(&list, 1005), 7);
	anchors_done(&list);
}

static void any_values_are_survived(void)
{
	static const uint64_t values[] = { 0, 1, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX };
	struct anchors list = { 0 };
	int64_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		add(&list, values[i], i % 2 ? INT64_MIN : INT64_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		sum ^= anchors_utc(&list, values[i]);
	CHECK_INT(sum, INT64_MAX);
	anchors_done(&list);
}

static void bytes_round_trip(void)
{
	const struct anchor a = { .boot_ns = 0x1112131415161718, .utc_ns = -2,
				  .max_error_ns = 0x2122232425262728, .status = 0x31323334 };
	static const uint8_t want[STORE_ANCHOR_BYTES] =
		"\x18\x17\x16\x15\x14\x13\x12\x11\xfe\xff\xff\xff\xff\xff\xff\xff"
		"\x28\x27\x26\x25\x24\x23\x22\x21\x34\x33\x32\x31\0\0\0";
	struct buffer out = { 0 };
	struct anchor got = { 0 };
	struct cursor c;

	anchor_write(&a, &out);
	CHECK(out.size == STORE_ANCHOR_BYTES && memcmp(out.data, want, STORE_ANCHOR_BYTES) == 0);
	cursor_init(&c, out.data, out.size);
	anchor_read(&c, &got);
	CHECK(cursor_ok(&c) && cursor_left(&c) == 0);
	CHECK(got.boot_ns == a.boot_ns && got.utc_ns == a.utc_ns &&
	      got.max_error_ns == a.max_error_ns && got.status == a.status);
	cursor_init(&c, out.data, out.size - 1);
	anchor_read(&c, &got);
	CHECK(!cursor_ok(&c));
	buffer_done(&out);
}

static void a_sample_is_of_now(void)
{
	struct anchor a;
	int64_t boot = boot_now_ns(), utc = utc_now_ns();

	anchor_sample(&a);
	CHECK(a.boot_ns >= (uint64_t)boot && a.boot_ns <= (uint64_t)boot_now_ns());
	CHECK(a.utc_ns >= utc && a.utc_ns <= utc_now_ns());
	CHECK_INT(anchor_synchronised(&a), !(a.status & STA_UNSYNC));
	CHECK(!anchor_synchronised(&(struct anchor){ .status = STA_UNSYNC | STA_PLL }));
	CHECK(anchor_synchronised(&(struct anchor){ .status = STA_PLL }));
}

/* Two anchors tell a step; a clock that is slewed slews both. */
static void steps(void)
{
	const struct anchor a = { .boot_ns = 1000, .utc_ns = DAY_NS };
	const struct {
		struct anchor b;
		int64_t want;
	} table[] = {
		{ { .boot_ns = 1000, .utc_ns = DAY_NS }, 0 },
		{ { .boot_ns = 5000, .utc_ns = DAY_NS + 4000 }, 0 },
		{ { .boot_ns = 5000, .utc_ns = DAY_NS + 4000 + 5 * NS_PER_SEC }, 5 * NS_PER_SEC },
		{ { .boot_ns = 5000, .utc_ns = DAY_NS + 4000 - 5 * NS_PER_SEC }, -5 * NS_PER_SEC },
		{ { .boot_ns = 0, .utc_ns = DAY_NS - 1000 }, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_ROW(anchor_step_ns(&a, &table[i].b) == table[i].want, "row %zu", i);
}

/* Behind its life an anchor's bound is not one any more: the clock may have drifted, and nobody looked. */
static void a_bound_grows_when_nobody_looks(void)
{
	const struct anchor a = { .boot_ns = 1000, .utc_ns = DAY_NS, .max_error_ns = 1 << 20 };
	struct anchor b = { .boot_ns = 1000 + ANCHOR_LIFE_NS, .utc_ns = DAY_NS + 5 }, late = {};

	CHECK(!anchor_outlived(&a, &b, &late));
	b.boot_ns = 999;
	CHECK(!anchor_outlived(&a, &b, &late));
	b.boot_ns = 1000 + 120 * (uint64_t)NS_PER_SEC;
	b.status = STA_UNSYNC | STA_PLL;
	REQUIRE(anchor_outlived(&a, &b, &late));
	CHECK_INT(late.boot_ns, 1000 + ANCHOR_LIFE_NS);
	CHECK_INT(late.utc_ns, DAY_NS + (int64_t)ANCHOR_LIFE_NS);
	CHECK_INT(late.status, STA_UNSYNC);
	CHECK_INT(anchor_growth_ns(120 * (uint64_t)NS_PER_SEC), 60000001); /* 500 ppm */
	CHECK_INT(late.max_error_ns, 1 << 26); /* 61 ms and more, as a power of two */
	CHECK(anchors_utc(&(struct anchors){ &late, 1, 1 }, b.boot_ns) == DAY_NS + 120 * NS_PER_SEC);
}

UNIT_SUITE(anchor, TEST(kept_in_order_of_boot_time), TEST(an_identical_anchor_is_kept_once),
	   TEST(conversion_before_after_between_and_across_a_step),
	   TEST(range_of_a_stretch_with_steps), TEST(range_that_runs_over_is_all_of_time),
	   TEST(of_two_at_one_instant_the_later_counts), TEST(any_values_are_survived),
	   TEST(bytes_round_trip), TEST(a_sample_is_of_now),
	   TEST(steps), TEST(a_bound_grows_when_nobody_looks));
