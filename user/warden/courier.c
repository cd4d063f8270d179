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
#include "recorder/chrony.h"
#include "recorder/head_command.h"

static void close_from(int first)
{
	(void)syscall(SYS_close_range, first, ~0u, 0);
}

struct errand {
	const struct owner *owner;
	const char *command, *heads; /* NULL: asks chronyd */
};

static void send_heads(const struct errand *e, int error, struct problem *p, int fd)
{
	struct head_outcome outcome = { .error = error };

	if (!error)
		outcome.error = head_command_run(e->command, e->heads, p);
	snprintf(outcome.why, sizeof(outcome.why), "%s", p->text);
	(void)send(fd, &outcome, sizeof(outcome), MSG_NOSIGNAL);
}

static void ask_chrony(int error, struct problem *p, int fd)
{
	struct chrony_answer answer = { .error = error };

	if (!error)
		answer.error = chrony_ask(CHRONY_COMMAND, &answer.bound, p);
	snprintf(answer.why, sizeof(answer.why), "%s", p->text);
	(void)send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
}

static void run(pid_t parent, const struct errand *e, int fd)
{
	const struct sandbox_place place = { .owner = *e->owner, .state_dir = -1 };
	struct problem p = {}, notes;
	int error = sandbox_enter(SANDBOX_COURIER, &place, &notes, &p);

	/* A change of user forgets it (prctl(2)). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (e->command)
		send_heads(e, error, &p, fd);
	else
		ask_chrony(error, &p, fd);
}

static int start(const struct errand *e, pid_t *ret_pid, int *ret_fd)
{
	pid_t parent = getpid(), child;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	child = fork();
	if (child == 0) {
		/* The lock is not the courier's: a new sekishod need not wait for it. */
		(void)dup2(ends[1], STDERR_FILENO + 1);
		close_from(STDERR_FILENO + 2);
		run(parent, e, STDERR_FILENO + 1);
		_exit(0);
	}
	close(ends[1]);
	if (child < 0) {
		int error = -errno;

		close(ends[0]);
		return error;
	}
	*ret_pid = child;
	*ret_fd = ends[0];
	return 0;
}

int courier_start(const struct owner *owner, const char *command, const char *heads, pid_t *ret_pid, int *ret_fd)
{
	const struct errand e = { owner, command, heads };

	return *command ? start(&e, ret_pid, ret_fd) : -ENOENT;
}

int courier_ask_chrony(const struct owner *owner, pid_t *ret_pid, int *ret_fd)
{
	const struct errand e = { .owner = owner };

	return start(&e, ret_pid, ret_fd);
}
