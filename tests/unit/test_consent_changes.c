/* SPDX-License-Identifier: BSD-2-Clause */
/* Changes of a grant, notices and erasure, as they are written (AC-04, AC-10, AC-11). */
#include "ledger/consent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/fs.h"
#include "consenting.h"
#include "fixture.h"
#include "ledger/consent_read.h"
#include "schema/event.h"
#include "unit.h"

#define SHA2 "0000d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static struct consent_act an_act(void)
{
	static struct selector scope[2];

	REQUIRE(selector_parse("192.0.2.1:443", &scope[0]) == 0);
	REQUIRE(selector_parse("192.0.2.2", &scope[1]) == 0);
	return (struct consent_act){ .tenant_id = "t1", .actor = "panel", .uid = 7, .fields = SEKISHO_FIELD_RTT,
				     .until_ns = utc_now_ns() + 30 * NS_PER_DAY, .retention_days = 180,
				     .text_sha256 = LINE_SHA, .text_id = "own", .text_version = "3", .lang = "en",
				     .scope = scope, .scope_count = 2 };
}

static uint32_t grant(const struct consent_act *act)
{
	struct problem p = { "" };
	uint32_t seq = 0;
	int64_t when;

	CHECK_ROW(consent_grant(consenting_store(), act, &seq, &when, &p) == 0, "%s", p.text);
	return seq;
}

/* What only narrows needs nothing; the text that was shown stays that of the first grant. */
static void narrowing_needs_no_text(void)
{
	struct consent_act act = an_act(), change = { .tenant_id = "t1", .changes = CONSENT_RETENTION | CONSENT_FIELDS,
						      .retention_days = 90 };
	struct problem p = { "" };
	struct consents c;
	uint32_t seq = 0;
	int64_t when = 0;

	change.scope = act.scope;
	change.scope_count = 1;
	CHECK_INT(grant(&act), 1);
	CHECK_INT(consent_modify(consenting_store(), &change, &seq, &when, &p), 0);
	CHECK_STR(p.text, "");
	CHECK_INT(seq, 2);
	c = consenting_load();
	REQUIRE(c.count == 2);
	CHECK(c.list[1].modify);
	CHECK_INT(c.list[1].tenant, 1);
	CHECK_INT(c.list[1].retention_days, 90);
	CHECK_INT(c.list[1].fields, 0);
	CHECK_INT(c.list[1].purposes, CONSENT_P1 | CONSENT_P3);
	CHECK_INT(c.list[1].agreed_until_ns, act.until_ns);
	CHECK_INT(c.list[1].scope_count, 1);
	CHECK_INT(c.list[1].text_seq, 1);
	CHECK_STR(c.list[1].text_id, "own");
	CHECK_STR(c.list[1].text_sha256, LINE_SHA);
	CHECK_STR(c.list[1].lang, "en");
	/* Without a moment between, and an event of the old number counts for the new one. */
	CHECK_INT(c.list[0].until_ns, when);
	CHECK_INT(consents_since(&c, &c.list[1]), c.list[0].from_ns);
	CHECK_INT(consents_covering(&c, 1, 1, when, &(struct consent_local){ an_addr("192.0.2.1"), 443 }), 2);
	CHECK_INT(consents_covering(&c, 1, 1, when, &(struct consent_local){ an_addr("192.0.2.2"), 443 }), 0);
	CHECK_INT(consents_covering(&c, 1, 1, when - 1, &(struct consent_local){ an_addr("192.0.2.2"), 443 }), 1);
	consents_done(&c);
}

static int64_t locked_at;
static unsigned int locked_times;
static void note_lock(void *ctx)
{
	CHECK(ctx == &locked_times);
	CHECK_INT(fs_lock(consenting_store()->ledger, ".lock", 0), -EBUSY);
	locked_at = utc_now_ns();
	locked_times++;
}

/* Who has recording paused for an act does not have it wait for other writers, and never for an act that is refused. */
static void the_time_of_an_act_comes_behind_the_lock(void)
{
	struct consent_act act = an_act();
	struct problem p = { "" };
	uint32_t seq;
	int64_t when = 0;

	act.when_locked = note_lock;
	act.ctx = &locked_times;
	locked_times = 0;
	CHECK_INT(consent_modify(consenting_store(), &act, &seq, &when, &p), -ESRCH);
	CHECK_INT(locked_times, 0);
	CHECK_INT(consent_grant(consenting_store(), &act, &seq, &when, &p), 0);
	CHECK_INT(locked_times, 1);
	CHECK(locked_at <= when);
}

static void widening_needs_a_text(void)
{
	static struct selector more;
	struct consent_act act = an_act();
	const struct consent_act same = { .tenant_id = "t1", .scope = act.scope, .scope_count = 2 };
	struct consent_act table[6];
	static const char *const what[] = { "later end", "more fields", "longer retention", "more purposes",
					    "more recipients", "new addresses" };
	struct consents c;
	struct problem p;
	int64_t when;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		table[i] = same;
		table[i].changes = 1u << i;
		table[i].until_ns = act.until_ns + 1;
		table[i].fields = SEKISHO_FIELD_RTT | SEKISHO_FIELD_CLOSE;
		table[i].retention_days = 181;
		table[i].purposes = CONSENT_P1 | CONSENT_P2 | CONSENT_P3;
		table[i].recipients = CONSENT_TENANT | CONSENT_COURT;
	}
	REQUIRE(selector_parse("192.0.2.3", &more) == 0);
	table[5].scope = &more;
	table[5].scope_count = 1;
	act.recipients = CONSENT_TENANT;
	CHECK_INT(grant(&act), 1);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CHECK_ROW(consent_modify(consenting_store(), &table[i], NULL, &when, &p) == -EPERM, "%s: %s", what[i], p.text);
		CHECK_ROW(strstr(p.text, what[i]) != NULL, "%s: %s", what[i], p.text);
	}
	CHECK_INT(consent_modify(consenting_store(), &same, NULL, &when, &p), -EALREADY);
	CHECK_STR(p.text, "this would change nothing in the consent of tenant t1");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		table[i].text_sha256 = SHA2;
		CHECK_ROW(consent_modify(consenting_store(), &table[i], NULL, &when, &p) == 0, "%s: %s", what[i], p.text);
	}
	c = consenting_load();
	REQUIRE(c.count == 7);
	CHECK_INT(c.list[6].text_seq, 7);
	CHECK_STR(c.list[6].text_sha256, SHA2);
	CHECK_STR(c.list[6].text_id, "custom");
	CHECK_INT(c.list[6].retention_days, 181);
	CHECK_INT(c.list[6].scope_count, 1);
	consents_done(&c);
}

static void a_modification_needs_the_grant_that_was_looked_at(void)
{
	struct consent_act act = an_act(), change = { .tenant_id = "t1", .changes = CONSENT_RETENTION,
						      .retention_days = 90, .based_on = 1 };
	struct problem p = { "" };
	int64_t when;

	change.scope = act.scope;
	change.scope_count = 2;
	CHECK_INT(consent_modify(consenting_store(), &change, NULL, &when, &p), -ESRCH);
	CHECK_STR(p.text, "tenant t1 has no consent in force");
	CHECK_INT(size_of(unit_temp_dir(), CONSENT_FILE), -1);
	CHECK_INT(grant(&act), 1);
	CHECK_INT(grant(&act), 2);
	CHECK_INT(consent_modify(consenting_store(), &change, NULL, &when, &p), -ESTALE);
	CHECK_STR(p.text, "the consent of tenant t1 was changed meanwhile, by act 2: look again");
	change.based_on = 2;
	CHECK_INT(consent_modify(consenting_store(), &change, NULL, &when, &p), 0);
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), 0);
	change.based_on = 0;
	CHECK_INT(consent_modify(consenting_store(), &change, NULL, &when, &p), -ESRCH);
}

static void erasure_can_be_asked_for_later(void)
{
	struct consent_act act = an_act();
	struct problem p = { "" };
	struct consents c;
	int64_t stopped = 0, erased = 0;

	CHECK_INT(grant(&act), 1);
	CHECK_INT(consent_withdraw(consenting_store(), &act, &stopped, &p), 0);
	act.erase = true;
	CHECK_INT(consent_withdraw(consenting_store(), &act, &erased, &p), 0);
	CHECK_INT(consent_withdraw(consenting_store(), &act, &erased, &p), -ESRCH);
	c = consenting_load();
	REQUIRE(c.count == 1);
	CHECK(c.list[0].erase);
	CHECK_INT(c.list[0].until_ns, stopped);
	CHECK_INT(c.list[0].withdrawn_ns, erased);
	consents_done(&c);
	act.tenant_id = "t2";
	CHECK_INT(consent_withdraw(consenting_store(), &act, &erased, &p), -ESRCH);
}

static void a_notice_is_kept(void)
{
	struct consent_act act = an_act();
	const struct consent_act notice = { .tenant_id = "t1", .method = "mail" };
	struct problem p = { "" };
	struct consents c;
	int64_t when = 0;

	CHECK_INT(consent_notice(consenting_store(), &notice, &when, &p), -ESRCH);
	CHECK_INT(grant(&act), 1);
	CHECK_INT(consent_notice(consenting_store(), &notice, &when, &p), 0);
	CHECK_INT(grant(&act), 3);
	c = consenting_load();
	REQUIRE(c.count == 2);
	CHECK_INT(c.list[0].last_notice_ns, when);
	CHECK_INT(c.list[1].last_notice_ns, when);
	consents_done(&c);
}

static void what_was_resolved_is_kept(void)
{
	static const char *const resolved[] = { NULL, "cgroup 4711 /sys/fs/cgroup/a.slice" };
	struct consent_act act = an_act();
	struct consents c;

	act.resolved = resolved;
	act.separability = CONSENT_SHARED;
	CHECK_INT(grant(&act), 1);
	c = consenting_load();
	REQUIRE(c.count == 1 && c.list[0].scope_count == 2);
	CHECK(c.list[0].resolved[0] == NULL);
	CHECK_STR(c.list[0].resolved[1], resolved[1]);
	CHECK_INT(c.list[0].separability, CONSENT_SHARED);
	consents_done(&c);
}

UNIT_SUITE(consent_changes, TEST(narrowing_needs_no_text),
	   TEST(the_time_of_an_act_comes_behind_the_lock), TEST(widening_needs_a_text),
	   TEST(a_modification_needs_the_grant_that_was_looked_at), TEST(erasure_can_be_asked_for_later),
	   TEST(a_notice_is_kept), TEST(what_was_resolved_is_kept));
