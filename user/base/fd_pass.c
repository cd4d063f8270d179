// SPDX-License-Identifier: BSD-2-Clause
/* A message, and one descriptor with it. */
#include <errno.h>
#include <unistd.h>
#include "descriptors.h"
#include "fd_pass.h"

int fd_pass_send(int socket, const void *data, size_t size, int fd, int flags)
{
	return descriptors_send(socket, data, size, &fd, fd >= 0, flags);
}

int fd_pass_receive(int socket, void *data, size_t size, int *ret_fd, int flags)
{
	struct descriptors d = {};
	ssize_t got;

	*ret_fd = -1;
	do
		got = descriptors_receive(socket, data, size, &d, flags);
	while (got == -EINTR);
	if (got >= 0 && d.count > 1)
		got = -EBADMSG;
	if (got >= 0 && d.count)
		*ret_fd = d.fds[0];
	else
		descriptors_close(&d);
	return (int)got;
}
