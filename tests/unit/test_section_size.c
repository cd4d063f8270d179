/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tiny tenants stay tiny: what a section costs beyond what its rows say (sources,
 * times, ports, destinations as they are coded) is less than 100 bytes, all
 * included; and what the smallest files take in all.
 */
#include "segment/section_writer.h"

#include <stdio.h>
#include <string.h>
#include "fixture.h"
#include "unit.h"

/* A node that has been up for a month, a journal of an hour, sealed at once, a tenant beyond the first hundred. */
#define UP_NS (UINT64_C(30) * 86400 * 1000000000)
#define HOUR_NS (3600 * NS_PER_SEC)
#define TENANT 300
#define ROWS_MAX 10

static uint64_t varint_bytes(uint64_t v)
{
	uint64_t n = 1;

	for (; v > 0x7f; v >>= 7)
		n++;
	return n;
}

static void make(size_t count, struct buffer *out, struct section_report *report, int64_t *ret_first,
		 int64_t *ret_last)
{
	static const uint8_t secret[32] = { 1 };
	static const struct gaps none;
	int64_t now = utc_now_ns();
	int32_t day = utc_day(now);
	int64_t from = day * NS_PER_DAY + 12 * HOUR_NS;
	struct clock_piece piece = { .boot_from = UP_NS, .boot_to = UP_NS + (uint64_t)HOUR_NS,
				     .utc_from = from, .max_error_ns = 1 << 20, .status = 1 };
	const struct clock_pieces clock = { .list = &piece, .count = 1 };
	struct segment_section s = {
		.tenant_id = "t1", .tenant = TENANT, .day = day, .journal_id = 77, .rung = 1,
		.span_from_ns = now - HOUR_NS, .span_to_ns = now, .clock = &clock, .gaps = &none,
	};
	struct record rows[ROWS_MAX];

	for (unsigned int i = 0; i < count; i++) {
		rows[i] = plain_row(from + 300 * NS_PER_SEC * (i + 1) + 123456789 * (int64_t)i, 3 * i);
		rows[i].tenant = TENANT;
	}
	*ret_first = rows[0].time_ns - day * NS_PER_DAY;
	*ret_last = rows[count - 1].time_ns - day * NS_PER_DAY;
	set_rows(&s, rows, count);
	REQUIRE(section_write(NULL, &s, 5, 74, secret, out, report) == 0);
}

static void a_section_costs_less_than_100_bytes_beyond_its_rows(void)
{
	static const struct {
		size_t rows, bytes;
	} t[] = { { 1, 124 }, { 2, 141 }, { 10, 197 } };

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		struct section_report report = { .index_bytes = 0 };
		struct buffer out = { 0 };
		int64_t first, last;
		uint64_t bits = 0, own;

		make(t[i].rows, &out, &report, &first, &last);
		for (size_t k = 0; k < ARRAY_SIZE(report.symbol_bits); k++)
			bits += report.symbol_bits[k] + report.extra_bits[k];
		/* The rows' bits and their codes, the first source, the first and last time, the destination. */
		own = bits / 8 + report.table_bytes - 1 + varint_bytes(0xc6336400) +
		      varint_bytes((uint64_t)first) + varint_bytes((uint64_t)(last - first)) + 11;
		CHECK_ROW(out.size - own < 100, "%zu rows: %zu bytes, of them %llu for the rows", t[i].rows,
			  out.size, (unsigned long long)own);
		CHECK_ROW(out.size <= t[i].bytes, "%zu rows: %zu bytes", t[i].rows, out.size);
		buffer_done(&out);
	}
}

/* A tenant with one connection a day: a file of its own. */
static void the_smallest_file(void)
{
	struct section_report report = { .index_bytes = 0 };
	struct buffer out = { 0 };
	int64_t first, last;

	make(1, &out, &report, &first, &last);
	CHECK(SEGMENT_HEADER_BYTES + strlen("t1") + out.size + TRAILER_BYTES <= 262);
	buffer_done(&out);
}

UNIT_SUITE(section_size, TEST(a_section_costs_less_than_100_bytes_beyond_its_rows),
	   TEST(the_smallest_file));
