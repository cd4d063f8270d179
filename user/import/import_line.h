/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One line of the CSV that an import reads. The header names the columns,
 *
 *	t_ns,tenant,src_ip,src_port,dst_ip,dst_port[,rtt_us][,t_close_ns]
 *
 * and every line has a value for each: plain, without quotes or spaces; rtt_us and
 * t_close_ns may be empty (not known).
 */
#ifndef SEKISHO_IMPORT_LINE_H
#define SEKISHO_IMPORT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/record.h"
#include "base/utc.h"

/* Bytes of a line without its end. */
#define IMPORT_LINE_MAX 512
/* Whatever is in the day of such a time can be told in nanoseconds. */
#define IMPORT_TIME_MAX (INT64_MAX - NS_PER_DAY)

struct import_columns {
	bool rtt, close; /* the optional ones that are there */
};

struct import_line {
	struct record row; /* all but the tenant's number; time_ns is UTC */
	const char *tenant; /* a valid id inside the line, not ended by NUL */
	size_t tenant_size;
	bool closed; /* it has a t_close_ns: */
	int64_t close_ns; /* not before row.time_ns */
};

/* Both: the line without its end. 0, or -EINVAL and *p, which names the value and what was expected. */
int import_line_header(const char *line, size_t size, struct import_columns *ret_columns,
		       struct problem *p);
int import_line_parse(const struct import_columns *columns, const char *line, size_t size,
		      struct import_line *ret_line, struct problem *p);

/* The row of kind CLOSE that belongs to a closed line. */
void import_line_close_row(const struct import_line *line, struct record *ret_row);

#endif
