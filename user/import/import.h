/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Importing rows that another program recorded. All of a file is read, checked
 * and written to a hidden journal file first; only a file that is good to its
 * last line is stated in custody (IMPORTED), which is the moment from which on
 * the import stands. Then the journal gets its name, is searched and sealed as any
 * journal; after a kill between the two the next import or sekishod gives it the name.
 * So an import is stored as a whole or not at all.
 */
#ifndef SEKISHO_IMPORT_H
#define SEKISHO_IMPORT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/room_limit.h"
#include "base/store_dir.h"
#include "ledger/custody_files.h"
#include "seal/seal.h"

struct import_result {
	uint64_t lines; /* without the header */
	uint64_t rows, close_rows; /* close_rows: of the rows, those of kind CLOSE */
	uint64_t bytes; /* read */
	size_t tenants, new_tenants; /* new: neither a segment nor a consent was there */
	int64_t first_ns, last_ns; /* least and greatest time of the rows */
	char journal[64]; /* "": no rows, nothing was stored */
	uint64_t journal_bytes;
	uint8_t sha256[CUSTODY_SHA256_BYTES]; /* of what was read */
	bool unnamed; /* stored and stated, but hidden until the next import or start of sekishod */
	int64_t read_ns, seal_ns; /* how long it took */
	bool sealed;
	struct seal_result seal;
};

struct import_options {
	int fd; /* the CSV; the caller's */
	const char *file; /* what to call it */
	const char *reason; /* custody statement: text_is_plain(), 1 to SECTION_CUSTODY_MAX bytes */
	uint64_t journal_max; /* bytes; 0: JOURNAL_FILE_MAX */
	struct room_limit room; /* to stay free, also when the rows are sealed; of nothing: whatever there is */
	/* Signals of `waiting` (NULL: none) may arrive while a read waits; *stop ends the import. */
	const sigset_t *waiting;
	const volatile sig_atomic_t *stop;
	/* May be NULL; called about four times a second. */
	void (*progress)(const struct import_result *so_far);
};

/*
 * 0: durable, and found by searches; or nothing is stored and *p says why: -EINVAL a bad line (with its
 * number), -EFBIG too many rows, -ENOSPC, -EINTR stopped, others. *ret_result is filled so far in any case. With
 * ret_result->unnamed an error means that it is stored, but cannot be seen yet.
 */
int import_read(const struct store_dir *store, const struct import_options *o,
		struct import_result *ret_result, struct problem *p);

/*
 * Seals it, and what earlier imports left unsealed, unless sekishod has the store: then it will, and
 * r->sealed stays false. 0 or negative errno and *p; then the rows are in the journal as before.
 */
int import_seal(const struct store_dir *store, struct import_result *r, struct problem *p);

/* 0, or -EINVAL and *p. */
int import_check_reason(const char *reason, struct problem *p);

#endif
