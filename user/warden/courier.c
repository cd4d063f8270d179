// SPDX-License-Identifier: BSD-2-Clause
/* The courier has none of the warden's descriptors, and none of its rights. */
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/sandbox.h"
#include "courier.h"
#include "recorder/head_command.h"

static void close_from(int first)
{
	(void)syscall(SYS_close_range, first, ~0u, 0);
}

static void run(pid_t parent, const struct owner *owner, const char *command, const char *heads, int fd)
{
	const struct sandbox_place place = { .owner = *owner, .state_dir = -1 };
	struct head_outcome outcome = {};
	struct problem p = {}, notes;

	outcome.error = sandbox_enter(SANDBOX_COURIER, &place, &notes, &p);
	/* A change of user forgets it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (!outcome.error)
		outcome.error = head_command_run(command, heads, &p);
	snprintf(outcome.why, sizeof(outcome.why), "%s", p.text);
	(void)send(fd, &outcome, sizeof(outcome), MSG_NOSIGNAL);
}

int courier_start(const struct owner *owner, const char *command, const char *heads, int *ret_fd)
{
	pid_t parent = getpid(), child;
	int ends[2];

	if (!*command)
		return -ENOENT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		/* The lock is not the courier's: a new sekishod need not wait for it. */
		(void)dup2(ends[1], STDERR_FILENO + 1);
		close_from(STDERR_FILENO + 2);
		run(parent, owner, command, heads, STDERR_FILENO + 1);
		_exit(0);
	}
	close(ends[1]);
	if (child < 0) {
		int error = -errno;

		close(ends[0]);
		return error;
	}
	*ret_fd = ends[0];
	return 0;
}
