/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What custody says of whole files: segments that got their trailer (CLOSED), journals that an import brought
 * (IMPORTED). FORMAT.md 3.16 has the lines.
 */
#ifndef SEKISHO_CUSTODY_FILES_H
#define SEKISHO_CUSTODY_FILES_H

#include "base/parse.h"
#include "ledger.h"

#define CUSTODY_SHA256_BYTES 32

struct custody_closed {
	char tenant_id[TENANT_ID_MAX + 1];
	int32_t day;
	uint32_t part, sections;
	uint64_t file_id, bytes, rows; /* bytes: of the whole file, with its trailer */
	uint8_t hash[LEDGER_HASH_BYTES]; /* BLAKE2b-256 of the trailer, which has the hash of all before it */
};

/*
 * CLOSED, in as many lines as they need; nothing for none. Call when the trailers are durable. One that was stated
 * before may be stated again. 0, or as ledger_append() and *p.
 */
int custody_closed_write(const struct store_dir *store, const struct custody_closed *list, size_t count,
			 struct problem *p);

struct custody_import {
	uint64_t journal_id, rows, tenants, bytes; /* bytes: of what was read */
	int64_t first_ns, last_ns; /* UTC: least and greatest time of the rows */
	uint8_t sha256[CUSTODY_SHA256_BYTES]; /* of what was read */
	const char *reason; /* UTF-8 */
	unsigned int uid; /* who ran the import */
};

/*
 * IMPORTED: from its return on the import stands. Call when the journal is durable under its hidden name;
 * journal_sweep() gives the name to one that the line names. 0, or as ledger_append() and *p.
 */
int custody_import_write(const struct store_dir *store, const struct custody_import *import, struct problem *p);

/*
 * Gives each segment of each CLOSED line and each IMPORTED line to its function (NULL: passed over), with the number
 * of the line. -EBADMSG and *p when such a line does not read; else as ledger_walk().
 */
struct custody_files_reader {
	int (*closed)(void *ctx, uint64_t seq, const struct custody_closed *segment);
	int (*imported)(void *ctx, uint64_t seq, const struct custody_import *import);
	void *ctx;
};
int custody_files_walk(const struct store_dir *store, const struct custody_files_reader *reader,
		       struct problem *p);

/* File ids, to be asked for. Zero-initialise. */
struct custody_ids {
	uint64_t *list; /* ascending once they were read */
	size_t count, capacity;
};
int custody_ids_add(struct custody_ids *ids, uint64_t id); /* 0 or -ENOMEM */
void custody_ids_sort(struct custody_ids *ids);
bool custody_ids_have(const struct custody_ids *ids, uint64_t id); /* sorted ones */
void custody_ids_done(struct custody_ids *ids);

/* The segments of all CLOSED lines; the journals of all IMPORTED lines. As custody_files_walk(). */
int custody_closed_ids(const struct store_dir *store, struct custody_ids *ids, struct problem *p);
int custody_import_ids(const struct store_dir *store, struct custody_ids *ids, struct problem *p);

#endif
