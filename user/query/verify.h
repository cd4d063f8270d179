/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking a store. Always: every header, frame, block and trailer against its
 * checksum or hash, without decoding rows. Full: every row as well (verify_full.h).
 * Facts only; the command prints them.
 */
#ifndef SEKISHO_VERIFY_H
#define SEKISHO_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/store_dir.h"

struct verify_facts {
	uint64_t journals, journal_frames_rows, journal_rows;
	uint64_t segments, sections, blocks, section_rows;
	uint64_t closed, open; /* segment files with and without their trailer */
	uint64_t bytes; /* of all these files */
	uint64_t catalogs; /* files of days */
	/* Of a full check. */
	uint64_t decoded_rows; /* of journals and sections */
	uint64_t roots; /* that were derived from the rows again */
	uint64_t sources, lookups; /* distinct in each section; asked of its index, absent ones too */
	uint64_t covered, imported; /* rows that a grant covers, and those that need none */

	uint64_t sealed; /* sections that are there as custody states them */
	uint64_t deleted; /* sections that are not there since retention or an erasure took them, as it states */
	bool no_custody; /* it states none: a copy of segments alone; what was removed cannot be told */

	uint64_t uncovered; /* by no grant: rows (full) or sections */
	struct problem first_uncovered; /* "segments/t1/2026-11-22.sks offset 1234: ..." */
	bool no_consents; /* neither consents nor custody: a copy of segments alone; what covers them cannot be told */

	uint64_t torn; /* files that end in an unfinished append, set aside by its writer */
	struct problem first_torn; /* "segments/t1/2026-11-22.sks offset 1234" */
	uint64_t bad; /* damaged objects */
	struct problem first_bad; /* "segments/t1/2026-11-22.sks offset 1234: ..." */
};

struct verify_progress {
	const char *file; /* that a thread is at */
	uint64_t files, files_total; /* done, and in all */
	uint64_t bytes, bytes_total;
};

struct verify_request {
	bool full;
	unsigned int threads; /* 0: as many as a store of this size is worth */
	/*
	 * May be NULL. Told each file as it begins, and each section of a full check; from the threads
	 * that work, one call at a time.
	 */
	void (*progress)(void *ctx, const struct verify_progress *at);
	void *ctx;
};

/*
 * 0 or negative errno and *p when the store cannot be read at all; damage is a fact, not an error. The
 * first bad object is the first in the order of journals, tenants, days, whatever thread found it.
 */
int verify_run(const struct store_dir *store, const struct verify_request *request,
	       struct verify_facts *ret_facts, struct problem *p);

#endif
