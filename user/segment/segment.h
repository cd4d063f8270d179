/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing segments: appending sealed sections to the files of tenants' days. They
 * become durable many at a time, in batches. What was written before is never
 * changed: after a torn section or a trailer the day goes on in "<day>.2.sks".
 */
#ifndef SEKISHO_SEGMENT_H
#define SEKISHO_SEGMENT_H

#include <stddef.h>
#include <stdint.h>
#include "base/clock_piece.h"
#include "base/gap.h"
#include "base/problem.h"
#include "row.h"
#include "schema/segment.h"

struct segment_section {
	const char *tenant_id;
	uint32_t tenant; /* number */
	int32_t day; /* days since 1970-01-01 UTC; every row's time lies in it */
	uint64_t journal_id; /* with run: names the section, so that a repeated run skips it */
	uint32_t run;
	uint8_t rung;
	int64_t span_from_ns, span_to_ns; /* what the journal spoke of; kept in whole seconds, outwards */
	const struct row *rows; /* by addr_compare_source(), then by time: else -EINVAL */
	size_t row_count; /* 0..SECTION_ROWS_MAX */
	const struct endpoint *endpoints; /* rows may use at most SECTION_ENDPOINTS_MAX of them */
	size_t endpoint_count;
	const struct clock_pieces *clock; /* of the whole journal: what no row needs is left out */
	const struct gaps *gaps;
	const char *custody; /* reason of an import, at most SECTION_CUSTODY_MAX bytes; else NULL */
};

/* Where a section lies: what the day catalog needs to know. */
struct segment_place {
	uint64_t file_id, offset, bytes;
	uint32_t part, header_bytes;
	int fd; /* reads the file until the next call of its batch; -1: open it by its name */
	const uint8_t *data; /* the section, until the next call of its batch; NULL: read it */
};

/*
 * Sections that are written and wait to be made durable; up to 256 files, whose descriptors it holds. A new
 * file gets its name when its bytes are durable; until then no reader sees it. A batch that is used again
 * knows where the files end that it left. One thread's, and the only writer of the store's segments.
 */
struct segment_batch;

/* NULL: no memory. */
struct segment_batch *segment_batch_new(void);
/* What is not durable is cut off again, new files are unlinked. The batch is empty then. */
void segment_batch_drop(struct segment_batch *b);
void segment_batch_free(struct segment_batch *b); /* the same, and it is gone */

/*
 * dir_fd: segments/<tenant>; its own name is the caller's to sync. 1: appended; 0: an intact section of that
 * journal and run is there already (*ret_place says where): its bytes are written once more, since nobody
 * knows whether they ever came to the disk. Negative errno and *p otherwise, with nothing of it left in the
 * file. A batch that is full is synced first.
 */
int segment_batch_append(struct segment_batch *b, int dir_fd, const struct segment_section *s,
			 struct segment_place *ret_place, struct problem *p);

/*
 * All that was appended becomes durable: bytes, then the names of new files, then their directories. 0, or
 * negative errno and *p: then what is not durable is cut off again, so that a repeated run writes it anew
 * (pages that a sync failed for count as clean, and would read as intact until they are dropped). The batch
 * is empty afterwards, whatever came of it.
 */
int segment_batch_sync(struct segment_batch *b, struct problem *p);

/* A batch of one section: durable when this returns. The same results. */
int segment_append(int dir_fd, const struct segment_section *s, struct segment_place *ret_place,
		   struct problem *p);

/*
 * The day is over: puts a trailer behind each whole part that has none; one that was cut off is written
 * anew. 1: written; 0: nothing to do (no such day, or closed already: then only the ends of its files are
 * read); -EUCLEAN and *p: the last part is torn, damaged or unreadable and stays without; negative errno
 * and *p.
 */
int segment_close_day(int dir_fd, int32_t day, struct problem *p);

#endif
