/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Columns of records as byte planes: all first bytes, then all second bytes, ..., because planes of similar rows
 * compress. Of addresses, what is not IPv4 has planes of its own. FORMAT.md 3.3.
 */
#ifndef SEKISHO_RECORD_PLANES_H
#define SEKISHO_RECORD_PLANES_H

#include "record.h"

/* Appends the column's planes if any byte of it is not zero, and returns whether (also 0 when `out` failed); `base`
 * is subtracted from the time column. */
int record_planes_write(const struct record_column *c, const struct record *rows, size_t count, int64_t base,
			struct buffer *out);

/* A column that is being read, from the first row to the last. */
struct record_planes {
	const struct record_column *column; /* NULL: none */
	const uint8_t *planes, *high; /* high: of addresses that are not IPv4, the other bytes */
	size_t rows, done, others, others_done;
};

/* Finds the planes of so many rows, which stay where they are. 0 or -EBADMSG. */
int record_planes_read(const struct record_column *c, struct cursor *in, size_t rows,
		       struct record_planes *ret_planes);
/* Fills the column of the next `count` rows, of which there must be as many. */
void record_planes_next(struct record_planes *p, size_t count, int64_t base, struct record *rows);

#endif
