// SPDX-License-Identifier: BSD-2-Clause
/* Running the operator's command, without a shell and not for ever. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/conf.h"
#include "base/fs.h"
#include "head_command.h"

#define TIMEOUT_MS (HEAD_COMMAND_SECONDS * 1000)
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

/* A process group of its own, with the signals that sekishod keeps from itself. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	(void)posix_spawnattr_setsigmask(attributes, &none);
	(void)posix_spawnattr_setsigdefault(attributes, &all);
	(void)posix_spawnattr_setpgroup(attributes, 0);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETPGROUP);
}

static int spawn(char *const words[], int input, pid_t *ret_child)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&files);

	if (error)
		return -error;
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		error = set_attributes(&attributes);
		if (!error)
			error = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
		for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && !error; fd++)
			error = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_WRONLY, 0);
		if (!error)
			error = posix_spawn(ret_child, words[0], &files, &attributes, words, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return -error;
}

/* Waits for its end, or makes one. */
static int wait_for(pid_t child, const char *name, struct problem *p)
{
	int fd = (int)syscall(SYS_pidfd_open, child, 0), status = 0, ended;
	struct pollfd end = { .fd = fd, .events = POLLIN };

	do
		ended = fd < 0 ? 0 : poll(&end, 1, TIMEOUT_MS);
	while (ended < 0 && errno == EINTR);
	if (ended != 1)
		(void)kill(-child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		close(fd);
	if (ended != 1)
		return problem(p, -ETIMEDOUT, "%s: no end after %d s, killed", name, TIMEOUT_MS / 1000);
	if (WIFSIGNALED(status))
		return problem(p, -EIO, "%s: ended by signal %d", name, WTERMSIG(status));
	return WEXITSTATUS(status) ? problem(p, -EIO, "%s: exit status %d", name, WEXITSTATUS(status)) : 0;
}

/* A pipe takes heads whole (PIPE_BUF), whether they are read or not. */
int head_command_run(const char *command, const char *heads, struct problem *p)
{
	char text[CONF_PATH_MAX], *words[WORDS_MAX + 1];
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
	if (!error)
		error = spawn(words, ends[0], &child);
	close(ends[0]);
	return error ? problem(p, error, "%s: %s", words[0], strerror(-error)) : wait_for(child, words[0], p);
}
