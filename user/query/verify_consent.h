/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records against the consent ledger (AC-10): the grant that a record names is the tenant's, it runs at the
 * record's time, and it includes what the record says: the address it was made at, a round-trip time, an end. What
 * was imported names none and is flagged. Always: what the headers of sections say; full: every row, of journals too.
 *
 * A row that was emitted in the moment in which one grant took over from another may name the earlier one: then the
 * later one must cover it (consents_covering()).
 */
#ifndef SEKISHO_VERIFY_CONSENT_H
#define SEKISHO_VERIFY_CONSENT_H

#include "journal/journal_reader.h"
#include "ledger/consent.h"
#include "segment/section_reader.h"

struct verify_consent_limits;

/*
 * The work of one thread. Zero-initialise but for `store`; undo with verify_consent_done(). `path` and `tenant`
 * (the directory's name; NULL: a journal) are of the file at work, below the state directory, and borrowed.
 */
struct verify_consent {
	const struct store_dir *store;
	const char *path, *tenant;

	uint64_t covered, imported; /* rows */
	uint64_t uncovered; /* full: rows; else sections */
	struct problem first; /* "segments/t1/2026-11-22.sks offset 1234: row 5 of ...: grant 3 ended ..." */
	bool unknown; /* neither consents nor custody are there: a copy of segments alone */

	/* Private. */
	struct consents consents;
	bool loaded, unreadable; /* unreadable: damage of the ledger, which is said where it is checked */
	int64_t ledger_bytes;
	struct verify_consent_limits *limits; /* of each endpoint of the section at work */
	uint32_t limit_count, limit_capacity;
};
void verify_consent_done(struct verify_consent *v);

/* All return 0, -ENOMEM or an I/O error: what is not covered is a fact in *v. */
/* A section by its header, without its rows. */
int verify_consent_section(struct verify_consent *v, struct segment_reader *r, const struct section *s);
/* Every row: begin for each section, then its blocks, decoded to BLOCK_ALL. */
int verify_consent_begin(struct verify_consent *v, const struct section_reader *s);
int verify_consent_block(struct verify_consent *v, const struct section_reader *s, const struct block_rows *b,
			 uint64_t offset);
/* The decoded rows of a frame. */
int verify_consent_frame(struct verify_consent *v, const struct journal_reader *r,
			 const struct journal_row_frame *f, const struct record *rows);

#endif
