/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking a store: every header, frame and block against its checksum, without
 * decoding rows. Facts only; the command prints them.
 */
#ifndef SEKISHO_VERIFY_H
#define SEKISHO_VERIFY_H

#include <stdint.h>
#include "base/problem.h"
#include "base/store_dir.h"

struct verify_facts {
	uint64_t journals, journal_frames_rows, journal_rows;
	uint64_t segments, sections, blocks, section_rows;
	uint64_t torn; /* files that end in an unfinished append, set aside by its writer */
	struct problem first_torn; /* "segments/t1/2026-11-22.sks offset 1234" */
	uint64_t bad; /* damaged objects */
	struct problem first_bad; /* "segments/t1/2026-11-22.sks offset 1234: ..." */
};

/*
 * progress (may be NULL) is told each file as it begins. 0 or negative errno and *p when the store
 * cannot be read at all; damage is a fact, not an error.
 */
int verify_run(const struct store_dir *store, struct verify_facts *ret_facts,
	       void (*progress)(void *ctx, const char *file), void *ctx, struct problem *p);

#endif
