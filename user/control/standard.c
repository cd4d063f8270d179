// SPDX-License-Identifier: BSD-2-Clause
/* Pipes in place of sockets. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "standard.h"

/* Until there is something to copy. False: nobody reads from `to` any more. */
static bool await_input(int from, int to)
{
	struct pollfd wait[] = { { .fd = from, .events = POLLIN }, { .fd = to } };

	while (poll(wait, 2, -1) < 0)
		if (errno != EINTR)
			return false;
	return !(wait[1].revents & (POLLERR | POLLHUP));
}

/* The socket may be non-blocking: it is somebody else's as well. */
static bool await_room(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLOUT };

	return poll(&wait, 1, -1) > 0 || errno == EINTR;
}

static bool write_all(int fd, const char *data, ssize_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, (size_t)size);

		if (n < 0 && errno != EINTR && (errno != EAGAIN || !await_room(fd)))
			return false;
		data += n > 0 ? n : 0;
		size -= n > 0 ? n : 0;
	}
	return true;
}

/* Until the end of one side, which becomes that of the other: our side of the pipe is this thread's. */
static void *copy(void *arg)
{
	struct standard_copy *c = arg;
	bool input = c->from == STDIN_FILENO;
	char chunk[16384];
	ssize_t n;

	while (await_input(c->from, c->to)) {
		n = read(c->from, chunk, sizeof(chunk));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0 || !write_all(c->to, chunk, n))
			break;
	}
	close(input ? c->to : c->from);
	return NULL;
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* *ret_fd: what the daemon gets for it. */
static int through_pipe(struct standard_copy *c, int fd, int *ret_fd)
{
	sigset_t all, before;
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	c->from = fd == STDIN_FILENO ? fd : ends[0];
	c->to = fd == STDIN_FILENO ? ends[1] : fd;
	c->end = ends[fd == STDIN_FILENO ? 0 : 1];
	/* A reader that went away is an error of write(2) here; signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = -pthread_create(&c->thread, NULL, copy, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		close(ends[0]);
		close(ends[1]);
		c->end = -1;
		return error;
	}
	c->started = true;
	*ret_fd = c->end;
	return 0;
}

/* The socket is left alone: what the copy has read, nobody else would. */
static int no_input(struct standard_copy *c, int *ret_fd)
{
	c->end = open("/dev/null", O_RDONLY | O_CLOEXEC);
	*ret_fd = c->end;
	return c->end < 0 ? -errno : 0;
}

static int open_one(struct standard *s, int fd, bool reads_input, const struct descriptors *d, int *ret_fd)
{
	*ret_fd = fd;
	if (!is_socket(fd))
		return 0;
	if (fd == STDIN_FILENO && !reads_input)
		return no_input(&s->copies[fd], ret_fd);
	/* Both into one: in the order in which they were written. */
	if (fd == STDERR_FILENO && same_file(STDOUT_FILENO, STDERR_FILENO)) {
		*ret_fd = d->fds[d->count - 1];
		return 0;
	}
	return through_pipe(&s->copies[fd], fd, ret_fd);
}

/* Also so that no pipe of ours takes their place. */
static int fill_closed(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd < STANDARD_FILES);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int standard_open(struct standard *s, bool reads_input, struct descriptors *d, struct problem *p)
{
	int error = fill_closed(), fd;

	*s = (struct standard){};
	for (int i = 0; i < STANDARD_FILES; i++)
		s->copies[i].end = -1;
	for (int i = 0; i < STANDARD_FILES && !error; i++) {
		error = open_one(s, i, reads_input, d, &fd);
		if (!error)
			d->fds[d->count++] = fd;
	}
	if (!error)
		return 0;
	standard_passed(s);
	standard_done(s);
	return problem(p, error, "cannot pass standard input and output on: %s", strerror(-error));
}

void standard_passed(struct standard *s)
{
	for (int i = 0; i < STANDARD_FILES; i++) {
		if (s->copies[i].end >= 0)
			close(s->copies[i].end);
		s->copies[i].end = -1;
	}
}

void standard_done(struct standard *s)
{
	for (int i = 0; i < STANDARD_FILES; i++) {
		struct standard_copy *c = &s->copies[i];

		if (!c->started)
			continue;
		pthread_join(c->thread, NULL);
		c->started = false;
	}
}
