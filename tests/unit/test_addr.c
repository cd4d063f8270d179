/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses, prefixes and selectors: one value for each address, one text for
 * each value, and nothing taken that could be read in two ways.
 */
#include "selector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"

static struct addr addr_of(const char *s)
{
	struct addr a = { { 0 } };

	CHECK_ROW(addr_parse(s, &a) == 0, "\"%s\"", s);
	return a;
}

static struct prefix prefix_of(const char *s)
{
	struct prefix p = { .bits = 0 };

	CHECK_ROW(prefix_parse(s, &p) == 0, "\"%s\"", s);
	return p;
}

/* AC-16: the mapped spelling is the IPv4 address, and prints as one. */
static void addresses_have_one_text(void)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::ffff:192.0.2.1", "192.0.2.1" },
		{ "::FFFF:c000:0201", "192.0.2.1" },
		{ "0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "2001:DB8::1", "2001:db8::1" },
		{ "2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* RFC 5952 section 4.2.2 */
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" }, /* 4.2.3: the longest run */
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* 4.2.3: the first of equals */
		{ "0:0:1::", "0:0:1::" },
		{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
		{ "::192.0.2.1", "::c000:201" }, /* IPv4-compatible: deprecated, and not IPv4 */
		{ "::ffff:0:192.0.2.1", "::ffff:0:c000:201" }, /* IPv4-translated: not IPv4 */
		{ "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct addr a = addr_of(rows[i].in);

		CHECK_STR(addr_format(&a, text), rows[i].want);
		CHECK_ROW(addr_is_v4(&a) == !strchr(rows[i].want, ':'), "\"%s\"", rows[i].in);
	}
}

static void bad_addresses_change_nothing(void)
{
	static const char *const rows[] = {
		"", " ", "192.0.2", "192.0.2.", "192.0.2.1.", "192.0.2.1.1", "192.0.2.256",
		"192.0.2.01", "010.0.0.1", "0x7f.0.0.1", "127.1", "2130706433", " 192.0.2.1",
		"192.0.2.1 ",
		"192.0.2.1\n", "192.0.2.+1", "192.0.2.-1", "192.0.2.1/32", "192.0.2.1:80",
		"localhost", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::",
		"g::", "::1%lo",
		"fe80::1%eth0", "[::1]", "::1/128", "::ffff:192.0.2", "::ffff:192.0.2.256",
		"::ffff:192.0.2.01", "1:2:3:4:5:6:7:192.0.2.1", "192.0.2.1::", "１９２.0.2.1",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", "2001:db8::1 ", "-1::",
	};
	struct addr a, before;

	memset(&before, 0x5a, sizeof(before));
	a = before;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(addr_parse(rows[i], &a) == -EINVAL, "\"%s\"", rows[i]);
		CHECK_ROW(addr_compare(&a, &before) == 0, "\"%s\"", rows[i]);
	}
	CHECK_INT(addr_parse("192.0.2.1", &a), 0);
	CHECK(addr_compare(&a, &before) != 0);
}

static void canonical_bytes(void)
{
	static const uint8_t want[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1 };
	struct addr a = addr_of("192.0.2.1"), b = addr_of("::ffff:192.0.2.1");
	struct addr low = addr_of("192.0.1.255"), v6 = addr_of("2001:db8::1");

	CHECK(memcmp(a.bytes, want, 16) == 0);
	CHECK(addr_compare(&a, &b) == 0);
	CHECK(addr_compare(&low, &a) < 0);
	CHECK(addr_compare(&v6, &a) > 0);
}

/* Against the C library, on addresses of which about half of the groups are zero. */
static void format_agrees_with_libc(void)
{
	uint64_t state = 42;
	int compared = 0;

	for (int i = 0; i < 20000; i++) {
		char ours[ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];
		struct addr a = { { 0 } }, again;

		for (int g = 0; g < 8; g++) {
			state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
			if (state >> 63) {
				a.bytes[2 * g] = (uint8_t)(state >> 40);
				a.bytes[2 * g + 1] = (uint8_t)(state >> 50);
			}
		}
		addr_format(&a, ours);
		REQUIRE(addr_parse(ours, &again) == 0);
		CHECK_ROW(addr_compare(&a, &again) == 0, "%s", ours);
		REQUIRE(inet_ntop(AF_INET6, a.bytes, theirs, sizeof(theirs)) != NULL);
		if (strchr(theirs, '.'))
			continue; /* v4-mapped and -compatible: ours differ on purpose */
		CHECK_STR(ours, theirs);
		compared++;
	}
	CHECK(compared > 19000);
}

static void prefixes(void)
{
	static const struct {
		const char *in, *want;
		int bits;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", 128 },
		{ "192.0.2.1/32", "192.0.2.1", 128 },
		{ "192.0.2.0/24", "192.0.2.0/24", 120 },
		{ "192.0.2.128/25", "192.0.2.128/25", 121 },
		{ "0.0.0.0/0", "0.0.0.0/0", 96 },
		{ "128.0.0.0/1", "128.0.0.0/1", 97 },
		{ "::ffff:192.0.2.0/120", "192.0.2.0/24", 120 },
		{ "::ffff:0:0/96", "0.0.0.0/0", 96 },
		{ "2001:db8::/32", "2001:db8::/32", 32 },
		{ "2001:db8::1", "2001:db8::1", 128 },
		{ "2001:db8::1/128", "2001:db8::1", 128 },
		{ "2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::/65", 65 },
		{ "::/0", "::/0", 0 },
		{ "::/96", "::/96", 96 },
		{ "::ffff:0:0:0/80", "::ffff:0:0:0/80", 80 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127", 127 },
	};
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct prefix p = prefix_of(rows[i].in), again;

		CHECK_ROW(p.bits == rows[i].bits, "\"%s\" has %u", rows[i].in, p.bits);
		CHECK_STR(prefix_format(&p, text), rows[i].want);
		CHECK_INT(prefix_parse(text, &again), 0);
		CHECK(again.bits == p.bits && addr_compare(&again.addr, &p.addr) == 0);
	}
}

static void bad_prefixes_change_nothing(void)
{
	static const char *const rows[] = {
		"", "/", "/24", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/ 24",
		"192.0.2.0/+24", "192.0.2.0/24 ", "192.0.2.0/24/24", "192.0.2.0/-1", "192.0.2/24",
		"192.0.2.0/255.255.255.0", "192.0.2.0/24x", "192.0.2.0/4294967320",
		"192.0.2.1/24", /* host bits */
		"192.0.2.1/0", "128.0.0.0/0", "2001:db8::1/32", "2001:db8::/129", "2001:db8::/",
		"::1/0", "::ffff:0:0/95", /* the last bit of ffff would be a host bit */
		"::ffff:192.0.2.0/24", "::ffff:192.0.2.1/120", "::/00", "[2001:db8::]/32", "*",
		"2001:db8::/32:443", "192.0.2.0/24:443",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/64",
	};
	struct prefix p, before;

	memset(&before, 0x5a, sizeof(before));
	p = before;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(prefix_parse(rows[i], &p) == -EINVAL, "\"%s\"", rows[i]);
		CHECK_ROW(memcmp(&p, &before, sizeof(p)) == 0, "\"%s\"", rows[i]);
	}
}

/* Each boundary from both sides, for every length of both families. */
static void contains_at_every_length(void)
{
	struct addr v4 = addr_of("192.0.2.77"), v6 = addr_of("2001:db8:1:2:3:4:5:6");

	for (unsigned int bits = 0; bits <= 128; bits++) {
		for (int family = 4; family <= 6; family += 2) {
			struct addr inside = family == 4 ? v4 : v6, outside = inside;
			struct prefix p = { .addr = inside, .bits = (uint8_t)bits };

			if (family == 4 && bits < 96)
				continue;
			for (unsigned int b = bits; b < 128; b++) /* last of the prefix */
				inside.bytes[b / 8] |= (uint8_t)(0x80 >> b % 8);
			CHECK_ROW(prefix_contains(&p, &inside), "/%u", bits);
			if (bits == (family == 4 ? 96 : 0))
				continue;
			outside.bytes[(bits - 1) / 8] ^= (uint8_t)(0x80 >> (bits - 1) % 8);
			CHECK_ROW(!prefix_contains(&p, &outside), "/%u", bits);
		}
	}
}

/* The `::ffff:` filter of other tools fails open; here no IPv6 prefix holds an IPv4 address. */
static void v4_lies_only_in_v4_prefixes(void)
{
	static const char *const v6_prefixes[] = { "::/0",  "::/1",  "::/64",
						   "::/80", "::/95", "::/96" };
	struct addr v4 = addr_of("::ffff:192.0.2.1"), v6 = addr_of("::1");
	struct prefix all_v4 = prefix_of("0.0.0.0/0"), mapped = prefix_of("::ffff:192.0.2.0/120");
	struct prefix broken = { .addr = v4, .bits = 129 };

	for (size_t i = 0; i < ARRAY_SIZE(v6_prefixes); i++) {
		struct prefix p = prefix_of(v6_prefixes[i]);

		CHECK_ROW(!prefix_contains(&p, &v4), "%s", v6_prefixes[i]);
		CHECK_ROW(prefix_contains(&p, &v6), "%s", v6_prefixes[i]);
	}
	CHECK(prefix_contains(&all_v4, &v4));
	CHECK(!prefix_contains(&all_v4, &v6));
	CHECK(prefix_contains(&mapped, &v4));
	CHECK(!prefix_contains(&broken, &v4)); /* as a damaged file could have it */
}

static void selectors(void)
{
	static const struct {
		const char *in, *want;
		uint16_t port;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", 0 },
		{ "192.0.2.1:443", "192.0.2.1:443", 443 },
		{ "192.0.2.1/32:443", "192.0.2.1:443", 443 },
		{ "192.0.2.0/24", "192.0.2.0/24", 0 },
		{ "192.0.2.0/24:443", "192.0.2.0/24:443", 443 },
		{ "0.0.0.0/0:22", "0.0.0.0/0:22", 22 },
		{ "2001:db8::1", "2001:db8::1", 0 },
		{ "2001:db8::/32", "2001:db8::/32", 0 },
		{ "[2001:db8::1]", "2001:db8::1", 0 },
		{ "[2001:db8::1]:443", "[2001:db8::1]:443", 443 },
		{ "[2001:db8::]/32", "2001:db8::/32", 0 },
		{ "[2001:db8::]/32:443", "[2001:db8::]/32:443", 443 },
		{ "[::]/0:65535", "[::]/0:65535", 65535 },
		{ "::ffff:192.0.2.1", "192.0.2.1", 0 },
		{ "[::ffff:192.0.2.1]:1", "192.0.2.1:1", 1 },
		{ "[::ffff:192.0.2.0]/120:50001", "192.0.2.0/24:50001", 50001 },
		{ "::1:443", "::1:443", 0 }, /* an address: bare IPv6 has no port */
		{ "[fff0:ffff:ffff:ffff:ffff:ffff:ffff:fffe]/127:65535",
		  "[fff0:ffff:ffff:ffff:ffff:ffff:ffff:fffe]/127:65535", 65535 },
	};
	char text[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct selector s = { .port = 7 }, again = { .port = 7 };

		CHECK_ROW(selector_parse(rows[i].in, &s) == 0, "\"%s\"", rows[i].in);
		CHECK_ROW(s.port == rows[i].port, "\"%s\" has %u", rows[i].in, s.port);
		CHECK_STR(selector_format(&s, text), rows[i].want);
		CHECK_INT(selector_parse(text, &again), 0);
		CHECK(selector_equal(&s, &again));
	}
}

static void bad_selectors_change_nothing(void)
{
	static const char *const rows[] = {
		"", ":", ":443", "/24:443", "443", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536",
		"192.0.2.1:0443", "192.0.2.1:https", "192.0.2.1: 443", "192.0.2.1:443 ",
		"192.0.2.1:443:443", "192.0.2.1:443/32", "192.0.2.1/24:443", "192.0.2.0/:443",
		"192.0.2.0/24:", "192.0.2.0/24/24:443", "192.0.2.0/2 4:443", "[192.0.2.1]:443",
		"[192.0.2.1]", "[]:443", "[", "[]", "[2001:db8::1", "2001:db8::1]:443",
		"[2001:db8::1]443", "[2001:db8::1]:", "[2001:db8::1]:0", "[2001:db8::1]:443x",
		"[2001:db8::]/32:", "[2001:db8::]/:443", "[2001:db8::1]/32:443",
		"[2001:db8::/32]:443",
		"[[2001:db8::1]]:443", "[2001:db8::1]]:443", "2001:db8::/32:443", "localhost:443",
		"[::1%lo]:443", "*:443", " 192.0.2.1:443", "[::1] :443",
		"[::ffff:192.0.2.0]/24:443",
		"192.0.2.0/0000000000000000000000000000000000000000000000000000000000000024:443",
		"111111111111111111111111111111111111111111111111111111111111:443",
		"[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111]:443",
	};
	struct selector s, before;

	memset(&before, 0x5a, sizeof(before));
	s = before;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(selector_parse(rows[i], &s) == -EINVAL, "\"%s\"", rows[i]);
		CHECK_ROW(memcmp(&s, &before, sizeof(s)) == 0, "\"%s\"", rows[i]);
	}
}

static void selector_equality(void)
{
	static const char *const distinct[] = {
		"192.0.2.1", "192.0.2.1:443", "192.0.2.1:80", "192.0.2.2:443", "192.0.2.0/24:443",
		"192.0.2.0/25:443", "0.0.0.0/0", "::/0", "::/96", "[::]/0:443",
	};
	struct selector a, b;

	for (size_t i = 0; i < ARRAY_SIZE(distinct); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(distinct); j++) {
			REQUIRE(selector_parse(distinct[i], &a) == 0);
			REQUIRE(selector_parse(distinct[j], &b) == 0);
			CHECK_ROW(selector_equal(&a, &b) == (i == j), "%s, %s", distinct[i],
				  distinct[j]);
		}
	}
	REQUIRE(selector_parse("192.0.2.1:443", &a) == 0);
	REQUIRE(selector_parse("[::ffff:c000:201]/128:443", &b) == 0);
	CHECK(selector_equal(&a, &b));
}

/* A text as an address might be written, then bent by a few characters. */
static size_t almost_an_address(uint64_t *state, char text[static 64])
{
	static const char characters[] = "0123456789abcdefABCDEF::::....g /%-\0";
	struct addr a = { .bytes = { 0 } };
	size_t size, changes;

	for (size_t i = 0; i < 16; i++) {
		*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		a.bytes[i] = *state >> 60 & 1 ? 0 : (uint8_t)(*state >> 40);
	}
	switch (*state >> 50 & 3) {
	case 0:
		snprintf(text, 64, "%u.%u.%u.%u", a.bytes[0], a.bytes[1], a.bytes[2], a.bytes[3] * 2u);
		break;
	case 1:
		snprintf(text, 64, "%x:%x::%x:%u.%u.%u.%u", a.bytes[0], a.bytes[1], a.bytes[2], a.bytes[3],
			 a.bytes[4], a.bytes[5], a.bytes[6]);
		break;
	case 2:
		snprintf(text, 64, "%x:%x:0:00:%x:%X:%x:%x", a.bytes[0], a.bytes[1] << 8, a.bytes[2],
			 a.bytes[3], a.bytes[4], a.bytes[5]);
		break;
	default:
		addr_format(&a, text);
	}
	size = strlen(text);
	changes = *state >> 30 & 3;
	for (size_t i = 0; i < changes && size > 1; i++) {
		*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		if (*state >> 33 & 1)
			text[(*state >> 40) % size] = characters[(*state >> 20) % (sizeof(characters) - 1)];
		else
			memmove(text + (*state >> 40) % size, text + (*state >> 40) % size + 1,
				size - (*state >> 40) % size);
		size -= !(*state >> 33 & 1);
	}
	text[size] = '\0';
	return size;
}

/* The fast parser takes what the slow one takes, and gives the same bytes. */
static void the_fast_parser_agrees(void)
{
	static const char *const texts[] = {
		"", ":", "::", ":::", "::1", "1::", ":1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::12345",
		"::ffff:1.2.3.4", "::1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3",
		"::1.2.3.4.5", "::1.2.3.4:5", "::256.1.1.1", "::01.1.1.1", "1.2.3.4", "1.2.3", "1.2.3.4.", ".1.2.3.4",
		"1..2.3", "01.2.3.4", "0.0.0.0", "00.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4",
		"0x1.2.3.4", "1.2.3.1000", "fe80::1%eth0", "ABCD::ef", "g::", "1:2:3:4:5:6:7", "::ffff:7f00:1",
	};
	uint64_t state = 1;
	size_t good = 0;

	for (size_t i = 0; i < ARRAY_SIZE(texts) + 300000; i++) {
		struct addr slow = { .bytes = { 0x5a } }, fast = slow;
		char text[64], *exact;
		size_t size;
		int a, b;

		if (i < ARRAY_SIZE(texts))
			size = strlen(strcpy(text, texts[i]));
		else
			size = almost_an_address(&state, text);
		exact = malloc(size + 1); /* nothing behind it may be read */
		REQUIRE(exact != NULL);
		memcpy(exact + 1, text, size);
		/* To the slow one a NUL is the end. */
		a = memchr(text, 0, size) ? -EINVAL : addr_parse(text, &slow);
		b = addr_parse_n(exact + 1, size, &fast);
		CHECK_ROW(a == b && addr_compare(&slow, &fast) == 0, "\"%s\"", text);
		good += a == 0;
		free(exact);
	}
	CHECK(good > 100000); /* and the others are bad in many ways */
	CHECK(good < 250000);
}

UNIT_SUITE(addr,
	   TEST(the_fast_parser_agrees),
	   TEST(addresses_have_one_text),
	   TEST(bad_addresses_change_nothing),
	   TEST(canonical_bytes),
	   TEST(format_agrees_with_libc),
	   TEST(prefixes),
	   TEST(bad_prefixes_change_nothing),
	   TEST(contains_at_every_length),
	   TEST(v4_lies_only_in_v4_prefixes),
	   TEST(selectors),
	   TEST(bad_selectors_change_nothing),
	   TEST(selector_equality));
