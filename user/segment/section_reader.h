/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading one section of a segment: index first, then the blocks that are asked for. */
#ifndef SEKISHO_SECTION_READER_H
#define SEKISHO_SECTION_READER_H

#include "base/clock_piece.h"
#include "base/gap.h"
#include "block_reader.h"
#include "segment_reader.h"

struct section_block {
	struct addr first; /* least source */
	uint64_t offset; /* in the file */
	uint32_t bytes; /* with the checksum */
	uint32_t first_row; /* number of its first row in the section, from 0 */
	uint16_t rows;
};

struct section_reader {
	struct section facts;
	struct section_block *blocks; /* in the order of the rows: IPv4 sources first */
	uint32_t block_count;
	struct endpoint *endpoints;
	uint32_t endpoint_count;
	struct clock_pieces clock;
	struct gaps gaps;
	char *custody; /* NULL: not imported */
	/* Private. */
	bool *is_close;
	unsigned int first_time_shift;
	struct block_codes *codes;
};

/*
 * Parses the header at `offset` of the reader's file into facts alone. -EBADMSG: no section there;
 * -ENODATA: the file ends before it does (journal_id and run are filled in if its prefix is whole);
 * -ENOTSUP: of a later version.
 */
int section_read_facts(struct segment_reader *r, uint64_t offset, struct section *ret_facts);

/* The whole header. Errors as above, -ENOMEM, I/O errors. Undo with section_close(). */
int section_open(struct segment_reader *r, uint64_t offset, struct section_reader **ret_section);
/* The same of a section that is in memory as it stands at `offset` of the file, which is not read. */
int section_open_data(struct segment_reader *r, uint64_t offset, const uint8_t *data, size_t size,
		      struct section_reader **ret_section);
void section_close(struct section_reader *s);

/* Blocks [*ret_first, *ret_end) that can hold a source from low to high (addr_compare_source() order). */
void section_find(const struct section_reader *s, const struct addr *low, const struct addr *high,
		  uint32_t *ret_first, uint32_t *ret_end);

/*
 * Reads block i, checks it and decodes it up to `stage`; section_decode_more() goes on from there.
 * 0, -EBADMSG, I/O errors. One section_reader is for one thread (it makes its decoders as needed).
 */
int section_read_block(struct segment_reader *r, const struct section_reader *s, uint32_t i,
		       enum block_stage stage, struct block_rows *b);
int section_decode_more(const struct section_reader *s, enum block_stage stage,
			struct block_rows *b);
/* Row i of a block decoded to BLOCK_ALL. */
void section_record(const struct section_reader *s, const struct block_rows *b, uint32_t i,
		    struct record *ret_record);
/* The source number of row i. */
uint32_t block_source_of(const struct block_rows *b, uint32_t i);

/* Checks all of a section against its checksums and counts its blocks. -EBADMSG and the offset of the
 * first bad piece. */
int section_check(struct segment_reader *r, const struct section *s, uint32_t *ret_blocks,
		  uint64_t *ret_bad_offset);

/* Whether a damaged section stands intact a second time, in this or another part of its day: a sealing
 * run was cut off there and repeated. */
bool section_superseded(int dir_fd, const struct segment_reader *r, const struct section *s);

#endif
