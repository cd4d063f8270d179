/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The journal of an import, written by a thread of its own while the caller goes
 * on parsing. Nothing of it can be seen before import_writer_publish().
 */
#ifndef SEKISHO_IMPORT_WRITER_H
#define SEKISHO_IMPORT_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/record.h"
#include "journal/journal.h"

/* Rows of a frame: more compress hardly better (measured), and these stay in the processor's cache. */
#define IMPORT_BATCH_ROWS 16384

struct import_batch {
	struct record *rows; /* IMPORT_BATCH_ROWS */
	size_t count;
	const struct journal_tenant *tenants; /* that no batch before had */
	size_t tenant_count;
};

struct import_writer;

/* max_bytes: of the journal. dir_fd is used until the end. 0 or negative errno and *p. */
int import_writer_start(int dir_fd, const char *reason, uint64_t max_bytes,
			struct import_writer **ret_writer, struct problem *p);

/* An empty batch to be filled; waits until one is free. NULL when writing has failed: see publish. */
struct import_batch *import_writer_batch(struct import_writer *w);
/* Hands the batch over. */
void import_writer_put(struct import_writer *w, struct import_batch *batch);

/* Waits until all is written and makes it durable, still hidden. 0 or negative errno and *p (also of
 * a failure before); -EFBIG: the journal would be larger than max_bytes. */
int import_writer_settle(struct import_writer *w, uint64_t *ret_journal_id, struct problem *p);
/* Whether it is to stay when it is not published: custody has stated it, or may have. */
void import_writer_keep(struct import_writer *w, bool keep);
/*
 * After that, and after custody stated it: it becomes visible under its name. When that fails it stays, and the next
 * adopt_imports() does it.
 */
int import_writer_publish(struct import_writer *w, char ret_name[static 64], uint64_t *ret_bytes,
			  struct problem *p);
/* Without a publish before, nothing remains. */
void import_writer_stop(struct import_writer *w);

#endif
