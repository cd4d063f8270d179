/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each act of the consent ledger must say (AC-04, AC-05), line by line: what is missing or wrong is named.
 */
#include "ledger/consent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "ledger/consent_read.h"
#include "schema/event.h"
#include "unit.h"

#define SHA "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define SHA2 "0000d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ALL_FIELDS "src_addr,src_port,dst_addr,dst_port,t_accept"
#define PREFIX "not a valid consent act: "

#define WHO                                                                                          \
	"'actor':'a','actor_auth':'b','method':'m','origin':{'uid':0,'user':null,'via':'command line'," \
	"'from':null},'ticket':null,'clock_err_ns':1000"
#define TERMS                                                                                        \
	"'effective_to':'2026-03-01T00:00:00Z','scope':['192.0.2.1:443','2001:db8::/64'],'resolved':[null," \
	"'cgroup 7'],'separability':'EXACT','fields':'" ALL_FIELDS ",rtt','purposes':['P1','P3'],'recipients':[" \
	"'court','tenant'],'retention_days':30,'text_id':'x','text_version':'1','text_sha256':'" SHA "','lang':'ja'," \
	"'same_terms':true,'revocable':true,'bundled':false"

static const struct {
	const char *event, *line;
} acts[] = {
	{ "GRANT", "{'seq':1,'t':'2026-02-01T00:00:00Z','event':'GRANT','tenant':'t1','effective_from':'2026-02-01T00:00:00Z',"
		   TERMS "," WHO "}" },
	{ "MODIFY", "{'seq':2,'t':'2026-02-02T00:00:00Z','event':'MODIFY','tenant':'t1','effective_from':"
		    "'2026-02-02T00:00:00Z'," TERMS ",'text_seq':1," WHO "}" },
	{ "NOTICE", "{'seq':3,'t':'2026-02-03T00:00:00Z','event':'NOTICE','tenant':'t1'," WHO "}" },
	{ "WITHDRAW", "{'seq':4,'t':'2026-02-04T00:00:00Z','event':'WITHDRAW','tenant':'t1','withdraw_mode':'STOP_ONLY',"
		      WHO "}" },
};

static json_t *from_text(const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	REQUIRE(copy != NULL);
	for (char *at = copy; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	json = json_loads(copy, JSON_DECODE_ANY, NULL);
	free(copy);
	CHECK_ROW(json != NULL, "%s", text);
	REQUIRE(json != NULL);
	return json;
}

static int read_text(struct consents *c, const char *text, struct problem *p)
{
	json_t *line = from_text(text);
	int error = consent_read_act(c, line, p);

	json_decref(line);
	return error;
}

/* The ledger before act i. */
static void read_before(struct consents *c, size_t i)
{
	struct problem p = { "" };

	for (size_t k = 0; k < i; k++)
		CHECK_ROW(read_text(c, acts[k].line, &p) == 0, "%s: %s", acts[k].event, p.text);
}

/* Act i with a member changed (value NULL: taken out) is refused for this reason, or accepted (why ""). */
static void check_changed(size_t i, const char *key, const char *value, const char *why)
{
	struct consents c = { 0 };
	struct problem p = { "" };
	json_t *line = from_text(acts[i].line), *in = line;
	char want[320];
	int error;

	read_before(&c, i);
	if (strncmp(key, "origin.", 7) == 0) {
		in = json_object_get(line, "origin");
		key += 7;
	}
	CHECK_ROW(json_object_get(in, key) != NULL, "%s has no %s", acts[i].event, key);
	if (value)
		json_object_set_new(in, key, from_text(value));
	else
		json_object_del(in, key);
	error = consent_read_act(&c, line, &p);
	snprintf(want, sizeof(want), "%s%s", *why ? PREFIX : "", why);
	CHECK_ROW(error == (*why ? -EBADMSG : 0), "%s %s=%s: %d", acts[i].event, key, value ? value : "-", error);
	CHECK_ROW(strcmp(p.text, want) == 0, "%s %s=%s: %s", acts[i].event, key, value ? value : "-", p.text);
	json_decref(line);
	consents_done(&c);
}

static void whole_acts_are_fine(void)
{
	struct consents c = { 0 };

	read_before(&c, ARRAY_SIZE(acts));
	REQUIRE(c.count == 2);
	CHECK_INT(c.last_seq, 4);
	CHECK(!c.list[0].modify && c.list[1].modify);
	CHECK_INT(c.list[1].tenant, 1);
	CHECK_INT(c.list[1].text_seq, 1);
	CHECK_INT(c.list[0].until_ns, c.list[1].from_ns);
	CHECK_INT(c.list[0].purposes, CONSENT_P1 | CONSENT_P3);
	CHECK_INT(c.list[0].recipients, CONSENT_COURT | CONSENT_TENANT);
	CHECK_INT(c.list[0].separability, CONSENT_EXACT);
	CHECK_INT(c.list[0].fields, SEKISHO_FIELD_RTT);
	CHECK_STR(c.list[0].text_id, "x");
	CHECK_STR(c.list[0].text_version, "1");
	CHECK_STR(c.list[0].text_sha256, SHA);
	CHECK_STR(c.list[0].lang, "ja");
	CHECK(c.list[0].resolved[0] == NULL);
	CHECK_STR(c.list[0].resolved[1], "cgroup 7");
	CHECK_INT(c.list[1].last_notice_ns, a_time("2026-02-03T00:00:00Z"));
	CHECK_INT(c.list[0].last_notice_ns, 0);
	CHECK_INT(c.list[1].last_act_ns, a_time("2026-02-04T00:00:00Z"));
	CHECK_INT(c.list[1].withdrawn_ns, a_time("2026-02-04T00:00:00Z"));
	consents_done(&c);
}

/* AC-04: each lack has its own message. */
static void each_member_must_be_there(void)
{
	static const char *const of_all[] = { "seq", "t", "tenant", "actor", "actor_auth", "method", "origin", "ticket",
					      "clock_err_ns" };
	static const char *const of_grants[] = { "effective_from", "effective_to", "scope", "resolved", "separability",
						 "fields", "purposes", "recipients", "retention_days", "text_id",
						 "text_version", "text_sha256", "lang", "same_terms", "revocable",
						 "bundled" };
	char why[80];

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
		for (size_t k = 0; k < ARRAY_SIZE(of_all); k++) {
			snprintf(why, sizeof(why), "\"%s\" is missing", of_all[k]);
			check_changed(i, of_all[k], NULL, why);
		}
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < ARRAY_SIZE(of_grants); k++) {
			snprintf(why, sizeof(why), "\"%s\" is missing", of_grants[k]);
			check_changed(i, of_grants[k], NULL, why);
		}
	check_changed(1, "text_seq", NULL, "\"text_seq\" is missing");
	check_changed(3, "withdraw_mode", NULL, "\"withdraw_mode\" is missing");
	check_changed(0, "event", NULL, "unknown event");
	check_changed(0, "origin.uid", NULL, "\"uid\" is missing");
	check_changed(0, "origin.user", NULL, "\"user\" is missing");
	check_changed(0, "origin.from", NULL, "\"from\" is missing");
}

#define LONG_TEXT "'0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" \
		  "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890'"

static const struct {
	size_t act;
	const char *key, *value, *why;
} changes[] = {
	{ 0, "event", "'GRANTED'", "unknown event" },
	{ 0, "event", "'grant'", "unknown event" },
	{ 0, "event", "1", "unknown event" },
	{ 0, "event", "'WITHDRAW'", "WITHDRAW of a tenant that never consented" },
	{ 0, "event", "'MODIFY'", "MODIFY of a tenant that never consented" },
	{ 0, "event", "'NOTICE'", "NOTICE of a tenant that never consented" },
	{ 0, "tenant", "'../t1'", "\"tenant\" is not a tenant id" },
	{ 0, "tenant", "''", "\"tenant\" is not a tenant id" },
	{ 0, "tenant", "7", "\"tenant\" is missing" },
	{ 0, "t", "'2026-02-01T00:00:00'", "\"t\" is not a time" },
	{ 0, "seq", "2", "\"seq\" is not a number from 1 to 1" },
	{ 0, "seq", "'1'", "\"seq\" is not a number from 1 to 1" },
	/* AC-05 */
	{ 0, "effective_from", "'2026-01-31T23:59:59.999999999Z'",
	  "\"effective_from\" lies before the act: no consent is for the past" },
	{ 0, "effective_from", "'2026-02-01T00:00:00.000000001Z'", "\"effective_from\" is not the time of the act" },
	{ 0, "effective_from", "'2026-02-01T09:00:00+09:00'", "" },
	{ 1, "effective_from", "'2026-02-01T00:00:00Z'",
	  "\"effective_from\" lies before the act: no consent is for the past" },
	{ 0, "effective_to", "'2026-02-01T00:00:00Z'", "\"effective_to\" is not later than its beginning" },
	{ 0, "effective_to", "'2026-03-01T00:00:00'", "\"effective_to\" is not a time" },
	{ 0, "effective_to", "'2026-02-30T00:00:00Z'", "\"effective_to\" is not a time" },
	{ 0, "effective_to", "null", "\"effective_to\" is not a time" },
	{ 0, "scope", "[]", "\"scope\" is not a list of selectors" },
	{ 0, "scope", "'192.0.2.1'", "\"scope\" is not a list of selectors" },
	{ 0, "scope", "[1,2]", "\"scope\" is not a list of selectors" },
	{ 0, "scope", "['192.0.2.1','2001:db8::1/64']", "\"scope\" is not a list of selectors" },
	{ 0, "resolved", "[null]", "\"resolved\" is not a list as long as scope" },
	{ 0, "resolved", "null", "\"resolved\" is not a list as long as scope" },
	{ 0, "resolved", "[null,7]", "\"resolved\" is not a list of texts and nulls" },
	{ 0, "resolved", "[null,'']", "\"resolved\" is not a list of texts and nulls" },
	{ 0, "separability", "'BOTH'", "\"separability\" is not EXACT or SHARED" },
	{ 0, "separability", "true", "\"separability\" is not EXACT or SHARED" },
	{ 0, "separability", "'SHARED'", "" },
	{ 0, "fields", "'src_addr'",
	  "field src_port is missing from \"src_addr\": a record without it cannot answer a request" },
	{ 0, "fields", "'" ALL_FIELDS ",orig_dst'",
	  "unknown field \"orig_dst\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close" },
	{ 0, "fields", "[]", "\"fields\" is not a list" },
	{ 0, "purposes", "[]", "\"purposes\" is not a list of what can be" },
	{ 0, "purposes", "['P4']", "\"purposes\" is not a list of what can be" },
	{ 0, "purposes", "['P3','P1']", "\"purposes\" is not a list of what can be" },
	{ 0, "purposes", "['P1','P1']", "\"purposes\" is not a list of what can be" },
	{ 0, "purposes", "'P1'", "\"purposes\" is not a list of what can be" },
	{ 0, "purposes", "['P2']", "" },
	{ 0, "recipients", "['police']", "\"recipients\" is not a list of what can be" },
	{ 0, "recipients", "[]", "\"recipients\" is not a list of what can be" },
	{ 0, "retention_days", "0", "\"retention_days\" is not a number from 1 to 366" },
	{ 0, "retention_days", "367", "\"retention_days\" is not a number from 1 to 366" },
	{ 0, "retention_days", "-1", "\"retention_days\" is not a number from 1 to 366" },
	{ 0, "retention_days", "30.0", "\"retention_days\" is not a number from 1 to 366" },
	{ 0, "retention_days", "366", "" },
	{ 0, "text_id", "''", "\"text_id\" is not a line of text" },
	{ 0, "text_version", "null", "\"text_version\" is not a line of text" },
	{ 0, "lang", "'a\\nb'", "\"lang\" is not a line of text" },
	{ 0, "text_sha256", "'9f86'", "\"text_sha256\" is not 64 hexadecimal digits" },
	{ 0, "text_sha256", "'the text of the explanation, sixty-four bytes long, and not hex!'",
	  "\"text_sha256\" is not 64 hexadecimal digits" },
	{ 0, "same_terms", "false", "\"same_terms\" is not true" },
	{ 0, "same_terms", "1", "\"same_terms\" is not true" },
	{ 0, "revocable", "false", "\"revocable\" is not true" },
	{ 0, "revocable", "'true'", "\"revocable\" is not true" },
	{ 0, "bundled", "true", "\"bundled\" is not false" },
	{ 0, "bundled", "null", "\"bundled\" is not false" },
	{ 1, "bundled", "true", "\"bundled\" is not false" },
	{ 0, "actor", "''", "\"actor\" is not a line of text" },
	{ 0, "actor", "null", "\"actor\" is not a line of text" },
	{ 2, "method", "7", "\"method\" is not a line of text" },
	{ 3, "actor_auth", LONG_TEXT, "\"actor_auth\" is not a line of text" },
	{ 0, "origin", "'here'", "\"origin\" is not an object" },
	{ 0, "origin.uid", "-1", "\"uid\" is not a number from 0 to 4294967295" },
	{ 0, "origin.via", "'panel'", "\"via\" is not \"command line\" or \"control socket\"" },
	{ 0, "origin.via", "null", "\"via\" is not \"command line\" or \"control socket\"" },
	{ 0, "origin.via", "'control socket'", "" },
	{ 0, "origin.from", "'203.0.113.7'", "" },
	{ 0, "ticket", "'T-1'", "" },
	{ 0, "ticket", "1", "\"ticket\" is not a line of text" },
	{ 0, "clock_err_ns", "-1", "\"clock_err_ns\" is not a number from 0 on" },
	{ 0, "clock_err_ns", "null", "\"clock_err_ns\" is not a number from 0 on" },
	{ 3, "withdraw_mode", "'STOP'", "\"withdraw_mode\" is not STOP_ONLY or STOP_AND_ERASE" },
	{ 3, "withdraw_mode", "'STOP_AND_ERASE'", "" },
	{ 3, "t", "'2026-02-03T00:00:00Z'", "it lies before the tenant's act that stands before it" },
	{ 2, "t", "'2026-03-01T00:00:00Z'", "NOTICE of a tenant without a consent in force" },
	{ 2, "t", "'2026-02-28T23:59:59.999999999Z'", "" },
};

static void each_member_must_be_valid(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		check_changed(changes[i].act, changes[i].key, changes[i].value, changes[i].why);
}

/* What only narrows may rest upon the text of the grant before (text_seq 1); what widens may not. */
static void a_modification_that_widens_shows_a_text(void)
{
	static const char *const narrower[][2] = {
		{ "retention_days", "29" }, { "fields", "'" ALL_FIELDS "'" }, { "purposes", "['P1']" },
		{ "recipients", "['tenant']" }, { "effective_to", "'2026-02-20T00:00:00Z'" },
	};
	static const char *const wider[][2] = {
		{ "retention_days", "31" }, { "fields", "'" ALL_FIELDS ",rtt,t_close'" },
		{ "fields", "'" ALL_FIELDS ",t_close'" }, { "purposes", "['P1','P2','P3']" }, { "purposes", "['P2']" },
		{ "recipients", "['court','investigator','tenant']" }, { "effective_to", "'2026-03-01T00:00:00.000000001Z'" },
		{ "scope", "['192.0.2.1:443','192.0.2.1:80']" },
	};
	static const char *const others[][2] = {
		{ "text_seq", "2" }, { "text_seq", "0" }, { "text_seq", "'1'" }, { "text_id", "'y'" },
		{ "text_version", "'2'" }, { "text_sha256", "'" SHA2 "'" }, { "lang", "'en'" },
	};
	struct consents c = { 0 };
	struct problem p = { "" };
	json_t *line;

	for (size_t i = 0; i < ARRAY_SIZE(narrower); i++)
		check_changed(1, narrower[i][0], narrower[i][1], "");
	for (size_t i = 0; i < ARRAY_SIZE(wider); i++) {
		check_changed(1, wider[i][0], wider[i][1], "it widens the consent and no text was shown for it");
		line = from_text(acts[1].line);
		read_before(&c, 1);
		json_object_set_new(line, wider[i][0], from_text(wider[i][1]));
		json_object_set_new(line, "text_seq", json_null());
		CHECK_ROW(consent_read_act(&c, line, &p) == 0, "%s: %s", wider[i][0], p.text);
		CHECK(c.count == 2 && c.list[1].text_seq == 2);
		json_decref(line);
		consents_done(&c);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		check_changed(1, others[i][0], others[i][1],
			      "\"text_seq\" is not null or the act that showed the text of the grant before");
}

#define LINE(seq, t, rest) "{'seq':" #seq ",'t':'" t "','tenant':'t1'," WHO "," rest "}"

/* Erasure can be asked for after the end; nothing else can. */
static void after_the_end_only_erasure(void)
{
	static const struct {
		const char *line, *why;
	} table[] = {
		{ LINE(5, "2026-02-05T00:00:00Z", "'event':'WITHDRAW','withdraw_mode':'STOP_ONLY'"),
		  PREFIX "the tenant's consent is withdrawn already" },
		{ LINE(5, "2026-02-05T00:00:00Z", "'event':'NOTICE'"),
		  PREFIX "NOTICE of a tenant without a consent in force" },
		{ LINE(5, "2026-02-05T00:00:00Z", "'event':'MODIFY'"),
		  PREFIX "MODIFY of a tenant without a consent in force" },
		{ LINE(5, "2026-02-05T00:00:00Z", "'event':'WITHDRAW','withdraw_mode':'STOP_AND_ERASE'"), "" },
	};
	struct problem p = { "" };
	struct consents c = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		p.text[0] = '\0';
		read_before(&c, 4);
		CHECK_INT(read_text(&c, table[i].line, &p), *table[i].why ? -EBADMSG : 0);
		CHECK_STR(p.text, table[i].why);
		if (i + 1 < ARRAY_SIZE(table))
			consents_done(&c);
	}
	/* The end of recording stays where it was. */
	CHECK(c.list[1].erase && c.list[1].withdrawn);
	CHECK_INT(c.list[1].until_ns, a_time("2026-02-04T00:00:00Z"));
	CHECK_INT(c.list[1].withdrawn_ns, a_time("2026-02-05T00:00:00Z"));
	CHECK_INT(c.list[1].withdrawn_seq, 5);
	CHECK_INT(read_text(&c, LINE(6, "2026-02-06T00:00:00Z", "'event':'WITHDRAW','withdraw_mode':'STOP_AND_ERASE'"), &p),
		  -EBADMSG);
	consents_done(&c);
}

/* The end of the longest retention: that of a day is counted from the end of the day. */
static void the_last_day_of_all_grants(void)
{
	struct consents c = { 0 };
	struct problem p = { "" };
	char text[DAY_TEXT_MAX];

	read_before(&c, 1);
	CHECK_STR(day_format(consents_last_day(&c, "t1"), text), "2026-04-01"); /* 1 March, the day after, 30 days */
	CHECK_INT(read_text(&c, "{'seq':2,'t':'2026-02-04T00:00:00Z','event':'WITHDRAW','tenant':'t1','withdraw_mode':"
				"'STOP_ONLY'," WHO "}", &p), 0);
	CHECK_STR(day_format(consents_last_day(&c, "t1"), text), "2026-03-07");
	CHECK_INT(consents_last_day(&c, "t2"), INT32_MIN);
	consents_done(&c);
}

static void field_lists(void)
{
	static const struct {
		const char *list;
		int error;
		uint32_t fields;
		const char *text;
	} table[] = {
		{ ALL_FIELDS, 0, 0, "" },
		{ ALL_FIELDS ",rtt", 0, SEKISHO_FIELD_RTT, "" },
		{ "rtt,t_accept,dst_port,dst_addr,src_port,src_addr", 0, SEKISHO_FIELD_RTT, "" },
		{ ALL_FIELDS ",t_close", 0, SEKISHO_FIELD_CLOSE, "" },
		{ ALL_FIELDS ",rtt,t_close", 0, SEKISHO_FIELD_RTT | SEKISHO_FIELD_CLOSE, "" },
		{ "t_close,rtt," ALL_FIELDS, 0, SEKISHO_FIELD_RTT | SEKISHO_FIELD_CLOSE, "" },
		{ ALL_FIELDS ",t_clos", -EINVAL, 0,
		  "unknown field \"t_clos\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close" },
		{ ALL_FIELDS ",src_addr", 0, 0, "" },
		{ "", -EINVAL, 0, "field src_addr is missing from \"\": a record without it cannot answer a request" },
		{ "src_addr,src_port,dst_addr,dst_port", -EINVAL, 0,
		  "field t_accept is missing from \"src_addr,src_port,dst_addr,dst_port\": a record without it cannot answer a request" },
		{ ALL_FIELDS ",payload", -EINVAL, 0,
		  "unknown field \"payload\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close" },
		{ ALL_FIELDS ",", 0, 0, "" },
		{ ALL_FIELDS ",,rtt", -EINVAL, 0,
		  "unknown field \"\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close" },
		{ ALL_FIELDS ", rtt", -EINVAL, 0,
		  "unknown field \" rtt\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close" },
		{ "SRC_ADDR", -EINVAL, 0,
		  "unknown field \"SRC_ADDR\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close" },
		{ "src_add", -EINVAL, 0,
		  "unknown field \"src_add\": expected src_addr, src_port, dst_addr, dst_port, t_accept, rtt, t_close" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct problem p = { "" };
		uint32_t fields = 77;

		CHECK_ROW(consent_parse_fields(table[i].list, &fields, &p) == table[i].error, "%s",
			  table[i].list);
		CHECK_ROW(fields == (table[i].error ? 77 : table[i].fields), "%s", table[i].list);
		CHECK_STR(p.text, table[i].text);
	}
}

static void purposes_and_recipients(void)
{
	char text[CONSENT_WORDS_MAX];
	struct problem p = { "" };
	uint32_t bits = 77;

	CHECK_INT(consent_parse_purposes("P3,P1", &bits, &p), 0);
	CHECK_STR(consent_format(consent_purpose_words, bits, text), "P1,P3");
	CHECK_INT(consent_parse_purposes("P4", &bits, &p), -EINVAL);
	CHECK_STR(p.text, "unknown purpose \"P4\": expected P1, P2, P3");
	CHECK_INT(consent_parse_purposes("", &bits, &p), -EINVAL);
	CHECK_INT(consent_parse_recipients("tenant,court", &bits, &p), 0);
	CHECK_STR(consent_format(consent_recipient_words, bits, text), "court,tenant");
	CHECK_INT(consent_parse_recipients("everybody", &bits, &p), -EINVAL);
	CHECK_STR(p.text, "unknown recipient \"everybody\": expected court, access_provider, applicant, investigator, "
			  "tenant");
	CHECK_INT(consent_recipients_of(CONSENT_P2), CONSENT_TENANT);
	CHECK_INT(consent_recipients_of(CONSENT_P3), CONSENT_TENANT | CONSENT_COURT | CONSENT_INVESTIGATOR);
	CHECK_STR(consent_format(consent_recipient_words, consent_recipients_of(CONSENT_P1), text),
		  "court,access_provider,applicant,tenant");
	CHECK_STR(consent_format(consent_field_words, SEKISHO_FIELD_CLOSE, text), ALL_FIELDS ",t_close");
}

UNIT_SUITE(consent_acts, TEST(whole_acts_are_fine), TEST(each_member_must_be_there),
	   TEST(each_member_must_be_valid), TEST(a_modification_that_widens_shows_a_text),
	   TEST(after_the_end_only_erasure), TEST(the_last_day_of_all_grants), TEST(field_lists),
	   TEST(purposes_and_recipients));
