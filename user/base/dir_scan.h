/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of many directories in a row, without a copy of each: getdents64(2) into one buffer. */
#ifndef SEKISHO_DIR_SCAN_H
#define SEKISHO_DIR_SCAN_H

/*
 * Calls fn for each entry of `path` (below at_fd, no symbolic link) that ends in `suffix` and does not begin with
 * '.', in no order, until it returns other than 0. Names are valid during the call. 0, what fn returned, or negative
 * errno (-ENOENT: no such directory).
 */
int dir_scan(int at_fd, const char *path, const char *suffix, int (*fn)(void *ctx, const char *name),
	     void *ctx);

#endif
