/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The day catalog: one small file per UTC day that lists all sections of all
 * tenants and tells which of them can hold a source, so that a search over all
 * tenants opens no segment in vain. It is derived: each sealing run appends what
 * it sealed (catalog_add.h), and when the file is missing, damaged or incomplete
 * it is made again from the segments. What the catalog does not list is still in
 * a journal: it is appended to before the journal goes.
 */
#ifndef SEKISHO_CATALOG_H
#define SEKISHO_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/clock_piece.h"
#include "base/gap.h"
#include "base/problem.h"
#include "base/store_dir.h"
#include "schema/catalog.h"

#define CATALOG_TENANT_BYTES 65 /* id and its NUL */
#define CATALOG_NAME_MAX 32
#define CATALOG_EVERY_TENANT UINT32_MAX

/* A journal that sections were sealed from. */
struct catalog_origin {
	uint64_t journal_id;
	uint8_t rung;
	bool imported;
	int64_t span_from_ns, span_to_ns; /* it spoke of this time; whole seconds, outwards */
	struct clock_pieces clock; /* of its sections of this day, by boot time */
	/* Of its sections of this day. gap.tenant: index into tenants, or CATALOG_EVERY_TENANT: of each that
	 * has a section of this origin; such a gap stands once. */
	struct gaps gaps;
	/* Private. */
	bool stated; /* has been told of a section */
	size_t settled; /* so many gaps are in order and each once */
};

struct catalog_segment {
	uint32_t tenant, part; /* index into tenants */
	uint64_t file_id;
};

struct catalog_section {
	uint32_t segment, origin; /* indexes */
	uint32_t run, rows, header_bytes;
	uint64_t offset, bytes;
	/* Outwards to 2^CATALOG_TIME_SHIFT ns, within the day; without rows the day's begin. */
	int64_t first_utc_ns, last_utc_ns;
	int64_t opened_utc_ns; /* earliest opening: not after first_utc_ns */
	bool has_close;
};

/* One catalog is for one thread. */
struct catalog {
	int32_t day;
	char (*tenants)[CATALOG_TENANT_BYTES];
	size_t tenant_count;
	struct catalog_origin *origins;
	size_t origin_count;
	struct catalog_segment *segments;
	size_t segment_count;
	struct catalog_section *sections;
	size_t section_count;
	/* Private. */
	size_t tenant_capacity, origin_capacity, segment_capacity, section_capacity;
	struct catalog_index *index; /* to find what is listed; made when needed */
	int fd;
	uint64_t file_id, size;
	struct catalog_chunk *chunks;
	size_t chunk_count, chunk_capacity;
};

/* "YYYY-MM-DD.skc" */
void catalog_name(int32_t day, char name[static CATALOG_NAME_MAX]);

/*
 * The chunks of a day's file as one, each section once. catalog_fd: struct store_dir. -ENOENT: none (there
 * may be segments all the same, in a copy without catalogs), also for catalog_fd -1; -EBADMSG: damaged
 * anywhere outside the buckets, or it ends inside a chunk; -ENOTSUP: of a later version; -ENOMEM, I/O errors;
 * and *p. Then the segments have to be asked.
 */
int catalog_open(int catalog_fd, int32_t day, struct catalog **ret_catalog, struct problem *p);
void catalog_close(struct catalog *c);

/*
 * Calls fn, until it returns other than 0, with "TENANT/NAME" of each segment that the day's file lists and that is not
 * in segments/, of the tenants that are wanted (NULL: of all). Who deletes a day removes its catalog first: what is
 * missing and listed in a file that is opened after that was taken away. Much less work than catalog_open(). What fn
 * returned; else as catalog_open().
 */
int catalog_each_missing(const struct store_dir *store, int32_t day,
			 bool (*wanted)(const void *ctx, const char *tenant_id),
			 int (*fn)(void *ctx, const char *path), void *ctx, struct problem *p);

/*
 * Sets wanted[i] for each section that can hold rows whose source has the key of `src`: the IPv4 address,
 * or the upper 64 bits (so a question for a /64 is this one). Others stay as they are. Never leaves out one
 * that does. 0; -EBADMSG or an I/O error: a bucket cannot be read, then every section of its chunk is set.
 */
int catalog_find(struct catalog *c, const struct addr *src, bool *wanted);

/*
 * Makes the day's file anew from the segments, in one chunk (a few for millions of sources), and replaces
 * the old one in one step; without sections of that day the old one is removed. For the day that is over,
 * and after a tenant's day went, when the old file was removed first (catalog_drop()). -EBADMSG and *p: a segment is
 * damaged or torn, or the old file lists one that is not there, and a new file would hide that from searches; -ENOTSUP, -ENOMEM, I/O errors. On failure the old file stands.
 */
int catalog_rebuild(const struct store_dir *store, int32_t day, struct problem *p);
/* Makes the day's file anew if it is missing or cannot be read. 0 also when that is not possible now; -ENOMEM. */
int catalog_mend(const struct store_dir *store, int32_t day, struct problem *p);
/* No catalog is better than one that misses something. 0 also when there is none. */
int catalog_drop(const struct store_dir *store, int32_t day);

/* What verify tells. */
struct catalog_facts {
	uint64_t chunks, buckets, pairs, sections; /* good ones; sections of all chunks, repeated ones too */
	uint64_t bad; /* objects that fail their checksum or do not decode */
	uint64_t bad_at; /* offset of the first one */
	bool torn; /* the file ends inside a chunk: an append that was cut off */
	uint64_t torn_at;
};

/* Every checksum, every chunk and bucket decoded. 0 whatever it finds in the file; else as catalog_open(). */
int catalog_check(int catalog_fd, int32_t day, struct catalog_facts *ret_facts, struct problem *p);

/*
 * Against the segments: each of their sections is listed with what it says of itself, each listed one is
 * there, and every source of every section is found. `unsealed` says whether a journal is still in journal/:
 * its sections may be missing. 0: agrees; -EBADMSG: *p names the first difference; other errors.
 */
int catalog_compare(const struct store_dir *store, int32_t day,
		    bool (*unsealed)(void *ctx, uint64_t journal_id), void *ctx, struct problem *p);

#endif
