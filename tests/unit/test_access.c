/* SPDX-License-Identifier: BSD-2-Clause */
/* The access log (AC-40) and what each legal basis lets out (AC-45). */
#include "ledger/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "ledger/cases.h"
#include "unit.h"

static void bases(void)
{
	static const struct {
		const char *code;
		bool shows_rows, needs_case;
	} table[] = {
		{ "KAIJI_MEIREI", true, true }, { "TEIKYO_MEIREI_1", false, true },
		{ "TEIKYO_MEIREI_2", true, true }, { "SHOKYO_KINSHI", true, true },
		{ "ART5_VOLUNTARY", true, true }, { "WARRANT", true, true },
		{ "HOZEN_YOSEI", false, true }, { "TENANT_SELF", true, false },
		{ "EMERGENCY", true, true }, { "AUDIT", false, true },
	};
	char list[400] = "";

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct basis *b = basis_find(table[i].code);

		REQUIRE(b != NULL);
		CHECK_STR(b->code, table[i].code);
		CHECK_ROW(b->shows_rows == table[i].shows_rows, "%s", b->code);
		CHECK_ROW(b->needs_case == table[i].needs_case, "%s", b->code);
		strcat(strcat(list, i ? ", " : ""), b->code);
	}
	CHECK_STR(basis_list(), list);
}

static void unknown_bases(void)
{
	static const char *const bad[] = { "", "warrant", "WARRANT ", "KAIJI", "TEIKYO_MEIREI", "ALL" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_ROW(basis_find(bad[i]) == NULL, "%s", bad[i]);
}

/* The test's directory is root and ledger/ in one. */
static const struct store_dir *the_store(void)
{
	static struct store_dir store;

	store = (struct store_dir){ .root = unit_temp_dir(), .ledger = unit_temp_dir(), .journal = -1,
				    .segments = -1, .catalog = -1 };
	return &store;
}

/* The line between its time, which is now, and the members of the chain. */
static void check_last_line(const char *want_head, const char *want)
{
	size_t size, head = strlen(want_head);
	char *text = (char *)read_file(unit_temp_dir(), ACCESS_FILE, &size), *line, *t, *end;
	struct problem p;
	int64_t when = 0;

	REQUIRE(size > 1 && text[size - 1] == '\n');
	text[size - 1] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	CHECK_ROW(strncmp(line, want_head, head) == 0, "%s", line);
	t = strstr(line, "\"t\":\"");
	REQUIRE(t != NULL);
	t += 5;
	end = strstr(t, ",\"prev\":\"");
	REQUIRE(end != NULL);
	*end = '\0';
	CHECK_STR(strchr(t, '"'), want);
	*strchr(t, '"') = '\0';
	CHECK_INT(utc_parse(t, &when, &p), 0);
	CHECK(when <= utc_now_ns() && when > utc_now_ns() - 10 * NS_PER_SEC);
	free(text);
}

static void open_case(const char *number)
{
	struct problem p = { "" };
	json_t *act = json_pack("{s:s, s:s, s:i, s:s, s:n, s:[], s:n}", "event", "CASE_OPEN", "case", number, "uid", 0,
				"basis", "WARRANT", "tenants", "windows", "secret_until");

	CHECK_ROW(cases_act(the_store(), act, NULL, &p) == 0, "%s", p.text);
	json_decref(act);
}

static void a_search_is_one_line(void)
{
	static const struct access_tenant touched[] = { { "t2", 12345678900 }, { "t1", 1 } };
	struct access_entry e = {
		.case_number = "2026-17", .basis = basis_find("WARRANT"),
		.query = "search --src \"198.51.100.7\"\n\x01", .tenant = "t1", .uid = 1000,
		.user = "\xe9\x96\xa2", .rows = 12345678901, .rows_shown = true,
		.approval = 7, .approver = "b", .hidden_until_ns = DAY_NS, .tenants = touched, .tenant_count = 2,
	};
	struct problem p;
	mode_t old = umask(0);

	open_case("2026-17");
	CHECK_INT(access_record(the_store(), &e, &p), 0);
	umask(old);
	CHECK_INT(mode_of_file(unit_temp_dir(), ACCESS_FILE), 0600); /* AC-38 */
	check_last_line("{\"seq\":2,\"t\":",
			"\",\"event\":\"SEARCH\",\"case\":\"2026-17\",\"basis\":\"WARRANT\",\"query\":"
			"\"search --src \\\"198.51.100.7\\\"\\n\\u0001\",\"tenant\":\"t1\",\"uid\":1000,"
			"\"user\":\"\xe9\x96\xa2\",\"rows\":12345678901,\"rows_shown\":true,"
			"\"approval\":7,\"approver\":\"b\",\"hidden_until\":\"2026-03-10T00:00:00.000000000Z\","
			"\"tenants\":{\"t2\":12345678900,\"t1\":1}");
	e = (struct access_entry){ .basis = basis_find("TENANT_SELF"), .query = "search" };
	CHECK_INT(access_record(the_store(), &e, &p), 0);
	check_last_line("{\"seq\":3,\"t\":",
			"\",\"event\":\"SEARCH\",\"case\":null,\"basis\":\"TENANT_SELF\",\"query\":\"search\","
			"\"tenant\":null,\"uid\":0,\"user\":null,\"rows\":0,\"rows_shown\":false,\"approval\":null,"
			"\"approver\":null,\"hidden_until\":null,\"tenants\":{}");
}

/* What has changed since the case was looked at counts. */
static void a_case_that_was_closed_meanwhile(void)
{
	struct access_entry e = { .case_number = "1", .basis = basis_find("WARRANT"), .query = "search" };
	struct problem p;
	struct cases cases;
	json_t *close = json_pack("{s:s, s:s, s:i, s:s}", "event", "CASE_CLOSE", "case", "1", "uid", 0, "outcome", "none");

	CHECK_INT(access_record(the_store(), &e, &p), -ENOTCONN);
	open_case("1");
	CHECK_INT(cases_load(the_store(), &cases, &p), 0);
	e.seen_seq = cases.last_seq;
	cases_done(&cases);
	CHECK_INT(access_record(the_store(), &e, &p), 0);
	CHECK_INT(access_record(the_store(), &e, &p), 0); /* a line between that says nothing of it */
	CHECK_INT(cases_act(the_store(), close, NULL, &p), 0);
	json_decref(close);
	CHECK_INT(access_record(the_store(), &e, &p), -ENOTCONN);
	CHECK_STR(p.text, "case \"1\" is not open any more on basis WARRANT; nothing is shown");
	open_case("1"); /* anew: perhaps for others, and other times */
	CHECK_INT(access_record(the_store(), &e, &p), -ENOTCONN);
}

/* More tenants than a line takes: further lines, and each tenant once. */
static void very_many_tenants(void)
{
	enum { MANY = 10000 };
	struct access_tenant *touched = calloc(MANY, sizeof(*touched));
	char (*ids)[8] = calloc(MANY, sizeof(*ids));
	struct access_entry e = { .basis = basis_find("TENANT_SELF"), .query = "search", .tenants = touched,
				  .tenant_count = MANY };
	struct problem p;
	size_t size, seen = 0;
	char *text, *rest;

	for (size_t i = 0; i < MANY; i++) {
		snprintf(ids[i], sizeof(ids[i]), "t%zu", i);
		touched[i] = (struct access_tenant){ ids[i], i };
	}
	CHECK_INT(access_record(the_store(), &e, &p), 0);
	text = rest = (char *)read_file(unit_temp_dir(), ACCESS_FILE, &size);
	text[size - 1] = '\0';
	for (char *line; (line = strsep(&rest, "\n"));) {
		json_t *json = json_loads(line, 0, NULL);

		seen += json_object_size(json_object_get(json, "tenants"));
		CHECK(strstr(line, json_integer_value(json_object_get(json, "seq")) == 1 ? "\"SEARCH\"" :
			     "\"event\":\"SEARCH_TENANTS\",\"search\":1,") != NULL);
		json_decref(json);
	}
	CHECK_INT(seen, MANY);
	free(text);
	free(ids);
	free(touched);
}

/* AC-40: what cannot be written is an error that says that nothing is shown. */
static void what_cannot_be_written_is_an_error(void)
{
	struct access_entry e = { .basis = basis_find("TENANT_SELF"), .query = "search \xff" };
	struct problem p;
	struct rlimit limit;
	int error;

	CHECK_INT(access_record(the_store(), &e, &p), -EINVAL);
	CHECK_STR(p.text, "cannot write ledger/access.log: the query is not valid UTF-8; nothing is shown");
	CHECK_INT(size_of(unit_temp_dir(), ACCESS_FILE), -1);
	e.query = "search";
	limit = disk_full_at(10);
	error = access_record(the_store(), &e, &p);
	disk_has_space(limit);
	CHECK_ROW(error == -ENOSPC || error == -EFBIG, "%d", error);
	CHECK(strncmp(p.text, "cannot write ledger/access.log: ", 32) == 0 && strstr(p.text, "; nothing is shown"));
	CHECK(size_of(unit_temp_dir(), ACCESS_FILE) <= 0);
	CHECK_INT(access_record(the_store(), &e, &p), 0);
	CHECK_INT(unlinkat(unit_temp_dir(), ACCESS_FILE, 0), 0);
	CHECK_INT(access_record(the_store(), &e, &p), -EBADMSG); /* AC-13 */
	CHECK_STR(p.text,
		  "ledger/access.log ends with line 0, its signed head says 1: nothing is written; see sekisho ledger verify; nothing is shown");
	CHECK_INT(mkdirat(unit_temp_dir(), ACCESS_FILE, 0700), 0);
	CHECK_INT(access_record(the_store(), &e, &p), -EISDIR);
	CHECK_STR(p.text, "cannot write ledger/access.log: Is a directory; nothing is shown");
}

UNIT_SUITE(access, TEST(bases), TEST(unknown_bases), TEST(a_search_is_one_line),
	   TEST(a_case_that_was_closed_meanwhile), TEST(very_many_tenants),
	   TEST(what_cannot_be_written_is_an_error));
