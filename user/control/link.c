// SPDX-License-Identifier: BSD-2-Clause
/* Asking the recorder. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "base/fd_pass.h"
#include "base/utc.h"
#include "link.h"
#include "wire.h"

#define TAKEN_TIMEOUT_MS 5000

/* Passes one end over; the link may be full of requests that a recorder which is being started again has not read. */
static int pass(int link_fd, int end, int64_t give_up_ns)
{
	int error;

	while ((error = fd_pass_send(link_fd, "", 1, end, MSG_DONTWAIT)) == -EAGAIN && boot_now_ns() < give_up_ns) {
		struct pollfd wait = { .fd = link_fd, .events = POLLOUT };

		(void)poll(&wait, 1, 100);
	}
	return error;
}

/* Until the recorder's first byte, which says that it works on it. */
static int await_taken(int fd, int64_t give_up_ns)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int64_t left_ms;
	char byte;
	int n;

	do {
		left_ms = (give_up_ns - boot_now_ns()) / 1000000;
		n = poll(&wait, 1, left_ms < 0 ? 0 : (int)left_ms);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return -ETIMEDOUT;
	return n > 0 && read(fd, &byte, 1) == 1 ? 0 : -EPIPE;
}

static int ask(int link_fd, int ends[2], json_t *request, json_t **ret_answer, struct problem *p)
{
	int64_t give_up_ns = boot_now_ns() + TAKEN_TIMEOUT_MS * INT64_C(1000000);
	int error = pass(link_fd, ends[1], give_up_ns);

	close(ends[1]);
	ends[1] = -1;
	if (!error)
		error = wire_write(ends[0], json_incref(request));
	if (!error)
		error = await_taken(ends[0], give_up_ns);
	if (error == -ETIMEDOUT || error == -EAGAIN)
		return problem(p, -ETIMEDOUT, "sekishod's recorder does not answer within %d s", TAKEN_TIMEOUT_MS / 1000);
	*ret_answer = error ? NULL : wire_read(ends[0], p);
	return *ret_answer ? 0 : problem(p, -EPIPE, "sekishod's recorder ended before it had answered: try again");
}

int link_call(int link_fd, json_t *request, json_t **ret_answer, struct problem *p)
{
	int ends[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		json_decref(request);
		return problem(p, -errno, "cannot ask sekishod's recorder: %s", strerror(errno));
	}
	error = ask(link_fd, ends, request, ret_answer, p);
	json_decref(request);
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return error;
}

int link_call_for(int link_fd, const struct peer *peer, json_t *request, json_t **ret_answer, struct problem *p)
{
	json_object_set_new(request, "uid", json_integer(peer->uid));
	json_object_set_new(request, "user", peer_user(peer) ? json_string(peer_user(peer)) : json_null());
	return link_call(link_fd, request, ret_answer, p);
}
