/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The consent ledger: who may be recorded is a pure function of it. Grants and
 * withdrawals (AC-04 to AC-06, AC-08, AC-10), tampering and power loss (AC-13).
 */
#include "ledger/consent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fs.h"
#include "consent_lines.h"
#include "fixture.h"
#include "forge.h"
#include "schema/event.h"
#include "unit.h"

#define SHA LINE_SHA
#define ALL_FIELDS LINE_FIELDS
#define DAYS NS_PER_DAY

#define GRANT(seq, tenant, t, until) \
	LINE_GRANT(seq, tenant, t, until, 30, "[\"192.0.2.1:443\",\"2001:db8::/64\"]", "[null,null]")
#define WITHDRAW(seq, tenant, t) LINE_WITHDRAW(seq, tenant, t, "STOP_ONLY")

/* The test's directory is root and ledger/ in one. */
static const struct store_dir *the_store(void)
{
	static struct store_dir store;

	store = (struct store_dir){ .root = unit_temp_dir(), .ledger = unit_temp_dir(), .journal = -1,
				    .segments = -1, .catalog = -1 };
	return &store;
}

/* Signed and chained, so that what a line says is all that can be wrong. */
static void put_ledger(const char *text)
{
	struct problem p = { "" };

	CHECK_ROW(forge_chain(the_store(), LEDGER_CONSENT, text, &p) == 0, "%s", p.text);
}

static struct consents load(void)
{
	struct consents c = { 0 };
	struct problem p = { "" };
	int error = consents_load(the_store(), &c, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	return c;
}

static const struct selector *a_scope(size_t *ret_count)
{
	static struct selector scope[2];

	REQUIRE(selector_parse("192.0.2.1:443", &scope[0]) == 0);
	REQUIRE(selector_parse("[2001:db8::]/64:80", &scope[1]) == 0);
	*ret_count = 2;
	return scope;
}

static struct consent_act an_act(const char *tenant, int64_t until_ns)
{
	struct consent_act act = { .tenant_id = tenant, .actor = "operator", .uid = 7,
				   .until_ns = until_ns, .retention_days = 180, .text_sha256 = SHA };

	act.scope = a_scope(&act.scope_count);
	return act;
}

static int grant(const struct consent_act *act, uint32_t *ret_seq, int64_t *ret_time)
{
	struct problem p = { "" };
	int error = consent_grant(the_store(), act, ret_seq, ret_time, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	return error;
}

static void a_missing_ledger_is_an_empty_one(void)
{
	struct consents c = load();

	CHECK_INT(c.count, 0);
	CHECK_INT(c.last_seq, 0);
	CHECK(!c.torn);
	CHECK(consents_at(&c, "t1", DAY_NS) == NULL);
	CHECK(!consents_cover(&c, 1, 1, DAY_NS));
	consents_done(&c);
	put_ledger("");
	c = load();
	CHECK_INT(c.count, 0);
	consents_done(&c);
	consents_done(NULL);
}

static void a_grant_comes_back(void)
{
	struct consent_act act = an_act("t1", utc_now_ns() + 30 * DAYS);
	int64_t before = utc_now_ns(), when = 0;
	mode_t old = umask(0);
	struct consents c;
	uint32_t seq = 0;

	act.fields = SEKISHO_FIELD_RTT;
	CHECK_INT(grant(&act, &seq, &when), 0);
	umask(old);
	CHECK_INT(seq, 1);
	CHECK(when >= before && when <= utc_now_ns());
	CHECK_INT(mode_of_file(unit_temp_dir(), CONSENT_FILE), 0600); /* AC-38 */
	c = load();
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
	struct consent_act act = an_act("t1", a_time("2199-01-02T03:04:05Z"));
	char want[900], time_text[UTC_TEXT_MAX];
	uint8_t *text;
	int64_t when = 0;
	size_t size;

	CHECK_INT(grant(&act, NULL, &when), 0);
	text = read_file(unit_temp_dir(), CONSENT_FILE, &size);
	utc_format(when, time_text);
	snprintf(want, sizeof(want),
		 "{\"seq\":1,\"t\":\"%s\",\"event\":\"GRANT\",\"tenant\":\"t1\",\"effective_from\":\"%s\","
		 "\"effective_to\":\"2199-01-02T03:04:05.000000000Z\","
		 "\"scope\":[\"192.0.2.1:443\",\"[2001:db8::]/64:80\"],\"resolved\":[null,null],"
		 "\"separability\":\"EXACT\",\"fields\":\"" ALL_FIELDS "\",\"purposes\":[\"P1\",\"P3\"],"
		 "\"recipients\":[\"court\",\"access_provider\",\"applicant\",\"investigator\",\"tenant\"],"
		 "\"retention_days\":180,\"text_id\":\"custom\",\"text_version\":\"not stated\","
		 "\"text_sha256\":\"" SHA "\",\"lang\":\"und\",\"same_terms\":true,\"revocable\":true,"
		 "\"bundled\":false", time_text, time_text);
	check_line((char *)text, want);
	check_who((char *)text, "command line");
	free(text);
	act.by_socket = true;
	CHECK_INT(consent_withdraw(the_store(), &act, &when, &(struct problem){ "" }), 0);
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
		{ 0, "\"" ALL_FIELDS "\"" },
		{ SEKISHO_FIELD_RTT, "\"" ALL_FIELDS ",rtt\"" },
		{ SEKISHO_FIELD_CLOSE, "\"" ALL_FIELDS ",t_close\"" },
		{ SEKISHO_FIELD_RTT | SEKISHO_FIELD_CLOSE, "\"" ALL_FIELDS ",rtt,t_close\"" },
	};
	struct consents c;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct consent_act act = an_act("t1", utc_now_ns() + 30 * DAYS);
		uint32_t seq = 0;
		int64_t when;
		uint8_t *text;
		size_t size;

		act.fields = table[i].fields;
		REQUIRE(grant(&act, &seq, &when) == 0);
		text = read_file(unit_temp_dir(), CONSENT_FILE, &size);
		CHECK_ROW(strstr((char *)text, table[i].text) != NULL, "%s", table[i].text);
		free(text);
		c = load();
		CHECK_INT(consents_fields(&c, seq), table[i].fields);
		consents_done(&c);
	}
	c = load();
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

	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"));
	c = load();
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

	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(2, "t2", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   WITHDRAW(3, "t1", "2026-02-10T00:00:00Z"));
	c = load();
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

	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(3, "t1", "2026-02-10T00:00:00Z", "2026-02-12T00:00:00Z")
		   GRANT(4, "t1", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"));
	c = load();
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

	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   WITHDRAW(2, "t1", "2026-02-10T00:00:00Z")
		   GRANT(3, "t1", "2026-02-20T00:00:00Z", "2026-03-01T00:00:00Z"));
	c = load();
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

	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(3, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(4, "t1", "2026-02-12T00:00:00Z", "2026-02-14T00:00:00Z")
		   WITHDRAW(5, "t2", "2026-02-10T12:00:00Z")
		   GRANT(6, "t2", "2026-02-10T12:00:00.000000001Z", "2026-03-01T00:00:00Z"));
	c = load();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct consent_local local = { an_addr(table[i].addr), table[i].port };
		uint32_t got = consents_covering(&c, table[i].seq, table[i].tenant, a_time(table[i].t),
						 &local);

		CHECK_ROW(got == table[i].want, "%s: %u", table[i].what, got);
	}
	consents_done(&c);
}

/* Replaces `old` by `new` in a ledger of three good lines, in the second one. */
static char *tampered(const char *old, const char *new)
{
	static const char *const lines[] = {
		GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
		GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z"),
		WITHDRAW(3, "t1", "2026-02-10T00:00:00Z"),
	};
	const char *at = strstr(lines[1], old);
	char *text = NULL;

	REQUIRE(at != NULL);
	REQUIRE(asprintf(&text, "%s%.*s%s%s%s", lines[0], (int)(at - lines[1]), lines[1], new,
			 at + strlen(old), lines[2]) > 0);
	return text;
}

/* Nobody who reads a line looks further: what concerns any chain is said by the chain. */
static void broken_lines_are_refused_with_their_number(void)
{
	static const struct {
		const char *what, *old, *new, *why;
	} table[] = {
		{ "not JSON", "{", "[", "not a JSON object" },
		{ "not an object", "{\"actor", "[],{\"actor", "not a JSON object" },
		{ "empty line", "{", "\n{", "not a JSON object" },
		{ "no event", "\"event\":\"GRANT\",", "", "no time or event" },
		{ "seq missing", "\"seq\":2,", "", "its number does not follow that of the line before" },
		{ "seq repeated", "\"seq\":2,", "\"seq\":1,", "its number does not follow that of the line before" },
		{ "seq leaps", "\"seq\":2,", "\"seq\":3,", "its number does not follow that of the line before" },
		{ "seq zero", "\"seq\":2,", "\"seq\":0,", "its number does not follow that of the line before" },
		{ "seq of text", "\"seq\":2,", "\"seq\":\"2\",", "its number does not follow that of the line before" },
		{ "seq too long", "\"seq\":2,", "\"seq\":4294967298,", "its number does not follow that of the line before" },
		{ "key twice", "\"seq\":2,", "\"seq\":2,\"seq\":2,", "not a JSON object" },
		{ "no time", "\"t\":\"2026-02-02T00:00:00Z\",", "", "no time or event" },
		{ "time without zone", "\"t\":\"2026-02-02T00:00:00Z\"", "\"t\":\"2026-02-02T00:00:00\"", "no time or event" },
		{ "NUL", "\"actor\":\"a\"", "\"actor\":\"\\u0000\"", "not a JSON object" },
		{ "not UTF-8", "\"actor\":\"a\"", "\"actor\":\"\xff\"", "not a JSON object" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *text = tampered(table[i].old, table[i].new);
		struct consents c = { 0 };
		struct problem p = { "" };
		int error;

		put_ledger(text);
		error = consents_load(the_store(), &c, &p);
		CHECK_ROW(error == -EBADMSG, "%s: %d", table[i].what, error);
		CHECK_ROW(strncmp(p.text, "ledger/consent.log line 2: ", 27) == 0 &&
			  strcmp(p.text + 27, table[i].why) == 0, "%s: %s", table[i].what, p.text);
		CHECK_ROW(c.list == NULL && c.count == 0, "%s", table[i].what);
		consents_done(&c);
		free(text);
	}
}

static void the_untampered_ledger_is_fine(void)
{
	char *text = tampered("\"actor\":\"a\"", "\"actor\":\"another\"");
	struct consents c;

	put_ledger(text);
	c = load();
	CHECK_INT(c.count, 2);
	CHECK_INT(c.last_seq, 3);
	consents_done(&c);
	free(text);
}

static void removed_and_swapped_lines_are_refused(void)
{
	static const char *const one = GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
			  *const two = GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z"),
			  *const three = WITHDRAW(3, "t1", "2026-02-10T00:00:00Z");
	const struct {
		const char *a, *b, *c;
		unsigned int line;
	} table[] = { { two, three, "", 1 }, { one, three, "", 2 }, { two, one, three, 1 },
		      { one, two, two, 3 }, { one, two, "\n", 3 }, { one, "garbage\n", two, 2 } };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char *text = NULL, want[80];
		struct consents c;
		struct problem p = { "" };

		REQUIRE(asprintf(&text, "%s%s%s", table[i].a, table[i].b, table[i].c) > 0);
		put_ledger(text);
		snprintf(want, sizeof(want), "ledger/consent.log line %u: ", table[i].line);
		CHECK_INT(consents_load(the_store(), &c, &p), -EBADMSG);
		CHECK_ROW(strncmp(p.text, want, strlen(want)) == 0, "%s", p.text);
		free(text);
	}
}

/* AC-05: no line reaches back before the act that stands before it for the same tenant. */
static void acts_that_go_back_in_time_are_refused(void)
{
	static const char *const ledgers[] = {
		GRANT(1, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		GRANT(2, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
		GRANT(1, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		WITHDRAW(2, "t1", "2026-02-01T00:00:00Z"),
		GRANT(1, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		WITHDRAW(2, "t1", "2026-02-20T00:00:00Z")
		GRANT(3, "t1", "2026-02-15T00:00:00Z", "2026-03-01T00:00:00Z"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(ledgers); i++) {
		struct consents c = { 0 };
		struct problem p = { "" };

		put_ledger(ledgers[i]);
		CHECK_ROW(consents_load(the_store(), &c, &p) == -EBADMSG, "ledger %zu", i);
		consents_done(&c);
	}
}

/* AC-13: the end that power loss left is set aside and told, at every byte of the last line. */
static void an_unterminated_last_line_is_no_tampering(void)
{
	static const char one[] = GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
			  two[] = WITHDRAW(2, "t1", "2026-02-10T00:00:00Z");
	char text[sizeof(one) + sizeof(two)], cut[sizeof(text)];
	struct consents c;

	memcpy(text, one, sizeof(one) - 1);
	memcpy(text + sizeof(one) - 1, two, sizeof(two));
	for (size_t size = sizeof(one) - 1; size < sizeof(one) + sizeof(two) - 2; size++) {
		memcpy(cut, text, size);
		cut[size] = '\0';
		put_ledger(cut);
		c = load();
		CHECK_ROW(c.torn == (size > sizeof(one) - 1), "%zu", size);
		CHECK_ROW(c.count == 1 && c.last_seq == 1 && !c.list[0].withdrawn, "%zu", size);
		consents_done(&c);
	}
	put_ledger(text);
	c = load();
	CHECK(!c.torn && c.last_seq == 2 && c.list[0].withdrawn);
	consents_done(&c);
}

/*
 * AC-13: the act after a power loss. The torn line is set aside and told; it must not make the
 * ledger invalid for good.
 */
static void the_next_act_after_a_torn_line_works(void)
{
	struct consent_act act = an_act("t2", utc_now_ns() + DAYS);
	uint32_t seq = 0;
	int64_t when;
	struct consents c = { 0 };
	struct problem p = { "" };

	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z") "{\"actor\":\"a");
	CHECK_INT(grant(&act, &seq, &when), 0);
	CHECK_INT(seq, 2);
	CHECK_INT(consents_load(the_store(), &c, &p), 0);
	CHECK_STR(p.text, "");
	CHECK_INT(c.count, 2);
	CHECK(consents_at(&c, "t2", when) != NULL);
	consents_done(&c);
}

static void withdrawing_needs_a_grant_in_force(void)
{
	struct consent_act act = an_act("t1", utc_now_ns() + DAYS);
	struct problem p = { "" };
	struct consents c;
	int64_t when = 0, granted;

	CHECK_INT(consent_withdraw(the_store(), &act, &when, &p), -ESRCH);
	CHECK_STR(p.text, "tenant t1 has no consent in force");
	CHECK_INT(when, 0);
	CHECK_INT(size_of(unit_temp_dir(), CONSENT_FILE), -1);
	CHECK_INT(grant(&act, NULL, &granted), 0);
	act.tenant_id = "t2";
	CHECK_INT(consent_withdraw(the_store(), &act, &when, &p), -ESRCH);
	act.tenant_id = "t1";
	CHECK_INT(consent_withdraw(the_store(), &act, &when, &p), 0);
	CHECK(when > granted);
	CHECK_INT(consent_withdraw(the_store(), &act, &when, &p), -ESRCH);
	c = load();
	CHECK_INT(c.last_seq, 2);
	CHECK_INT(c.list[0].until_ns, when);
	CHECK(consents_at(&c, "t1", when) == NULL);
	CHECK(consents_at(&c, "t1", when - 1) != NULL);
	consents_done(&c);
	/* An expired one cannot be withdrawn either. */
	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"));
	CHECK_INT(consent_withdraw(the_store(), &act, &when, &p), -ESRCH);
}

/* With a clock that was set back a grant may lie ahead: when it begins is known. */
static void the_next_start_is_the_earliest_ahead(void)
{
	struct consents c;

	put_ledger(GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(2, "t2", "2026-02-05T00:00:00Z", "2026-03-01T00:00:00Z")
		   GRANT(3, "t3", "2026-02-03T00:00:00Z", "2026-03-01T00:00:00Z"));
	c = load();
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
		GRANT(1, "t1", "2190-01-01T00:00:00Z", "2191-01-01T00:00:00Z"),
		GRANT(1, "t1", "2026-01-01T00:00:00Z", "2191-01-01T00:00:00Z")
		WITHDRAW(2, "t1", "2190-01-01T00:00:00Z"),
	};
	struct consent_act act = an_act("t1", utc_now_ns() + DAYS);

	for (size_t i = 0; i < ARRAY_SIZE(ledgers); i++) {
		struct problem p = { "" };
		int64_t when;
		long long size;

		put_ledger(ledgers[i]);
		size = size_of(unit_temp_dir(), CONSENT_FILE);
		CHECK_ROW(consent_grant(the_store(), &act, NULL, &when, &p) == -ETIME, "ledger %zu", i);
		CHECK_ROW(strcmp(p.text, "the clock is behind the last act for tenant t1") == 0,
			  "ledger %zu: %s", i, p.text);
		CHECK_ROW(size_of(unit_temp_dir(), CONSENT_FILE) == size, "ledger %zu", i);
	}
}

static void cut_ledger(long long size)
{
	int fd = openat(unit_temp_dir(), CONSENT_FILE, O_WRONLY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	CHECK_INT(ftruncate(fd, size), 0);
	close(fd);
}

/* An act that a reader would refuse is not written: one such line would stop all recording. */
static void acts_that_could_not_be_read_are_not_written(void)
{
	struct consent_act good = an_act("t1", utc_now_ns() + DAYS), acts[8];
	static const char *const what[] = { "retention 0", "retention 367", "no scope", "bad tenant",
					    "no hash", "actor not UTF-8", "end in year 2262",
					    "hash is no hash" };
	struct consents c;

	CHECK_INT(grant(&good, NULL, &(int64_t){ 0 }), 0);
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		acts[i] = good;
	acts[0].retention_days = 0;
	acts[1].retention_days = CONSENT_RETENTION_MAX_DAYS + 1;
	acts[2].scope_count = 0;
	acts[3].tenant_id = "../t1";
	acts[4].text_sha256 = NULL;
	acts[5].actor = "\xff";
	acts[6].until_ns = INT64_MAX;
	acts[7].text_sha256 = "short";
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		struct problem p = { "" };
		int64_t when;
		long long size = size_of(unit_temp_dir(), CONSENT_FILE);
		int error = consent_grant(the_store(), &acts[i], NULL, &when, &p);

		CHECK_ROW(error < 0, "%s was written", what[i]);
		CHECK_ROW(size_of(unit_temp_dir(), CONSENT_FILE) == size, "%s", what[i]);
		CHECK_ROW(error == 0 || p.text[0], "%s", what[i]);
		if (size_of(unit_temp_dir(), CONSENT_FILE) != size)
			cut_ledger(size);
	}
	c = load();
	CHECK_INT(c.count, 1);
	consents_done(&c);
}

static void a_tampered_ledger_takes_no_act(void)
{
	struct consent_act act = an_act("t1", utc_now_ns() + DAYS);
	struct problem p = { "" };
	int64_t when;

	put_ledger("[]\n");
	CHECK_INT(consent_grant(the_store(), &act, NULL, &when, &p), -EBADMSG);
	CHECK_STR(p.text, "ledger/consent.log line 1: not a JSON object");
	CHECK_INT(consent_withdraw(the_store(), &act, &when, &p), -EBADMSG);
	CHECK_INT(size_of(unit_temp_dir(), CONSENT_FILE), 3);
}

static void a_full_disk_leaves_the_ledger_as_it_was(void)
{
	struct consent_act act = an_act("t1", utc_now_ns() + DAYS);
	struct problem p = { "" };
	struct rlimit limit;
	struct consents c;
	int64_t when;
	int error;
	long long size;

	CHECK_INT(grant(&act, NULL, &when), 0);
	size = size_of(unit_temp_dir(), CONSENT_FILE);
	limit = disk_full_at((rlim_t)size + 50);
	error = consent_withdraw(the_store(), &act, &when, &p);
	disk_has_space(limit);
	CHECK_ROW(error == -ENOSPC || error == -EFBIG, "%d", error);
	CHECK(strncmp(p.text, "cannot write ledger/consent.log: ", 33) == 0);
	CHECK_INT(size_of(unit_temp_dir(), CONSENT_FILE), size);
	c = load();
	CHECK(!c.torn && consents_at(&c, "t1", utc_now_ns()) != NULL);
	consents_done(&c);
	CHECK_INT(consent_withdraw(the_store(), &act, &when, &p), 0);
}

#define WRITERS 6
#define GRANTS_EACH 8

/* In a child: grants for its own tenant; the exit status is how many failed. */
static void grant_many(unsigned int number)
{
	char tenant[8];
	struct consent_act act;
	int failed = 0;

	snprintf(tenant, sizeof(tenant), "t%u", number);
	act = an_act(tenant, utc_now_ns() + DAYS);
	for (int i = 0; i < GRANTS_EACH; i++) {
		struct problem p;
		uint32_t seq;
		int64_t when;

		failed += consent_grant(the_store(), &act, &seq, &when, &p) != 0;
	}
	_exit(failed);
}

static void concurrent_grants_get_distinct_numbers(void)
{
	unsigned int per_tenant[WRITERS] = { 0 };
	struct consents c;

	(void)unit_temp_dir();
	for (unsigned int i = 0; i < WRITERS; i++) {
		pid_t child = fork();

		REQUIRE(child >= 0);
		if (child == 0)
			grant_many(i);
	}
	for (unsigned int i = 0; i < WRITERS; i++) {
		int status = -1;

		CHECK(wait(&status) > 0);
		CHECK_ROW(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d failed", status >> 8);
	}
	c = load();
	CHECK_INT(c.count, WRITERS * GRANTS_EACH);
	CHECK_INT(c.last_seq, WRITERS * GRANTS_EACH);
	for (size_t i = 0; i < c.count; i++) {
		CHECK_INT(c.list[i].seq, i + 1);
		per_tenant[c.list[i].tenant_id[1] - '0']++;
	}
	for (unsigned int i = 0; i < WRITERS; i++) {
		char tenant[8];
		unsigned int in_force = 0;

		snprintf(tenant, sizeof(tenant), "t%u", i);
		CHECK_INT(per_tenant[i], GRANTS_EACH);
		for (size_t k = 0; k < c.count; k++)
			in_force += strcmp(c.list[k].tenant_id, tenant) == 0 &&
				    c.list[k].until_ns > utc_now_ns();
		CHECK_INT(in_force, 1);
	}
	consents_done(&c);
}

static void a_ledger_that_is_no_file_is_an_error(void)
{
	struct consents c;
	struct problem p = { "" };

	CHECK_INT(mkdirat(unit_temp_dir(), CONSENT_FILE, 0700), 0);
	CHECK_INT(consents_load(the_store(), &c, &p), -EISDIR);
	CHECK_STR(p.text, "cannot read ledger/consent.log: Is a directory");
	CHECK_INT(unlinkat(unit_temp_dir(), CONSENT_FILE, AT_REMOVEDIR), 0);
	CHECK_INT(symlinkat("/dev/null", unit_temp_dir(), CONSENT_FILE), 0);
	CHECK_INT(consents_load(the_store(), &c, &p), -ELOOP);
}

UNIT_SUITE(consent, TEST(a_missing_ledger_is_an_empty_one), TEST(a_grant_comes_back),
	   TEST(the_line_is_what_the_law_asks_for), TEST(the_optional_fields_are_written_and_read),
	   TEST(a_grant_covers_from_its_act_to_its_end),
	   TEST(a_withdrawal_ends_the_grant_at_its_instant),
	   TEST(a_successor_takes_over_without_overlap),
	   TEST(an_event_of_a_renewed_grant_counts_for_its_successor),
	   TEST(after_a_withdrawal_a_new_grant_counts_from_itself),
	   TEST(broken_lines_are_refused_with_their_number), TEST(the_untampered_ledger_is_fine),
	   TEST(removed_and_swapped_lines_are_refused), TEST(acts_that_go_back_in_time_are_refused),
	   TEST(an_unterminated_last_line_is_no_tampering),
	   TEST(the_next_act_after_a_torn_line_works), TEST(withdrawing_needs_a_grant_in_force),
	   TEST(a_clock_that_went_back_is_refused),
	   TEST(the_next_start_is_the_earliest_ahead),
	   TEST(acts_that_could_not_be_read_are_not_written), TEST(a_tampered_ledger_takes_no_act),
	   TEST(a_full_disk_leaves_the_ledger_as_it_was),
	   TEST(concurrent_grants_get_distinct_numbers),
	   TEST(a_ledger_that_is_no_file_is_an_error));
