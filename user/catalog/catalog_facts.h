/* SPDX-License-Identifier: BSD-2-Clause */
/* What a chunk lists, as bytes (FORMAT.md 3.14): tenants, segments, origins, sections. */
#ifndef SEKISHO_CATALOG_FACTS_H
#define SEKISHO_CATALOG_FACTS_H

#include "base/cursor.h"
#include "catalog.h"

/* Columns of the sections in their order. */
enum catalog_column {
	COLUMN_SEGMENT,
	COLUMN_ORIGIN,
	COLUMN_RUN,
	COLUMN_SKIPPED,
	COLUMN_HEADER,
	COLUMN_BODY,
	COLUMN_ROWS,
	COLUMN_FIRST,
	COLUMN_LAST,
	COLUMN_OPENED,
	COLUMN_FLAGS,
	COLUMN_CODE,
	COLUMN_COUNT,
};

/*
 * Appends the lists of c, whose origins are settled and whose sections stand by (segment, offset), segments
 * by (tenant, part). flags and code_bits by section. buffer_ok() tells.
 */
void catalog_facts_write(const struct catalog *c, const uint8_t *flags, const uint8_t *code_bits,
			 struct buffer *out);

/*
 * The reverse into empty lists of c, whose day is set; *ret_flags and *ret_code_bits, one byte for each
 * section, are malloc'd. On failure c may hold a part. -EBADMSG, -ENOTSUP (an unknown flag), -ENOMEM.
 */
int catalog_facts_read(struct cursor *in, struct catalog *c, uint8_t **ret_flags,
		       uint8_t **ret_code_bits);
/* The first two of the lists alone: tenants, segments. */
int catalog_facts_read_segments(struct cursor *in, struct catalog *c);

#endif
