/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the next intact object of a damaged file. */
#ifndef SEKISHO_SCAN_H
#define SEKISHO_SCAN_H

#include <stdint.h>

/*
 * Looks for four magic bytes at or after `from` where good() answers true, and gives the offset,
 * or `size` when there is none. `*budget` is lowered by what good() reports as read in vain and
 * ends the search at 0, so that a hostile file cannot make it quadratic. 0 or negative errno.
 */
int scan_next(int fd, uint64_t from, uint64_t size, const char magic[4],
	      int (*good)(void *ctx, uint64_t at, uint64_t *ret_bytes_read), void *ctx,
	      uint64_t *budget, uint64_t *ret_offset);

/* Whether all bytes from `from` to `size` are zero: allocated, but never written before power loss. */
int scan_is_zero(int fd, uint64_t from, uint64_t size);

#endif
