/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Points in time as int64_t nanoseconds since 1970-01-01T00:00:00Z (POSIX, no
 * leap seconds), and their text (RFC 3339). A time without a zone is refused: a
 * question that is nine hours off finds the wrong person.
 */
#ifndef SEKISHO_UTC_H
#define SEKISHO_UTC_H

#include <stdint.h>
#include "problem.h"

#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_DAY (86400 * NS_PER_SEC)
#define UTC_TEXT_MAX 40
#define DAY_TEXT_MAX 16

/*
 * RFC 3339: "2026-10-30T21:15:07[.fraction](Z|+09:00)", 'T' may be a space, up to nine digits of
 * fraction, years 1970..2199 (in UTC), offsets -12:00..+14:00, calendar checked. Second 60 is refused with a message that says
 * which two spellings are meant (a POSIX clock has no 23:59:60). -EINVAL and *p otherwise.
 */
int utc_parse(const char *s, int64_t *ret_ns, struct problem *p);
int64_t utc_now_ns(void); /* CLOCK_REALTIME */
int64_t boot_now_ns(void); /* CLOCK_BOOTTIME */

/* "2026-11-21T07:54:35.909087123Z", always nine digits; returns buf. */
const char *utc_format(int64_t ns, char buf[static UTC_TEXT_MAX]);

/* Bent inwards so that the whole UTC day of it can be told in nanoseconds: only a damaged clock is that
 * far off. */
int64_t utc_within_days(int64_t utc_ns);

/* Days since 1970-01-01 (floor), and "YYYY-MM-DD". day_parse: 0 or -EINVAL. */
int32_t utc_day(int64_t ns);
const char *day_format(int32_t day, char buf[static DAY_TEXT_MAX]);
int day_parse(const char *s, int32_t *ret_day);

/*
 * Local rendering. `zone` is an IANA name ("Asia/Tokyo"); -ENOENT and *p when the system has no
 * such zone (Asia/Tokyo and UTC are known without tzdata). Sets the process's zone: call once.
 */
int utc_set_local_zone(const char *zone, struct problem *p);
/* "2026-11-21T16:54:35.909087123+09:00" in the zone set above; returns buf. */
const char *utc_format_local(int64_t ns, char buf[static UTC_TEXT_MAX]);

#endif
