/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command lines by table: what is stored, which words an error has, and that an
 * error stores nothing.
 */
#include "cmdline.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"

#define MAX_ARGS 12

struct target {
	const char *from, *file;
	unsigned int json, check, help;
};

static const struct cmd_option options[] = {
	CMD_VALUE("from", "TIME", struct target, from, "start of the time window"),
	{ .name = "file", .letter = 'f', .value = "FILE", .help = "read this file",
	  .offset = offsetof(struct target, file) },
	CMD_SWITCH("json", struct target, json, "print JSON"),
	{ .letter = 'n', .help = "only check", .offset = offsetof(struct target, check) },
	{ .name = "help", .letter = 'h', .help = "this text",
	  .offset = offsetof(struct target, help) },
	{ 0 },
};

static const struct cmd_option with_required[] = {
	{ .name = "case", .value = "NUMBER", .help = "the case", .required = true,
	  .offset = offsetof(struct target, from) },
	CMD_SWITCH("help", struct target, help, "this text"),
	{ 0 },
};

static int count_args(char *const *argv)
{
	int n = 0;

	while (argv[n])
		n++;
	return n;
}

static void accepts(void)
{
	static const struct {
		char *argv[MAX_ARGS];
		struct target want;
		size_t operands;
		const char *first;
	} rows[] = {
		{ { "x" }, { 0 }, 0, NULL },
		{ { "x", "a", "b" }, { 0 }, 2, "a" },
		{ { "x", "--from", "t" }, { .from = "t" }, 0, NULL },
		{ { "x", "--from=t" }, { .from = "t" }, 0, NULL },
		{ { "x", "--from=" }, { .from = "" }, 0, NULL },
		{ { "x", "--from", "" }, { .from = "" }, 0, NULL },
		{ { "x", "--from=a=b" }, { .from = "a=b" }, 0, NULL },
		{ { "x", "--from=--json" }, { .from = "--json" }, 0, NULL },
		{ { "x", "--from", "-" }, { .from = "-" }, 0, NULL },
		{ { "x", "-f", "name" }, { .file = "name" }, 0, NULL },
		{ { "x", "-fname" }, { .file = "name" }, 0, NULL },
		{ { "x", "--file", "name", "--json" }, { .file = "name", .json = 1 }, 0, NULL },
		{ { "x", "-n" }, { .check = 1 }, 0, NULL },
		{ { "x", "-nn" }, { .check = 2 }, 0, NULL },
		{ { "x", "-n", "-n", "-n" }, { .check = 3 }, 0, NULL },
		{ { "x", "-nhf", "name" }, { .check = 1, .help = 1, .file = "name" }, 0, NULL },
		{ { "x", "--help", "-h" }, { .help = 2 }, 0, NULL },
		{ { "x", "a", "--json", "b" }, { .json = 1 }, 2, "a" },
		{ { "x", "-" }, { 0 }, 1, "-" },
		{ { "x", "" }, { 0 }, 1, "" },
		{ { "x", "--", "--json", "-n" }, { 0 }, 2, "--json" },
		{ { "x", "--json", "--" }, { .json = 1 }, 0, NULL },
		{ { "x", "--", "--" }, { 0 }, 1, "--" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *operands[2] = { NULL, NULL };
		struct target t = { 0 };
		struct problem p = { "" };
		size_t n = 77;
		int r = cmdline_parse(count_args(rows[i].argv), (char **)rows[i].argv, options, &t,
				      false, operands, 2, &n, &p);

		CHECK_ROW(r == 0, "row %zu: %s", i, p.text);
		CHECK_STR(t.from, rows[i].want.from);
		CHECK_STR(t.file, rows[i].want.file);
		CHECK_ROW(t.json == rows[i].want.json, "row %zu", i);
		CHECK_ROW(t.check == rows[i].want.check, "row %zu", i);
		CHECK_ROW(t.help == rows[i].want.help, "row %zu", i);
		CHECK_ROW(n == rows[i].operands, "row %zu: %zu", i, n);
		CHECK_STR(operands[0], rows[i].first);
	}
}

static void refuses_and_stores_nothing(void)
{
	static const struct {
		char *argv[MAX_ARGS];
		const char *want;
	} rows[] = {
		{ { "x", "--frob" }, "unknown option --frob; see --help" },
		{ { "x", "--frob=3" }, "unknown option --frob; see --help" },
		{ { "x", "--fro", "t" }, "unknown option --fro; see --help" },
		{ { "x", "--fromm", "t" }, "unknown option --fromm; see --help" },
		{ { "x", "--=t" }, "unknown option --; see --help" },
		{ { "x", "---json" }, "unknown option ---json; see --help" },
		{ { "x", "--fr\nob" }, "unknown option --fr?ob; see --help" },
		{ { "x", "-from", "t" }, NULL }, /* -f with the value "rom" */
		{ { "x", "-x" }, "unknown option -x; see --help" },
		{ { "x", "-nx" }, "unknown option -x in \"-nx\"; see --help" },
		{ { "x", "-json" }, "unknown option -j in \"-json\"; see --help" },
		{ { "x", "--from" }, "option --from needs a value: TIME" },
		{ { "x", "-f" }, "option --file needs a value: FILE" },
		{ { "x", "-nf" }, "option --file needs a value: FILE" },
		{ { "x", "--from", "--json" },
		  "option --from needs a value: TIME, not \"--json\" (if meant: --from=--json)" },
		{ { "x", "-f", "-n" },
		  "option --file needs a value: FILE, not \"-n\" (if meant: --file=-n)" },
		{ { "x", "--from", "--", "t" },
		  "option --from needs a value: TIME, not \"--\" (if meant: --from=--)" },
		{ { "x", "--json=yes" }, "option --json takes no value, but has \"yes\"" },
		{ { "x", "--json=" }, "option --json takes no value, but has \"\"" },
		{ { "x", "--from", "a", "--from", "b" }, "option --from is given twice" },
		{ { "x", "--from=a", "--from=a" }, "option --from is given twice" },
		{ { "x", "-f", "a", "--file=b" }, "option --file is given twice" },
		{ { "x", "--json", "--json" }, "option --json is given twice" },
		{ { "x", "a", "b", "c\x1b" }, "unexpected argument \"c?\"; see --help" },
		{ { "x", "--from=t", "-n", "a", "--frob" }, "unknown option --frob; see --help" },
	};
	unsigned int refused = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *operands[2] = { NULL, NULL };
		struct target t = { 0 }, zero = { 0 };
		struct problem p = { "" };
		size_t n = 77;
		int r = cmdline_parse(count_args(rows[i].argv), (char **)rows[i].argv, options, &t,
				      false, operands, 2, &n, &p);

		if (!rows[i].want) {
			CHECK_INT(r, 0);
			CHECK_STR(t.file, "rom");
			continue;
		}
		refused += r == -EINVAL;
		CHECK_STR(p.text, rows[i].want);
		CHECK_ROW(memcmp(&t, &zero, sizeof(t)) == 0, "row %zu", i);
		CHECK_ROW(n == 77 && !operands[0], "row %zu", i);
	}
	CHECK_INT(refused, ARRAY_SIZE(rows) - 1);
}

static void defaults_stay_without_option(void)
{
	char *argv[] = { "x", "--from", "t", NULL };
	struct target t = { .from = "default", .file = "default" };
	struct problem p;
	size_t n;

	CHECK_INT(cmdline_parse(3, argv, options, &t, false, NULL, 0, &n, &p), 0);
	CHECK_STR(t.from, "t");
	CHECK_STR(t.file, "default");
}

static void required_options(void)
{
	char *none[] = { "x", NULL }, *help[] = { "x", "--help", NULL };
	char *given[] = { "x", "--case", "7", NULL };
	struct target t = { 0 };
	struct problem p;
	size_t n;

	CHECK_INT(cmdline_parse(1, none, with_required, &t, false, NULL, 0, &n, &p), -EINVAL);
	CHECK_STR(p.text, "option --case NUMBER is required; see --help");
	CHECK_INT(cmdline_parse(3, given, with_required, &t, false, NULL, 0, &n, &p), 0);
	CHECK_STR(t.from, "7");
	t = (struct target){ 0 };
	CHECK_INT(cmdline_parse(2, help, with_required, &t, false, NULL, 0, &n, &p), 0);
	CHECK_INT(t.help, 1);
}

static void stops_at_the_verb(void)
{
	char *argv[] = { "x", "--json", "search", "--frob", "a", "b", NULL };
	char *dashes[] = { "x", "--", "--frob", "a", NULL };
	char *verb = NULL;
	struct target t = { 0 };
	struct problem p;
	size_t n = 77;

	CHECK_INT(cmdline_parse(6, argv, options, &t, true, &verb, 1, &n, &p), 0);
	CHECK_INT(t.json, 1);
	CHECK_INT(n, 4);
	CHECK_STR(verb, "search");
	CHECK(&argv[6 - n] == &argv[2]);
	/* Without stopping, the same line is an error. */
	CHECK_INT(cmdline_parse(6, argv, options, &t, false, &verb, 1, &n, &p), -EINVAL);
	CHECK_INT(cmdline_parse(4, dashes, options, &t, true, &verb, 1, &n, &p), 0);
	CHECK_INT(n, 2);
	CHECK_STR(verb, "--frob");
}

static void no_arguments_at_all(void)
{
	char *argv[] = { NULL };
	struct target t = { 0 };
	struct problem p;
	size_t n = 77;

	CHECK_INT(cmdline_parse(0, argv, options, &t, false, NULL, 0, &n, &p), 0);
	CHECK_INT(n, 0);
}

/* Options that may be given again keep their order, each list its own; the bound is for all of them. */
static void lists(void)
{
	struct lists {
		struct cmd_list a, b;
	} *t = calloc(1, sizeof(*t));
	const struct cmd_option table[] = {
		CMD_LIST("a", "X", struct lists, a, "a list"),
		CMD_LIST("b", "X", struct lists, b, "another"),
		{ 0 },
	};
	char *argv[] = { "x", "--a", "1", "--b=2", "--a=3", NULL }, **many = calloc(CMD_LIST_MAX + 3, sizeof(*many));
	struct problem p;
	size_t operands;

	CHECK_INT(cmdline_parse(5, argv, table, t, false, NULL, 0, &operands, &p), 0);
	CHECK_INT(t->a.count, 2);
	CHECK_INT(t->b.count, 1);
	CHECK_STR(t->a.values[0], "1");
	CHECK_STR(t->a.values[1], "3");
	CHECK_STR(t->b.values[0], "2");
	memset(t, 0, sizeof(*t));
	for (int i = 0; i < CMD_LIST_MAX + 2; i++)
		many[i] = i % 2 ? "--a=1" : "--b=1";
	CHECK_INT(cmdline_parse(CMD_LIST_MAX + 2, many, table, t, false, NULL, 0, &operands, &p), -EINVAL);
	CHECK_STR(p.text, "option --a: more than 256 values");
	CHECK_INT(t->a.count, 0);
	CHECK_INT(cmdline_parse(CMD_LIST_MAX + 1, many, table, t, false, NULL, 0, &operands, &p), 0);
	CHECK_INT(t->a.count + t->b.count, CMD_LIST_MAX);
	free(many);
	free(t);
}

static void too_many_rows(void)
{
	struct cmd_option rows[66];
	char *argv[] = { "x", "--last", NULL };
	struct target t = { 0 };
	struct problem p;
	size_t n;

	memset(rows, 0, sizeof(rows));
	for (int i = 0; i < 64; i++)
		rows[i] = (struct cmd_option)CMD_SWITCH(i == 63 ? "last" : "other", struct target,
							json, "");
	CHECK_INT(cmdline_parse(2, argv, rows, &t, false, NULL, 0, &n, &p), 0);
	CHECK_INT(t.json, 1);
	rows[64] = rows[0];
	CHECK_INT(cmdline_parse(2, argv, rows, &t, false, NULL, 0, &n, &p), -E2BIG);
}

static void check_help(const struct cmd_option *table, const char *want)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	REQUIRE(out != NULL);
	cmdline_print_options(out, table);
	fclose(out);
	CHECK_STR(text, want);
	free(text);
}

static void help_is_aligned(void)
{
	static const struct cmd_option wide[] = {
		CMD_SWITCH("json", struct target, json, "print JSON"),
		CMD_VALUE("a-rather-long-name-of-an-option", "VALUE", struct target, from, "long"),
		{ 0 },
	};
	static const struct cmd_option empty[] = { { 0 } };

	check_help(options, "      --from TIME  start of the time window\n"
			    "  -f, --file FILE  read this file\n"
			    "      --json       print JSON\n"
			    "  -n               only check\n"
			    "  -h, --help       this text\n");
	check_help(with_required, "  --case NUMBER  the case (required)\n"
				  "  --help         this text\n");
	check_help(wide, "  --json  print JSON\n"
			 "  --a-rather-long-name-of-an-option VALUE\n"
			 "          long\n");
	check_help(empty, "");
}

UNIT_SUITE(cmdline,
	   TEST(accepts),
	   TEST(refuses_and_stores_nothing),
	   TEST(defaults_stay_without_option),
	   TEST(required_options),
	   TEST(stops_at_the_verb),
	   TEST(no_arguments_at_all),
	   TEST(lists),
	   TEST(too_many_rows),
	   TEST(help_is_aligned));
