/* SPDX-License-Identifier: BSD-2-Clause */
/* Heads that are sent out: what was written, when it changes, not more than once a minute; a failure is told. */
#include "recorder/head_sender.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/utc.h"
#include "fixture.h"
#include "ledger/ledger.h"
#include "unit.h"

static void append(const struct store_dir *store)
{
	json_t *act = json_pack("{s:s}", "event", "TEST");
	struct problem p = { "" };

	CHECK_ROW(ledger_append(store, LEDGER_ACCESS, act, utc_now_ns(), NULL, &p) == 0, "%s", p.text);
	json_decref(act);
}

/* A program that keeps what it is sent and how it was called; its command line. */
static const char *a_program(const char *body)
{
	static char command[200];
	char text[600];

	snprintf(text, sizeof(text), "#!/bin/sh\ncd %s\necho \"$*\" >>words\n%s\n", unit_temp_path(), body);
	write_file(unit_temp_dir(), "send", text, strlen(text));
	CHECK_INT(fchmodat(unit_temp_dir(), "send", 0700, 0), 0);
	snprintf(command, sizeof(command), "%s/send  to  $HOME", unit_temp_path());
	return command;
}

static bool wait_for_bytes(const char *name, long long bytes)
{
	for (int i = 0; i < 3000 && size_of(unit_temp_dir(), name) < bytes; i++)
		usleep(10000);
	return size_of(unit_temp_dir(), name) >= bytes;
}

static char *said(struct head_sender *s, const char *key)
{
	json_t *json = head_sender_json(s);
	const char *text = json_string_value(json_object_get(json, key));
	char *copy = text ? strdup(text) : NULL;

	json_decref(json);
	return copy;
}

/* Waits up to 30 s until it is told. */
static char *wait_said(struct head_sender *s, const char *key)
{
	char *text = NULL;

	for (int i = 0; i < 3000 && !(text = said(s, key)); i++)
		usleep(10000);
	return text;
}

static void check_last_line(const struct store_dir *store, const char *name, unsigned int lines)
{
	size_t size;
	char *got = (char *)read_file(unit_temp_dir(), name, &size), *heads = NULL, *last;
	struct problem p;
	unsigned int n = 0;

	REQUIRE(size > 1 && got[size - 1] == '\n');
	got[size - 1] = '\0';
	for (size_t i = 0; i < size - 1; i++)
		n += got[i] == '\n';
	CHECK_INT(n + 1, lines);
	last = strrchr(got, '\n');
	REQUIRE(ledger_heads(store, &heads, &p) == 0);
	CHECK_STR(last ? last + 1 : got, heads);
	free(heads);
	free(got);
}

static void heads_are_sent_when_they_change(void)
{
	struct store_dir store = a_store();
	struct head_sender *s;
	struct problem p;
	char *text;
	size_t size;

	append(&store);
	REQUIRE(head_sender_start(&store, a_program("cat >>got"), NULL, &s, &p) == 0);
	text = wait_said(s, "last_sent");
	CHECK(text != NULL);
	free(text);
	CHECK(said(s, "error") == NULL);
	check_last_line(&store, "got", 1);
	text = (char *)read_file(unit_temp_dir(), "words", &size);
	CHECK(size == strlen("to $HOME\n") && memcmp(text, "to $HOME\n", size) == 0); /* no shell */
	free(text);
	/* Within the minute nothing goes out; at the end it does, once. */
	append(&store);
	append(&store);
	usleep(2500000);
	CHECK_INT(size_of(unit_temp_dir(), "words"), strlen("to $HOME\n"));
	head_sender_stop(s);
	check_last_line(&store, "got", 2);
	/* What did not change is not sent by the one that ends, but by the next one that begins. */
	REQUIRE(head_sender_start(&store, a_program("cat >>got"), NULL, &s, &p) == 0);
	CHECK(wait_for_bytes("words", 3 * (long long)strlen("to $HOME\n")));
	head_sender_stop(s);
	check_last_line(&store, "got", 3);
	store_close(&store);
}

static void a_failure_is_told_and_goes_away(void)
{
	static const struct {
		const char *command, *body, *want;
	} table[] = {
		{ NULL, "exit 3", ": exit status 3" },
		{ NULL, "kill -9 $$", ": ended by signal 9" },
		{ "/nonexistent/send", "", "/nonexistent/send: No such file or directory" },
	};
	struct store_dir store = a_store();

	append(&store);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const char *command = a_program(table[i].body);
		struct head_sender *s;
		struct problem p;
		char *text;

		REQUIRE(head_sender_start(&store, table[i].command ? table[i].command : command, NULL, &s, &p) == 0);
		text = wait_said(s, "error");
		CHECK_ROW(text && strstr(text, table[i].want), "%s: %s", table[i].want, text ? text : "-");
		free(text);
		CHECK(said(s, "last_sent") == NULL);
		/* A program that works, in its place: the last chance takes it. */
		head_sender_set_command(s, a_program("cat >>got"));
		head_sender_stop(s);
		check_last_line(&store, "got", (unsigned int)i + 1);
	}
	store_close(&store);
}

static void without_a_command_nothing_is_sent(void)
{
	struct store_dir store = a_store();
	struct head_sender *s;
	struct problem p;
	json_t *json;

	append(&store);
	REQUIRE(head_sender_start(&store, "", NULL, &s, &p) == 0);
	json = head_sender_json(s);
	CHECK(json_is_null(json));
	json_decref(json);
	head_sender_stop(s);
	head_sender_stop(NULL);
	json = head_sender_json(NULL);
	CHECK(json_is_null(json));
	json_decref(json);
	store_close(&store);
}

static void a_store_without_lines_sends_nothing(void)
{
	struct store_dir store = a_store();
	struct head_sender *s;
	struct problem p;

	REQUIRE(head_sender_start(&store, a_program("cat >>got"), NULL, &s, &p) == 0);
	head_sender_stop(s);
	CHECK_INT(size_of(unit_temp_dir(), "words"), -1);
	store_close(&store);
}

UNIT_SUITE(head_sender, TEST(heads_are_sent_when_they_change), TEST(a_failure_is_told_and_goes_away),
	   TEST(without_a_command_nothing_is_sent), TEST(a_store_without_lines_sends_nothing));
