/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a sealing run adds to the catalogs of the days it touches. Everything of a
 * journal is durable in its catalogs before the journal goes.
 */
#ifndef SEKISHO_CATALOG_ADD_H
#define SEKISHO_CATALOG_ADD_H

#include "catalog.h"
#include "segment/segment.h"

struct catalog_add;

/* For one journal. pairs_max 0: what a chunk can have, 32 MiB. NULL: no memory. */
struct catalog_add *catalog_add_new(const struct store_dir *store, size_t pairs_max);
void catalog_add_free(struct catalog_add *a);

/*
 * `make_durable` (0, or negative errno and *p) is called before a catalog is written: sections may have been
 * told of that are written and no more. Without it they must be durable when they are told of.
 */
void catalog_add_before_commit(struct catalog_add *a, int (*make_durable)(void *ctx, struct problem *p),
			       void *ctx);

/*
 * A section that stands at `place` of the tenant's directory. `written`: by this run, of these very
 * rows; else what stands there is read. Days of which much has gathered are written out. 0, or negative
 * errno and *p.
 */
int catalog_add_section(struct catalog_add *a, int dir_fd, const struct segment_section *s,
			const struct segment_place *place, bool written, struct problem *p);

/*
 * All that was added is durable in the catalogs. A file that is missing, damaged, torn or does not list what
 * stands before a section is made again from the segments. Where a catalog cannot be written, or a segment is
 * damaged, the day is left without one: searches ask the segments then; *ret_dropped counts these days. 0, or
 * negative errno and *p: a catalog that misses something could not be removed; the journal must stay.
 */
int catalog_add_commit(struct catalog_add *a, uint64_t *ret_dropped, struct problem *p);

#endif
