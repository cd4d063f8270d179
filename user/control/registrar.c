// SPDX-License-Identifier: BSD-2-Clause
/* Listening on the control socket, a process for each connection. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/orders.h"
#include "link.h"
#include "registrar.h"
#include "wire.h"

#define CONNECTIONS_MAX 16
#define PEER_TIMEOUT_SECONDS 5

static json_t *refuse(int status, const struct problem *p)
{
	return json_pack("{s:i, s:s}", "status", status, "error", p->text);
}

static json_t *pass_on(int link_fd, json_t *request, const struct ucred *peer)
{
	struct problem p;
	json_t *answer;

	if (json_integer_value(json_object_get(request, "sekisho")) != WIRE_VERSION) {
		problem(&p, 0, "this sekishod speaks version %d of the control protocol", WIRE_VERSION);
		return refuse(2, &p);
	}
	json_object_set_new(request, "uid", json_integer(peer->uid));
	return link_call(link_fd, json_incref(request), &answer, &p) ? refuse(1, &p) : answer;
}

static void serve(int link_fd, int fd)
{
	struct timeval limit = { .tv_sec = PEER_TIMEOUT_SECONDS };
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t size = sizeof(peer);
	struct problem ignored;
	json_t *request;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return;
	request = wire_read(fd, &ignored);
	if (request) /* garbage closes this connection and nothing else */
		(void)wire_write(fd, pass_on(link_fd, request, &peer));
	json_decref(request);
}

static void reap(unsigned int *busy, bool wait)
{
	while (*busy && waitpid(-1, NULL, wait ? 0 : WNOHANG) > 0)
		--*busy;
}

static void accept_one(const struct registrar *r, unsigned int *busy)
{
	int fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t parent = getpid(), child;

	if (fd < 0)
		return;
	child = *busy < CONNECTIONS_MAX ? fork() : -1;
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		serve(r->link_fd, fd);
		_exit(0);
	}
	*busy += child > 0;
	close(fd);
}

int registrar_run(const struct registrar *r, struct problem *p)
{
	struct pollfd fds[] = { { .fd = r->listen_fd, .events = POLLIN }, { .fd = r->orders_fd, .events = POLLIN } };
	unsigned int busy = 0;
	char order = 0;

	for (;;) {
		/* Wakes up now and then to bury workers. */
		if (poll(fds, 2, busy ? 100 : -1) < 0 && errno != EINTR)
			return problem(p, -errno, "cannot wait for connections: %s", strerror(errno));
		reap(&busy, false);
		if (fds[1].revents && (read(r->orders_fd, &order, 1) != 1 || order == ORDER_STOP))
			break;
		if (fds[0].revents)
			accept_one(r, &busy);
	}
	reap(&busy, true);
	return 0;
}

static int listen_on(const struct sockaddr_un *address, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	mode_t mask;

	if (fd < 0)
		return -errno;
	/* The state directory's lock says that no other daemon of this store runs. */
	(void)unlink(address->sun_path);
	mask = umask(0177);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, CONNECTIONS_MAX) < 0)
		error = -errno;
	umask(mask);
	if (error)
		close(fd);
	else
		*ret_fd = fd;
	return error;
}

int registrar_listen(const char *run_dir, int *ret_fd, struct problem *p)
{
	struct sockaddr_un address;
	int dir = fs_open_dir(AT_FDCWD, run_dir, 1);
	int error = dir < 0 ? dir : wire_address(run_dir, &address);

	if (dir >= 0)
		close(dir);
	if (!error)
		error = listen_on(&address, ret_fd);
	return error ? problem(p, error, "cannot listen on %s/%s: %s", run_dir, CONTROL_SOCKET, strerror(-error)) : 0;
}

void registrar_unlisten(const char *run_dir)
{
	struct sockaddr_un address;

	if (wire_address(run_dir, &address) == 0)
		(void)unlink(address.sun_path);
}
