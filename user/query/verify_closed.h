/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whole files against custody: a segment that a CLOSED line names, and that is there, must have that very trailer (one
 * that is not there is missed by its sections: verify_custody.h); what was imported must be named by an IMPORTED line.
 */
#ifndef SEKISHO_VERIFY_CLOSED_H
#define SEKISHO_VERIFY_CLOSED_H

#include <pthread.h>
#include "journal/journal_reader.h"
#include "segment/segment_reader.h"
#include "verify.h"

struct verify_file;
/* Zero-initialise. Calls come from the threads of verify but for check and done. */
struct verify_closed {
	pthread_mutex_t lock;
	struct verify_file *files; /* segments, each with its end */
	size_t count, capacity;
	struct verify_file *imports; /* objects that hold imported rows */
	size_t import_count, import_capacity;
};
void verify_closed_init(struct verify_closed *c);
void verify_closed_done(struct verify_closed *c);

/* A segment without damage; `tenant` is the directory's name and lives until done. 0 or negative errno. */
int verify_closed_see(struct verify_closed *c, const char *tenant, struct segment_reader *r);
int verify_closed_see_journal(struct verify_closed *c, const struct journal_reader *r);

/*
 * Behind all files and verify_custody_check(): counts in facts->bad. Lines of custody up to from_seq must be met, later ones may speak of what
 * came after the files were read. -EBADMSG and *p: custody does not verify.
 */
int verify_closed_check(struct verify_closed *c, const struct store_dir *store, uint64_t from_seq,
			struct verify_facts *facts, struct problem *p);

#endif
