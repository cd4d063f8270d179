/* SPDX-License-Identifier: BSD-2-Clause */
/* The consent ledger as a file: tampering, power loss, full disks and many writers (AC-13). */
#include "ledger/consent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "consenting.h"
#include "fixture.h"
#include "unit.h"

/* Replaces `old` by `new` in a ledger of three good lines, in the second one. */
static char *tampered(const char *old, const char *new)
{
	static const char *const lines[] = {
		CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
		CONSENTING_GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z"),
		CONSENTING_WITHDRAW(3, "t1", "2026-02-10T00:00:00Z"),
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

		consenting_put(text);
		error = consents_load(consenting_store(), &c, &p);
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

	consenting_put(text);
	c = consenting_load();
	CHECK_INT(c.count, 2);
	CHECK_INT(c.last_seq, 3);
	consents_done(&c);
	free(text);
}

static void removed_and_swapped_lines_are_refused(void)
{
	static const char *const one = CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
			  *const two = CONSENTING_GRANT(2, "t2", "2026-02-02T00:00:00Z", "2026-03-01T00:00:00Z"),
			  *const three = CONSENTING_WITHDRAW(3, "t1", "2026-02-10T00:00:00Z");
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
		consenting_put(text);
		snprintf(want, sizeof(want), "ledger/consent.log line %u: ", table[i].line);
		CHECK_INT(consents_load(consenting_store(), &c, &p), -EBADMSG);
		CHECK_ROW(strncmp(p.text, want, strlen(want)) == 0, "%s", p.text);
		free(text);
	}
}

/* AC-05: no line reaches back before the act that stands before it for the same tenant. */
static void acts_that_go_back_in_time_are_refused(void)
{
	static const char *const ledgers[] = {
		CONSENTING_GRANT(1, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		CONSENTING_GRANT(2, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
		CONSENTING_GRANT(1, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		CONSENTING_WITHDRAW(2, "t1", "2026-02-01T00:00:00Z"),
		CONSENTING_GRANT(1, "t1", "2026-02-10T00:00:00Z", "2026-03-01T00:00:00Z")
		CONSENTING_WITHDRAW(2, "t1", "2026-02-20T00:00:00Z")
		CONSENTING_GRANT(3, "t1", "2026-02-15T00:00:00Z", "2026-03-01T00:00:00Z"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(ledgers); i++) {
		struct consents c = { 0 };
		struct problem p = { "" };

		consenting_put(ledgers[i]);
		CHECK_ROW(consents_load(consenting_store(), &c, &p) == -EBADMSG, "ledger %zu", i);
		consents_done(&c);
	}
}

/* AC-13: the end that power loss left is set aside and told, at every byte of the last line. */
static void an_unterminated_last_line_is_no_tampering(void)
{
	static const char one[] = CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"),
			  two[] = CONSENTING_WITHDRAW(2, "t1", "2026-02-10T00:00:00Z");
	char text[sizeof(one) + sizeof(two)], cut[sizeof(text)];
	struct consents c;

	memcpy(text, one, sizeof(one) - 1);
	memcpy(text + sizeof(one) - 1, two, sizeof(two));
	for (size_t size = sizeof(one) - 1; size < sizeof(one) + sizeof(two) - 2; size++) {
		memcpy(cut, text, size);
		cut[size] = '\0';
		consenting_put(cut);
		c = consenting_load();
		CHECK_ROW(c.torn == (size > sizeof(one) - 1), "%zu", size);
		CHECK_ROW(c.count == 1 && c.last_seq == 1 && !c.list[0].withdrawn, "%zu", size);
		consents_done(&c);
	}
	consenting_put(text);
	c = consenting_load();
	CHECK(!c.torn && c.last_seq == 2 && c.list[0].withdrawn);
	consents_done(&c);
}

/*
 * AC-13: the act after a power loss. The torn line is set aside and told; it must not make the
 * ledger invalid for good.
 */
static void the_next_act_after_a_torn_line_works(void)
{
	struct consent_act act = consenting_act("t2", utc_now_ns() + NS_PER_DAY);
	uint32_t seq = 0;
	int64_t when;
	struct consents c = { 0 };
	struct problem p = { "" };

	consenting_put(CONSENTING_GRANT(1, "t1", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z") "{\"actor\":\"a");
	CHECK_INT(consenting_grant(&act, &seq, &when), 0);
	CHECK_INT(seq, 2);
	CHECK_INT(consents_load(consenting_store(), &c, &p), 0);
	CHECK_STR(p.text, "");
	CHECK_INT(c.count, 2);
	CHECK(consents_at(&c, "t2", when) != NULL);
	consents_done(&c);
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
	struct consent_act good = consenting_act("t1", utc_now_ns() + NS_PER_DAY), acts[8];
	static const char *const what[] = { "retention 0", "retention 367", "no scope", "bad tenant",
					    "no hash", "actor not UTF-8", "end in year 2262",
					    "hash is no hash" };
	struct consents c;

	CHECK_INT(consenting_grant(&good, NULL, &(int64_t){ 0 }), 0);
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
		int error = consent_grant(consenting_store(), &acts[i], NULL, &when, &p);

		CHECK_ROW(error < 0, "%s was written", what[i]);
		CHECK_ROW(size_of(unit_temp_dir(), CONSENT_FILE) == size, "%s", what[i]);
		CHECK_ROW(error == 0 || p.text[0], "%s", what[i]);
		if (size_of(unit_temp_dir(), CONSENT_FILE) != size)
			cut_ledger(size);
	}
	c = consenting_load();
	CHECK_INT(c.count, 1);
	consents_done(&c);
}

static void a_tampered_ledger_takes_no_act(void)
{
	struct consent_act act = consenting_act("t1", utc_now_ns() + NS_PER_DAY);
	struct problem p = { "" };
	int64_t when;

	consenting_put("[]\n");
	CHECK_INT(consent_grant(consenting_store(), &act, NULL, &when, &p), -EBADMSG);
	CHECK_STR(p.text, "ledger/consent.log line 1: not a JSON object");
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), -EBADMSG);
	CHECK_INT(size_of(unit_temp_dir(), CONSENT_FILE), 3);
}

static void a_full_disk_leaves_the_ledger_as_it_was(void)
{
	struct consent_act act = consenting_act("t1", utc_now_ns() + NS_PER_DAY);
	struct problem p = { "" };
	struct rlimit limit;
	struct consents c;
	int64_t when;
	int error;
	long long size;

	CHECK_INT(consenting_grant(&act, NULL, &when), 0);
	size = size_of(unit_temp_dir(), CONSENT_FILE);
	limit = disk_full_at((rlim_t)size + 50);
	error = consent_withdraw(consenting_store(), &act, &when, &p);
	disk_has_space(limit);
	CHECK_ROW(error == -ENOSPC || error == -EFBIG, "%d", error);
	CHECK(strncmp(p.text, "cannot write ledger/consent.log: ", 33) == 0);
	CHECK_INT(size_of(unit_temp_dir(), CONSENT_FILE), size);
	c = consenting_load();
	CHECK(!c.torn && consents_at(&c, "t1", utc_now_ns()) != NULL);
	consents_done(&c);
	CHECK_INT(consent_withdraw(consenting_store(), &act, &when, &p), 0);
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
	act = consenting_act(tenant, utc_now_ns() + NS_PER_DAY);
	for (int i = 0; i < GRANTS_EACH; i++) {
		struct problem p;
		uint32_t seq;
		int64_t when;

		failed += consent_grant(consenting_store(), &act, &seq, &when, &p) != 0;
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
	c = consenting_load();
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
	CHECK_INT(consents_load(consenting_store(), &c, &p), -EISDIR);
	CHECK_STR(p.text, "cannot read ledger/consent.log: Is a directory");
	CHECK_INT(unlinkat(unit_temp_dir(), CONSENT_FILE, AT_REMOVEDIR), 0);
	CHECK_INT(symlinkat("/dev/null", unit_temp_dir(), CONSENT_FILE), 0);
	CHECK_INT(consents_load(consenting_store(), &c, &p), -ELOOP);
}

UNIT_SUITE(consent_ledger, TEST(broken_lines_are_refused_with_their_number),
	   TEST(the_untampered_ledger_is_fine), TEST(removed_and_swapped_lines_are_refused),
	   TEST(acts_that_go_back_in_time_are_refused), TEST(an_unterminated_last_line_is_no_tampering),
	   TEST(the_next_act_after_a_torn_line_works), TEST(acts_that_could_not_be_read_are_not_written),
	   TEST(a_tampered_ledger_takes_no_act), TEST(a_full_disk_leaves_the_ledger_as_it_was),
	   TEST(concurrent_grants_get_distinct_numbers), TEST(a_ledger_that_is_no_file_is_an_error));
