// SPDX-License-Identifier: BSD-2-Clause
/* sekisho reload: asks the daemon to read its configuration again, as SIGHUP does. */
#include "command.h"

struct reload_options {
	unsigned int help;
};

static const struct cmd_option option_table[] = {
	CMD_SWITCH("help", struct reload_options, help, "this text"),
	{},
};

int verb_reload(struct command *c, int argc, char **argv)
{
	struct reload_options o = {};
	struct problem p;
	json_t *answer;
	size_t operands;
	int status;

	if (cmdline_parse(argc, argv, option_table, &o, false, NULL, 0, &operands, &p))
		return command_fail(EXIT_USAGE, &p);
	if (o.help) {
		printf("usage: sekisho reload\n\nsekishod reads its configuration and the consents again. What it cannot take is said,\n"
		       "and the old configuration stays in force.\n"
		       "\nExit status: 0 done, 1 could not, 2 an error in the configuration, 3 sekishod does not run.\n");
		return EXIT_YES;
	}
	status = command_ask_verb(c, "reload", &answer);
	if (!status)
		json_decref(answer);
	return status;
}
