/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a segment. Opening walks the section headers and checks them; blocks
 * are checked when they are read (section_reader.h). Bytes that are not an intact
 * section are facts in the reader. The file is never changed.
 */
#ifndef SEKISHO_SEGMENT_READER_H
#define SEKISHO_SEGMENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/problem.h"
#include "schema/segment.h"

/* What the header of a section says. */
struct section {
	uint64_t offset, bytes; /* header and blocks */
	uint32_t header_bytes;
	uint64_t journal_id;
	uint32_t run, rows, tenant;
	int64_t first_utc_ns, last_utc_ns; /* of the rows; without rows the day's begin */
	int64_t opened_utc_ns; /* earliest opening: rows of kind CLOSE reach back before first_utc_ns */
	int64_t span_from_ns, span_to_ns; /* the journal it came from spoke of this time */
	uint8_t rung;
	bool has_close; /* some row is of kind CLOSE */
	bool has_rtt;
	bool imported; /* its custody statement says why */
	uint8_t root[32]; /* of the Merkle tree over its rows */
};

struct segment_reader {
	int fd;
	char name[32];
	uint64_t size, file_id;
	uint32_t header_bytes;
	int32_t day;
	uint32_t part;
	char tenant_id[65];
	uint8_t secret[32];
	struct section *sections;
	size_t section_count, section_capacity;
	bool closed; /* has its trailer */
	bool trailer_wrong; /* which does not count what stands before it */
	uint64_t trailer_at;
	bool torn; /* the file ends inside a section: an append that was cut off */
	uint64_t torn_at;
	uint64_t torn_journal_id; /* what was being sealed there, if its prefix is whole; else 0 */
	uint32_t torn_run;
	bool torn_trailer; /* it was its trailer that was cut off: no row is missing */
	uint64_t damaged_bytes, damaged_at; /* not a section, and not the torn end */
};

#define SEGMENT_NAME_MAX 32
/* "YYYY-MM-DD.sks", or "YYYY-MM-DD.N.sks" for part N > 1. */
void segment_part_name(int32_t day, uint32_t part, char name[static SEGMENT_NAME_MAX]);
/* The highest part of the day that is there, 0 for none: those before it may have been erased. 0 or negative errno. */
int segment_last_part(int dir_fd, int32_t day, uint32_t *ret_last);

/* Errors as journal_reader_open(); -EBADMSG also when the name is not that of the day and part inside. */
int segment_reader_open(int dir_fd, const char *name, struct segment_reader *ret_reader,
			struct problem *p);
/* Without walking the sections, for those whose place is known; -ESTALE when it is another file. */
int segment_reader_open_known(int dir_fd, const char *name, uint64_t file_id,
			      struct segment_reader *ret_reader, struct problem *p);
void segment_reader_close(struct segment_reader *r);

/*
 * Whether the file ends in a trailer, from its first and last bytes alone: 1, 0 (also when it is no
 * segment at all), -ENOENT or an I/O error.
 */
int segment_is_closed(int dir_fd, const char *name);

/* SHA-256 of the first `size` bytes of a file. 0, -ENODATA when it is shorter, or an I/O error. */
int segment_hash(int fd, uint64_t size, uint8_t ret_hash[static 32]);
/* Checks the trailer's hash over the whole file. 0, -EBADMSG, or an I/O error. */
int segment_reader_check_trailer(struct segment_reader *r);

#endif
