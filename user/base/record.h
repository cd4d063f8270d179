/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A record in memory, and its columns: the one table from which the journal
 * encodes and decodes rows (record_planes.h).
 */
#ifndef SEKISHO_RECORD_H
#define SEKISHO_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include "addr.h"
#include "cursor.h"

struct record {
	int64_t time_ns; /* UTC; inside a journal CLOCK_BOOTTIME */
	int64_t lasted_ns; /* rows of kind CLOSE: how long it was open; else 0 */
	struct addr src, dst, orig_dst; /* orig_dst all zero = none */
	uint32_t tenant, consent, rtt_us, flags;
	uint16_t src_port, dst_port, orig_dst_port;
	uint8_t kind, protocol;
};

struct record_column {
	uint8_t id; /* enum store_column */
	uint8_t width; /* bytes per row */
	uint8_t offset; /* in struct record */
};

/* Ended by id 0; in the order of enum store_column. */
extern const struct record_column record_columns[];

/* Orders for qsort(): by (source, time, ...) and by (time, source, ...); both total over what is stored. */
int record_compare_source(const void *a, const void *b);
int record_compare_time(const void *a, const void *b);

#endif
