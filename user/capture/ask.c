// SPDX-License-Identifier: BSD-2-Clause
/* Asking the warden. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "ask.h"
#include "base/conf.h"
#include "base/fd_pass.h"
#include "base/utc.h"

struct ask {
	int fd;
	uint32_t number; /* of the last question */
	atomic_bool ready;
	pthread_mutex_t lock;
};

struct ask *ask_open(int fd)
{
	struct ask *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->fd = fd;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void ask_ready(struct ask *a)
{
	const struct ask_message message = { .kind = ASK_READY };

	a->ready = true;
	(void)fd_pass_send(a->fd, &message, sizeof(message), -1, 0);
}

void ask_failed(struct ask *a, int error, const struct problem *why)
{
	struct ask_message message = { .kind = ASK_FAILED, .status = error };

	snprintf(message.text, sizeof(message.text), "%s", why->text);
	(void)fd_pass_send(a->fd, &message, sizeof(message), -1, 0);
}

/* The answer to this question, others dropped. */
static int await(struct ask *a, struct ask_message *message, int64_t end_boot_ns, int *ret_fd)
{
	for (;;) {
		struct pollfd wait = { .fd = a->fd, .events = POLLIN };
		int64_t left_ms = (end_boot_ns - boot_now_ns()) / 1000000;
		int size = poll(&wait, 1, left_ms < 0 ? 0 : (int)left_ms), fd;

		if (size == 0)
			return -ETIMEDOUT;
		if (size < 0 && errno == EINTR)
			continue;
		size = fd_pass_receive(a->fd, message, sizeof(*message), &fd, MSG_DONTWAIT);
		if (size == -EAGAIN)
			continue;
		if (size == 0)
			return -EPIPE;
		if (size == sizeof(*message) && message->number == a->number) {
			*ret_fd = fd;
			return 0;
		}
		if (fd >= 0)
			close(fd);
		if (size < 0)
			return size;
	}
}

/* Another thread's question may take longer than this one's time. */
static int take_turn(struct ask *a, int timeout_ms)
{
	struct timespec until;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (until.tv_nsec >= NS_PER_SEC) {
		until.tv_sec++;
		until.tv_nsec -= NS_PER_SEC;
	}
	return -pthread_mutex_clocklock(&a->lock, CLOCK_MONOTONIC, &until);
}

/* In its turn: the answer, if it comes in time. */
static int exchange(struct ask *a, struct ask_message *message, int64_t end_boot_ns, int *ret_fd)
{
	int error;

	message->number = ++a->number;
	error = fd_pass_send(a->fd, message, sizeof(*message), -1, MSG_DONTWAIT);
	if (error)
		return error == -EAGAIN ? -ETIMEDOUT : error; /* it has not read the questions before */
	return await(a, message, end_boot_ns, ret_fd);
}

int ask_call(struct ask *a, struct ask_message *message, int timeout_ms, int *ret_fd, struct problem *p)
{
	uint32_t kind = message->kind;
	int64_t end_boot_ns;
	int error, fd = -1;

	if (!a->ready && timeout_ms < ASK_PATIENCE_MS)
		timeout_ms = ASK_PATIENCE_MS;
	end_boot_ns = boot_now_ns() + timeout_ms * INT64_C(1000000);
	error = take_turn(a, timeout_ms);
	if (!error) {
		error = exchange(a, message, end_boot_ns, &fd);
		pthread_mutex_unlock(&a->lock);
	}
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	if (error)
		return problem(p, error, "sekishod's warden does not answer: %s", strerror(-error));
	if (message->status < 0) {
		message->text[sizeof(message->text) - 1] = '\0';
		return problem(p, message->status, "%s", message->kind == kind && message->text[0] ? message->text :
										 strerror(-message->status));
	}
	return message->status;
}

int ask_conf(struct ask *a, enum ask_kind kind, const char *path, struct conf *ret_conf, struct problem *p)
{
	struct ask_message m = { .kind = kind };
	int fd, error = ask_call(a, &m, ASK_PATIENCE_MS, &fd, p);

	if (!error)
		error = fd < 0 ? problem(p, -EBADMSG, "the warden gave no configuration") :
				 conf_load_open(fd, path, ret_conf, p);
	if (fd >= 0)
		close(fd);
	return error;
}

int ask_errand(struct ask *a, struct ask_message *message, const char *what, int run_ms, void *ret_outcome,
	       size_t size, struct problem *p)
{
	struct pollfd wait = { .events = POLLIN };
	int error = ask_call(a, message, ASK_PATIENCE_MS, &wait.fd, p);

	if (!error && wait.fd < 0)
		return problem(p, -EBADMSG, "the warden did not run %s", what);
	if (!error && (poll(&wait, 1, run_ms) != 1 || recv(wait.fd, ret_outcome, size, 0) != (ssize_t)size))
		error = problem(p, -EIO, "what became of %s is not known", what);
	if (wait.fd >= 0)
		close(wait.fd);
	return error < 0 ? error : 0;
}
