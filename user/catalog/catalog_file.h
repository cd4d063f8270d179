/* SPDX-License-Identifier: BSD-2-Clause */
/* The file of a day: its header, and its chunks one at a time. */
#ifndef SEKISHO_CATALOG_FILE_H
#define SEKISHO_CATALOG_FILE_H

#include "catalog.h"
#include "catalog_filter.h"

struct catalog_file {
	int fd; /* read-only */
	int32_t day;
	uint64_t file_id, size;
};

/* A chunk that is open for questions. */
struct catalog_chunk {
	uint64_t offset, bytes, seed, buckets_at;
	uint32_t pairs;
	struct catalog_cells cells;
	struct catalog_code code, counts; /* of its sections, of the pairs in a cell */
	uint32_t *bucket_from; /* after buckets_at; one more than there are buckets */
	uint32_t *sections; /* by the chunk's own number: in the catalog */
	uint32_t *shared_end; /* likewise: its code stands for the sections from it to before this one */
	size_t section_count;
	uint8_t *flags; /* by the chunk's own number */
};

/* Errors as catalog_open(). -1 in ret_file->fd never comes with 0. */
int catalog_file_open(int catalog_fd, int32_t day, struct catalog_file *ret_file, struct problem *p);
void catalog_file_close(struct catalog_file *f);

/*
 * The chunk at `offset`: into empty lists of c, whose day is set, and *ret_chunk, whose sections are numbered
 * as in c. -ENODATA: the file ends inside it; -EBADMSG, and *ret_bad_at, where what fails begins (when its
 * prefix is good ret_chunk->bytes is set for all that); -ENOTSUP, -ENOMEM, I/O errors. `spare` is reused.
 */
int catalog_chunk_read(const struct catalog_file *f, uint64_t offset, struct buffer *spare,
		       struct catalog *c, struct catalog_chunk *ret_chunk, uint64_t *ret_bad_at);
void catalog_chunk_done(struct catalog_chunk *chunk);
/* Of the chunk at `offset` tenants and segments alone, into empty lists of c. Errors likewise. */
int catalog_chunk_segments(const struct catalog_file *f, uint64_t offset, struct buffer *spare, struct catalog *c,
			   uint64_t *ret_bytes, uint64_t *ret_bad_at);

/* Bucket i, checked, ready to be walked; `spare` holds its bytes. -EBADMSG, -ENOMEM, I/O errors. */
int catalog_chunk_bucket(int fd, uint64_t file_id, const struct catalog_chunk *chunk, uint32_t i,
			 struct buffer *spare, struct catalog_walk *ret_walk);

/* Appends a file header for a new file id. 0, -EIO (no randomness) or -ENOMEM. */
int catalog_file_header(int32_t day, struct buffer *out, uint64_t *ret_file_id);
/*
 * Appends a chunk as it stands at `offset`: lists as catalog_facts_write() asks, flags by section. The
 * filter's buckets get their checksums. 0 or -ENOMEM.
 */
int catalog_chunk_write(const struct catalog *lists, const uint8_t *flags, struct catalog_filter *filter,
			uint64_t seed, uint64_t file_id, uint64_t offset, struct buffer *out);

#endif
