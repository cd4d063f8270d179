/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages with at most one descriptor between processes of ours. */
#ifndef SEKISHO_FD_PASS_H
#define SEKISHO_FD_PASS_H

#include <stddef.h>

/* Sends a message, with `fd` unless it is -1 (borrowed); does not raise SIGPIPE. `flags` as of sendmsg(2). 0 or negative
 * errno. */
int fd_pass_send(int socket, const void *data, size_t size, int fd, int flags);
/* One message of a socket that keeps them apart: its size (0: the other side is gone) or negative errno; -EBADMSG when
 * it was longer than `size` or came with more descriptors. *ret_fd is -1 or the caller's. */
int fd_pass_receive(int socket, void *data, size_t size, int *ret_fd, int flags);

#endif
