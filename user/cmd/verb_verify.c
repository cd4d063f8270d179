// SPDX-License-Identifier: BSD-2-Clause
/* sekisho verify: prints what checking the store found. */
#include <stdio.h>
#include <unistd.h>
#include "command.h"
#include "query/verify.h"

struct verify_options {
	unsigned int help;
};

static const struct cmd_option option_table[] = {
	CMD_SWITCH("help", struct verify_options, help, "this text"),
	{},
};

static void show_progress(void *ctx, const char *file)
{
	(void)ctx;
	fprintf(stderr, "\r\033[K%s", file);
}

static void show(const struct verify_facts *f)
{
	printf("Journals:  %llu files, %llu rows not sealed yet\n", (unsigned long long)f->journals,
	       (unsigned long long)f->journal_rows);
	printf("Segments:  %llu files, %llu sections, %llu blocks, %llu rows\n",
	       (unsigned long long)f->segments, (unsigned long long)f->sections,
	       (unsigned long long)f->blocks, (unsigned long long)f->section_rows);
	if (f->torn)
		printf("Note:      %llu files end in an unfinished append (power loss or kill), set aside\n"
		       "           the first: %s\n", (unsigned long long)f->torn, f->first_torn.text);
	if (f->bad)
		printf("DAMAGED:   %llu, the first: %s\n", (unsigned long long)f->bad, f->first_bad.text);
	else
		printf("Checksums: all match\n");
}

int verb_verify(struct command *c, int argc, char **argv)
{
	bool terminal = isatty(STDERR_FILENO);
	struct verify_options o = {};
	struct verify_facts facts;
	struct store_dir store;
	struct problem p;
	size_t operands;
	int error;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		printf("usage: sekisho [--store DIR] verify\n\n"
		       "Checks every checksum of journals, segments and the consent ledger; names the\n"
		       "first damaged file and offset. Exit status: 0 all match, 5 damaged.\n");
		return EXIT_YES;
	}
	error = command_open_store(c, &store, &p);
	if (error)
		return command_fail(EXIT_NO, &p);
	error = verify_run(&store, &facts, terminal ? show_progress : NULL, NULL, &p);
	store_close(&store);
	if (terminal)
		fputs("\r\033[K", stderr);
	if (error)
		return command_fail(command_status_of(error), &p);
	show(&facts);
	return facts.bad ? EXIT_DAMAGED : EXIT_YES;
}
