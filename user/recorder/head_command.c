// SPDX-License-Identifier: BSD-2-Clause
/* Running the operator's command. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/conf.h"
#include "base/fs.h"
#include "base/utc.h"
#include "head_command.h"
#include "program.h"

#define WORDS_MAX 64

extern char **environ;

/* Cuts the text into words in place. */
static void split(char *text, char *words[static WORDS_MAX + 1])
{
	size_t n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, " \t", &rest); word && n < WORDS_MAX; word = strtok_r(NULL, " \t", &rest))
		words[n++] = word;
	words[n] = NULL;
}

static int wait_for(pid_t child, const char *name, struct problem *p)
{
	int status = 0;

	if (program_wait(child, boot_now_ns() + HEAD_COMMAND_SECONDS * NS_PER_SEC, &status))
		return problem(p, -ETIMEDOUT, "%s: no end after %d s, killed", name, HEAD_COMMAND_SECONDS);
	if (WIFSIGNALED(status))
		return problem(p, -EIO, "%s: ended by signal %d", name, WTERMSIG(status));
	return WEXITSTATUS(status) ? problem(p, -EIO, "%s: exit status %d", name, WEXITSTATUS(status)) : 0;
}

/* A pipe takes heads whole (PIPE_BUF), whether they are read or not. */
int head_command_run(const char *command, const char *heads, struct problem *p)
{
	char text[CONF_PATH_MAX], *words[WORDS_MAX + 1];
	struct program program = { words, environ, .output = -1 };
	int ends[2], error;
	pid_t child;

	snprintf(text, sizeof(text), "%s", command);
	split(text, words);
	if (!words[0])
		return problem(p, -EINVAL, "head_command is empty");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return problem(p, -errno, "%s: %s", words[0], strerror(errno));
	error = fs_write_all(ends[1], heads, strlen(heads));
	close(ends[1]);
	program.input = ends[0];
	if (!error)
		error = program_start(&program, &child);
	close(ends[0]);
	return error ? problem(p, error, "%s: %s", words[0], strerror(-error)) : wait_for(child, words[0], p);
}
