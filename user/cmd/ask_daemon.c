// SPDX-License-Identifier: BSD-2-Clause
/* The client's side of a verb that sekishod runs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "ask_daemon.h"
#include "command.h"
#include "control/client.h"

#define KEY_HEX 64 /* --public-key may also be the key itself */

static bool names_a_file(const char *option, const char *value)
{
	if (strcmp(option, "public-key") == 0)
		return strlen(value) != KEY_HEX || value[strspn(value, "0123456789abcdefABCDEF")];
	return strcmp(value, "-") != 0; /* standard input goes along anyway */
}

/* The value of "--OPTION" at argv[i], in it or behind it; NULL: argv[i] is something else. */
static const char *value_at(const char *option, int argc, char **argv, int i, int *ret_arg)
{
	size_t length = strlen(option);

	if (strncmp(argv[i], "--", 2) != 0 || strncmp(argv[i] + 2, option, length) != 0)
		return NULL;
	*ret_arg = i;
	if (argv[i][2 + length] == '=')
		return argv[i] + length + 3;
	if (argv[i][2 + length] || i + 1 >= argc || (argv[i + 1][0] == '-' && argv[i + 1][1]))
		return NULL;
	*ret_arg = i + 1;
	return argv[i + 1];
}

/* What makes a verb read standard input: an option, and the value that it then has (NULL: it takes none). */
static const struct {
	const char *verb, *option, *value;
} input_options[] = {
	{ "consent", "stdin", NULL },
	{ "search", "questions", "-" },
};

static bool asks_for_input(size_t row, int argc, char **argv, int i)
{
	const char *option = input_options[row].option, *value;
	int arg;

	if (!input_options[row].value)
		return strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, option) == 0;
	value = value_at(option, argc, argv, i, &arg);
	return value && strcmp(value, input_options[row].value) == 0;
}

static bool reads_input(int argc, char **argv)
{
	for (size_t row = 0; row < sizeof(input_options) / sizeof(input_options[0]); row++)
		for (int i = 1; strcmp(argv[0], input_options[row].verb) == 0 && i < argc && strcmp(argv[i], "--") != 0; i++)
			if (asks_for_input(row, argc, argv, i))
				return true;
	return false;
}

/* With our rights, not those of sekishod. */
static int open_files(struct control_request *r, int *files, struct problem *p)
{
	const struct role_act *act = roles_find(r->argc, r->argv);
	const char *value;
	int arg, fd;

	for (int i = 1; act && act->file_option && i < r->argc && strcmp(r->argv[i], "--") != 0; i++) {
		value = value_at(act->file_option, r->argc, r->argv, i, &arg);
		if (!value || !names_a_file(act->file_option, value))
			continue;
		if (r->file_count == CONTROL_FILES_MAX)
			return problem(p, -EINVAL, "--%s: more than %d files", act->file_option, CONTROL_FILES_MAX);
		fd = open(value, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return problem(p, -EINVAL, "--%s %s: %s", act->file_option, value, strerror(errno));
		r->file_args[r->file_count] = (unsigned int)arg;
		files[r->file_count++] = fd;
		i = arg;
	}
	return 0;
}

int ask_daemon(const char *run_dir, int argc, char **argv)
{
	struct control_request request = { .argc = argc };
	int files[CONTROL_FILES_MAX], status = EXIT_NO, error;
	struct problem p;

	if (argc > CONTROL_ARGS_MAX) {
		problem(&p, 0, "%d arguments: at most %d are taken", argc, CONTROL_ARGS_MAX);
		return command_fail(EXIT_USAGE, &p);
	}
	memcpy(request.argv, argv, (size_t)argc * sizeof(*argv));
	request.language = strcmp(command_language(), "ja") == 0 ? CONTROL_LANGUAGE_JA : CONTROL_LANGUAGE_EN;
	error = open_files(&request, files, &p);
	if (error) {
		status = command_fail(EXIT_USAGE, &p);
	} else if ((error = client_run(run_dir, &request, files, reads_input(argc, argv), &status, &p))) {
		status = command_fail(error == -ECONNREFUSED ? EXIT_NO_DAEMON : error == -E2BIG ? EXIT_USAGE : EXIT_NO, &p);
	} else if (p.text[0]) {
		log_error("%s", p.text);
	}
	for (size_t i = 0; i < request.file_count; i++)
		close(files[i]);
	return status;
}
