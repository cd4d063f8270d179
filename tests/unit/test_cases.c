/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cases: what may be searched is a pure function of the access chain. Numbers in both widths, scopes (AC-41), acts that
 * may not stand where they would, second persons (AC-42), chains that were changed (AC-13), next providers (AC-45).
 */
#include "ledger/cases.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "forge.h"
#include "unit.h"

#define KANJI "\xe4\xbb\xa4\xe5\x92\x8c" /* 令和 */
#define FULL_8 "\xef\xbc\x98"
#define FULL_TILDE "\xef\xbd\x9e"
#define FULL_SPACE "\xe3\x80\x80"

/* The test's directory is root and ledger/ in one. */
static const struct store_dir *the_store(void)
{
	static struct store_dir store;

	store = (struct store_dir){ .root = unit_temp_dir(), .ledger = unit_temp_dir(), .journal = -1,
				    .segments = -1, .catalog = -1 };
	return &store;
}

/* An act given as JSON; 0 or the error, whose text is left in said. */
static char said[400];
static int act(const char *json)
{
	json_t *one = json_loads(json, 0, NULL);
	struct problem p = { "" };
	int error;

	REQUIRE(one != NULL);
	error = cases_act(the_store(), one, NULL, &p);
	json_decref(one);
	snprintf(said, sizeof(said), "%s", p.text);
	return error;
}

#define OPEN(number, basis, tenants, windows)                                                              \
	"{\"event\":\"CASE_OPEN\",\"case\":\"" number "\",\"uid\":0,\"basis\":\"" basis "\",\"tenants\":" tenants \
	",\"windows\":" windows ",\"secret_until\":null}"
#define CLOSE(number) "{\"event\":\"CASE_CLOSE\",\"case\":\"" number "\",\"uid\":0,\"outcome\":\"none\"}"

static struct cases load(void)
{
	struct cases c = { 0 };
	struct problem p = { "" };

	CHECK_ROW(cases_load(the_store(), &c, &p) == 0, "%s", p.text);
	return c;
}

static void folding(void)
{
	static const struct {
		const char *number, *folded;
	} table[] = {
		{ "2026-17", "2026-17" },
		{ KANJI FULL_8 "~" FULL_TILDE, KANJI "8~~" },
		{ "\xef\xbc\x81\xef\xbc\xbf\xef\xbd\x80", "!_`" }, /* U+FF01, U+FF3F, U+FF40 */
		{ "\xef\xbd\x9f", "\xef\xbd\x9f" }, /* U+FF5F: none of them */
		{ "a" FULL_SPACE "b", "a b" },
	};
	static const char *const bad[] = { "", " a", "a ", "a" FULL_SPACE, "a\nb", "\x7f", "\xff", "a\xc2\x85" };
	char folded[CASE_NUMBER_MAX + 1], longest[CASE_NUMBER_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CHECK_ROW(case_fold(table[i].number, folded) == 0, "%zu", i);
		CHECK_STR(folded, table[i].folded);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_ROW(case_fold(bad[i], folded) == -EINVAL, "%zu", i);
	memset(longest, 'x', sizeof(longest));
	longest[CASE_NUMBER_MAX + 1] = '\0';
	CHECK_INT(case_fold(longest, folded), -EINVAL);
	longest[CASE_NUMBER_MAX] = '\0';
	CHECK_INT(case_fold(longest, folded), 0);
	CHECK_STR(folded, longest);
}

static void a_number_is_one_case_in_both_widths(void)
{
	struct cases c;

	CHECK_INT(act(OPEN(KANJI FULL_8, "WARRANT", "null", "[]")), 0);
	CHECK_INT(act(OPEN(KANJI "8", "WARRANT", "null", "[]")), -EEXIST);
	CHECK_STR(said, "case \"" KANJI "8\" is open already, as \"" KANJI FULL_8 "\" on basis WARRANT");
	c = load();
	CHECK_INT(c.count, 1);
	REQUIRE(c.count == 1);
	CHECK(cases_find(&c, KANJI "8") == &c.list[0]);
	CHECK_STR(c.list[0].number, KANJI FULL_8); /* as it was written */
	CHECK(cases_find(&c, KANJI "9") == NULL);
	cases_done(&c);
}

static void scope(void)
{
	const struct legal_case *one, *all;
	struct cases c;
	int64_t t = a_time("2026-11-01T00:00:00Z"), hour = 3600 * NS_PER_SEC;

	CHECK_INT(act(OPEN("1", "WARRANT", "[\"b\",\"a\"]",
			   "[[\"2026-11-01T02:00:00Z\",\"2026-11-01T03:00:00Z\"],"
			   "[\"2026-11-01T00:00:00Z\",\"2026-11-01T01:00:00Z\"],"
			   "[\"2026-11-01T01:00:00Z\",\"2026-11-01T01:30:00Z\"]]")), 0);
	CHECK_INT(act(OPEN("2", "AUDIT", "null", "[]")), 0);
	c = load();
	one = cases_find(&c, "1");
	all = cases_find(&c, "2");
	REQUIRE(one && all);
	CHECK(case_has_tenant(one, "a") && case_has_tenant(one, "b") && !case_has_tenant(one, "ab"));
	CHECK(case_has_tenant(all, "c"));
	CHECK(case_covers(one, t, t + hour));
	CHECK(case_covers(one, t, t + hour * 3 / 2)); /* two that touch */
	CHECK(!case_covers(one, t, t + hour * 3 / 2 + 1));
	CHECK(!case_covers(one, t - 1, t + 1));
	CHECK(case_covers(one, t + 2 * hour, t + 3 * hour));
	CHECK(!case_covers(one, t, t + 3 * hour)); /* a hole */
	CHECK(!case_covers(one, t + 5 * hour, t + 6 * hour));
	CHECK(case_covers(all, 0, INT64_MAX));
	cases_done(&c);
}

/* What may not stand there changes nothing: no line, not even a key. */
static void acts_that_are_refused(void)
{
	static const struct {
		const char *json;
		int error;
	} table[] = {
		{ OPEN("", "WARRANT", "null", "[]"), -EINVAL },
		{ OPEN("1\\n", "WARRANT", "null", "[]"), -EINVAL },
		{ OPEN("1", "CURIOSITY", "null", "[]"), -EINVAL },
		{ OPEN("1", "WARRANT", "[]", "[]"), -EINVAL },
		{ OPEN("1", "WARRANT", "[\"../x\"]", "[]"), -EINVAL },
		{ OPEN("1", "WARRANT", "[\"a\",\"a\"]", "[]"), -EINVAL },
		{ OPEN("1", "WARRANT", "null", "[[\"2026-11-01T01:00:00Z\",\"2026-11-01T01:00:00Z\"]]"), -EINVAL },
		{ OPEN("1", "WARRANT", "null", "[[\"yesterday\",\"2026-11-01T01:00:00Z\"]]"), -EINVAL },
		{ OPEN("1", "WARRANT", "null", "[1]"), -EINVAL },
		{ OPEN("1", "WARRANT", "null", "[],\"secret_reason\":\"law\""), -EINVAL },
		{ CLOSE("1"), -ESRCH },
		{ "{\"event\":\"CASE_NOTE\",\"case\":\"1\",\"uid\":0,\"text\":\"x\"}", -ESRCH },
		{ "{\"event\":\"CASE_OPINION\",\"case\":\"1\",\"uid\":0,\"tenant\":\"a\",\"state\":\"asked\"}", -ESRCH },
		{ "{\"event\":\"APPROVED\",\"request\":1,\"uid\":0}", -ESRCH },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_ROW(act(table[i].json) == table[i].error, "%zu: %s", i, said);
	CHECK_INT(size_of(unit_temp_dir(), ACCESS_FILE), -1);
	CHECK_INT(faccessat(unit_temp_dir(), "keys", F_OK, 0), -1);
}

static void a_closed_case_takes_notes_only(void)
{
	const char *opinion = "{\"event\":\"CASE_OPINION\",\"case\":\"1\",\"uid\":0,\"tenant\":\"a\",\"state\":\"agrees\"}";
	const struct legal_case *one;
	struct cases c;

	CHECK_INT(act(OPEN("1", "WARRANT", "[\"a\"]", "[]")), 0);
	CHECK_INT(act("{\"event\":\"CASE_OPINION\",\"case\":\"1\",\"uid\":0,\"tenant\":\"b\",\"state\":\"agrees\"}"), -EKEYREJECTED);
	CHECK_INT(act("{\"event\":\"CASE_OPINION\",\"case\":\"1\",\"uid\":0,\"tenant\":\"a\",\"state\":\"maybe\"}"), -EINVAL);
	CHECK_INT(act(opinion), 0);
	CHECK_INT(act("{\"event\":\"CASE_CLOSE\",\"case\":\"1\",\"uid\":0,\"outcome\":\"lost\"}"), -EINVAL);
	CHECK_INT(act(CLOSE("1")), 0);
	CHECK_INT(act(CLOSE("1")), -ENOTCONN);
	CHECK_STR(said, "case \"1\" is closed (none)");
	CHECK_INT(act(opinion), -ENOTCONN);
	CHECK_INT(act("{\"event\":\"CASE_NOTE\",\"case\":\"1\",\"uid\":0,\"text\":\"handed over\"}"), 0);
	c = load();
	one = cases_find(&c, "1");
	REQUIRE(one != NULL);
	CHECK_STR(one->outcome, "none");
	CHECK_INT(one->act_count, 4);
	cases_done(&c);
	/* The number may be opened again: then only that counts. */
	CHECK_INT(act(OPEN("1", "AUDIT", "null", "[]")), 0);
	c = load();
	CHECK_INT(c.count, 2);
	one = cases_find(&c, "1");
	REQUIRE(one != NULL);
	CHECK(!one->outcome && one->act_count == 1 && one->tenant_count == 0);
	CHECK_STR(one->basis->code, "AUDIT");
	cases_done(&c);
}

#define REQUEST(uid)                                                                                       \
	"{\"event\":\"APPROVAL_REQUEST\",\"case\":\"1\",\"basis\":\"WARRANT\",\"query\":\"search\",\"digest\":\"d\"," \
	"\"rows\":5000,\"uid\":" #uid "}"

static void another_person_approves(void)
{
	const struct approval_request *r;
	struct cases c;

	CHECK_INT(act(REQUEST(7)), -ESRCH);
	CHECK_INT(act(OPEN("1", "WARRANT", "null", "[]")), 0);
	CHECK_INT(act(REQUEST(7)), 0);
	CHECK_INT(act("{\"event\":\"APPROVED\",\"request\":1,\"uid\":8}"), -ESRCH); /* line 1 is no request */
	CHECK_INT(act("{\"event\":\"APPROVED\",\"request\":2,\"uid\":7}"), -EKEYREJECTED); /* AC-42 */
	CHECK_STR(said, "request 2 was made by uid 7 itself: another person approves it");
	c = load();
	r = cases_request_for(&c, "d", 7, 5000);
	REQUIRE(r != NULL);
	CHECK_INT(r->approved_until_ns, 0);
	cases_done(&c);
	CHECK_INT(act("{\"event\":\"APPROVED\",\"request\":2,\"uid\":8}"), 0);
	CHECK_INT(act("{\"event\":\"APPROVED\",\"request\":2,\"uid\":9}"), -EEXIST);
	c = load();
	r = cases_request_for(&c, "d", 7, 4999);
	REQUIRE(r != NULL);
	CHECK(r->approved_until_ns > utc_now_ns() + APPROVAL_NS - 60 * NS_PER_SEC &&
	      r->approved_until_ns <= utc_now_ns() + APPROVAL_NS);
	CHECK(cases_request_for(&c, "d", 7, 5001) == NULL); /* more rows than were approved */
	CHECK(cases_request_for(&c, "d", 8, 1) == NULL);
	CHECK(cases_request_for(&c, "e", 7, 1) == NULL);
	cases_done(&c);
	CHECK_INT(act(REQUEST(7)), 0);
	CHECK_INT(act(CLOSE("1")), 0);
	CHECK_INT(act("{\"event\":\"APPROVED\",\"request\":4,\"uid\":8}"), -ENOTCONN);
}

/* A number that is opened anew is another case: what was asked for and approved under it before does not count. */
static void approvals_end_with_their_case(void)
{
	struct cases c;

	CHECK_INT(act(OPEN("1", "WARRANT", "null", "[]")), 0);
	CHECK_INT(act(REQUEST(7)), 0);
	CHECK_INT(act(REQUEST(6)), 0);
	CHECK_INT(act("{\"event\":\"APPROVED\",\"request\":2,\"uid\":8}"), 0);
	CHECK_INT(act(CLOSE("1")), 0);
	CHECK_INT(act(OPEN("\xef\xbc\x91", "WARRANT", "[\"t1\"]", "[]")), 0);
	c = load();
	CHECK(cases_request_for(&c, "d", 7, 1) == NULL);
	cases_done(&c);
	CHECK_INT(act("{\"event\":\"APPROVED\",\"request\":3,\"uid\":8}"), -ENOTCONN);
	CHECK_INT(act(REQUEST(7)), 0);
	c = load();
	CHECK(cases_request_for(&c, "d", 7, 1) != NULL);
	cases_done(&c);
}

#define PROVIDER(name, prefixes)                                                                           \
	"{\"event\":\"CASE_PROVIDER\",\"case\":\"1\",\"uid\":0,\"providers\":[{\"name\":\"" name "\",\"address\":\"Tokyo\"," \
	"\"source\":\"whois\",\"date\":\"2026-11-20\",\"prefixes\":" prefixes "}]}"

static void the_longest_prefix_names_the_provider(void)
{
	static const struct {
		const char *src, *name;
	} table[] = {
		{ "192.0.2.200", "fine" }, { "192.0.2.1", "wide" }, { "198.51.100.1", NULL },
		{ "2001:db8::1", "six" }, { "2001:db9::1", NULL },
	};
	const struct legal_case *one;
	struct addr src = an_addr("198.51.100.1");
	struct cases c;

	CHECK_INT(act(OPEN("1", "TEIKYO_MEIREI_1", "null", "[]")), 0);
	CHECK_INT(act(PROVIDER("old", "[\"192.0.2.0/24\"]")), 0);
	CHECK_INT(act(PROVIDER("fine", "[\"192.0.2.128/25\"]")), 0);
	CHECK_INT(act(PROVIDER("wide", "[\"192.0.2.0/24\"]")), 0); /* the last one counts */
	CHECK_INT(act(PROVIDER("six", "[\"203.0.113.0/24\",\"2001:db8::/32\"]")), 0);
	CHECK_INT(act(PROVIDER("bad", "[\"192.0.2.1/24\"]")), -EINVAL);
	c = load();
	one = cases_find(&c, "1");
	REQUIRE(one != NULL);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct addr a = an_addr(table[i].src);
		const struct case_provider *found = case_provider_of(one, &a);

		CHECK_ROW(table[i].name ? found && strcmp(found->name, table[i].name) == 0 : !found, "%s", table[i].src);
	}
	cases_done(&c);
	CHECK_INT(act(PROVIDER("rest", "[]")), 0);
	c = load();
	one = cases_find(&c, "1");
	REQUIRE(one && case_provider_of(one, &src));
	CHECK_STR(case_provider_of(one, &src)->name, "rest");
	src = an_addr("192.0.2.1");
	CHECK_STR(case_provider_of(one, &src)->name, "wide");
	cases_done(&c);
}

/* --- Chains --- */

static void search_for(const char *case_number, const char *query)
{
	const struct access_entry e = { .case_number = case_number, .basis = basis_find("WARRANT"), .query = query,
					.rows = 3, .rows_shown = true };
	struct problem p = { "" };

	CHECK_ROW(access_record(the_store(), &e, &p) == 0, "%s", p.text);
}

/* Searches are passed over without being read, and still vouched for. */
static void searches_between_do_not_hide_what_was_changed(void)
{
	struct problem p;
	struct cases c;
	size_t size;
	uint8_t *text;

	CHECK_INT(act(OPEN("1", "WARRANT", "null", "[]")), 0);
	for (int i = 0; i < 20; i++)
		search_for("1", "search --src \"192.0.2.1\" \",\"event\":\"CASE_CLOSE\",\"case\":\"1\"");
	CHECK_INT(act(CLOSE("1")), 0);
	for (int i = 0; i < 3; i++)
		CHECK_INT(act(OPEN("2", "WARRANT", "null", "[]")), i ? -EEXIST : 0);
	search_for("2", "search");
	c = load();
	CHECK_INT(c.count, 2);
	CHECK_STR(cases_find(&c, "1")->outcome, "none");
	cases_done(&c);
	text = read_file(unit_temp_dir(), ACCESS_FILE, &size);
	/* Every byte of it, in steps. */
	for (size_t at = 0, bad = 0; at < size; at += 7, bad++) {
		text[at] ^= 0x04;
		write_file(unit_temp_dir(), ACCESS_FILE, text, size);
		CHECK_ROW(cases_load(the_store(), &c, &p) == -EBADMSG, "byte %zu", at);
		text[at] ^= 0x04;
	}
	write_file(unit_temp_dir(), ACCESS_FILE, text, size);
	c = load();
	cases_done(&c);
	/* Cut off: the head knows better. */
	write_file(unit_temp_dir(), ACCESS_FILE, text, size / 2);
	CHECK_INT(cases_load(the_store(), &c, &p), -EBADMSG);
	free(text);
}

/* A signed line that is no act stops everything that rests upon it. */
static void an_act_that_is_none_is_damage(void)
{
	static const char *const lines[] = {
		"{\"seq\":1,\"t\":\"2026-11-01T00:00:00.000000000Z\",\"event\":\"CASE_CLOSE\",\"case\":\"1\",\"uid\":0,"
		"\"outcome\":\"none\"}\n",
		"{\"seq\":1,\"t\":\"2026-11-01T00:00:00.000000000Z\",\"event\":\"CASE_OPEN\",\"case\":7}\n",
	};
	struct problem p = { "" };
	struct cases c;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CHECK_ROW(forge_chain(the_store(), LEDGER_ACCESS, lines[i], &p) == 0, "%s", p.text);
		CHECK_INT(cases_load(the_store(), &c, &p), -EBADMSG);
		CHECK_ROW(strncmp(p.text, "ledger/access.log line 1: ", 26) == 0, "%s", p.text);
	}
}

UNIT_SUITE(cases, TEST(folding), TEST(a_number_is_one_case_in_both_widths), TEST(scope), TEST(acts_that_are_refused),
	   TEST(a_closed_case_takes_notes_only), TEST(another_person_approves), TEST(approvals_end_with_their_case),
	   TEST(the_longest_prefix_names_the_provider), TEST(searches_between_do_not_hide_what_was_changed),
	   TEST(an_act_that_is_none_is_damage));
