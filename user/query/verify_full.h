/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The full check of one section or journal, beyond checksums: what is written must
 * follow from the rows. A section: their order, the facts of its header, its clock,
 * its Merkle root; and its index gives for each source exactly the rows that a scan
 * has for it, in both spellings of an IPv4 address, and none for addresses that are
 * not there (AC-87). A journal: every frame decodes, and says of its rows what is so.
 */
#ifndef SEKISHO_VERIFY_FULL_H
#define SEKISHO_VERIFY_FULL_H

#include "journal/journal_reader.h"
#include "segment/section_reader.h"
#include "verify_consent.h"

/* The first thing that is not so. */
struct verify_finding {
	uint64_t offset; /* in the file */
	struct problem what;
};

/* What a scan has of one source; rows are compared by a hash over all that they say. */
struct verify_source {
	struct addr src;
	uint32_t rows;
	uint64_t hash;
};

/*
 * Room for the work of one thread, kept from object to object: at most about 70 MiB. Zero-initialise,
 * undo with verify_room_done().
 */
struct verify_room {
	struct verify_source *sources; /* of the present section, in its order */
	size_t source_count, source_capacity;
	struct block_rows *blocks[2]; /* block i is kept in [i % 2] while an index is asked */
	uint32_t block_at[2];
	struct record *frame; /* JOURNAL_FRAME_ROWS_MAX */
	uint64_t rows, lookups; /* decoded and asked so far */
	struct verify_consent *consent; /* judges each row; NULL: nobody does */
};
void verify_room_done(struct verify_room *room);

/* 0; -EBADMSG and *ret_finding; -ENOMEM or an I/O error. The section's checksums must hold. */
int verify_full_section(struct segment_reader *r, const struct section *s, struct verify_room *room,
			struct verify_finding *ret_finding);
int verify_full_journal(struct journal_reader *r, struct verify_room *room,
			struct verify_finding *ret_finding);

/* The two halves of verify_full_section(): the scan fills room->sources, with which the index is compared. */
int verify_full_scan(struct segment_reader *r, const struct section_reader *s, struct verify_room *room,
		     struct verify_finding *ret_finding);
int verify_full_index(struct segment_reader *r, const struct section_reader *s, struct verify_room *room,
		      struct verify_finding *ret_finding);

#endif
