/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing: the rows of one finished journal file go to the segments of their
 * tenants and UTC days, and what stands there to the catalogs of these days;
 * then, and only when all of it and what custody says of it is durable, the journal file is unlinked. A run
 * that is interrupted is repeated whole: sections that are there already are
 * skipped, so each row ends up in exactly one place.
 */
#ifndef SEKISHO_SEAL_H
#define SEKISHO_SEAL_H

#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/store_dir.h"

#define SEAL_DAYS_MAX 64

struct seal_result {
	uint64_t journals, rows, sections, skipped_sections, gaps;
	uint64_t damaged_bytes; /* of journals that were set aside in journal/damaged/ */
	uint64_t days_without_catalog; /* it could not be written, or a segment is damaged: see catalog_add.h */
	uint64_t bytes; /* of the sections that were appended */
	int32_t days[SEAL_DAYS_MAX]; /* that sections belong to, each once */
	uint32_t day_count;
	bool more_days; /* than fit */
	/* By day_closer.h: days and files that got trailers; files that cannot get one. */
	uint64_t closed_days, closed_files, open_files;
};

/*
 * Adds to *result. 0 or negative errno and *p; the journal stays on any failure. `batch` is empty again afterwards
 * and knows where files end, for the next journal of a run (segment.h); NULL: one for this journal alone.
 */
struct segment_batch;
int seal_journal(const struct store_dir *store, struct segment_batch *batch, const char *name,
		 struct seal_result *result, struct problem *p);

/* Seals every journal file except `live_name` (may be NULL). Goes on past failures; the first
 * one's errno and text are returned. */
int seal_all(const struct store_dir *store, const char *live_name, struct seal_result *result,
	     struct problem *p);

/* The same for journals of imports alone: what a collector left behind tells its next start where to go on,
 * and is its own to seal. The caller holds the store's lock. */
int seal_imports(const struct store_dir *store, struct seal_result *result, struct problem *p);

#endif
