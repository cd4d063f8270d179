// SPDX-License-Identifier: BSD-2-Clause
/* Starting a program and waiting for its end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/utc.h"
#include "program.h"

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

static int set_file(posix_spawn_file_actions_t *files, int fd, int as, int flags)
{
	return fd < 0 ? posix_spawn_file_actions_addopen(files, as, "/dev/null", flags, 0) :
			posix_spawn_file_actions_adddup2(files, fd, as);
}

int program_start(const struct program *program, pid_t *ret_child)
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
			error = set_file(&files, program->input, STDIN_FILENO, O_RDONLY);
		if (!error)
			error = set_file(&files, program->output, STDOUT_FILENO, O_WRONLY);
		if (!error)
			error = set_file(&files, -1, STDERR_FILENO, O_WRONLY);
		if (!error)
			error = posix_spawn(ret_child, program->words[0], &files, &attributes, program->words,
					    program->environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return -error;
}

bool program_says(int fd, int64_t end_boot_ns)
{
	int64_t left;

	while ((left = end_boot_ns - boot_now_ns()) > 0) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		if (poll(&wait, 1, (int)(left / 1000000) + 1) > 0)
			return true;
	}
	return false;
}

int program_wait(pid_t child, int64_t end_boot_ns, int *ret_status)
{
	int fd = (int)syscall(SYS_pidfd_open, child, 0);
	bool ended = fd >= 0 && program_says(fd, end_boot_ns);

	if (!ended)
		(void)kill(-child, SIGKILL);
	while (waitpid(child, ret_status, 0) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		close(fd);
	return ended ? 0 : -ETIMEDOUT;
}
