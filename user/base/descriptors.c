// SPDX-License-Identifier: BSD-2-Clause
/* Passing open files. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "descriptors.h"

union control {
	char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int descriptors_send(int socket, const void *data, size_t size, const int *fds, size_t count, int flags)
{
	union control control = {};
	struct iovec iov = { .iov_base = (void *)data, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (count > DESCRIPTORS_MAX)
		return -EINVAL;
	if (count) {
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET,
				       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	} else {
		m.msg_control = NULL;
		m.msg_controllen = 0;
	}
	while (iov.iov_len) {
		ssize_t n = sendmsg(socket, &m, flags | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		iov.iov_base = (char *)iov.iov_base + n;
		iov.iov_len -= (size_t)n;
		m.msg_control = NULL; /* they went with the first bytes */
		m.msg_controllen = 0;
	}
	return 0;
}

/* Adds those of one control message; what has no room is closed at once. */
static int add(struct descriptors *d, const struct cmsghdr *c)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int error = 0, fd;

	for (size_t i = 0; i < count; i++) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (d->count < DESCRIPTORS_MAX) {
			d->fds[d->count++] = fd;
		} else {
			close(fd);
			error = -EBADMSG;
		}
	}
	return error;
}

ssize_t descriptors_receive(int socket, void *data, size_t size, struct descriptors *d, int flags)
{
	union control control;
	struct iovec iov = { .iov_base = data, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(socket, &m, flags | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && add(d, c))
			n = -EBADMSG;
	return m.msg_flags & (MSG_CTRUNC | MSG_TRUNC) ? -EBADMSG : n;
}

void descriptors_close(struct descriptors *d)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->fds[i] >= 0)
			close(d->fds[i]);
	d->count = 0;
}
