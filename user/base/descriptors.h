/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files passed over a local socket (SCM_RIGHTS, unix(7)). */
#ifndef SEKISHO_DESCRIPTORS_H
#define SEKISHO_DESCRIPTORS_H

#include <stddef.h>
#include <sys/types.h>

#define DESCRIPTORS_MAX 12

struct descriptors {
	int fds[DESCRIPTORS_MAX];
	size_t count;
};

/* Sends at most size (> 0) bytes, all descriptors with the first. 0 when all went, or negative errno. */
int descriptors_send(int socket, const void *data, size_t size, const int *fds, size_t count, int flags);
/*
 * One read of at most size bytes; what came with them is added to *d (close-on-exec), which the caller closes. Bytes,
 * 0 at the end, or negative errno; -EBADMSG: more than DESCRIPTORS_MAX together, or a message longer than size (all that
 * *d holds stays valid).
 */
ssize_t descriptors_receive(int socket, void *data, size_t size, struct descriptors *d, int flags);
/* Closes those that are left; -1 stands for one that was taken. */
void descriptors_close(struct descriptors *d);

#endif
