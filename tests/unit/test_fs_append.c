/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines that are appended stay whole under failure and under several writers. */
#include "fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "filing.h"
#include "fixture.h"
#include "unit.h"

#define WRITERS 4
#define LINES_EACH 100
#define LINE_SIZE 700
#define LINE_MAX_SIZE (LINE_SIZE + 32)

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static void append_adds_lines(void)
{
	mode_t before = umask(0);
	int top = unit_temp_dir();

	CHECK_INT(fs_append_line(top, "log", "one"), 0);
	CHECK_INT(fs_append_line(top, "log", ""), 0);
	CHECK_INT(fs_append_line(top, "log", "three 日本"), 0);
	check_file("log", "one\n\nthree 日本\n");
	CHECK_INT(mode_of("log"), 0600); /* AC-38 in part */
	umask(before);
}

/* AC-13 in part: after a power loss the torn line stays a line of its own. */
static void append_ends_a_torn_line(void)
{
	put_file("log", "one\ntor", 7);
	CHECK_INT(fs_append_line(unit_temp_dir(), "log", "two"), 0);
	check_file("log", "one\ntor\ntwo\n");
}

static void append_refuses(void)
{
	int top = unit_temp_dir();

	CHECK_INT(fs_append_line(top, "log", "a\nforged entry"), -EINVAL);
	CHECK_INT(fs_append_line(top, "log", "a\n"), -EINVAL);
	CHECK_INT(fs_append_line(top, "dir/log", "a"), -EINVAL);
	CHECK_INT(fs_append_line(top, "", "a"), -EINVAL);
	CHECK_INT(count_entries(), 0);
	REQUIRE(symlinkat("target", top, "link") == 0);
	CHECK_INT(fs_append_line(top, "link", "a"), -ELOOP);
	REQUIRE(mkdirat(top, "dir", 0700) == 0);
	CHECK_INT(fs_append_line(top, "dir", "a"), -EISDIR);
	CHECK_INT(count_entries(), 2);
}

/* A write that stops half way is undone, also the newline that ended a torn line. */
static void append_undoes_a_partial_write(void)
{
	int top = unit_temp_dir();
	struct rlimit before;

	CHECK_INT(fs_append_line(top, "log", "one"), 0);
	put_file("torn", "tor", 3);
	before = disk_full_at(8);
	CHECK_INT(fs_append_line(top, "log", "0123456789"), -ENOSPC);
	check_file("log", "one\n");
	CHECK_INT(fs_append_line(top, "torn", "0123456789"), -ENOSPC);
	check_file("torn", "tor");
	CHECK_INT(fs_append_line(top, "log", "two"), 0); /* positive control: this still fits */
	CHECK_INT(fs_append_line(top, "log", ""), -EFBIG); /* not one byte more */
	disk_has_space(before);
	check_file("log", "one\ntwo\n");
	CHECK_INT(fs_append_line(top, "log", "0123456789"), 0);
	check_file("log", "one\ntwo\n0123456789\n");
}

static void make_line(char *buf, int writer, int number)
{
	memset(buf, 'a' + writer, LINE_SIZE);
	snprintf(buf + LINE_SIZE, LINE_MAX_SIZE - LINE_SIZE, " %d %d", writer, number);
}

/* Every line of the file is a whole line of one writer, in that writer's order. */
static void check_writers(char *text)
{
	int next[WRITERS] = { 0 }, total = 0;
	char want[LINE_MAX_SIZE], *rest = text, *line;

	while ((line = strsep(&rest, "\n")) && rest) {
		int writer = line[0] - 'a';

		REQUIRE(writer >= 0 && writer < WRITERS);
		make_line(want, writer, next[writer]++);
		CHECK_STR(line, want);
		total++;
	}
	CHECK_STR(line, ""); /* the last line is ended */
	for (int w = 0; w < WRITERS; w++)
		CHECK_INT(next[w], LINES_EACH);
	CHECK_INT(total, WRITERS * LINES_EACH);
}

static void appending_processes_never_mix_lines(void)
{
	int top = unit_temp_dir();
	pid_t children[WRITERS];
	char *text;

	for (int w = 0; w < WRITERS; w++) {
		children[w] = fork();
		REQUIRE(children[w] >= 0);
		if (children[w] == 0) {
			char line[LINE_MAX_SIZE];

			for (int i = 0; i < LINES_EACH; i++) {
				make_line(line, w, i);
				if (fs_append_line(top, "log", line) < 0)
					_exit(1);
			}
			_exit(0);
		}
	}
	for (int w = 0; w < WRITERS; w++)
		CHECK_INT(wait_for(children[w]), 0);
	text = get_file("log", NULL);
	check_writers(text);
	free(text);
}

/* Starts a child that appends "late" to the file, and gives it time to wait for our lock. */
static pid_t start_late_writer(int top, int lock)
{
	pid_t child = fork();

	if (child == 0) {
		close(lock); /* a copy of it would hold the lock, too */
		_exit(fs_append_line(top, "log", "late") < 0);
	}
	sleep_ms(100);
	return child;
}

static void append_waits_for_the_lock(void)
{
	int top = unit_temp_dir(), lock;
	pid_t child;

	put_file("log", "one\n", 4);
	lock = fs_lock(top, "log", 0);
	REQUIRE(lock >= 0);
	child = start_late_writer(top, lock);
	check_file("log", "one\n");
	close(lock);
	CHECK_INT(wait_for(child), 0);
	check_file("log", "one\nlate\n");
}

/* Whoever holds the lock may set the file aside; the line belongs to the new one. */
static void append_follows_the_name(void)
{
	int top = unit_temp_dir(), lock;
	pid_t child;

	put_file("log", "one\n", 4);
	lock = fs_lock(top, "log", 0);
	REQUIRE(lock >= 0);
	child = start_late_writer(top, lock);
	REQUIRE(renameat(top, "log", top, "aside") == 0);
	close(lock);
	CHECK_INT(wait_for(child), 0);
	check_file("aside", "one\n");
	check_file("log", "late\n");
}

UNIT_SUITE(fs_append,
	   TEST(append_adds_lines),
	   TEST(append_ends_a_torn_line),
	   TEST(append_refuses),
	   TEST(append_undoes_a_partial_write),
	   TEST(appending_processes_never_mix_lines),
	   TEST(append_waits_for_the_lock),
	   TEST(append_follows_the_name));
