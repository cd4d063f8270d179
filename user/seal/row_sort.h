/* SPDX-License-Identifier: BSD-2-Clause */
/* Sorting rows for a section: by source (IPv4 first), then time. */
#ifndef SEKISHO_ROW_SORT_H
#define SEKISHO_ROW_SORT_H

#include <stddef.h>
#include "segment/row.h"

/* Room for sorting, kept from call to call. Zero-initialise. */
struct row_sorter {
	void *keys, *spare;
	size_t capacity;
};

/*
 * Puts rows[index[0..count-1]] into `out` (room for as many, apart from rows). The result depends on
 * these rows alone, not on their order; rows that come nearly in the order of time are sorted fastest.
 * 0 or -ENOMEM.
 */
int row_sort(struct row_sorter *s, const struct row *rows, const uint32_t *index, size_t count,
	     struct row *out);
void row_sorter_done(struct row_sorter *s);

#endif
