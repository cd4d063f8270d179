/* SPDX-License-Identifier: BSD-2-Clause */
/* When recording stops for room on the disk, and when it goes on (AC-35). */
#include "recorder/room.h"

#include <fcntl.h>
#include <unistd.h>
#include "fixture.h"
#include "unit.h"

#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)

static void the_limit_is_the_less_of_both(void)
{
	const struct {
		struct room_limit limit;
		uint64_t total, keep;
	} rows[] = {
		{ { G, 2 }, 1000 * G, G },
		{ { G, 2 }, 10 * G, 10 * G / 100 * 2 },
		{ { G, 2 }, 4 * M, 4 * M / 100 * 2 },
		{ { 0, 50 }, 10 * G, 10 * G / 100 * 50 },
		{ { 3 * M, 0 }, 10 * G, 3 * M },
		{ { 0, 0 }, 10 * G, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct room r = { .limit = rows[i].limit };

		CHECK_INT(room_judge(&r, rows[i].total, rows[i].total, 1), ROOM_AS_BEFORE);
		CHECK_INT(r.keep_bytes, rows[i].keep);
		CHECK_INT(r.free_bytes, rows[i].total);
	}
}

/* Stops a frame's size above the limit, so that what is still written leaves it; goes on further up. */
static void stops_and_goes_on(void)
{
	const struct {
		uint64_t free;
		enum room_change change;
		int64_t since;
	} rows[] = {
		{ 500 * M, ROOM_AS_BEFORE, 0 },
		{ 33 * M, ROOM_AS_BEFORE, 0 },
		{ 33 * M - 1, ROOM_STOPPED, 12 },
		{ 33 * M - 1, ROOM_AS_BEFORE, 12 },
		{ 0, ROOM_AS_BEFORE, 12 },
		{ 33 * M, ROOM_AS_BEFORE, 12 },
		{ 36 * M - 1, ROOM_AS_BEFORE, 12 }, /* 32 + 1 + 1 + 32 / 16 */
		{ 36 * M, ROOM_AGAIN, 0 },
		{ 33 * M, ROOM_AS_BEFORE, 0 },
		{ 32 * M, ROOM_STOPPED, 19 },
	};
	struct room r = { .limit = { 32 * M, 0 } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(room_judge(&r, rows[i].free, 10 * G, 10 + (int64_t)i) == rows[i].change, "row %zu", i);
		CHECK_ROW(r.stopped_ns == rows[i].since, "row %zu: since %lld", i, (long long)r.stopped_ns);
	}
	/* The limit is lifted while it is stopped. */
	r.limit = (struct room_limit){ 0, 0 };
	CHECK_INT(room_judge(&r, 0, 10 * G, 99), ROOM_AGAIN);
	CHECK_INT(room_judge(&r, 0, 10 * G, 99), ROOM_AS_BEFORE);
	CHECK_INT(r.stopped_ns, 0);
}

static void looks_at_the_file_system(void)
{
	struct room r = { .fd = unit_temp_dir(), .limit = { 1, 0 } };

	CHECK_INT(room_look(&r), ROOM_AS_BEFORE);
	CHECK(r.free_bytes > M);
	r.limit.bytes = UINT64_MAX / 4;
	CHECK_INT(room_look(&r), ROOM_STOPPED);
	CHECK(r.stopped_ns > DAY_NS);
	r.fd = -1; /* what cannot be looked at changes nothing */
	CHECK_INT(room_look(&r), ROOM_AS_BEFORE);
	CHECK(r.stopped_ns > DAY_NS);
}

static void sealing_needs_the_largest_journal(void)
{
	static const uint8_t bytes[3 << 20];
	struct room r = { .limit = { 8 * M, 0 } };

	CHECK_INT(room_judge(&r, 9 * M, 10 * G, 1), ROOM_AS_BEFORE);
	CHECK(room_to_seal(&r, unit_temp_dir()));
	write_file(unit_temp_dir(), "a.skj", bytes, 1 << 20);
	CHECK(!room_to_seal(&r, unit_temp_dir()));
	write_file(unit_temp_dir(), "b.skj", bytes, 3 << 20);
	write_file(unit_temp_dir(), "c.txt", bytes, 3 << 20);
	(void)room_judge(&r, 12 * M - 1, 10 * G, 1);
	CHECK(!room_to_seal(&r, unit_temp_dir()));
	(void)room_judge(&r, 12 * M, 10 * G, 1);
	CHECK(room_to_seal(&r, unit_temp_dir()));
	r.limit.bytes = 0;
	(void)room_judge(&r, 0, 10 * G, 1);
	CHECK(room_to_seal(&r, unit_temp_dir()));
}

UNIT_SUITE(room, TEST(the_limit_is_the_less_of_both), TEST(stops_and_goes_on), TEST(looks_at_the_file_system),
	   TEST(sealing_needs_the_largest_journal));
