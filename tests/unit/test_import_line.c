/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines of an import's CSV: each column, each kind of bad value and what is said of it. */
#include "import/import_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rtt.h"
#include "fixture.h"
#include "schema/event.h"
#include "unit.h"

#define BASE "t_ns,tenant,src_ip,src_port,dst_ip,dst_port"
#define COLUMNS_ALL { .rtt = true, .close = true }

/* Of exactly its size, so that a byte behind it is seen by the sanitizer. */
static int parse(const struct import_columns *c, const char *text, struct import_line *ret_line, struct problem *p,
		 char **ret_copy)
{
	size_t size = strlen(text);
	char *copy = malloc(size + 1);

	REQUIRE(copy != NULL);
	memcpy(copy + 1, text, size);
	*ret_copy = copy;
	return import_line_parse(c, copy + 1, size, ret_line, p);
}

static void four_headers(void)
{
	static const struct {
		const char *text;
		bool good, rtt, close;
	} table[] = {
		{ BASE, true, false, false },
		{ BASE ",rtt_us", true, true, false },
		{ BASE ",t_close_ns", true, false, true },
		{ BASE ",rtt_us,t_close_ns", true, true, true },
		{ BASE ",t_close_ns,rtt_us", false, false, false },
		{ BASE ",", false, false, false },
		{ "tenant,t_ns,src_ip,src_port,dst_ip,dst_port", false, false, false },
		{ "T_NS,tenant,src_ip,src_port,dst_ip,dst_port", false, false, false },
		{ "\xef\xbb\xbf" BASE, false, false, false },
		{ " " BASE, false, false, false },
		{ "", false, false, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct import_columns c = { true, true };
		struct problem p = { "" };
		int error = import_line_header(table[i].text, strlen(table[i].text), &c, &p);

		CHECK_ROW(error == (table[i].good ? 0 : -EINVAL), "%s", table[i].text);
		if (table[i].good)
			CHECK_ROW(c.rtt == table[i].rtt && c.close == table[i].close, "%s", table[i].text);
		else
			CHECK_ROW(c.rtt && c.close && strstr(p.text, "\": expected t_ns,tenant,") &&
				  strncmp(p.text, "header \"", 8) == 0, "%s", p.text);
	}
}

static void every_column_arrives(void)
{
	const struct import_columns c = COLUMNS_ALL;
	struct import_line line;
	struct record close;
	struct problem p;
	char *copy;

	REQUIRE(parse(&c, "1740000000000000001,we-b.1,2001:DB8::5,40000,::ffff:192.0.2.7,443,1234,1740000000000000501",
		      &line, &p, &copy) == 0);
	CHECK_INT(line.row.time_ns, 1740000000000000001);
	CHECK(line.tenant_size == 6 && memcmp(line.tenant, "we-b.1", 6) == 0);
	CHECK(addr_compare(&line.row.src, &(struct addr){ { 0x20, 1, 0xd, 0xb8, [15] = 5 } }) == 0);
	CHECK(addr_is_v4(&line.row.dst)); /* canonical */
	CHECK_INT(line.row.dst.bytes[15], 7);
	CHECK_INT(line.row.src_port, 40000);
	CHECK_INT(line.row.dst_port, 443);
	CHECK_INT(line.row.rtt_us, rtt_quantise(1234));
	CHECK_INT(line.row.flags, SEKISHO_FLAG_IMPORTED);
	CHECK_INT(line.row.kind, SEKISHO_KIND_ESTABLISHED);
	CHECK_INT(line.row.protocol, 6);
	CHECK_INT(line.row.consent + line.row.lasted_ns + line.row.orig_dst_port, 0);
	REQUIRE(line.closed);
	import_line_close_row(&line, &close);
	CHECK_INT(close.kind, SEKISHO_KIND_CLOSE);
	CHECK_INT(close.time_ns, 1740000000000000501);
	CHECK_INT(close.lasted_ns, 500);
	CHECK_INT(close.rtt_us, 0);
	CHECK_INT(close.flags, SEKISHO_FLAG_IMPORTED);
	CHECK(addr_compare(&close.src, &line.row.src) == 0 && close.src_port == 40000);
	free(copy);
	REQUIRE(parse(&c, "0,a,0.0.0.0,1,255.255.255.255,65535,,", &line, &p, &copy) == 0);
	CHECK(!line.closed && !line.row.rtt_us && !line.row.time_ns);
	free(copy);
	REQUIRE(parse(&c, "9223285636854775807,a,::,1,::,1,4294967295,9223285636854775807", &line, &p, &copy) == 0);
	CHECK_INT(line.row.time_ns, IMPORT_TIME_MAX);
	CHECK(line.closed && line.close_ns == IMPORT_TIME_MAX);
	free(copy);
}

static void bad_values_are_named(void)
{
	static const struct {
		const char *line, *said;
	} table[] = {
		{ "x,a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \"x\": expected nanoseconds since 1970 (UTC), 0 to 9223285636854775807" },
		{ "-1,a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \"-1\": expected nanoseconds since 1970" },
		{ ",a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \"\": expected " },
		{ "1e9,a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \"1e9\"" },
		{ "9223285636854775808,a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \"9223285636854775808\"" },
		{ "18446744073709551617,a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \"18446744073709551617\"" },
		{ " 1,a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \" 1\"" },
		{ "1,,1.2.3.4,1,1.2.3.4,2,,", "tenant \"\": expected 1 to 64 of A-Z" },
		{ "1,../x,1.2.3.4,1,1.2.3.4,2,,", "tenant \"../x\"" },
		{ "1,.a,1.2.3.4,1,1.2.3.4,2,,", "tenant \".a\"" },
		{ "1,a b,1.2.3.4,1,1.2.3.4,2,,", "tenant \"a b\"" },
		{ "1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,1.2.3.4,1,1.2.3.4,2,,", "tenant \"aaa" },
		{ "1,a,1.2.3,1,1.2.3.4,2,,", "src_ip \"1.2.3\": expected an IPv4 or IPv6 address" },
		{ "1,a,host,1,1.2.3.4,2,,", "src_ip \"host\"" },
		{ "1,a,,1,1.2.3.4,2,,", "src_ip \"\"" },
		{ "1,a,1.2.3.4,0,1.2.3.4,2,,", "src_port \"0\": expected 1 to 65535" },
		{ "1,a,1.2.3.4,65536,1.2.3.4,2,,", "src_port \"65536\"" },
		{ "1,a,1.2.3.4,,1.2.3.4,2,,", "src_port \"\"" },
		{ "1,a,1.2.3.4,1,1.2.3.4/32,2,,", "dst_ip \"1.2.3.4/32\"" },
		{ "1,a,1.2.3.4,1,1.2.3.4,http,,", "dst_port \"http\": expected 1 to 65535" },
		{ "1,a,1.2.3.4,1,1.2.3.4,2,1.5,", "rtt_us \"1.5\": expected microseconds, 0 to 4294967295, or nothing" },
		{ "1,a,1.2.3.4,1,1.2.3.4,2,4294967296,", "rtt_us \"4294967296\"" },
		{ "5,a,1.2.3.4,1,1.2.3.4,2,,4", "t_close_ns \"4\": expected nanoseconds since 1970 (UTC), not before t_ns: 5 to" },
		{ "5,a,1.2.3.4,1,1.2.3.4,2,,x", "t_close_ns \"x\"" },
		{ "5,a,1.2.3.4,1,1.2.3.4,2,,9223285636854775808", "t_close_ns \"9223285636854775808\"" },
		{ "", "\"\" has 0 fields: expected the 8 of t_ns,tenant,src_ip,src_port,dst_ip,dst_port,rtt_us,t_close_ns" },
		{ "1", "\"1\" has 1 fields: expected the 8 of " },
		{ "1,a,1.2.3.4,1,1.2.3.4,2,", "has 7 fields: expected the 8" },
		{ "1,a,1.2.3.4,1,1.2.3.4,2,,,", "has 9 fields: expected the 8" },
		{ "1,\"a\",1.2.3.4,1,1.2.3.4,2,,", "\"1,\"a\",1.2.3.4,1,1.2.3.4,2,,\": expected plain values, without quotes" },
		{ "1,a,\"1.2.3.4,5\",1,1.2.3.4,2,,", "expected plain values, without quotes" },
		{ "\x1b[31m,a,1.2.3.4,1,1.2.3.4,2,,", "t_ns \"?[31m\"" },
	};
	const struct import_columns c = COLUMNS_ALL;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct problem p = { "" };
		struct import_line line;
		char *copy;

		CHECK_ROW(parse(&c, table[i].line, &line, &p, &copy) == -EINVAL, "%s", table[i].line);
		CHECK_ROW(strstr(p.text, table[i].said) != NULL, "%s: %s", table[i].line, p.text);
		free(copy);
	}
}

/* The optional columns that a header does not name are surplus fields. */
static void columns_are_those_of_the_header(void)
{
	static const struct {
		struct import_columns c;
		const char *line;
		int error;
	} table[] = {
		{ { false, false }, "1,a,1.2.3.4,1,1.2.3.4,2", 0 },
		{ { false, false }, "1,a,1.2.3.4,1,1.2.3.4,2,", -EINVAL },
		{ { true, false }, "1,a,1.2.3.4,1,1.2.3.4,2", -EINVAL },
		{ { true, false }, "1,a,1.2.3.4,1,1.2.3.4,2,77", 0 },
		{ { false, true }, "1,a,1.2.3.4,1,1.2.3.4,2,77", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct import_line line;
		struct problem p;
		char *copy;

		CHECK_ROW(parse(&table[i].c, table[i].line, &line, &p, &copy) == table[i].error, "%zu", i);
		if (!table[i].error) {
			CHECK_ROW(line.row.rtt_us == (table[i].c.rtt ? rtt_quantise(77) : 0), "%zu", i);
			CHECK_ROW(line.closed == table[i].c.close, "%zu", i);
		}
		free(copy);
	}
}

UNIT_SUITE(import_line, TEST(four_headers), TEST(every_column_arrives), TEST(bad_values_are_named),
	   TEST(columns_are_those_of_the_header));
