/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The live journal: an append-only file of checksummed frames holding the rows
 * of all tenants until they are sealed. One writer. An append is complete when
 * it returns (the bytes are the kernel's, a SIGKILL cannot lose them); they are
 * on the disk after the next journal_sync().
 *
 * A file is never opened for writing twice: each start and each rotation begins
 * a new one, so a torn tail of an earlier run stays as it is.
 *
 * An import writes its journal whole under a hidden name, which no reader looks
 * at, and then gives it its own: it is stored as a whole or not at all.
 */
#ifndef SEKISHO_JOURNAL_H
#define SEKISHO_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include "base/anchor.h"
#include "base/gap.h"
#include "base/problem.h"
#include "base/record.h"

struct journal_tenant {
	uint32_t number, consent;
	char id[65];
};

struct journal_origin {
	uint64_t ring_id, ring_position; /* ring_id 0: imported; then boot time is UTC */
	uint8_t rung; /* enum sekisho_rung */
};

struct journal;

/* Creates and publishes a new file in dir_fd (kept open by the caller). 0 or negative errno and *p. */
int journal_create(int dir_fd, const struct journal_origin *origin, struct journal **ret_journal,
		   struct problem *p);
/*
 * The same under a hidden name (0600, locked while it is open), until journal_publish() has made it
 * durable and given it its own: -EEXIST and others with *p, and then it is still hidden. dir_fd is
 * used until then.
 */
int journal_create_hidden(int dir_fd, const struct journal_origin *origin,
			  struct journal **ret_journal, struct problem *p);
int journal_publish(struct journal *j, struct problem *p);
/* Makes a hidden one durable under its hidden name, so that it can be stated before it is published. */
int journal_settle(struct journal *j, struct problem *p);
/* Whether journal_close() leaves a hidden one where it is: it was stated, or may have been; a sweep will tell. */
void journal_keep(struct journal *j, bool keep);
/*
 * Removes hidden journals whose writer is gone (killed, power loss); those that `stated` (NULL: none) knows by their
 * file id it publishes instead. How many were removed, or negative errno.
 */
int journal_sweep(int dir_fd, bool (*stated)(const void *ctx, uint64_t file_id), const void *ctx);
/* Whether there is any whose writer is gone or not. */
bool journal_any_hidden(int dir_fd);
/* A journal that is hidden is removed. */
void journal_close(struct journal *j);

/*
 * Appends. On failure (-ENOSPC, -EIO, ...) nothing of the frame remains in the file, so the same
 * call can be repeated later; if even that cannot be ensured the journal turns -EPIPE for good and
 * a new one must be created.
 * Rows: time_ns is CLOCK_BOOTTIME; ring_end is the ring position after the last of them.
 */
int journal_append_rows(struct journal *j, const struct record *rows, size_t count,
			uint64_t ring_end);
int journal_append_anchor(struct journal *j, const struct anchor *a);
int journal_append_gaps(struct journal *j, const struct gap *gaps, size_t count);
int journal_append_tenants(struct journal *j, const struct journal_tenant *tenants, size_t count);
/* The reason of an import: text_is_plain(), 1 to SECTION_CUSTODY_MAX bytes; else -EINVAL. */
int journal_append_custody(struct journal *j, const char *reason);

const char *journal_name(const struct journal *j);
uint64_t journal_size(const struct journal *j);
uint64_t journal_rows(const struct journal *j);
uint64_t journal_file_id(const struct journal *j);
/* A duplicate descriptor for fdatasync() elsewhere; the caller closes it. Or negative errno. */
int journal_dup_fd(const struct journal *j);

#endif
