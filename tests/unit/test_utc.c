/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Times: the calendar against the C library's, what is refused and with which
 * words, and that a refusal changes nothing.
 */
#include "utc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "unit.h"

#define SENTINEL INT64_C(-77)
#define DAYS_TO_2200 84006

static void parses(void)
{
	static const struct {
		const char *in, *want; /* UTC */
	} rows[] = {
		{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000000Z" },
		{ "2026-10-30T21:15:07+09:00", "2026-10-30T12:15:07.000000000Z" },
		{ "2026-10-30 21:15:07+09:00", "2026-10-30T12:15:07.000000000Z" },
		{ "2026-10-30t21:15:07z", "2026-10-30T21:15:07.000000000Z" },
		{ "2026-10-30T21:15:07+00:00", "2026-10-30T21:15:07.000000000Z" },
		{ "2026-10-30T21:15:07-00:00", "2026-10-30T21:15:07.000000000Z" },
		{ "2026-10-30T21:15:07-12:00", "2026-10-31T09:15:07.000000000Z" },
		{ "2026-10-30T21:15:07+14:00", "2026-10-30T07:15:07.000000000Z" },
		{ "2026-10-30T21:15:07+05:45", "2026-10-30T15:30:07.000000000Z" },
		{ "2026-10-30T21:15:07-03:30", "2026-10-31T00:45:07.000000000Z" },
		{ "2026-01-01T08:59:59.999999999+09:00", "2025-12-31T23:59:59.999999999Z" },
		{ "2026-11-21T07:54:35.9Z", "2026-11-21T07:54:35.900000000Z" },
		{ "2026-11-21T07:54:35.000000001Z", "2026-11-21T07:54:35.000000001Z" },
		{ "2026-11-21T07:54:35.909087123Z", "2026-11-21T07:54:35.909087123Z" },
		{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000000Z" },
		{ "2000-02-29T23:59:59Z", "2000-02-29T23:59:59.000000000Z" },
		{ "1970-01-01T09:00:00+09:00", "1970-01-01T00:00:00.000000000Z" },
		{ "1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00.000000000Z" },
		{ "2199-12-31T23:59:59.999999999Z", "2199-12-31T23:59:59.999999999Z" },
		{ "2200-01-01T08:59:59+09:00", "2199-12-31T23:59:59.000000000Z" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct problem p = { "" };
		char text[UTC_TEXT_MAX];
		int64_t ns = SENTINEL, again = SENTINEL;

		CHECK_ROW(utc_parse(rows[i].in, &ns, &p) == 0, "%s: %s", rows[i].in, p.text);
		CHECK_STR(utc_format(ns, text), rows[i].want);
		CHECK_INT(utc_parse(text, &again, &p), 0);
		CHECK_INT(again, ns);
	}
}

static void known_seconds(void)
{
	struct problem p;
	int64_t ns = SENTINEL;

	CHECK_INT(utc_parse("2001-09-09T01:46:40Z", &ns, &p), 0);
	CHECK_INT(ns, 1000000000 * NS_PER_SEC);
	CHECK_INT(utc_parse("2038-01-19T03:14:08.5Z", &ns, &p), 0);
	CHECK_INT(ns, INT64_C(2147483648) * NS_PER_SEC + NS_PER_SEC / 2);
}

/* Every row is refused with a text that contains `says`; the output stays as it was. */
struct refusal {
	const char *in, *says;
};

static void check_refused(const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct problem p = { "" };
		int64_t ns = SENTINEL;

		CHECK_ROW(utc_parse(rows[i].in, &ns, &p) == -EINVAL, "\"%s\"", rows[i].in);
		CHECK_ROW(ns == SENTINEL, "\"%s\"", rows[i].in);
		CHECK_ROW(strstr(p.text, rows[i].says) != NULL, "\"%s\" says: %s", rows[i].in,
			  p.text);
	}
}

static void refuses_what_is_no_time(void)
{
	static const struct refusal rows[] = {
		{ "", "is not a time" },
		{ "now", "is not a time" },
		{ "1730290507", "is not a time" },
		{ "2026-10-30", "is not a time" },
		{ "2026-10-30T21:15Z", "is not a time" },
		{ " 2026-10-30T21:15:07Z", "is not a time" },
		{ "2026-10-30  21:15:07Z", "is not a time" },
		{ "2026/10/30 21:15:07Z", "is not a time" },
		{ "26-10-30T21:15:07Z", "is not a time" },
		{ "+2026-10-30T21:15:07Z", "is not a time" },
		{ "12026-10-30T21:15:07Z", "is not a time" },
		{ "2026-1-30T21:15:07Z", "is not a time" },
		{ "2026-10-30_21:15:07Z", "is not a time" },
		{ "2026-10-30T21:15:7Z", "is not a time" },
		{ "2026-10-30T21:15:07.Z", "is not a time" },
		{ "20261030T211507Z", "is not a time" },
		{ "2026-10-30T21:15:-7Z", "is not a time" },
		{ "2026-10-30T21:15:07.0000000001Z", "\"1Z\" where Z" },
		{ "2026-10-30T21:15:07,5Z", "\",5Z\" where Z" },
	};

	check_refused(rows, ARRAY_SIZE(rows));
}

static void refuses_what_the_calendar_lacks(void)
{
	static const struct refusal rows[] = {
		{ "2026-02-29T00:00:00Z", "no such date" },
		{ "2100-02-29T00:00:00Z", "no such date" },
		{ "2026-04-31T00:00:00Z", "no such date" },
		{ "2026-00-10T00:00:00Z", "no such date" },
		{ "2026-13-10T00:00:00Z", "no such date" },
		{ "2026-01-00T00:00:00Z", "no such date" },
		{ "2026-01-32T00:00:00Z", "no such date" },
		{ "2026-01-01T24:00:00Z", "no such date" },
		{ "2026-01-01T00:60:00Z", "no such date" },
		{ "2026-01-01T00:00:61Z", "no such date" },
		{ "2026-01-01T00:00:99", "no such date" },
		{ "1969-12-31T23:59:59Z", "1970 to 2199" },
		{ "1970-01-01T08:59:59+09:00", "1970 to 2199" },
		{ "0000-01-01T00:00:00Z", "1970 to 2199" },
		{ "2200-01-01T00:00:00Z", "1970 to 2199" },
		{ "2199-12-31T23:59:59-00:01", "1970 to 2199" },
		{ "9999-12-31T23:59:59Z", "1970 to 2199" },
	};

	check_refused(rows, ARRAY_SIZE(rows));
}

/* AC-29: nobody guesses a zone. */
static void refuses_times_without_zone(void)
{
	static const struct refusal rows[] = {
		{ "2026-10-30 21:15:07", "\"2026-10-30 21:15:07\" has no zone; "
					 "write 2026-10-30T21:15:07+09:00 or …Z" },
		{ "2026-10-30T21:15:07", "has no zone; write 2026-10-30T21:15:07+09:00 or …Z" },
		{ "2026-10-30t21:15:07.125", "write 2026-10-30T21:15:07.125+09:00 or" },
	};

	check_refused(rows, ARRAY_SIZE(rows));
}

static void refuses_bad_zones(void)
{
	static const struct refusal rows[] = {
		{ "2026-10-30T21:15:07 Z", "\" Z\" where Z" },
		{ "2026-10-30T21:15:07 +09:00", "\" +09:00\" where Z" },
		{ "2026-10-30T21:15:07JST", "\"JST\" where Z" },
		{ "2026-10-30T21:15:07ZZ", "\"ZZ\" where Z" },
		{ "2026-10-30T21:15:07Z ", "\"Z \" where Z" },
		{ "2026-10-30T21:15:07Z\n", "\"Z?\" where Z" },
		{ "2026-10-30T21:15:07+09", "\"+09\" where Z" },
		{ "2026-10-30T21:15:07+0900", "\"+0900\" where Z" },
		{ "2026-10-30T21:15:07+9:00", "\"+9:00\" where Z" },
		{ "2026-10-30T21:15:07+09:0", "\"+09:0\" where Z" },
		{ "2026-10-30T21:15:07+09:000", "\"+09:000\" where Z" },
		{ "2026-10-30T21:15:07+09:00Z", "\"+09:00Z\" where Z" },
		{ "2026-10-30T21:15:07+09:60", "\"+09:60\" where Z" },
		{ "2026-10-30T21:15:07+19:00", "\"+19:00\" where Z" },
		{ "2026-10-30T21:15:07+14:01", "\"+14:01\" where Z" },
		{ "2026-10-30T21:15:07-12:01", "\"-12:01\" where Z" },
		{ "2026-10-30T21:15:07\xe2\x88\x92" "03:00", "where Z" }, /* U+2212 */
		{ "2026-10-30T21:15:07[Asia/Tokyo]", "\"[Asia/Tokyo]\" where Z" },
	};

	check_refused(rows, ARRAY_SIZE(rows));
}

/* AC-30: both spellings are named, and both are then accepted. */
static void refuses_second_60_with_both_spellings(void)
{
	static const struct refusal rows[] = {
		{ "2017-01-01T08:59:60+09:00",
		  "write 2017-01-01T08:59:59+09:00 or 2017-01-01T09:00:00+09:00" },
		{ "2016-12-31T23:59:60Z", "write 2016-12-31T23:59:59Z or 2017-01-01T00:00:00Z" },
		{ "2016-12-31 23:59:60.25Z", "2016-12-31T23:59:59.25Z or 2017-01-01T00:00:00.25Z" },
		{ "2024-02-28T23:59:60Z", "2024-02-28T23:59:59Z or 2024-02-29T00:00:00Z" },
	};
	struct problem p;
	int64_t before = SENTINEL, after = SENTINEL;

	check_refused(rows, ARRAY_SIZE(rows));
	CHECK_INT(utc_parse("2017-01-01T08:59:59+09:00", &before, &p), 0);
	CHECK_INT(utc_parse("2017-01-01T09:00:00+09:00", &after, &p), 0);
	CHECK_INT(after - before, NS_PER_SEC);
	CHECK_INT(after, INT64_C(1483228800) * NS_PER_SEC);
}

static void long_and_hostile_text_stays_one_line(void)
{
	char longer[5000];
	struct problem p;
	int64_t ns = SENTINEL;

	memset(longer, '1', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT(utc_parse(longer, &ns, &p), -EINVAL);
	CHECK(strstr(p.text, "is not a time; write") != NULL);
	CHECK_INT(utc_parse("\n\x1b[2J", &ns, &p), -EINVAL);
	CHECK(strncmp(p.text, "\"??[2J\"", 7) == 0);
	CHECK_INT(ns, SENTINEL);
}

/* Every day of 230 years: the C library agrees in both directions. */
static void calendar_agrees_with_libc(void)
{
	int days = 0;

	for (int32_t day = 0; day < DAYS_TO_2200; day++, days++) {
		time_t sec = (time_t)day * 86400 + day % 86400;
		char want[80], got[UTC_TEXT_MAX], date[DAY_TEXT_MAX];
		int32_t parsed = -7;
		struct tm tm;

		REQUIRE(gmtime_r(&sec, &tm) != NULL);
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		CHECK_STR(utc_format(sec * NS_PER_SEC, got), want);
		want[10] = '\0';
		CHECK_STR(day_format(day, date), want);
		CHECK_INT(day_parse(date, &parsed), 0);
		CHECK_INT(parsed, day);
		CHECK_INT(utc_day(sec * NS_PER_SEC), day);
	}
	CHECK_INT(days, DAYS_TO_2200);
}

static void before_1970_rounds_down(void)
{
	char text[UTC_TEXT_MAX], day[DAY_TEXT_MAX];

	CHECK_STR(utc_format(-1, text), "1969-12-31T23:59:59.999999999Z");
	CHECK_STR(utc_format(-NS_PER_SEC, text), "1969-12-31T23:59:59.000000000Z");
	CHECK_STR(utc_format(INT64_MIN, text), "1677-09-21T00:12:43.145224192Z");
	CHECK_STR(utc_format(INT64_MAX, text), "2262-04-11T23:47:16.854775807Z");
	CHECK_INT(utc_day(-1), -1);
	CHECK_INT(utc_day(0), 0);
	CHECK_INT(utc_day(NS_PER_DAY - 1), 0);
	CHECK_INT(utc_day(NS_PER_DAY), 1);
	CHECK_INT(utc_day(-NS_PER_DAY), -1);
	CHECK_INT(utc_day(-NS_PER_DAY - 1), -2);
	CHECK_STR(day_format(-1, day), "1969-12-31");
	CHECK_STR(day_format(INT32_MIN, day), "-5877641-06-23");
	CHECK_STR(day_format(INT32_MAX, day), "5881580-07-11");
}

static void bad_days(void)
{
	static const char *const rows[] = {
		"", "2026-10", "2026-10-3", "2026-10-30 ", " 2026-10-30", "2026-10-30T00:00:00Z",
		"20261030", "2026/10/30", "2026-02-29", "2026-13-01", "2026-00-01", "2026-01-00",
		"1969-12-31", "2200-01-01", "-026-01-01", "2026-10-30\n",
	};
	int32_t day = -7;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(day_parse(rows[i], &day) == -EINVAL, "\"%s\"", rows[i]);
		CHECK_ROW(day == -7, "\"%s\"", rows[i]);
	}
	CHECK_INT(day_parse("2199-12-31", &day), 0);
	CHECK_INT(day, DAYS_TO_2200 - 1);
}

static void clocks(void)
{
	int64_t utc = utc_now_ns(), boot = boot_now_ns();

	CHECK(utc / NS_PER_SEC >= time(NULL) - 1 && utc / NS_PER_SEC <= time(NULL) + 1);
	CHECK(boot > 0 && boot < utc);
	CHECK(boot_now_ns() >= boot);
}

static void local_text_in_tokyo_and_utc(void)
{
	struct problem p;
	char text[UTC_TEXT_MAX];
	int64_t ns = SENTINEL, again = SENTINEL;

	CHECK_INT(utc_parse("2026-11-21T07:54:35.909087123Z", &ns, &p), 0);
	CHECK_INT(utc_set_local_zone("Asia/Tokyo", &p), 0);
	CHECK_STR(utc_format_local(ns, text), "2026-11-21T16:54:35.909087123+09:00");
	CHECK_INT(utc_parse(text, &again, &p), 0);
	CHECK_INT(again, ns);
	CHECK_STR(utc_format_local(0, text), "1970-01-01T09:00:00.000000000+09:00");
	CHECK_INT(utc_set_local_zone("UTC", &p), 0);
	CHECK_STR(utc_format_local(ns, text), "2026-11-21T07:54:35.909087123+00:00");
}

/* Rules that glibc understands without a file. */
static void built_in_zones_need_no_tzdata(void)
{
	struct problem p;
	char text[UTC_TEXT_MAX];

	CHECK_INT(utc_set_local_zone("Asia/Tokyo", &p), 0);
	CHECK_STR(getenv("TZ"), "JST-9");
	CHECK_STR(utc_format_local(0, text), "1970-01-01T09:00:00.000000000+09:00");
	CHECK_INT(utc_set_local_zone("UTC", &p), 0);
	CHECK_STR(getenv("TZ"), "UTC0");
}

static void system_zones(void)
{
	static const struct {
		const char *zone, *utc, *want;
	} rows[] = {
		{ "Europe/Berlin", "2026-07-01T12:00:00Z", "2026-07-01T14:00:00.000000000+02:00" },
		{ "Europe/Berlin", "2026-12-01T12:00:00Z", "2026-12-01T13:00:00.000000000+01:00" },
		{ "America/St_Johns", "2026-12-01T00:00:00Z",
		  "2026-11-30T20:30:00.000000000-03:30" },
		{ "Asia/Kathmandu", "2026-12-01T00:00:00Z", "2026-12-01T05:45:00.000000000+05:45" },
		{ "Etc/GMT+12", "2026-12-01T00:00:00Z", "2026-11-30T12:00:00.000000000-12:00" },
	};
	struct problem p;

	if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) < 0)
		SKIP("tzdata is not installed");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[UTC_TEXT_MAX];
		int64_t ns = SENTINEL;

		CHECK_INT(utc_parse(rows[i].utc, &ns, &p), 0);
		CHECK_ROW(utc_set_local_zone(rows[i].zone, &p) == 0, "%s", rows[i].zone);
		CHECK_STR(utc_format_local(ns, text), rows[i].want);
	}
}

/* glibc would take each of these and quietly print UTC. */
static void unknown_zones_are_refused(void)
{
	static const char *const rows[] = {
		"", "Asia/Tokio", "Asia", "asia/tokyo", "JST", "JST-9", "Europe/Berlin/x", ":UTC",
		"/usr/share/zoneinfo/Europe/Berlin", "../zoneinfo/Europe/Berlin",
		"Europe/../Europe/Berlin", "/Europe/Berlin", "tzdata.zi", "zone.tab", "leapseconds",
		"Asia/Tokyo ", "Asia/Tokyo\n", "./Europe/Berlin",
		"Europe/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	struct problem p;
	char text[UTC_TEXT_MAX];

	CHECK_INT(utc_set_local_zone("Asia/Tokyo", &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		p.text[0] = '\0';
		CHECK_ROW(utc_set_local_zone(rows[i], &p) == -ENOENT, "\"%s\"", rows[i]);
		CHECK_ROW(strstr(p.text, "no time zone \"") != NULL, "\"%s\"", rows[i]);
	}
	/* and the zone from before stays */
	CHECK_STR(utc_format_local(0, text), "1970-01-01T09:00:00.000000000+09:00");
}

UNIT_SUITE(utc,
	   TEST(parses),
	   TEST(known_seconds),
	   TEST(refuses_what_is_no_time),
	   TEST(refuses_what_the_calendar_lacks),
	   TEST(refuses_times_without_zone),
	   TEST(refuses_bad_zones),
	   TEST(refuses_second_60_with_both_spellings),
	   TEST(long_and_hostile_text_stays_one_line),
	   TEST(calendar_agrees_with_libc),
	   TEST(before_1970_rounds_down),
	   TEST(bad_days),
	   TEST(clocks),
	   TEST(local_text_in_tokyo_and_utc),
	   TEST(built_in_zones_need_no_tzdata),
	   TEST(system_zones),
	   TEST(unknown_zones_are_refused));
