// SPDX-License-Identifier: BSD-2-Clause
/* Asking the daemon. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"
#include "wire.h"

static int dial(const char *run_dir, struct problem *p)
{
	struct sockaddr_un address;
	int fd, error = wire_address(run_dir, &address);

	if (error)
		return problem(p, error, "run_dir %s is too long for a socket", run_dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return problem(p, -errno, "cannot create a socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error = errno == ENOENT ? -ECONNREFUSED : -errno;
		close(fd);
		return problem(p, error, error == -ECONNREFUSED ? "sekishod is not running (%s: %s)" :
								  "cannot reach sekishod at %s: %s",
			       address.sun_path, strerror(-error));
	}
	return fd;
}

int client_call(const char *run_dir, json_t *request, json_t **ret_answer, struct problem *p)
{
	int fd = dial(run_dir, p), error;
	json_t *answer;

	if (fd < 0) {
		json_decref(request);
		return fd;
	}
	json_object_set_new(request, "sekisho", json_integer(WIRE_VERSION));
	error = wire_write(fd, request);
	answer = error ? NULL : wire_read(fd, p);
	close(fd);
	if (error)
		return problem(p, error, "cannot ask sekishod: %s", strerror(-error));
	if (!answer)
		return -EIO;
	*ret_answer = answer;
	return 0;
}
