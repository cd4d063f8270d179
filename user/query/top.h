/* SPDX-License-Identifier: BSD-2-Clause */
/* The sources with most rows, however many sources there are, within a fixed amount of memory. */
#ifndef SEKISHO_TOP_H
#define SEKISHO_TOP_H

#include "base/spool.h"
#include "search.h"

/* A spool of struct top_source in which the rows of one source add up. dir_fd: see spool.h. 0 or -ENOMEM. */
int top_new(const struct query *q, int dir_fd, struct spool **ret_spool);
/* The `most` sources with most rows, equal ones by address; *ret_sources: how many there are at all. Caller
 * frees *ret_top. 0, -ENOMEM or an I/O error. */
int top_take(struct spool *spool, size_t most, struct top_source **ret_top, size_t *ret_count,
	     uint64_t *ret_sources);

#endif
