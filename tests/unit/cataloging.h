/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of catalogs that grow share: all rows are of t1 and t2 and of the day DAY_NS. */
#ifndef SEKISHO_CATALOGING_H
#define SEKISHO_CATALOGING_H

#include "seal/seal.h"

#define FILE_NAME "2026-03-10.skc" /* the catalog of that day */

/* A finished journal with n random rows; its name to NAME. */
void make_journal(const struct store_dir *store, uint64_t seed, size_t n, char name[static 64]);
/* Seals it; a failure is a failed check. */
struct seal_result seal_one(const struct store_dir *store, const char *name);
/* Both, with 60 rows. */
struct seal_result seal_new(const struct store_dir *store, uint64_t seed);
/* The catalog is what its segments say, whole, and has so many chunks and sections. */
void agrees(const struct store_dir *store, size_t want_chunks, size_t want_sections);

#endif
