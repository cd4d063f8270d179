/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledgers (AC-13): what is written comes back, also by several writers and through new keys. */
#include "ledger/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "ledgers.h"
#include "unit.h"

struct seen {
	char text[200];
	int64_t last_t;
};

static int see(void *ctx, const struct chain_line *line, struct problem *p)
{
	struct seen *s = ctx;
	const char *what = json_string_value(json_object_get(line->json, "what"));
	size_t n = strlen(s->text);

	(void)p;
	snprintf(s->text + n, sizeof(s->text) - n, "%llu %s %s;", (unsigned long long)line->seq, line->event,
		 what ? what : "-");
	s->last_t = line->t_ns;
	return 0;
}

static void what_is_written_comes_back(void)
{
	static const char *const want[LEDGER_CHAINS] = {
		"1 TEST c1;2 TEST c2;3 TEST c3;", "1 TEST a1;2 TEST a2;", "1 KEY -;2 TEST k2;3 TEST k3;",
	};
	static const char *const names[] = { "consent.log", "access.log", "custody.log" };
	struct ledger_facts f;
	struct problem p;
	int keys;

	begin_ledgers();
	keys = keys_dir();
	for (int i = 0; i < LEDGER_CHAINS; i++) {
		struct seen s = {};
		struct chain_end e;

		CHECK_INT(ledger_walk(&store, i, CHAIN_FULL, see, &s, &e, &p), 0);
		CHECK_STR(s.text, want[i]);
		CHECK(s.last_t <= utc_now_ns() && s.last_t > utc_now_ns() - 60 * NS_PER_SEC);
		CHECK_INT(e.bytes, size_of(store.ledger, names[i]));
		CHECK(!e.torn);
		CHECK_INT(mode_of_file(store.ledger, names[i]), 0600); /* AC-38 */
	}
	CHECK_INT(verify_ledgers(CHAIN_FULL, &f, &p), 0);
	CHECK_INT(f.keys, 1);
	CHECK_STR(f.first_key, f.newest_key);
	CHECK(!f.head_behind);
	CHECK_INT(f.ends[LEDGER_CONSENT].seq, 3);
	CHECK_INT(f.ends[LEDGER_ACCESS].seq, 2);
	CHECK_INT(f.ends[LEDGER_CUSTODY].seq, 3);
	CHECK_INT(mode_of_file(keys, "node.key"), 0600);
	close(keys);
	end_ledgers();
}

static int stop_at_two(void *ctx, const struct chain_line *line, struct problem *p)
{
	(void)ctx;
	return line->seq == 2 ? problem(p, -ESRCH, "enough") : 0;
}

static void a_walk_ends_when_told(void)
{
	struct chain_end e = { .seq = 77 };
	struct problem p;

	begin_ledgers();
	CHECK_INT(ledger_walk(&store, LEDGER_CONSENT, CHAIN_QUICK, stop_at_two, NULL, &e, &p), -ESRCH);
	CHECK_STR(p.text, "enough");
	CHECK_INT(e.seq, 77);
	end_ledgers();
}

static void an_empty_store_is_fine(void)
{
	struct ledger_facts f;
	struct problem p;
	char *text = NULL;

	store = a_store();
	CHECK_INT(verify_ledgers(CHAIN_FULL, &f, &p), 0);
	CHECK_INT(f.keys, 0);
	CHECK_STR(f.first_key, "");
	CHECK_INT(ledger_heads(&store, &text, &p), -ENOENT);
	end_ledgers();
}

static void keys_hand_over(void)
{
	struct ledger_facts f;
	struct problem p = { "" };
	struct ledger_public first;
	struct ledger_keys keys = {};
	int dir;

	begin_ledgers();
	dir = keys_dir();
	for (size_t i = 1; i <= 3; i++) {
		CHECK_ROW(ledger_rotate_key(&store, utc_now_ns(), &p) == 0, "%s", p.text);
		CHECK_INT(verify_ledgers(CHAIN_FULL, &f, &p), 0);
		CHECK_INT(f.keys, i + 1);
		CHECK(strcmp(f.first_key, f.newest_key) != 0);
		append_act(LEDGER_CONSENT, "by the new key");
		append_act(LEDGER_CUSTODY, "by the new key");
		check_good();
	}
	CHECK_INT(size_of(dir, "node.key.next"), -1);
	/* What the auditor has counts. */
	REQUIRE(ledger_keys_load(&store, &keys, &p) == 0);
	first = keys.list[0];
	CHECK_INT(ledger_verify(&store, CHAIN_QUICK, &first, &f, &p), 0);
	first = keys.list[1];
	CHECK_INT(ledger_verify(&store, CHAIN_QUICK, &first, &f, &p), -EBADMSG);
	CHECK(strstr(p.text, "ledger/custody.log line 1: key ") != NULL);
	ledger_keys_done(&keys);
	close(dir);
	end_ledgers();
}

#define WRITERS 5
#define LINES_EACH 12

/* Readers meanwhile never see anything wrong. */
static void several_writers_and_a_reader(void)
{
	struct ledger_facts f;
	struct problem p;
	unsigned int ended = 0;
	int status;

	begin_ledgers();
	for (int i = 0; i < WRITERS; i++) {
		pid_t child = fork();
		int failed = 0;

		REQUIRE(child >= 0);
		if (child)
			continue;
		for (int k = 0; k < LINES_EACH; k++) {
			failed += append_error((enum ledger_chain)((i + k) % LEDGER_CHAINS), &p) != 0;
			if (i == 0 && k % 4 == 0)
				failed += ledger_rotate_key(&store, utc_now_ns(), &p) != 0;
		}
		_exit(failed);
	}
	while (ended < WRITERS) {
		pid_t child = waitpid(-1, &status, WNOHANG);

		if (child > 0) {
			CHECK_ROW(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned int)status);
			ended++;
		}
		if (verify_ledgers(CHAIN_QUICK, &f, &p))
			CHECK_ROW(false, "meanwhile: %s", p.text);
	}
	CHECK_INT(verify_ledgers(CHAIN_FULL, &f, &p), 0);
	CHECK_INT(f.ends[0].seq + f.ends[1].seq + f.ends[2].seq, 8 + WRITERS * LINES_EACH + LINES_EACH / 4);
	end_ledgers();
}

static void lines_have_a_limit(void)
{
	char *long_text = malloc(LEDGER_LINE_MAX + 1);
	json_t *act;
	struct problem p = { "" };

	begin_ledgers();
	memset(long_text, 'x', LEDGER_LINE_MAX);
	long_text[LEDGER_LINE_MAX] = '\0';
	act = json_pack("{s:s, s:s}", "event", "TEST", "what", long_text);
	CHECK_INT(ledger_append(&store, LEDGER_ACCESS, act, utc_now_ns(), NULL, &p), -EINVAL);
	json_decref(act);
	long_text[LEDGER_LINE_MAX - 600] = '\0';
	append_act(LEDGER_ACCESS, long_text);
	append_act(LEDGER_ACCESS, "behind it");
	append_act(LEDGER_ACCESS, long_text);
	check_good();
	/* A file without any newline is not read into memory. */
	long_text[LEDGER_LINE_MAX - 600] = 'x';
	CHECK_INT(fs_append_line(store.ledger, "consent.log", long_text), 0);
	check_bad("ledger/consent.log line 4: ", "too long");
	free(long_text);
	end_ledgers();
}

UNIT_SUITE(ledger, TEST(what_is_written_comes_back), TEST(a_walk_ends_when_told), TEST(an_empty_store_is_fine),
	   TEST(keys_hand_over), TEST(several_writers_and_a_reader), TEST(lines_have_a_limit));
