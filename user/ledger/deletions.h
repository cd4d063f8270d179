/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tombstones: what custody says of rows that are gone. DELETED: the files of a tenant's day, before they are unlinked;
 * LEFT_OUT: rows of a journal that were not sealed, before it is unlinked; DELETED_JOURNAL: a damaged one. FORMAT.md 3.16 has the lines.
 */
#ifndef SEKISHO_DELETIONS_H
#define SEKISHO_DELETIONS_H

#include "base/parse.h"
#include "ledger.h"

enum deletion_reason {
	DELETION_EXPIRED = 1, /* its retention was over */
	DELETION_ERASED = 2, /* the tenant withdrew with STOP_AND_ERASE */
};

struct deletion_part {
	uint32_t part;
	uint64_t file_id; /* 0: its header does not read */
	uint64_t bytes, rows;
	uint8_t hash[LEDGER_HASH_BYTES]; /* BLAKE2b-256 of the file */
};

struct deletion {
	const char *tenant_id;
	int32_t day;
	enum deletion_reason reason;
	uint32_t because; /* line of the consent ledger: the grant or the withdrawal that led to it; 0: none */
	const struct deletion_part *parts; /* NULL: rows were left out of a journal */
	size_t part_count;
	uint64_t rows; /* of all parts, or left out */
};

/* A journal that had been set aside for its damage. */
struct deletion_journal {
	uint64_t journal_id; /* 0: its header does not read */
	enum deletion_reason reason;
	uint32_t because;
	uint64_t bytes;
	uint8_t hash[LEDGER_HASH_BYTES];
};

/* Appends DELETED; durable on return. Errors as ledger_writer_append(). */
int deletion_append(struct ledger_writer *w, const struct deletion *d, int64_t t_ns, struct problem *p);
/* Appends LEFT_OUT for one tenant: its days, all with the same reason and cause. */
int deletion_append_left_out(struct ledger_writer *w, uint64_t journal_id, const struct deletion *days,
			     size_t count, int64_t t_ns, struct problem *p);

/* Appends DELETED_JOURNAL. */
int deletion_append_journal(struct ledger_writer *w, const struct deletion_journal *d, int64_t t_ns,
			    struct problem *p);

typedef int (*deletion_fn)(void *ctx, uint64_t seq, const struct deletion *d);
/*
 * Gives each deleted day of each such line to fn, whose result other than 0 (a negative errno) ends the walk. -EBADMSG
 * and *p when a line does not read; else as ledger_walk().
 */
int deletions_walk(const struct store_dir *store, deletion_fn fn, void *ctx, struct problem *p);
/*
 * The same for who only tells why there are no rows: lines of other events are not looked at and nothing is verified,
 * which takes a hundredth of the time. A line that does not read is passed over.
 */
int deletions_skim(const struct store_dir *store, deletion_fn fn, void *ctx, struct problem *p);

#endif
