/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is recorded now: what the configuration asks for and a grant in force
 * covers, for the selectors of the moment of the grant (AC-01, AC-02, AC-08).
 */
#include "recorder/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "unit.h"

#define NOW DAY_NS
#define BOOT_NOW ((int64_t)BOOT_NS)

static struct conf a_conf(const char *text)
{
	char path[100];
	struct conf c;
	struct problem p = { "" };

	snprintf(path, sizeof(path), "%s/c", unit_temp_path());
	write_file(unit_temp_dir(), "c", text, strlen(text));
	REQUIRE(conf_load(path, &c, &p) == 0);
	return c;
}

static struct selector a_selector(const char *text)
{
	struct selector s = { 0 };

	REQUIRE(selector_parse(text, &s) == 0);
	return s;
}

static struct selector scope_1[2], scope_2[1];

/* t1: numbers 1 and 3, in force until +1 h; t2: number 2, withdrawn; "old": expired. */
static struct consents a_ledger(void)
{
	static struct consent list[4];

	scope_1[0] = a_selector("192.0.2.1:443");
	scope_1[1] = a_selector("2001:db8::/64");
	scope_2[0] = a_selector("192.0.2.2");
	list[0] = (struct consent){ .seq = 1, .tenant = 1, .tenant_id = "t1", .from_ns = NOW - 100,
				    .until_ns = NOW - 50, .scope = scope_2, .scope_count = 1 };
	list[1] = (struct consent){ .seq = 2, .tenant = 2, .tenant_id = "t2", .from_ns = NOW - 100,
				    .until_ns = NOW, .withdrawn = true, .scope = scope_2,
				    .scope_count = 1 };
	list[2] = (struct consent){ .seq = 4, .tenant = 1, .tenant_id = "t1", .from_ns = NOW - 50,
				    .until_ns = NOW + 3600 * NS_PER_SEC, .fields = SEKISHO_FIELD_RTT,
				    .scope = scope_1, .scope_count = 2 };
	list[3] = (struct consent){ .seq = 5, .tenant = 5, .tenant_id = "later", .from_ns = NOW + 1,
				    .until_ns = NOW + 100, .scope = scope_2, .scope_count = 1 };
	return (struct consents){ .list = list, .count = 4 };
}

static struct roster make(const char *conf_text, const struct consents *consents)
{
	struct conf conf = a_conf(conf_text);
	struct roster r;

	REQUIRE(roster_make(&conf, consents, NOW, BOOT_NOW, &r) == 0);
	conf_done(&conf);
	return r;
}

static void nobody_without_a_grant(void)
{
	struct consents none = { 0 };
	struct roster r = make("[tenant t1]\naddress = 192.0.2.1:443\n", &none);

	CHECK_INT(r.live_count, 0);
	CHECK_INT(r.name_count, 0);
	CHECK_INT(r.uncovered, 0);
	roster_done(&r);
	roster_done(NULL);
}

static void nobody_who_is_not_configured(void)
{
	struct consents c = a_ledger();
	struct roster r = make("", &c);

	CHECK_INT(r.live_count, 0);
	CHECK_INT(r.name_count, 3); /* named all the same: journals must say who they were */
	roster_done(&r);
}

static void selectors_that_are_configured_and_granted(void)
{
	struct consents c = a_ledger();
	struct roster r = make("[tenant t1]\naddress = 192.0.2.1:443\naddress = 192.0.2.1\n"
			       "address = 2001:db8::/64\naddress = 2001:db8::/65\n"
			       "address = 192.0.2.1:80\n", &c);
	char text[SELECTOR_TEXT_MAX];

	REQUIRE(r.live_count == 1);
	CHECK_INT(r.live[0].tenant, 1);
	CHECK_INT(r.live[0].consent, 4);
	CHECK_INT(r.live[0].fields, SEKISHO_FIELD_RTT);
	CHECK_INT(r.live[0].until_boot_ns, BOOT_NOW + 3600 * NS_PER_SEC);
	REQUIRE(r.live[0].selector_count == 2);
	CHECK_STR(selector_format(&r.live[0].selectors[0], text), "192.0.2.1:443");
	CHECK_STR(selector_format(&r.live[0].selectors[1], text), "2001:db8::/64");
	CHECK_INT(r.uncovered, 3);
	roster_done(&r);
}

static void withdrawn_expired_and_future_grants_count_nothing(void)
{
	struct consents c = a_ledger();
	struct roster r = make("[tenant t2]\naddress = 192.0.2.2\n[tenant later]\naddress = 192.0.2.3\n"
			       "[tenant stranger]\naddress = 192.0.2.4\n", &c);

	CHECK_INT(r.live_count, 0);
	CHECK_INT(r.uncovered, 0);
	roster_done(&r);
	/* One nanosecond earlier t2 was still in. */
	{
		struct conf conf = a_conf("[tenant t2]\naddress = 192.0.2.2\n");

		REQUIRE(roster_make(&conf, &c, NOW - 1, BOOT_NOW, &r) == 0);
		REQUIRE(r.live_count == 1);
		CHECK_INT(r.live[0].until_boot_ns, BOOT_NOW + 1);
		conf_done(&conf);
		roster_done(&r);
	}
}

static void names_say_who_is_recorded(void)
{
	struct consents c = a_ledger();
	struct roster r = make("[tenant t2]\naddress = 192.0.2.2\n[tenant t1]\naddress = 192.0.2.1:443\n",
			       &c);

	REQUIRE(r.name_count == 3);
	for (size_t i = 0; i < 3; i++) {
		uint32_t want = r.names[i].number == 1 ? 4 : 0;

		CHECK_ROW(r.names[i].consent == want, "%s", r.names[i].id);
	}
	CHECK_INT(r.names[0].number, 1);
	CHECK_STR(r.names[0].id, "t1");
	CHECK_INT(r.names[1].number, 2);
	CHECK_STR(r.names[1].id, "t2");
	CHECK_INT(r.names[2].number, 5);
	CHECK_STR(r.names[2].id, "later");
	roster_done(&r);
}

/* The clock is set: the kernel's ends follow it; what is over never lives on. */
static void ends_follow_the_clock(void)
{
	static const struct {
		int64_t utc, boot;
		uint64_t want;
	} table[] = {
		{ NOW, BOOT_NOW, BOOT_NS + 3600 * (uint64_t)NS_PER_SEC },
		{ NOW + 5 * NS_PER_SEC, BOOT_NOW, BOOT_NS + 3595 * (uint64_t)NS_PER_SEC },
		{ NOW - 5 * NS_PER_SEC, BOOT_NOW, BOOT_NS + 3605 * (uint64_t)NS_PER_SEC },
		{ NOW + 3600 * NS_PER_SEC - 1, BOOT_NOW, BOOT_NS + 1 },
		{ NOW + 3600 * NS_PER_SEC, BOOT_NOW, 0 },
		{ NOW + 9000 * NS_PER_SEC, BOOT_NOW, 0 },
		{ NOW, -1, 0 },
	};
	struct consents c = a_ledger();
	struct roster r = make("[tenant t1]\naddress = 192.0.2.1:443\n", &c);

	REQUIRE(r.live_count == 1);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		roster_retime(&r, table[i].utc, table[i].boot);
		CHECK_ROW(r.live[0].until_boot_ns == table[i].want, "row %zu: %llu", i,
			  (unsigned long long)r.live[0].until_boot_ns);
	}
	roster_done(&r);
}

static void dropping_one_of_several(void)
{
	static struct consent list[3];
	struct selector scope[3] = { a_selector("10.0.0.0"), a_selector("10.0.0.1"), a_selector("10.0.0.2") };
	const struct consents c = { .list = list, .count = 3 };
	struct roster r;

	for (uint32_t i = 0; i < 3; i++) {
		list[i] = (struct consent){ .seq = i + 1, .tenant = i + 1, .from_ns = NOW - 1,
					    .until_ns = NOW + 1000 * (i + 1), .scope = &scope[i],
					    .scope_count = 1 };
		snprintf(list[i].tenant_id, sizeof(list[i].tenant_id), "t%u", i + 1);
	}
	r = make("[tenant t1]\naddress = 10.0.0.0\n[tenant t2]\naddress = 10.0.0.1\n"
		 "[tenant t3]\naddress = 10.0.0.2\n", &c);
	REQUIRE(r.live_count == 3);
	roster_drop(&r, 9);
	CHECK_INT(r.live_count, 3);
	roster_drop(&r, 2);
	REQUIRE(r.live_count == 2);
	CHECK_INT(r.live[1].tenant, 3);
	CHECK(selector_equal(&r.live[1].selectors[0], &scope[2]));
	CHECK_INT(r.names[1].consent, 0);
	CHECK_INT(r.names[2].consent, 3);
	roster_retime(&r, NOW, BOOT_NOW); /* the end in UTC moved with it */
	CHECK_INT(r.live[1].until_boot_ns, BOOT_NOW + 3000);
	roster_drop(&r, 2);
	CHECK_INT(r.live_count, 2);
	roster_done(&r);
}

/* An event from just before the kernel heard of a renewal: by its address, or by where its socket lives. */
static void a_renewal_keeps_places(void)
{
	static const struct {
		const char *before, *after, *local;
		bool kept;
	} rows[] = {
		{ "cgroup:/a", "cgroup:/a", "192.0.2.1", true },
		{ "cgroup:/a", "cgroup:/b", "192.0.2.1", false },
		{ "cgroup:/a", "::/0", "2001:db8::1", true },
		{ "cgroup:/a", "192.0.2.2", "192.0.2.1", false },
		{ "192.0.2.1", "cgroup:/a", "192.0.2.1", false },
		{ "192.0.2.1", "192.0.2.0/24", "192.0.2.1", true },
		{ "netns:/run/netns/a", "netns:/run/netns/a", "2001:db8::1", true },
		{ "netns:/run/netns/a", "cgroup:/run/netns/a", "2001:db8::1", false },
	};
	static struct consent list[2];
	const struct consents c = { .list = list, .count = 2 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct selector before = a_selector(rows[i].before), after = a_selector(rows[i].after);
		struct consent_local local = { .port = 80 };

		REQUIRE(addr_parse(rows[i].local, &local.addr) == 0);
		list[0] = (struct consent){ .seq = 1, .tenant = 1, .from_ns = NOW - 9, .until_ns = NOW,
					    .scope = &before, .scope_count = 1 };
		list[1] = (struct consent){ .seq = 2, .tenant = 1, .from_ns = NOW, .until_ns = NOW + 9,
					    .scope = &after, .scope_count = 1 };
		CHECK_ROW(consents_covering(&c, 1, 1, NOW - 1, &local) == 1, "row %zu", i);
		CHECK_ROW(consents_covering(&c, 1, 1, NOW + 1, &local) == (rows[i].kept ? 2u : 0u), "row %zu", i);
	}
}

/* Declared shared after the grant: closed, and so is the listener itself. */
static void shared_listeners_are_nobodys(void)
{
	struct consents c = a_ledger();
	struct roster r = make("shared_listener = 192.0.2.1:443\nshared_listener = 192.0.2.9\n"
			       "[tenant t1]\naddress = 192.0.2.1:443\naddress = 2001:db8::/64\n", &c);
	char text[SELECTOR_TEXT_MAX];

	REQUIRE(r.live_count == 1 && r.live[0].selector_count == 1 && r.closed_count == 3);
	CHECK_STR(selector_format(&r.live[0].selectors[0], text), "2001:db8::/64");
	CHECK_STR(selector_format(&r.closed[0], text), "192.0.2.1:443");
	CHECK_STR(selector_format(&r.closed[1], text), "192.0.2.9");
	CHECK_STR(selector_format(&r.closed[2], text), "192.0.2.1:443");
	CHECK_INT(r.uncovered, 1);
	roster_done(&r);
}

UNIT_SUITE(roster, TEST(nobody_without_a_grant), TEST(nobody_who_is_not_configured),
	   TEST(selectors_that_are_configured_and_granted),
	   TEST(withdrawn_expired_and_future_grants_count_nothing),
	   TEST(names_say_who_is_recorded), TEST(ends_follow_the_clock),
	   TEST(dropping_one_of_several), TEST(shared_listeners_are_nobodys),
	   TEST(a_renewal_keeps_places));
