// SPDX-License-Identifier: BSD-2-Clause
/* sekisho seal: asks the daemon to rotate the journal and seal what is in it. */
#include <jansson.h>
#include <stdio.h>
#include "command.h"

struct seal_options {
	unsigned int help;
};

static long long number(const json_t *answer, const char *key)
{
	return (long long)json_integer_value(json_object_get(answer, key));
}

static void show(const json_t *answer)
{
	printf("sealed %lld rows in %lld sections\n", number(answer, "rows"), number(answer, "sections"));
	if (number(answer, "closed_files"))
		printf("closed %lld segments of %lld days that are over\n", number(answer, "closed_files"),
		       number(answer, "closed_days"));
	if (number(answer, "open_files"))
		printf("left %lld segments open that are torn or damaged: run sekisho verify\n",
		       number(answer, "open_files"));
}

static const struct cmd_option option_table[] = {
	CMD_SWITCH("help", struct seal_options, help, "this text"),
	{},
};

int verb_seal(struct command *c, int argc, char **argv)
{
	struct seal_options o = {};
	struct problem p;
	json_t *answer;
	size_t operands;
	int status;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		printf("usage: sekisho seal\n\nMoves all rows of the journal to the segments now, as sekishod does by itself on\n"
		       "rotation and when it stops. Segments of days that are over are closed.\n"
		       "\nExit status: 0 done, 1 could not, 3 sekishod does not run.\n");
		return EXIT_YES;
	}
	status = command_ask_verb(c, "seal", &answer);
	if (status)
		return status;
	show(answer);
	json_decref(answer);
	return EXIT_YES;
}
