/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event of the ring to one row: sizes and kinds, the second lock, the second event of a socket
 * (AC-03, AC-05, AC-06, AC-11 in user space, AC-79).
 */
#include "recorder/intake.h"

#include <stdlib.h>
#include <string.h>
#include "base/rtt.h"
#include "base/utc.h"
#include "fixture.h"
#include "schema/event.h"
#include "unit.h"

#define BOOT INT64_C(1000000000000) /* of the anchor, and UTC 0 of the tests below */
#define UTC INT64_C(1770000000000000000)

/* Grants of tenant 1, one after the other: with everything, without close, without anything; tenant 5. */
static struct consent grants[] = {
	{ .seq = 1, .tenant = 1, .from_ns = UTC, .until_ns = UTC + 100 * NS_PER_SEC,
	  .fields = SEKISHO_FIELD_RTT | SEKISHO_FIELD_CLOSE },
	{ .seq = 2, .tenant = 1, .from_ns = UTC + 100 * NS_PER_SEC, .until_ns = UTC + 200 * NS_PER_SEC,
	  .fields = SEKISHO_FIELD_RTT },
	{ .seq = 3, .tenant = 1, .from_ns = UTC + 200 * NS_PER_SEC, .until_ns = UTC + 300 * NS_PER_SEC },
	{ .seq = 5, .tenant = 5, .from_ns = UTC, .until_ns = UTC + 300 * NS_PER_SEC,
	  .fields = SEKISHO_FIELD_CLOSE },
};
static struct selector scope;
static const struct consents consents = { grants, ARRAY_SIZE(grants), ARRAY_SIZE(grants), 5, false };
static struct anchor clock_of[] = { { .boot_ns = BOOT, .utc_ns = UTC, .max_error_ns = 1000 } };
static const struct anchors anchors = { clock_of, 1, 1 };
static struct recent recent;
static const struct intake_view view = { &consents, &anchors, &recent };

static void begin(void)
{
	REQUIRE(selector_parse("192.0.2.0/24", &scope) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(grants); i++) {
		grants[i].scope = &scope;
		grants[i].scope_count = 1;
	}
	memset(&recent, 0, sizeof(recent));
}

static struct sekisho_event an_opening(int64_t after_ns)
{
	const struct addr src = an_addr("198.51.100.7"), dst = an_addr("192.0.2.1");
	struct sekisho_event e = {
		.time_boot_ns = (uint64_t)(BOOT + after_ns), .socket_cookie = 77, .tenant = 1,
		.consent = 1, .rtt_us = 250, .flags = SEKISHO_FLAG_V6_SOCKET, .src_port = 40000,
		.dst_port = 443, .layout_version = SEKISHO_LAYOUT_VERSION,
		.kind = SEKISHO_KIND_ESTABLISHED, .protocol = 6,
	};

	memcpy(e.src_addr, src.bytes, 16);
	memcpy(e.dst_addr, dst.bytes, 16);
	return e;
}

static struct sekisho_close_event a_close(int64_t after_ns, int64_t lasted_ns)
{
	struct sekisho_close_event c = { an_opening(after_ns), (uint64_t)(BOOT + after_ns - lasted_ns) };

	c.event.kind = SEKISHO_KIND_CLOSE;
	c.event.rtt_us = 0;
	return c;
}

static void an_opening_and_its_close_become_two_rows(void)
{
	const struct sekisho_event e = an_opening(5);
	const struct sekisho_close_event c = a_close(905, 900);
	struct record row;

	begin();
	REQUIRE(intake_event(&view, &e, sizeof(e), &row) == INTAKE_ROW);
	CHECK_INT(row.time_ns, BOOT + 5);
	CHECK_INT(row.lasted_ns, 0);
	CHECK_INT(row.kind, SEKISHO_KIND_ESTABLISHED);
	CHECK_INT(row.rtt_us, rtt_quantise(250));
	REQUIRE(intake_event(&view, &c, sizeof(c), &row) == INTAKE_ROW); /* the same cookie */
	CHECK_INT(row.time_ns, BOOT + 905);
	CHECK_INT(row.lasted_ns, 900);
	CHECK_INT(row.kind, SEKISHO_KIND_CLOSE);
	CHECK_INT(row.rtt_us, 0);
	CHECK_INT(row.flags, SEKISHO_FLAG_V6_SOCKET);
	CHECK_INT(row.consent, 1);
	CHECK_INT(row.tenant, 1);
	CHECK_INT(row.src_port, 40000);
	CHECK_INT(row.dst_port, 443);
	CHECK(memcmp(row.src.bytes, e.src_addr, 16) == 0 && memcmp(row.dst.bytes, e.dst_addr, 16) == 0);
}

static void each_event_of_a_socket_counts_once(void)
{
	const struct sekisho_event e = an_opening(5);
	const struct sekisho_close_event c = a_close(905, 900);
	struct sekisho_close_event other = a_close(905, 900);
	struct record row;

	begin();
	CHECK_INT(intake_event(&view, &e, sizeof(e), &row), INTAKE_ROW);
	CHECK_INT(intake_event(&view, &e, sizeof(e), &row), INTAKE_AGAIN);
	CHECK_INT(intake_event(&view, &c, sizeof(c), &row), INTAKE_ROW);
	CHECK_INT(intake_event(&view, &c, sizeof(c), &row), INTAKE_AGAIN);
	CHECK_INT(intake_event(&view, &e, sizeof(e), &row), INTAKE_AGAIN);
	other.event.socket_cookie += RECENT_SLOTS; /* the same slot */
	CHECK_INT(intake_event(&view, &other, sizeof(other), &row), INTAKE_ROW);
	other.event.socket_cookie = 0; /* without one nothing is known of it */
	CHECK_INT(intake_event(&view, &other, sizeof(other), &row), INTAKE_ROW);
	CHECK_INT(intake_event(&view, &other, sizeof(other), &row), INTAKE_ROW);
}

static void size_and_kind_go_together(void)
{
	static const struct {
		uint32_t size;
		uint8_t kind;
		enum intake want;
	} table[] = {
		{ 72, SEKISHO_KIND_ESTABLISHED, INTAKE_ROW }, { 72, SEKISHO_KIND_ACCEPTED, INTAKE_ROW },
		{ 80, SEKISHO_KIND_CLOSE, INTAKE_ROW }, { 72, SEKISHO_KIND_CLOSE, INTAKE_MALFORMED },
		{ 80, SEKISHO_KIND_ESTABLISHED, INTAKE_MALFORMED },
		{ 80, SEKISHO_KIND_ACCEPTED, INTAKE_MALFORMED }, { 72, 0, INTAKE_MALFORMED },
		{ 80, 0, INTAKE_MALFORMED }, { 72, SEKISHO_KIND_CANARY, INTAKE_CANARY },
		{ 80, SEKISHO_KIND_CANARY, INTAKE_MALFORMED }, { 72, 5, INTAKE_MALFORMED }, { 80, 255, INTAKE_MALFORMED },
		{ 0, SEKISHO_KIND_CLOSE, INTAKE_MALFORMED }, { 8, SEKISHO_KIND_CLOSE, INTAKE_MALFORMED },
		{ 71, SEKISHO_KIND_ESTABLISHED, INTAKE_MALFORMED },
		{ 79, SEKISHO_KIND_CLOSE, INTAKE_MALFORMED }, { 88, SEKISHO_KIND_CLOSE, INTAKE_MALFORMED },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct record untouched = { .time_ns = -7 };
		struct { struct sekisho_close_event c; uint64_t more; } bytes = { a_close(905, 900), 0 };
		void *data = malloc(table[i].size ? table[i].size : 1); /* so that a sanitizer sees the end */
		struct record row = untouched;
		enum intake got;

		REQUIRE(data != NULL);
		bytes.c.event.kind = table[i].kind;
		bytes.c.event.socket_cookie = i + 1;
		memcpy(data, &bytes, table[i].size);
		got = intake_event(&view, data, table[i].size, &row);
		CHECK_ROW(got == table[i].want, "%u bytes, kind %u: %d", table[i].size, table[i].kind, got);
		CHECK_ROW(got == INTAKE_ROW || row.time_ns == (got == INTAKE_CANARY ? (int64_t)bytes.c.event.time_boot_ns : untouched.time_ns), "%zu", i);
		free(data);
	}
}

static void what_cannot_be_is_malformed(void)
{
	struct record row;
	struct sekisho_close_event c;

	begin();
	for (int what = 0; what < 8; what++) {
		static const enum intake want[] = {
			INTAKE_ROW, INTAKE_ROW, INTAKE_MALFORMED, INTAKE_MALFORMED, INTAKE_MALFORMED,
			INTAKE_MALFORMED, INTAKE_MALFORMED, INTAKE_MALFORMED,
		};

		c = a_close(905, 900);
		c.event.socket_cookie = (uint64_t)what + 1;
		switch (what) {
		case 1: c.opened_boot_ns = c.event.time_boot_ns; break; /* no time at all is a time */
		case 2: c.opened_boot_ns = c.event.time_boot_ns + 1; break;
		case 3: c.opened_boot_ns = UINT64_MAX; break;
		case 4: c.opened_boot_ns = 0; break;
		case 5: c.event.layout_version--; break;
		case 6: c.event.protocol = 17; break;
		case 7: c.event.tenant = 0; break;
		}
		CHECK_ROW(intake_event(&view, &c, sizeof(c), &row) == want[what], "%d", what);
	}
}

/* The kernel hears of a change a moment late: what the ledger says of that instant counts. */
static void the_ledger_has_the_last_word(void)
{
	static const struct {
		const char *what;
		bool close;
		int64_t after_s;
		uint32_t tenant, consent;
		enum intake want;
		uint32_t rtt, want_consent;
	} table[] = {
		{ "opening", false, 1, 1, 1, INTAKE_ROW, 250, 1 },
		{ "close", true, 1, 1, 1, INTAKE_ROW, 0, 1 },
		{ "opening before the grant", false, -1, 1, 1, INTAKE_REFUSED, 0, 0 },
		{ "close before the grant", true, -1, 1, 1, INTAKE_REFUSED, 0, 0 },
		{ "opening under the successor", false, 101, 1, 1, INTAKE_ROW, 250, 2 },
		{ "close under a successor without t_close", true, 101, 1, 1, INTAKE_REFUSED, 0, 0 },
		{ "close under a grant without t_close", true, 101, 1, 2, INTAKE_REFUSED, 0, 0 },
		{ "opening under a successor without rtt", false, 201, 1, 1, INTAKE_ROW, 0, 3 },
		{ "opening after all", false, 300, 1, 1, INTAKE_REFUSED, 0, 0 },
		{ "close after all", true, 300, 1, 1, INTAKE_REFUSED, 0, 0 },
		{ "close of another tenant's grant", true, 1, 5, 1, INTAKE_REFUSED, 0, 0 },
		{ "close of the other tenant", true, 250, 5, 5, INTAKE_ROW, 0, 5 },
		{ "close of no grant", true, 1, 1, 9, INTAKE_REFUSED, 0, 0 },
		{ "close of grant 0", true, 1, 1, 0, INTAKE_REFUSED, 0, 0 },
	};

	begin();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct sekisho_close_event c = a_close(table[i].after_s * NS_PER_SEC, 1000);
		struct record row = { 0 };
		enum intake got;

		if (!table[i].close)
			c.event = an_opening(table[i].after_s * NS_PER_SEC);
		c.event.socket_cookie = i + 1;
		c.event.tenant = table[i].tenant;
		c.event.consent = table[i].consent;
		got = intake_event(&view, &c, table[i].close ? sizeof(c) : sizeof(c.event), &row);
		CHECK_ROW(got == table[i].want, "%s: %d", table[i].what, got);
		CHECK_ROW(row.consent == table[i].want_consent, "%s: %u", table[i].what, row.consent);
		CHECK_ROW(row.rtt_us == (table[i].rtt ? rtt_quantise(250) : 0), "%s", table[i].what);
	}
}

static void an_unsynchronised_clock_is_said(void)
{
	const struct sekisho_close_event c = a_close(905, 900);
	const struct anchors none = { 0 };
	const struct intake_view blind = { &consents, &none, &recent };
	struct record row;

	begin();
	clock_of[0].status = 0x40; /* STA_UNSYNC */
	CHECK_INT(intake_event(&view, &c, sizeof(c), &row), INTAKE_ROW);
	CHECK_INT(row.flags, SEKISHO_FLAG_V6_SOCKET | SEKISHO_FLAG_CLOCK_UNSYNC);
	clock_of[0].status = 0;
	begin();
	CHECK_INT(intake_event(&blind, &c, sizeof(c), &row), INTAKE_REFUSED); /* its time is not known */
}

UNIT_SUITE(intake, TEST(an_opening_and_its_close_become_two_rows),
	   TEST(each_event_of_a_socket_counts_once), TEST(size_and_kind_go_together),
	   TEST(what_cannot_be_is_malformed), TEST(the_ledger_has_the_last_word),
	   TEST(an_unsynchronised_clock_is_said));
