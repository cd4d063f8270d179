/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sections of a store against custody: each that it knows must be there with the same bytes, and there must be
 * no other, unless its journal still is in journal/ (sealing was cut off and will be repeated).
 */
#ifndef SEKISHO_VERIFY_CUSTODY_H
#define SEKISHO_VERIFY_CUSTODY_H

#include <pthread.h>
#include "segment/segment_reader.h"
#include "verify.h"

struct verify_seen;
/* Zero-initialise. Calls come from the threads of verify but for begin, check and done. */
struct verify_custody {
	pthread_mutex_t lock;
	struct verify_seen *seen;
	size_t count, capacity;
	char **bad_files; /* "segments/t1/2026-11-22.sks": reported already */
	size_t bad_count, bad_capacity;
	uint64_t from_seq; /* lines of custody when it began: these must be found */
};

int verify_custody_begin(struct verify_custody *c, const struct store_dir *store, struct problem *p);
void verify_custody_done(struct verify_custody *c);

/* An intact section; `tenant` is the directory's name and lives until done. */
int verify_custody_see(struct verify_custody *c, const char *tenant, struct segment_reader *r,
		       const struct section *s);
/* What custody misses in this file is no news. */
int verify_custody_skip(struct verify_custody *c, const char *path);

/* Behind all files: counts in facts->bad, ->sealed and ->no_custody. -EBADMSG: custody does not verify. */
int verify_custody_check(struct verify_custody *c, const struct store_dir *store, struct verify_facts *facts,
			 struct problem *p);

#endif
