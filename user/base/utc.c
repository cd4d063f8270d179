/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points in time and their text: the only code that converts between the two.
 */
#include "utc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SEC_PER_DAY 86400
#define END_SEC (INT64_C(84006) * SEC_PER_DAY) /* 2200-01-01T00:00:00Z */

/* The offsets in use since 1970: +19:00 is a slip of the hand, not a place. */
#define OFFSET_MIN_SEC (-12 * 3600)
#define OFFSET_MAX_SEC (14 * 3600)

struct civil {
	int year, month, day, hour, minute, second;
};

/* Division that rounds down also below zero, where C rounds towards it. */
static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * Days since 1970-01-01 of a date of the Gregorian calendar. Years are counted
 * from March, so that the leap day is the last of its year (H. Hinnant,
 * "chrono-compatible low-level date algorithms").
 */
static int64_t days_from_date(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400);
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, struct civil *c)
{
	int64_t z = days + 719468;
	int64_t era = floor_div(z, 146097);
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era -
			      (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */

	c->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	c->month = (int)(month < 10 ? month + 3 : month - 9);
	c->year = (int)(year_of_era + era * 400 + (c->month <= 2));
}

static int64_t sec_from_civil(const struct civil *c)
{
	return days_from_date(c->year, c->month, c->day) * SEC_PER_DAY + c->hour * 3600 +
	       c->minute * 60 + c->second;
}

static void civil_from_sec(int64_t sec, struct civil *c)
{
	int64_t days = floor_div(sec, SEC_PER_DAY);
	int rest = (int)(sec - days * SEC_PER_DAY);

	date_from_days(days, c);
	c->hour = rest / 3600;
	c->minute = rest / 60 % 60;
	c->second = rest % 60;
}

static bool date_exists(const struct civil *c)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);

	if (c->month < 1 || c->month > 12 || c->day < 1)
		return false;
	return c->day <= days[c->month - 1] + (c->month == 2 && leap);
}

/* Exactly n decimal digits; moves *s past them. */
static bool read_number(const char **s, int n, int *ret_value)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		value = value * 10 + (**s - '0');
	}
	*ret_value = value;
	return true;
}

static bool read_char(const char **s, const char *allowed)
{
	if (**s == '\0' || !strchr(allowed, **s))
		return false;
	(*s)++;
	return true;
}

static bool read_date(const char **s, struct civil *c)
{
	return read_number(s, 4, &c->year) && read_char(s, "-") && read_number(s, 2, &c->month) &&
	       read_char(s, "-") && read_number(s, 2, &c->day);
}

static bool read_clock(const char **s, struct civil *c)
{
	return read_number(s, 2, &c->hour) && read_char(s, ":") && read_number(s, 2, &c->minute) &&
	       read_char(s, ":") && read_number(s, 2, &c->second);
}

/* Nothing, or a point and one to nine digits. */
static bool read_fraction(const char **s, int64_t *ret_ns)
{
	int64_t ns = 0;
	int n = 0, digit;

	if (read_char(s, ".")) {
		for (; n < 9 && read_number(s, 1, &digit); n++)
			ns = ns * 10 + digit;
		if (n == 0)
			return false;
		for (; n < 9; n++)
			ns *= 10;
	}
	*ret_ns = ns;
	return true;
}

/* The whole rest of a time: Z, or an offset that some place uses. */
static bool read_zone(const char *s, int *ret_offset_sec)
{
	int sign = *s == '-' ? -1 : 1;
	int hour = 0, minute = 0, offset;

	if (read_char(&s, "Zz")) {
		offset = 0;
	} else {
		if (!read_char(&s, "+-") || !read_number(&s, 2, &hour) || !read_char(&s, ":") ||
		    !read_number(&s, 2, &minute))
			return false;
		offset = sign * (hour * 3600 + minute * 60);
	}
	if (*s != '\0' || minute > 59 || offset < OFFSET_MIN_SEC || offset > OFFSET_MAX_SEC)
		return false;
	*ret_offset_sec = offset;
	return true;
}

static void print_civil(const struct civil *c, char buf[static UTC_TEXT_MAX])
{
	snprintf(buf, UTC_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", c->year, c->month, c->day,
		 c->hour, c->minute, c->second);
}

/* A time as it stands on paper. */
struct written {
	const char *text; /* all of it */
	struct civil civil;
	int64_t fraction_ns;
	const char *tail; /* in text: fraction and zone */
	const char *zone; /* in text: the zone */
};

static int leap_second_problem(const struct written *w, struct problem *p)
{
	struct civil before = w->civil, after;
	char before_text[UTC_TEXT_MAX], after_text[UTC_TEXT_MAX];

	before.second = 59;
	civil_from_sec(sec_from_civil(&w->civil), &after);
	print_civil(&before, before_text);
	print_civil(&after, after_text);
	return problem(p, -EINVAL,
		       "\"%s\" is a leap second, which POSIX clocks lack; write %s%s or %s%s",
		       w->text, before_text, w->tail, after_text, w->tail);
}

static int no_zone_problem(const struct written *w, struct problem *p)
{
	char text[UTC_TEXT_MAX];

	print_civil(&w->civil, text);
	return problem(p, -EINVAL, "\"%s\" has no zone; write %s%s+09:00 or …Z", w->text, text,
		       w->tail);
}

static int read_written(const char *s, struct written *w, struct problem *p)
{
	struct civil *c = &w->civil;

	w->text = s;
	if (!read_date(&s, c) || !read_char(&s, "Tt ") || !read_clock(&s, c))
		goto malformed;
	w->tail = s;
	if (!read_fraction(&s, &w->fraction_ns))
		goto malformed;
	w->zone = s;
	if (!date_exists(c) || c->hour > 23 || c->minute > 59 || c->second > 60)
		return problem(p, -EINVAL, "\"%.60s\": there is no such date or time of day",
			       w->text);
	return 0;

malformed:
	return problem(p, -EINVAL,
		       "\"%.60s\" is not a time; write YYYY-MM-DDTHH:MM:SS followed by Z or +HH:MM",
		       w->text);
}

int utc_parse(const char *s, int64_t *ret_ns, struct problem *p)
{
	struct written w = { 0 };
	int offset_sec, r;
	int64_t sec;

	r = read_written(s, &w, p);
	if (r < 0)
		return r;
	if (*w.zone == '\0')
		return no_zone_problem(&w, p);
	if (!read_zone(w.zone, &offset_sec))
		return problem(p, -EINVAL,
			       "\"%.60s\" has \"%.20s\" where Z or +HH:MM is expected",
			       s, w.zone);
	if (w.civil.second == 60)
		return leap_second_problem(&w, p);
	sec = sec_from_civil(&w.civil) - offset_sec;
	if (sec < 0 || sec >= END_SEC)
		return problem(p, -EINVAL, "\"%s\" is outside the years 1970 to 2199", s);
	*ret_ns = sec * NS_PER_SEC + w.fraction_ns;
	return 0;
}

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(id, &ts); /* both clocks exist on every kernel we run on */
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t utc_now_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t boot_now_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

static void print_time(int64_t ns, int offset_sec, const char *zone, char buf[static UTC_TEXT_MAX])
{
	int64_t sec = floor_div(ns, NS_PER_SEC), rest = ns % NS_PER_SEC;
	struct civil c;
	size_t used;

	civil_from_sec(sec + offset_sec, &c);
	print_civil(&c, buf);
	used = strlen(buf);
	snprintf(buf + used, UTC_TEXT_MAX - used, ".%09" PRId64 "%s",
		 rest < 0 ? rest + NS_PER_SEC : rest, zone);
}

const char *utc_format(int64_t ns, char buf[static UTC_TEXT_MAX])
{
	print_time(ns, 0, "Z", buf);
	return buf;
}

int64_t utc_within_days(int64_t utc_ns)
{
	const int64_t most = INT64_MAX / NS_PER_DAY * NS_PER_DAY - 1;

	return utc_ns > most ? most : utc_ns < -most ? -most : utc_ns;
}

int32_t utc_day(int64_t ns)
{
	return (int32_t)floor_div(ns, NS_PER_DAY);
}

const char *day_format(int32_t day, char buf[static DAY_TEXT_MAX])
{
	struct civil c;

	date_from_days(day, &c);
	snprintf(buf, DAY_TEXT_MAX, "%04d-%02d-%02d", c.year, c.month, c.day);
	return buf;
}

int day_parse(const char *s, int32_t *ret_day)
{
	struct civil c = { 0 };
	int64_t day;

	if (!read_date(&s, &c) || *s != '\0' || !date_exists(&c))
		return -EINVAL;
	day = days_from_date(c.year, c.month, c.day);
	if (day < 0 || day >= END_SEC / SEC_PER_DAY)
		return -EINVAL;
	*ret_day = (int32_t)day;
	return 0;
}

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONE_NAME_MAX 64

static bool is_zone_name(const char *zone)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_+-/";
	size_t length = strspn(zone, allowed); /* no '.': nothing climbs out of the directory */

	return length > 0 && length <= ZONE_NAME_MAX && zone[length] == '\0' && zone[0] != '/';
}

/* glibc silently uses UTC for a file that is missing or none of tzdata, so look first. */
static bool is_zone_file(const char *path)
{
	char magic[4];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	n = read(fd, magic, sizeof(magic));
	close(fd);
	return n == sizeof(magic) && memcmp(magic, "TZif", sizeof(magic)) == 0;
}

/* POSIX rules of the zones that must work on a system without tzdata. */
static const char *built_in_rule(const char *zone)
{
	if (strcmp(zone, "Asia/Tokyo") == 0)
		return "JST-9"; /* no summer time since 1951 */
	if (strcmp(zone, "UTC") == 0)
		return "UTC0";
	return NULL;
}

int utc_set_local_zone(const char *zone, struct problem *p)
{
	char path[1 + sizeof(ZONE_DIR) + ZONE_NAME_MAX];
	const char *rule = built_in_rule(zone);

	if (!rule) {
		/* ':' makes glibc take the rest as a file; $TZDIR does not move a full path. */
		snprintf(path, sizeof(path), ":%s%.*s", ZONE_DIR, ZONE_NAME_MAX, zone);
		if (!is_zone_name(zone) || !is_zone_file(path + 1))
			return problem(p, -ENOENT,
				       "no time zone \"%.60s\"; expected a name like Asia/Tokyo",
				       zone);
		rule = path;
	}
	if (setenv("TZ", rule, 1) < 0)
		return problem(p, -errno, "cannot set the time zone %s: %m", zone);
	tzset();
	return 0;
}

const char *utc_format_local(int64_t ns, char buf[static UTC_TEXT_MAX])
{
	time_t sec = (time_t)floor_div(ns, NS_PER_SEC);
	int offset_min = 0, positive;
	char zone[16];
	struct tm tm;

	/* Only the offset is taken from the C library: what is printed and the offset behind it
	 * then always name this instant, also in zones with leap seconds ("right/Asia/Tokyo"). */
	if (localtime_r(&sec, &tm))
		offset_min = (int)(tm.tm_gmtoff / 60);
	positive = offset_min < 0 ? -offset_min : offset_min;
	snprintf(zone, sizeof(zone), "%c%02d:%02d", offset_min < 0 ? '-' : '+',
		 positive / 60 % 100, positive % 60);
	print_time(ns, offset_min * 60, zone, buf);
	return buf;
}
