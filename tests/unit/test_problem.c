/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a message may contain, whatever was put into it.
 */
#include "problem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "unit.h"

static void returns_error_and_formats(void)
{
	struct problem p;

	CHECK_INT(problem(&p, -ENOENT, "%s: line %d", "conf", 7), -ENOENT);
	CHECK_STR(p.text, "conf: line 7");
}

static void replaces_control_characters(void)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "plain ~", "plain ~" },
		{ "a\nb\rc\td", "a?b?c?d" },
		{ "\x1b[31mred\x7f", "?[31mred?" },
		{ "日本 …", "日本 …" },
		{ "\xc2\x9b" "31m", "??31m" }, /* U+009B, the one-character CSI */
		{ "\xc2\xa0", "\xc2\xa0" }, /* the first above them */
		{ "\xff\xfe", "??" },
		{ "cut \xe6\x97", "cut ??" },
		{ "\xc0\x8a", "??" }, /* overlong newline */
		{ "\xe0\x80\x8a", "???" },
		{ "\xf0\x9f\x90\x9f", "\xf0\x9f\x90\x9f" },
		{ "\xf0\x80\x80\x8a", "????" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct problem p;

		problem(&p, -EINVAL, "%s", rows[i].in);
		CHECK_STR(p.text, rows[i].want);
	}
}

static void long_text_is_cut_at_a_character(void)
{
	struct problem p;
	char longer[1000];

	/* The cut is tried at each phase of the three-byte characters. */
	for (size_t phase = 0; phase < 3; phase++) {
		memset(longer, 0, sizeof(longer));
		memset(longer, 'x', phase);
		while (strlen(longer) + 3 < sizeof(longer))
			strcat(longer, "日");
		problem(&p, -EINVAL, "%s", longer);
		CHECK(strlen(p.text) < sizeof(p.text) && strlen(p.text) > sizeof(p.text) - 5);
		CHECK_STR(p.text + strlen(p.text) - strlen("日…"), "日…");
		CHECK(!strchr(p.text, '?'));
	}
}

static void fitting_text_is_not_cut(void)
{
	char exact[sizeof(((struct problem *)0)->text)];
	struct problem p;

	memset(exact, 'x', sizeof(exact) - 1);
	exact[sizeof(exact) - 1] = '\0';
	problem(&p, -EINVAL, "%s", exact);
	CHECK_STR(p.text, exact);
}

static void text_may_contain_itself(void)
{
	struct problem p;

	problem(&p, -EINVAL, "inner");
	CHECK_INT(problem(&p, -EIO, "outer: %s", p.text), -EIO);
	CHECK_STR(p.text, "outer: inner");
}

/* Runs all three log functions with stderr in a pipe and stores what came out. */
static void capture_log(char *buf, size_t size)
{
	int ends[2], saved = dup(STDERR_FILENO);
	ssize_t n;

	REQUIRE(saved >= 0 && pipe(ends) == 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	errno = ENOTTY;
	log_info("one\ntwo");
	log_warn("disk %d%% full", 97);
	log_error("%s", "\x1b]0;title\a");
	CHECK_INT(errno, ENOTTY);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(ends[0], buf, size - 1);
	close(ends[0]);
	buf[n > 0 ? n : 0] = '\0';
}

static void log_writes_one_line_each_and_keeps_errno(void)
{
	char text[1000];

	log_init("unit", false);
	capture_log(text, sizeof(text));
	CHECK_STR(text, "unit: one?two\n"
			"unit: warning: disk 97% full\n"
			"unit: error: ?]0;title?\n");
}

/* Also when the line cannot be written. */
static void log_keeps_errno_when_it_fails(void)
{
	int saved = dup(STDERR_FILENO), full = open("/dev/full", O_WRONLY | O_CLOEXEC);

	REQUIRE(saved >= 0 && full >= 0);
	dup2(full, STDERR_FILENO);
	close(full);
	errno = ENOTTY;
	log_error("lost");
	CHECK_INT(errno, ENOTTY);
	errno = 0;
	CHECK(write(STDERR_FILENO, "x", 1) < 0 && errno == ENOSPC); /* positive control */
	dup2(saved, STDERR_FILENO);
	close(saved);
}

UNIT_SUITE(problem,
	   TEST(returns_error_and_formats),
	   TEST(replaces_control_characters),
	   TEST(long_text_is_cut_at_a_character),
	   TEST(fitting_text_is_not_cut),
	   TEST(text_may_contain_itself),
	   TEST(log_writes_one_line_each_and_keeps_errno),
	   TEST(log_keeps_errno_when_it_fails));
