/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading a segment. Opening walks the section headers and checks them; blocks
 * are checked when they are read. Bytes that are not an intact section are facts
 * in the reader. The file is never changed.
 */
#ifndef SEKISHO_SEGMENT_READER_H
#define SEKISHO_SEGMENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/anchor.h"
#include "base/gap.h"
#include "base/problem.h"
#include "base/record.h"
#include "schema/segment.h"

struct segment_block {
	uint64_t offset;
	uint32_t raw_bytes, stored_bytes, crc;
	uint16_t id;
	uint8_t coding, width;
};

struct section {
	uint64_t offset, bytes, journal_id;
	int64_t first_utc_ns, last_utc_ns, span_from_ns, span_to_ns, sealed_utc_ns;
	uint32_t run, rows, tenant, consent_first, consent_last;
	uint8_t rung;
	uint16_t block_count;
	struct segment_block blocks[SECTION_BLOCKS_MAX];
};

struct segment_reader {
	int fd;
	char name[32];
	uint64_t size, file_id;
	int32_t day;
	uint32_t part;
	int64_t created_utc_ns;
	char tenant_id[65];
	struct section *sections;
	size_t section_count, section_capacity;
	bool torn; /* the file ends inside a section: an append that was cut off */
	uint64_t torn_at;
	uint64_t torn_journal_id; /* what was being sealed there, if its header is whole; else 0 */
	uint32_t torn_run;
	uint64_t damaged_bytes, damaged_at; /* not a section, and not the torn end */
};

#define SEGMENT_NAME_MAX 32
/* "YYYY-MM-DD.sks", or "YYYY-MM-DD.N.sks" for part N > 1. */
void segment_part_name(int32_t day, uint32_t part, char name[static SEGMENT_NAME_MAX]);

/* Errors as journal_reader_open(); -EBADMSG also when the name is not that of the day and part inside. */
int segment_reader_open(int dir_fd, const char *name, struct segment_reader *ret_reader,
			struct problem *p);
void segment_reader_close(struct segment_reader *r);

/* Checks every block of a section against its checksum. -EBADMSG and the offset of the first bad one. */
int section_check(struct segment_reader *r, const struct section *s, uint64_t *ret_bad_offset);

/* Whether a damaged section stands intact a second time, in this or another part of its day: a sealing
 * run was cut off there and repeated. */
bool section_superseded(int dir_fd, const struct segment_reader *r, const struct section *s);

/* Decodes one column (others untouched); an absent one becomes zero (time: the base). */
int section_read_column(struct segment_reader *r, const struct section *s, unsigned int column,
			struct record *rows);
/* Decodes all columns into rows[0..s->rows-1]. */
int section_read_rows(struct segment_reader *r, const struct section *s, struct record *rows);
/* Append to the lists. */
int section_read_anchors(struct segment_reader *r, const struct section *s, struct anchors *out);
int section_read_gaps(struct segment_reader *r, const struct section *s, struct gaps *out);

#endif
