/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Columns and orders of records. A record has the columns of AC-15 and no
 * others; both orders are total over what is stored, so that an answer does not
 * depend on where its rows lay (AC-70).
 */
#include "base/record_planes.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "schema/store.h"
#include "unit.h"

static const struct record_column *column_of(unsigned int id)
{
	const struct record_column *c = record_columns;

	while (c->id != id)
		c++;
	return c;
}

static void columns_are_the_whole_record(void)
{
	uint8_t covered[sizeof(struct record)] = { 0 };
	unsigned int last = 0;

	for (const struct record_column *c = record_columns; c->id; c++) {
		CHECK_ROW(c->id > last, "column %u", c->id);
		last = c->id;
		for (unsigned int i = 0; i < c->width; i++)
			covered[c->offset + i]++;
	}
	CHECK_INT(last, STORE_COLUMN_LASTED);
	for (size_t i = 0; i < sizeof(covered); i++)
		CHECK_ROW(covered[i] == 1, "byte %zu", i);
}

/* Written, and read back in two parts, neither of which is whole tiles. */
static void check_round_trip(const struct record *rows, size_t count, int64_t base)
{
	struct record got[300];
	struct buffer planes = { 0 };
	struct record_planes p;
	struct cursor in;

	for (const struct record_column *c = record_columns; c->id; c++)
		CHECK_INT(record_planes_write(c, rows, count, base, &planes), 1);
	memset(got, 0x5a, sizeof(got));
	cursor_init(&in, planes.data, planes.size);
	for (const struct record_column *c = record_columns; c->id; c++) {
		REQUIRE(record_planes_read(c, &in, count, &p) == 0);
		record_planes_next(&p, 100, base, got);
		record_planes_next(&p, count - 100, base, got + 100);
	}
	CHECK_INT(cursor_left(&in), 0);
	CHECK(same_rows(rows, got, count));
	buffer_done(&planes);
}

static void planes_round_trip(void)
{
	static const int64_t bases[] = { 0, DAY_NS, INT64_MAX, INT64_MIN };
	struct rng rng = { 60 };
	struct record rows[257];

	for (size_t b = 0; b < ARRAY_SIZE(bases); b++) {
		random_rows(&rng, rows, 257, DAY_NS, NS_PER_DAY);
		rows[0].time_ns = INT64_MIN;
		rows[1].time_ns = INT64_MAX;
		check_round_trip(rows, 257, bases[b]);
		/* Of one family alone. */
		for (size_t i = 0; i < 257; i++)
			rows[i].src = an_addr("192.0.2.1");
		check_round_trip(rows, 257, bases[b]);
		for (size_t i = 0; i < 257; i++)
			rows[i].src = an_addr("2001:db8::1");
		check_round_trip(rows, 257, bases[b]);
	}
}

/* Plane b of a column holds the b-th byte of each row, least significant first; addresses are taken apart. */
static void planes_are_byte_columns(void)
{
	struct record rows[2] = { { .time_ns = 0x0102, .src_port = 0xc351 },
				  { .time_ns = 0x0304, .src_port = 0x1234 } };
	struct buffer out = { 0 };
	struct record_planes p;
	struct cursor in;

	rows[0].src = an_addr("2001:db8::1");
	CHECK_INT(record_planes_write(column_of(STORE_COLUMN_SRC_PORT), rows, 2, 0, &out), 1);
	CHECK(out.size == 4 && memcmp(out.data, "\x51\x34\xc3\x12", 4) == 0);
	buffer_clear(&out);
	CHECK_INT(record_planes_write(column_of(STORE_COLUMN_TIME), rows, 2, 2, &out), 1);
	CHECK(out.size == 16 && memcmp(out.data, "\x00\x02\x01\x03\0\0", 6) == 0);
	buffer_clear(&out);
	rows[1].src = an_addr("192.0.2.1");
	CHECK_INT(record_planes_write(column_of(STORE_COLUMN_SRC_ADDR), rows, 2, 0, &out), 1);
	CHECK(out.size == 2 + 8 + 12 && memcmp(out.data, "\0\1\0\xc0\0\0\0\2\1\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0", 22) == 0);
	cursor_init(&in, out.data, out.size);
	CHECK_INT(record_planes_read(column_of(STORE_COLUMN_SRC_ADDR), &in, 2, &p), 0);
	/* A byte less, and a mark that is none. */
	cursor_init(&in, out.data, out.size - 1);
	CHECK_INT(record_planes_read(column_of(STORE_COLUMN_SRC_ADDR), &in, 2, &p), -EBADMSG);
	out.data[0] = 2;
	cursor_init(&in, out.data, out.size);
	CHECK_INT(record_planes_read(column_of(STORE_COLUMN_SRC_ADDR), &in, 2, &p), -EBADMSG);
	buffer_clear(&out);
	/* Nothing but zeroes says so, and so does a time column at its base. */
	CHECK_INT(record_planes_write(column_of(STORE_COLUMN_CONSENT), rows, 2, 0, &out), 0);
	rows[1].time_ns = rows[0].time_ns;
	CHECK_INT(record_planes_write(column_of(STORE_COLUMN_TIME), rows, 2, 0x0102, &out), 0);
	buffer_done(&out);
}

/* Rows that differ in one stored field only, each field in turn. */
static size_t one_field_each(struct record *rows)
{
	size_t n = 0;

	for (const struct record_column *c = record_columns; c->id; c++, n++) {
		rows[n] = plain_row(DAY_NS, 1);
		((uint8_t *)&rows[n])[c->offset + c->width - 1] += 1;
	}
	rows[n] = plain_row(DAY_NS, 1);
	return n + 1;
}

static void check_order(int (*compare)(const void *, const void *), const char *name)
{
	struct record rows[64];
	size_t n = one_field_each(rows), unordered = 0;

	for (size_t i = 0; i + 1 < n; i++)
		CHECK_ROW(compare(&rows[i], &rows[n - 1]) != 0, "%s: column %u does not count", name,
			  record_columns[i].id);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int a = compare(&rows[i], &rows[k]), b = compare(&rows[k], &rows[i]);

			CHECK_ROW((a > 0) == (b < 0) && (a < 0) == (b > 0), "%s: columns %u and %u", name,
				  record_columns[i].id, record_columns[k].id);
			unordered += (a == 0) != same_rows(&rows[i], &rows[k], 1);
			for (size_t m = 0; m < n; m++)
				if (a < 0 && compare(&rows[k], &rows[m]) < 0)
					CHECK(compare(&rows[i], &rows[m]) < 0);
		}
	CHECK_INT(unordered, 0);
}

static void orders_are_total(void)
{
	check_order(record_compare_source, "source");
	check_order(record_compare_time, "time");
}

static void orders_begin_with_their_name(void)
{
	struct record a = plain_row(DAY_NS + 1, 1), b = plain_row(DAY_NS, 2);

	CHECK(record_compare_source(&a, &b) < 0);
	CHECK(record_compare_time(&a, &b) > 0);
	b.src = a.src;
	CHECK(record_compare_source(&a, &b) > 0);
	a = b;
	b.dst = an_addr("192.0.2.2");
	CHECK(record_compare_source(&a, &b) < 0 && record_compare_time(&a, &b) < 0);
	a.time_ns = INT64_MIN;
	b.time_ns = INT64_MAX;
	CHECK(record_compare_source(&a, &b) < 0 && record_compare_time(&a, &b) < 0);
}

UNIT_SUITE(record, TEST(columns_are_the_whole_record), TEST(planes_round_trip),
	   TEST(planes_are_byte_columns), TEST(orders_are_total), TEST(orders_begin_with_their_name));
