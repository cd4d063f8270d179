/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consent ledger: who may be recorded is a pure function of it. Grants and withdrawals (AC-04 to AC-06, AC-08,
 * AC-10).
 */
#include "ledger/consent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "consenting.h"
#include "fixture.h"
#include "schema/event.h"
#include "unit.h"

static void a_missing_ledger_is_an_empty_one(void)
{
	struct consents c = consenting_load();

	CHECK_INT(c.count, 0);
	CHECK_INT(c.last_seq, 0);
	CHECK(!c.torn);
	CHECK(consents_at(&c, "t1", DAY_NS) == NULL);
	CHECK(!consents_cover(&c, 1, 1, DAY_NS));
	consents_done(&c);
	consenting_put("");
	c = consenting_load();
	CHECK_INT(c.count, 0);
	consents_done(&c);
	consents_done(NULL);
}

static void a_grant_comes_back(void)
{
	struct consent_act act = consenting_act("t1", utc_now_ns() + 30 * NS_PER_DAY);
	int64_t before = utc_now_ns(), when = 0;
	mode_t old = umask(0);
	struct consents c;
	uint32_t seq = 0;

	act.fields = SEKISHO_FIELD_RTT;
	CHECK_INT(consenting_grant(&act, &seq, &when), 0);
	umask(old);
	CHECK_INT(seq, 1);
	CHECK(when >= before && when <= utc_now_ns());
	CHECK_INT(mode_of_file(unit_temp_dir(), CONSENT_FILE), 0600); /* AC-38 */
	c = consenting_load();
	REQUIRE(c.count == 1);
	CHECK_INT(c.last_seq, 1);
	CHECK_INT(c.list[0].seq, 1);
	CHECK_INT(c.list[0].tenant, 1);
	CHECK_STR(c.list[0].tenant_id, "t1");
	CHECK_INT(c.list[0].from_ns, when);
	CHECK_INT(c.list[0].until_ns, act.until_ns);
	CHECK_INT(c.list[0].agreed_until_ns, act.until_ns);
	CHECK_INT(c.list[0].fields, SEKISHO_FIELD_RTT);
	CHECK_INT(c.list[0].retention_days, 180);
	CHECK(!c.list[0].withdrawn);
	REQUIRE(c.list[0].scope_count == 2);
	CHECK(selector_equal(&c.list[0].scope[0], &act.scope[0]));
	CHECK(selector_equal(&c.list[0].scope[1], &act.scope[1]));
	consents_done(&c);
}

/* What stands in a line before who did it. */
static void check_line(const char *line, const char *want)
{
	const char *end = strstr(line, ",\"actor\":\"");

	REQUIRE(end != NULL);
	CHECK_ROW((size_t)(end - line) == strlen(want) && memcmp(line, want, strlen(want)) == 0, "%.*s",
		  (int)(end - line), line);
}

static void check_who(const char *line, const char *via)
{
	char want[300];

	snprintf(want, sizeof(want), ",\"actor\":\"operator\",\"actor_auth\":\"local user only: uid 7 (no name)\","
		 "\"method\":\"%s\",\"origin\":{\"uid\":7,\"user\":null,\"via\":\"%s\",\"from\":null},"
		 "\"ticket\":null,\"clock_err_ns\":", via, via);
	CHECK_ROW(strstr(line, want) != NULL, "%s", line);
}

static void the_line_is_what_the_law_asks_for(void)
{
	struct consent_act act = consenting_act("t1", a_time("2199-01-02T03:04:05Z"));
	char want[900], time_text[UTC_TEXT_MAX];
	uint8_t *text;
	int64_t when = 0;
	size_t size;

	CHECK_INT(consenting_grant(&act, NULL, &when), 0);
	text = read_file(unit_temp_dir(), CONSENT_FILE, &size);
	utc_format(when, time_text);
	snprintf(want, sizeof(want),
		 "{\"seq\":1,\"t\":\"%s\",\"event\":\"GRANT\",\"tenant\":\"t1\",\"effective_from\":\"%s\","
		 "\"effective_to\":\"2199-01-02T03:04:05.000000000Z\","
		 "\"scope\":[\"192.0.2.1:443\",\"[2001:db8::]/64:80\"],\"resolved\":[null,null],"
		 "\"separability\":\"EXACT\",\"fields\":\"" LINE_FIELDS "\",\"purposes\":[\"P1\",\"P3\"],"
		 "\"recipients\":[\"court\",\"access_provider\",\"applicant\",\"investigator\",\"tenant\"],"
		 "\"retention_days\":180,\"text_id\":\"custom\",\"text_version\":\"not stated\","
		 "\"text_sha256\":\"" LINE_SHA "\",\"lang\":\"und\",\"same_terms\":true,\"revocable\":true,"
		 "\"bundled\":false", time_text, time_text);
	check_line((char *)text, want);
	check_who((char *)text, "command line");
	free(text);
	act.by_socket = true;
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &(struct problem){ "" }), 0);
	text = read_file(unit_temp_dir(), CONSENT_FILE, &size);
	snprintf(want, sizeof(want),
		 "{\"seq\":2,\"t\":\"%s\",\"event\":\"WITHDRAW\",\"tenant\":\"t1\","
		 "\"withdraw_mode\":\"STOP_ONLY\"", utc_format(when, time_text));
	check_line(strchr((char *)text, '\n') + 1, want);
	check_who(strchr((char *)text, '\n') + 1, "control socket");
	free(text);
}

/* Optional fields are one by one the tenant's choice (AC-11), and have one order in the ledger. */
static void the_optional_fields_are_written_and_read(void)
{
	static const struct {
		uint32_t fields;
		const char *text;
	} table[] = {
		{ 0, "\"" LINE_FIELDS "\"" },
		{ SEKISHO_FIELD_RTT, "\"" LINE_FIELDS ",rtt\"" },
		{ SEKISHO_FIELD_CLOSE, "\"" LINE_FIELDS ",t_close\"" },
		{ SEKISHO_FIELD_RTT | SEKISHO_FIELD_CLOSE, "\"" LINE_FIELDS ",rtt,t_close\"" },
	};
	struct consents c;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct consent_act act = consenting_act("t1", utc_now_ns() + 30 * NS_PER_DAY);
		uint32_t seq = 0;
		int64_t when;
		uint8_t *text;
		size_t size;

		act.fields = table[i].fields;
		REQUIRE(consenting_grant(&act, &seq, &when) == 0);
		text = read_file(unit_temp_dir(), CONSENT_FILE, &size);
		CHECK_ROW(strstr((char *)text, table[i].text) != NULL, "%s", table[i].text);
		free(text);
		c = consenting_load();
		CHECK_INT(consents_fields(&c, seq), table[i].fields);
		consents_done(&c);
	}
	c = consenting_load();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_INT(consents_fields(&c, (uint32_t)i + 1), table[i].fields);
	CHECK_INT(consents_fields(&c, 0), 0);
	CHECK_INT(consents_fields(&c, ARRAY_SIZE(table) + 1), 0);
	consents_done(&c);
}

/* AC-05: no consent for the past; AC-06 and AC-08: from the end on nothing is covered. */
static void a_grant_covers_from_its_act_to_its_end(void)
{
	static const struct {
		const char *t;
		bool covered;
	} table[] = {
		{ "2026-01-31T23:59:59.999999999Z", false }, { "2026-02-01T00:00:00Z", true },
		{ "2026-02-15T00:00:00Z", true }, { "2026-02-28T23:59:59.999999999Z", true },
		{ "2026-03-01T00:00:00Z", false }, { "2027-01-01T00:00:00Z", false },
		{ "1970-01-01T00:00:00Z", false },
	};
	struct consents c;

	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"));
	c = consenting_load();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		int64_t t = a_time(table[i].t);

		CHECK_ROW((consents_at(&c, "t1", t) != NULL) == table[i].covered, "%s", table[i].t);
		CHECK_ROW(consents_cover(&c, 1, 1, t) == table[i].covered, "%s", table[i].t);
		CHECK_ROW(!consents_at(&c, "t2", t), "%s", table[i].t);
		CHECK_ROW(!consents_cover(&c, 1, 2, t), "%s", table[i].t); /* another tenant */
		CHECK_ROW(!consents_cover(&c, 2, 1, t), "%s", table[i].t); /* another grant */
		CHECK_ROW(!consents_cover(&c, 0, 1, t), "%s", table[i].t);
	}
	consents_done(&c);
}

static void a_withdrawal_ends_the_grant_at_its_instant(void)
{
	struct consents c;

	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(2, "t2", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_WITHDRAW(3, "t1", "2026-02-10T00:00:00Z"));
	c = consenting_load();
	CHECK_INT(c.last_seq, 3);
	REQUIRE(c.count == 2);
	CHECK(c.list[0].withdrawn && !c.list[1].withdrawn);
	CHECK_INT(c.list[0].until_ns, a_time("2026-02-10T00:00:00Z"));
	CHECK_INT(c.list[0].agreed_until_ns, a_time("2026-03-01T00:00:00Z"));
	CHECK(consents_at(&c, "t1", a_time("2026-02-09T23:59:59.999999999Z")) != NULL);
	CHECK(consents_at(&c, "t1", a_time("2026-02-10T00:00:00Z")) == NULL);
	CHECK(consents_at(&c, "t2", a_time("2026-02-10T00:00:00Z")) != NULL);
	CHECK(consents_cover(&c, 1, 1, a_time("2026-02-09T23:59:59.999999999Z")));
	CHECK(!consents_cover(&c, 1, 1, a_time("2026-02-10T00:00:00Z")));
	consents_done(&c);
}

/* A second grant takes over at its act: at each instant exactly one covers, the number stays. */
static void a_successor_takes_over_without_overlap(void)
{
	struct consents c;
	int64_t change = a_time("2026-02-10T00:00:00Z");

	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(3, "t1", "2026-02-10T00:00:00Z", "2026-02-12T00:00:00Z")
		   CONSENTING_GRANT(4, "t1", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"));
	c = consenting_load();
	REQUIRE(c.count == 4);
	CHECK_INT(c.list[2].tenant, 1);
	CHECK_INT(c.list[3].tenant, 1);
	CHECK_INT(c.list[1].tenant, 2);
	CHECK(consents_cover(&c, 1, 1, change - 1) && !consents_cover(&c, 1, 1, change));
	CHECK(consents_cover(&c, 3, 1, change) && !consents_cover(&c, 3, 1, change - 1));
	/* A shorter successor does not let its predecessor live again. */
	CHECK(!consents_cover(&c, 1, 1, a_time("2026-02-20T00:00:00Z")));
	CHECK(!consents_cover(&c, 3, 1, a_time("2026-02-20T00:00:00Z")));
	/* One that follows an expired grant does not reach back. */
	CHECK(!consents_cover(&c, 4, 1, a_time("2026-05-01T00:00:00Z")));
	CHECK(consents_cover(&c, 4, 1, a_time("2026-06-15T00:00:00Z")));
	CHECK_INT(consents_at(&c, "t1", a_time("2026-06-15T00:00:00Z"))->seq, 4);
	consents_done(&c);
}

static void after_a_withdrawal_a_new_grant_counts_from_itself(void)
{
	struct consents c;

	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_WITHDRAW(2, "t1", "2026-02-10T00:00:00Z")
		   CONSENTING_GRANT(3, "t1", "2026-02-20T00:00:00Z", "2026-03-01T00:00:00Z"));
	c = consenting_load();
	CHECK(!consents_cover(&c, 1, 1, a_time("2026-02-15T00:00:00Z")));
	CHECK(!consents_cover(&c, 3, 1, a_time("2026-02-15T00:00:00Z")));
	CHECK(consents_at(&c, "t1", a_time("2026-02-25T00:00:00Z")) != NULL);
	REQUIRE(c.count == 2);
	CHECK(c.list[0].withdrawn && !c.list[1].withdrawn);
	CHECK_INT(c.list[1].tenant, 1);
	consents_done(&c);
}

/* An event that the kernel emitted under a grant that was renewed meanwhile (AC-10). */
static void an_event_of_a_renewed_grant_counts_for_its_successor(void)
{
	static const struct {
		const char *what, *t, *addr;
		uint32_t seq, tenant;
		uint16_t port;
		uint32_t want;
	} table[] = {
		{ "its own", "2026-02-09T00:00:00Z", "192.0.2.1", 1, 1, 443, 1 },
		{ "its own, whatever the address", "2026-02-09T00:00:00Z", "192.0.2.9", 1, 1, 1, 1 },
		{ "before it began", "2026-01-09T00:00:00Z", "192.0.2.1", 1, 1, 443, 0 },
		{ "renewed", "2026-02-11T00:00:00Z", "192.0.2.1", 1, 1, 443, 3 },
		{ "at the instant", "2026-02-10T00:00:00Z", "192.0.2.1", 1, 1, 443, 3 },
		{ "renewed twice", "2026-02-13T00:00:00Z", "192.0.2.1", 1, 1, 443, 4 },
		{ "not in the scope: port", "2026-02-11T00:00:00Z", "192.0.2.1", 1, 1, 80, 0 },
		{ "not in the scope: address", "2026-02-11T00:00:00Z", "192.0.2.2", 1, 1, 443, 0 },
		{ "a prefix of the scope", "2026-02-11T00:00:00Z", "2001:db8::7", 1, 1, 9, 3 },
		{ "another tenant", "2026-02-11T00:00:00Z", "192.0.2.1", 1, 2, 443, 0 },
		{ "no such grant", "2026-02-11T00:00:00Z", "192.0.2.1", 9, 1, 443, 0 },
		{ "after the end of all", "2026-02-20T00:00:00Z", "192.0.2.1", 1, 1, 443, 0 },
		{ "withdrawn, then granted anew", "2026-02-11T00:00:00Z", "192.0.2.1", 2, 2, 443, 0 },
		{ "the new one itself", "2026-02-11T00:00:00Z", "192.0.2.1", 6, 2, 443, 6 },
	};
	struct consents c;

	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(3, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(4, "t1", "2026-02-12T00:00:00Z", "2026-02-14T00:00:00Z")
		   CONSENTING_WITHDRAW(5, "t2", "2026-02-10T12:00:00Z")
		   CONSENTING_GRANT(6, "t2", "2026-02-10T12:00:00.000000001Z", "2026-03-01T00:00:00Z"));
	c = consenting_load();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct consent_local local = { an_addr(table[i].addr), table[i].port };
		uint32_t got = consents_covering(&c, table[i].seq, table[i].tenant, a_time(table[i].t),
						 &local);

		CHECK_ROW(got == table[i].want, "%s: %u", table[i].what, got);
	}
	consents_done(&c);
}

static void withdrawing_needs_a_grant_in_force(void)
{
	struct consent_act act = consenting_act("t1", utc_now_ns() + NS_PER_DAY);
	struct problem p = { "" };
	struct consents c;
	int64_t when = 0, granted;

	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), -ESRCH);
	CHECK_STR(p.text, "tenant t1 has no consent in force");
	CHECK_INT(when, 0);
	CHECK_INT(size_of(unit_temp_dir(), CONSENT_FILE), -1);
	CHECK_INT(consenting_grant(&act, NULL, &granted), 0);
	act.tenant_id = "t2";
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), -ESRCH);
	act.tenant_id = "t1";
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), 0);
	CHECK(when > granted);
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), -ESRCH);
	c = consenting_load();
	CHECK_INT(c.last_seq, 2);
	CHECK_INT(c.list[0].until_ns, when);
	CHECK(consents_at(&c, "t1", when) == NULL);
	CHECK(consents_at(&c, "t1", when - 1) != NULL);
	consents_done(&c);
	/* An expired one cannot be withdrawn either. */
	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"));
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), -ESRCH);
}

/* With a clock that was set back a grant may lie ahead: when it begins is known. */
static void the_next_start_is_the_earliest_ahead(void)
{
	struct consents c;

	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(2, "t2", "2026-02-05T00:00:00Z", "2026-03-01T00:00:00Z")
		   CONSENTING_GRANT(3, "t3", "2026-02-03T00:00:00Z", "2026-03-01T00:00:00Z"));
	c = consenting_load();
	CHECK_INT(consents_next_start(&c, a_time("2026-01-01T00:00:00Z")), c.list[0].from_ns);
	CHECK_INT(consents_next_start(&c, c.list[0].from_ns), c.list[2].from_ns);
	CHECK_INT(consents_next_start(&c, c.list[2].from_ns), c.list[1].from_ns);
	CHECK_INT(consents_next_start(&c, c.list[1].from_ns), INT64_MAX);
	consents_done(&c);
}

/* The clock was ahead and has been set back: no act may lie before the one it follows. */
static void a_clock_that_went_back_is_refused(void)
{
	static const char *const ledgers[] = {
		CONSENTING_GRANT(1, "t1", "2190-01-01T00:00:00Z", "2191-01-01T00:00:00Z"),
		CONSENTING_GRANT(1, "t1", "2026-01-01T00:00:00Z", "2191-01-01T00:00:00Z")
		CONSENTING_WITHDRAW(2, "t1", "2190-01-01T00:00:00Z"),
	};
	struct consent_act act = consenting_act("t1", utc_now_ns() + NS_PER_DAY);

	for (size_t i = 0; i < ARRAY_SIZE(ledgers); i++) {
		struct problem p = { "" };
		int64_t when;
		long long size;

		consenting_put(ledgers[i]);
		size = size_of(unit_temp_dir(), CONSENT_FILE);
		CHECK_ROW(consent_grant(consenting_store(), &act, NULL, &when, &p) == -ETIME, "ledger %zu", i);
		CHECK_ROW(strcmp(p.text, "the clock is behind the last act for tenant t1") == 0,
			  "ledger %zu: %s", i, p.text);
		CHECK_ROW(size_of(unit_temp_dir(), CONSENT_FILE) == size, "ledger %zu", i);
	}
}

UNIT_SUITE(consent, TEST(a_missing_ledger_is_an_empty_one), TEST(a_grant_comes_back),
	   TEST(the_line_is_what_the_law_asks_for), TEST(the_optional_fields_are_written_and_read),
	   TEST(a_grant_covers_from_its_act_to_its_end), TEST(a_withdrawal_ends_the_grant_at_its_instant),
	   TEST(a_successor_takes_over_without_overlap),
	   TEST(an_event_of_a_renewed_grant_counts_for_its_successor),
	   TEST(after_a_withdrawal_a_new_grant_counts_from_itself),
	   TEST(withdrawing_needs_a_grant_in_force), TEST(a_clock_that_went_back_is_refused),
	   TEST(the_next_start_is_the_earliest_ahead));
