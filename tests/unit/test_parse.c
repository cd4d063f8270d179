/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The strict number and name parser: what it takes, what it refuses, and that a
 * refusal changes nothing.
 */
#include "parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "unit.h"

#define SENTINEL UINT64_C(0x5a5a5a5a5a5a5a5a)
#define MS UINT64_C(1000000)
#define SEC (1000 * MS)

struct number_row {
	const char *text;
	uint64_t min, max;
	int error;
	uint64_t want;
};

typedef int number_fn(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value);

/* Runs a table; counts the rows that were accepted, so that a test can assert how many. */
static unsigned int run_rows(number_fn *parse, const struct number_row *rows, size_t n)
{
	unsigned int accepted = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t value = SENTINEL;
		int r = parse(rows[i].text, rows[i].min, rows[i].max, &value);
		uint64_t want = rows[i].error ? SENTINEL : rows[i].want;

		CHECK_ROW(r == rows[i].error, "\"%s\" gave %d", rows[i].text, r);
		CHECK_ROW(value == want, "\"%s\" gave %" PRIu64, rows[i].text, value);
		accepted += r == 0;
	}
	return accepted;
}

static void u64_whole_string_or_nothing(void)
{
	static const struct number_row rows[] = {
		{ "0", 0, UINT64_MAX, 0, 0 },
		{ "7", 7, 7, 0, 7 },
		{ "80", 0, 100, 0, 80 },
		{ "000123", 0, 1000, 0, 123 },
		{ "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", 0, UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999", 0, UINT64_MAX, -ERANGE, 0 },
		{ "6", 7, 9, -ERANGE, 0 },
		{ "10", 7, 9, -ERANGE, 0 },
		{ "", 0, UINT64_MAX, -EINVAL, 0 },
		{ "80x", 0, UINT64_MAX, -EINVAL, 0 },
		{ "99999999999999999999999999x", 0, UINT64_MAX, -EINVAL, 0 },
		{ " 80", 0, UINT64_MAX, -EINVAL, 0 },
		{ "80 ", 0, UINT64_MAX, -EINVAL, 0 },
		{ "80\n", 0, UINT64_MAX, -EINVAL, 0 },
		{ "+80", 0, UINT64_MAX, -EINVAL, 0 },
		{ "-1", 0, UINT64_MAX, -EINVAL, 0 },
		{ "0x50", 0, UINT64_MAX, -EINVAL, 0 },
		{ "8e1", 0, UINT64_MAX, -EINVAL, 0 },
		{ "8.0", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1,000", 0, UINT64_MAX, -EINVAL, 0 },
		{ "８０", 0, UINT64_MAX, -EINVAL, 0 },
	};

	CHECK_INT(run_rows(parse_u64, rows, ARRAY_SIZE(rows)), 5);
}

static void ports(void)
{
	static const struct {
		const char *text;
		int error;
		uint16_t want;
	} rows[] = {
		{ "1", 0, 1 },
		{ "443", 0, 443 },
		{ "50001", 0, 50001 },
		{ "65535", 0, 65535 },
		{ "0", -ERANGE, 0 },
		{ "65536", -ERANGE, 0 },
		{ "4294967739", -ERANGE, 0 }, /* 2^32 + 443 */
		{ "https", -EINVAL, 0 },
		{ "443/tcp", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
	};
	int accepted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint16_t port = 7;
		int r = parse_port(rows[i].text, &port);

		CHECK_ROW(r == rows[i].error, "\"%s\" gave %d", rows[i].text, r);
		CHECK_ROW(port == (r ? 7 : rows[i].want), "\"%s\" gave %u", rows[i].text, port);
		accepted += r == 0;
	}
	CHECK_INT(accepted, 4);
}

static void bools(void)
{
	static const char *const bad[] = { "", "Yes", "true", "1", "on", "yes ", "n", "no\n" };
	bool value = false;

	CHECK_INT(parse_bool("yes", &value), 0);
	CHECK(value);
	CHECK_INT(parse_bool("no", &value), 0);
	CHECK(!value);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		value = i % 2;
		CHECK_ROW(parse_bool(bad[i], &value) == -EINVAL, "\"%s\"", bad[i]);
		CHECK_ROW(value == i % 2, "\"%s\"", bad[i]);
	}
}

static void bytes(void)
{
	static const struct number_row rows[] = {
		{ "0", 0, UINT64_MAX, 0, 0 },
		{ "4096", 0, UINT64_MAX, 0, 4096 },
		{ "64K", 0, UINT64_MAX, 0, 65536 },
		{ "16M", 0, UINT64_MAX, 0, 16777216 },
		{ "1G", 0, UINT64_MAX, 0, 1073741824 },
		{ "2T", 0, UINT64_MAX, 0, UINT64_C(2199023255552) },
		{ "16777215T", 0, UINT64_MAX, 0, UINT64_C(16777215) << 40 },
		{ "16777216T", 0, UINT64_MAX, -ERANGE, 0 },
		{ "18446744073709551616K", 0, UINT64_MAX, -ERANGE, 0 },
		{ "1K", 1025, UINT64_MAX, -ERANGE, 0 },
		{ "1K", 0, 1023, -ERANGE, 0 },
		{ "16m", 0, UINT64_MAX, -EINVAL, 0 },
		{ "16MB", 0, UINT64_MAX, -EINVAL, 0 },
		{ "16 M", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1.5G", 0, UINT64_MAX, -EINVAL, 0 },
		{ "M", 0, UINT64_MAX, -EINVAL, 0 },
		{ "-1K", 0, UINT64_MAX, -EINVAL, 0 },
		{ "", 0, UINT64_MAX, -EINVAL, 0 },
	};

	CHECK_INT(run_rows(parse_bytes, rows, ARRAY_SIZE(rows)), 7);
}

static void durations(void)
{
	static const struct number_row rows[] = {
		{ "0s", 0, UINT64_MAX, 0, 0 },
		{ "7ns", 0, UINT64_MAX, 0, 7 },
		{ "20us", 0, UINT64_MAX, 0, 20000 },
		{ "500ms", 0, UINT64_MAX, 0, 500 * MS },
		{ "1s", 0, UINT64_MAX, 0, SEC },
		{ "10m", 0, UINT64_MAX, 0, 600 * SEC },
		{ "24h", 0, UINT64_MAX, 0, 86400 * SEC },
		{ "180d", 0, UINT64_MAX, 0, 180 * 86400 * SEC },
		{ "213504d", 0, UINT64_MAX, -ERANGE, 0 }, /* 2^64 ns are 213503.98 days */
		{ "999ms", SEC, UINT64_MAX, -ERANGE, 0 },
		{ "1001ms", 0, SEC, -ERANGE, 0 },
		{ "10", 0, UINT64_MAX, -EINVAL, 0 },
		{ "0", 0, UINT64_MAX, -EINVAL, 0 },
		{ "s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "10M", 0, UINT64_MAX, -EINVAL, 0 },
		{ "1h30m", 0, UINT64_MAX, -EINVAL, 0 },
		{ "10 s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "10sec", 0, UINT64_MAX, -EINVAL, 0 },
		{ "-1s", 0, UINT64_MAX, -EINVAL, 0 },
		{ "", 0, UINT64_MAX, -EINVAL, 0 },
	};

	CHECK_INT(run_rows(parse_duration_ns, rows, ARRAY_SIZE(rows)), 8);
}

static void tenant_ids(void)
{
	static const char *const good[] = {
		"a", "Z", "0", "shop-1", "a.b_c-d", "192.0.2.1", "a..b",
	};
	static const char *const bad[] = {
		"", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\n", "../x", "é", "a\\b", "名前",
		"a:b", "a%2f", "a\x7f",
	};
	char longest[TENANT_ID_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		CHECK_ROW(parse_tenant_id(good[i]) == 0, "\"%s\"", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_ROW(parse_tenant_id(bad[i]) == -EINVAL, "\"%s\"", bad[i]);
	memset(longest, 'x', sizeof(longest));
	longest[TENANT_ID_MAX] = '\0';
	CHECK_INT(parse_tenant_id(longest), 0);
	longest[TENANT_ID_MAX] = 'x';
	longest[TENANT_ID_MAX + 1] = '\0';
	CHECK_INT(parse_tenant_id(longest), -ERANGE);
}

static void format_texts(void)
{
	char bytes_text[16], duration_text[24];

	CHECK_STR(format_bytes(0, bytes_text), "0");
	CHECK_STR(format_bytes(1000, bytes_text), "1000");
	CHECK_STR(format_bytes(1024, bytes_text), "1K");
	CHECK_STR(format_bytes(16777216, bytes_text), "16M");
	CHECK_STR(format_bytes(16777217, bytes_text), "16777217");
	CHECK_STR(format_bytes(UINT64_C(3) << 40, bytes_text), "3T");
	CHECK_STR(format_bytes(UINT64_MAX, bytes_text), "17592186044415M");
	CHECK_STR(format_duration(0, duration_text), "0s");
	CHECK_STR(format_duration(500 * MS, duration_text), "500ms");
	CHECK_STR(format_duration(SEC, duration_text), "1s");
	CHECK_STR(format_duration(90 * SEC, duration_text), "90s");
	CHECK_STR(format_duration(600 * SEC, duration_text), "10m");
	CHECK_STR(format_duration(86400 * SEC, duration_text), "1d");
	CHECK_STR(format_duration(1, duration_text), "1ns");
	CHECK_STR(format_duration(UINT64_MAX, duration_text), "18446744073709551615ns");
}

static void format_is_the_inverse_of_parse(void)
{
	char bytes_text[16], duration_text[24];
	uint64_t state = 1;

	for (int i = 0; i < 20000; i++) {
		/* Every magnitude, round and odd values. */
		uint64_t v = (state >> (i % 64)) & ~((UINT64_C(1) << (i % 40)) - 1);
		uint64_t again = SENTINEL;

		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		CHECK_INT(parse_duration_ns(format_duration(v, duration_text), v, v, &again), 0);
		v %= UINT64_C(100000000000000);
		CHECK_INT(parse_bytes(format_bytes(v, bytes_text), v, v, &again), 0);
	}
}

/* The parsers of n bytes take what those of strings take. */
static void bounded_parsers_agree(void)
{
	static const char characters[] = "0000123456789999abzAZ._-, \n";
	uint64_t state = 5;
	size_t good = 0, ids = 0;

	for (size_t i = 0; i < 300000; i++) {
		size_t size = i % 90 < 70 ? i % 24 : i % 90; /* ids may have 64 */
		uint64_t slow = SENTINEL, fast = SENTINEL, least, most;
		char text[96];
		int a, b;

		for (size_t k = 0; k < size; k++) {
			state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[k] = characters[(state >> 33) % (i & 1 ? 16 : i & 2 ? 24 : sizeof(characters) - 1)];
		}
		text[size] = '\0';
		least = state >> 32 & 1 ? 0 : 1000;
		most = state >> 31 & 1 ? UINT64_MAX : 70000;
		a = parse_u64(text, least, most, &slow);
		b = parse_u64_n(text, size, least, most, &fast);
		CHECK_ROW(a == b && slow == fast, "\"%s\"", text);
		good += a == 0;
		a = parse_tenant_id(text);
		CHECK_ROW(a == parse_tenant_id_n(text, size), "\"%s\"", text);
		ids += a == 0;
	}
	CHECK_INT(parse_u64_n("18446744073709551615", 20, 0, UINT64_MAX, &state), 0);
	CHECK_INT(parse_u64_n("18446744073709551616", 20, 0, UINT64_MAX, &state), -ERANGE);
	CHECK_INT(parse_u64_n("1\0", 2, 0, 9, &state), -EINVAL);
	CHECK_INT(parse_tenant_id_n("a\0", 2), -EINVAL);
	CHECK(good > 10000);
	CHECK(ids > 10000);
}

UNIT_SUITE(parse,
	   TEST(bounded_parsers_agree),
	   TEST(u64_whole_string_or_nothing),
	   TEST(ports),
	   TEST(bools),
	   TEST(bytes),
	   TEST(durations),
	   TEST(tenant_ids),
	   TEST(format_texts),
	   TEST(format_is_the_inverse_of_parse));
