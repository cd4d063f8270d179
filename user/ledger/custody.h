/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What custody says of the store: which sections were sealed, from which journal, with which bytes; which version
 * of the program recorded. FORMAT.md 3.16 has the lines.
 */
#ifndef SEKISHO_CUSTODY_H
#define SEKISHO_CUSTODY_H

#include "ledger.h"

struct custody_section {
	const char *tenant_id;
	int32_t day;
	uint32_t part;
	uint64_t file_id, offset, bytes; /* of its segment, and where it stands there */
	uint32_t rows;
	uint8_t hash[LEDGER_HASH_BYTES]; /* BLAKE2b-256 of its bytes: header, with the Merkle root, and blocks */
};

/* BLAKE2b-256 of a part of a file. 0, -ENODATA when the file is shorter, or an I/O error. */
int custody_hash(int fd, uint64_t offset, uint64_t bytes, uint8_t ret_hash[static LEDGER_HASH_BYTES]);
/* The same of bytes in memory. */
void custody_hash_data(const void *data, size_t bytes, uint8_t ret_hash[static LEDGER_HASH_BYTES]);

/* A file id as ledgers have it: 16 digits; returns text. */
#define CUSTODY_ID_TEXT 17
const char *custody_id_text(uint64_t id, char text[static CUSTODY_ID_TEXT]);

/* Collects the sections of one journal. Zero-initialise. */
struct custody_sealing {
	json_t *sections; /* of the line that is being made */
	size_t bytes; /* about, of it */
	json_t **acts; /* lines that are full */
	size_t count, capacity;
};
int custody_sealing_add(struct custody_sealing *s, const struct custody_section *section);
/*
 * Writes them: SEALED, in as many lines as they need. Call when all are durable and the journal is still there. A
 * run that is repeated says the same once more. Without sections nothing is written.
 */
int custody_sealing_write(struct custody_sealing *s, const struct store_dir *store, uint64_t journal_id,
			  struct problem *p);
void custody_sealing_done(struct custody_sealing *s);

/* SOFTWARE: this version of sekishod starts; written when it is another one than the last that started. */
int custody_software(const struct store_dir *store, const char *version, struct problem *p);

/*
 * Gives each section of each SEALED line to fn, with the number of the line; the other events of custody are passed
 * over. -EBADMSG and *p when a SEALED line does not read; else as ledger_walk().
 */
int custody_walk(const struct store_dir *store,
		 int (*fn)(void *ctx, uint64_t seq, const struct custody_section *section), void *ctx,
		 struct problem *p);

#endif
