// SPDX-License-Identifier: BSD-2-Clause
/*
 * uring ADDR:PORT: a server that calls neither accept() nor accept4(): one multishot accept of io_uring
 * takes every connection, and each is closed at once. Prints "ready" when it listens.
 *
 * Status: 1 the kernel did not go on with the multishot, 2 usage or a system call failed, 77 this machine
 * has no io_uring, or it is forbidden.
 */
#include <errno.h>
#include <liburing.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOT_MULTISHOT = 1, FAILED = 2, IMPOSSIBLE = 77 };

static _Noreturn void fail(const char *what, int error, int status)
{
	fprintf(stderr, "uring: %s: %s\n", what, strerror(error));
	exit(status);
}

static int listen_on(char *text)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *a;
	char *colon = strrchr(text, ':');
	int fd, one = 1;

	if (!colon || colon == text)
		fail(text, EINVAL, FAILED);
	*colon = '\0';
	if (*text == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		text++;
	}
	if (getaddrinfo(text, colon + 1, &hints, &a))
		fail("not ADDR:PORT", EINVAL, FAILED);
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 65535) < 0)
		fail("listen", errno, FAILED);
	freeaddrinfo(a);
	return fd;
}

static void arm(struct io_uring *ring, int listener)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int r;

	io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	r = io_uring_submit(ring);
	if (r < 0)
		fail("io_uring_submit", -r, FAILED);
}

/* The flag of each completion tells whether the kernel goes on by itself. */
static _Noreturn void accept_forever(struct io_uring *ring)
{
	for (;;) {
		struct io_uring_cqe *cqe;
		int r = io_uring_wait_cqe(ring, &cqe), fd;
		unsigned int flags;

		if (r == -EINTR)
			continue;
		if (r < 0)
			fail("io_uring_wait_cqe", -r, FAILED);
		fd = cqe->res;
		flags = cqe->flags;
		io_uring_cqe_seen(ring, cqe);
		if (fd < 0 && fd != -ECONNABORTED)
			fail("multishot accept", -fd, fd == -EINVAL ? IMPOSSIBLE : FAILED);
		if (fd >= 0)
			close(fd);
		if (!(flags & IORING_CQE_F_MORE))
			fail("the kernel ended the multishot", ECANCELED, NOT_MULTISHOT);
	}
}

int main(int argc, char **argv)
{
	struct io_uring ring;
	int r;

	if (argc != 2) {
		fputs("Usage: uring ADDR:PORT\n", stderr);
		return FAILED;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		fail("prctl", errno, FAILED);
	r = io_uring_queue_init(4096, &ring, 0);
	if (r < 0)
		fail("io_uring_setup", -r, r == -ENOSYS || r == -EPERM ? IMPOSSIBLE : FAILED);
	arm(&ring, listen_on(argv[1]));
	puts("ready");
	if (fflush(stdout))
		fail("stdout", errno, FAILED);
	accept_forever(&ring);
}
