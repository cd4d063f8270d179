/* SPDX-License-Identifier: BSD-2-Clause */
/* Selectors that are no addresses, and how any two of them overlap (AC-12, AC-64 in part). */
#include "base/selector.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "unit.h"

static struct selector of(const char *text)
{
	struct selector s = { .port = 7 };

	CHECK_ROW(selector_parse(text, &s) == 0, "\"%s\"", text);
	return s;
}

static void texts_round_trip(void)
{
	static const struct {
		const char *text, *name;
		enum selector_kind kind;
	} rows[] = {
		{ "cgroup:/a", "/a", SELECTOR_CGROUP },
		{ "cgroup:/tenants.slice/web@1.service/a b", "/tenants.slice/web@1.service/a b", SELECTOR_CGROUP },
		{ "cgroup:/.../..a/.b", "/.../..a/.b", SELECTOR_CGROUP },
		{ "netns:/run/netns/web", "/run/netns/web", SELECTOR_NETNS },
		{ "netns:/proc/1/ns/net", "/proc/1/ns/net", SELECTOR_NETNS },
		{ "netns:/processes/1", "/processes/1", SELECTOR_NETNS },
		{ "interface:tap0", "tap0", SELECTOR_INTERFACE },
		{ "interface:abcdefghijklmno", "abcdefghijklmno", SELECTOR_INTERFACE },
	};
	char text[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct selector s = of(rows[i].text), again;

		CHECK_INT(s.kind, rows[i].kind);
		CHECK_STR(s.name, rows[i].name);
		CHECK_INT(s.port, 0);
		CHECK_STR(selector_format(&s, text), rows[i].text);
		CHECK_INT(selector_make(rows[i].kind, rows[i].name, &again), 0);
		CHECK(selector_equal(&s, &again));
	}
}

static void bad_ones_change_nothing(void)
{
	static const char *const rows[] = {
		"cgroup:", "cgroup:/", "cgroup:a", "cgroup:/a/", "cgroup://a", "cgroup:/a//b", "cgroup:/a/./b",
		"cgroup:/..", "cgroup:/a/..", "cgroup:/a\nb", "cgroup:/\xe3\x81\x82", "Cgroup:/a", "cgroup /a",
		"netns:", "netns:web", "netns:/proc/42/ns/net", "netns:/proc/self/ns/net", "netns:/proc/1/net",
		"netns:/proc/1/ns/net/", "netns:/proc/thread-self/ns/net", "netns:/run/../proc/42/ns/net",
		"interface:", "interface:abcdefghijklmnop", "interface:a/b", "interface:a b", "interface:.",
		"interface:..", "interface:a:1", "inode:/a",
	};
	char longest[SELECTOR_TEXT_MAX + 8] = "cgroup:/";
	struct selector s, before;

	memset(&before, 0x5a, sizeof(before));
	s = before;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CHECK_ROW(selector_parse(rows[i], &s) == -EINVAL, "\"%s\"", rows[i]);
		CHECK_ROW(memcmp(&s, &before, sizeof(s)) == 0, "\"%s\"", rows[i]);
	}
	memset(longest + 8, 'x', SELECTOR_NAME_MAX - 1); /* a path of 256 bytes */
	longest[8 + SELECTOR_NAME_MAX - 1] = '\0';
	CHECK_INT(selector_parse(longest, &s), -EINVAL);
	longest[8 + SELECTOR_NAME_MAX - 2] = '\0';
	CHECK_INT(selector_parse(longest, &s), 0);
	CHECK_INT(strlen(s.name), SELECTOR_NAME_MAX - 1);
}

static enum selector_relation turned(enum selector_relation how)
{
	return how == SELECTOR_INSIDE ? SELECTOR_AROUND : how == SELECTOR_AROUND ? SELECTOR_INSIDE : how;
}

static void relations(void)
{
	static const struct {
		const char *a, *b;
		enum selector_relation want;
	} rows[] = {
		{ "192.0.2.7", "192.0.2.7", SELECTOR_SAME },
		{ "192.0.2.7:443", "192.0.2.7:443", SELECTOR_SAME },
		{ "192.0.2.7", "192.0.2.8", SELECTOR_APART },
		{ "192.0.2.7:443", "192.0.2.7:80", SELECTOR_APART },
		{ "192.0.2.7:443", "192.0.2.0/24:80", SELECTOR_APART },
		{ "192.0.2.7:443", "192.0.2.7", SELECTOR_INSIDE },
		{ "192.0.2.7", "192.0.2.0/24", SELECTOR_INSIDE },
		{ "192.0.2.7:443", "192.0.2.0/24", SELECTOR_INSIDE },
		{ "192.0.2.7:443", "192.0.2.0/24:443", SELECTOR_INSIDE },
		{ "192.0.2.7", "192.0.2.0/24:443", SELECTOR_CROSSING },
		{ "192.0.2.128/25", "192.0.2.0/25", SELECTOR_APART },
		{ "192.0.2.7", "0.0.0.0/0", SELECTOR_INSIDE },
		{ "192.0.2.7", "::/0", SELECTOR_APART }, /* an IPv6 prefix has no IPv4 in it */
		{ "0.0.0.0/0", "::/0", SELECTOR_APART },
		{ "2001:db8::/64", "2001:db8::/32", SELECTOR_INSIDE },
		{ "[2001:db8::]/32:443", "2001:db8::/64", SELECTOR_CROSSING },
		{ "cgroup:/a", "cgroup:/a", SELECTOR_SAME },
		{ "cgroup:/a/b", "cgroup:/a", SELECTOR_INSIDE },
		{ "cgroup:/a/b/c", "cgroup:/a", SELECTOR_INSIDE },
		{ "cgroup:/ab", "cgroup:/a", SELECTOR_APART },
		{ "cgroup:/a/b", "cgroup:/a/c", SELECTOR_APART },
		{ "netns:/run/netns/a", "netns:/run/netns/a", SELECTOR_SAME },
		{ "netns:/run/netns/a", "netns:/run/netns/b", SELECTOR_APART },
		{ "netns:/run/netns/a/b", "netns:/run/netns/a", SELECTOR_APART },
		{ "cgroup:/run/netns/a", "netns:/run/netns/a", SELECTOR_APART },
		{ "interface:a", "interface:a", SELECTOR_SAME },
		{ "interface:a", "0.0.0.0/0", SELECTOR_APART },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct selector a = of(rows[i].a), b = of(rows[i].b);

		CHECK_ROW(selector_relate(&a, &b) == rows[i].want, "%s, %s", rows[i].a, rows[i].b);
		CHECK_ROW(selector_relate(&b, &a) == turned(rows[i].want), "%s, %s", rows[i].b, rows[i].a);
		CHECK_ROW(selector_equal(&a, &b) == (rows[i].want == SELECTOR_SAME), "%s, %s", rows[i].a,
			  rows[i].b);
	}
}

UNIT_SUITE(selector, TEST(texts_round_trip), TEST(bad_ones_change_nothing), TEST(relations));
