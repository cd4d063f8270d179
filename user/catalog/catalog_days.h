/* SPDX-License-Identifier: BSD-2-Clause */
/* The segments of one day, over all tenants. */
#ifndef SEKISHO_CATALOG_DAYS_H
#define SEKISHO_CATALOG_DAYS_H

#include "base/problem.h"
#include "base/store_dir.h"
#include "segment/segment_reader.h"

/* Parts of one tenant's day, by number. */
struct catalog_parts {
	const char *tenant;
	int dir_fd;
	struct segment_reader *list;
	size_t count, capacity;
};

/*
 * Calls fn for each tenant with segments of the day. -EBADMSG and *p when one of them is damaged, of another
 * tenant, or torn where what was being sealed stands in no other part: what is lost there cannot be listed.
 * Else what fn returns, when that is not 0; -ENOTSUP, -ENOMEM, I/O errors and *p.
 */
int catalog_days_each(const struct store_dir *store, int32_t day,
		      int (*fn)(void *ctx, struct catalog_parts *parts, struct problem *p), void *ctx,
		      struct problem *p);

#endif
