/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing segments: appending one sealed section to the file of a tenant's day.
 * A section is durable when the call returns. What was written before is never
 * changed: after a torn section the day goes on in "<day>.2.sks" and so on.
 */
#ifndef SEKISHO_SEGMENT_H
#define SEKISHO_SEGMENT_H

#include <stddef.h>
#include <stdint.h>
#include "base/anchor.h"
#include "base/gap.h"
#include "base/problem.h"
#include "base/record.h"

struct segment_section {
	const char *tenant_id;
	uint32_t tenant;
	int32_t day; /* days since 1970-01-01 UTC; every row lies in it */
	uint64_t journal_id; /* with run: names the section, so that a repeated run skips it */
	uint32_t run;
	uint8_t rung;
	int64_t span_from_ns, span_to_ns;
	const struct record *rows; /* in record_compare_source() order, time_ns is UTC */
	size_t row_count; /* 0..SECTION_ROWS_MAX */
	const struct anchors *anchors;
	const struct gaps *gaps;
};

/*
 * dir_fd: segments/<tenant>. 1: appended; 0: an intact section of that journal and run is there
 * already; negative errno and *p otherwise, with nothing of it left in the file.
 */
int segment_append(int dir_fd, const struct segment_section *s, struct problem *p);

#endif
