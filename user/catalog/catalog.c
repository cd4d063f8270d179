// SPDX-License-Identifier: BSD-2-Clause
/* Reading a day catalog. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/array.h"
#include "catalog.h"
#include "catalog_file.h"
#include "catalog_lists.h"
#include "segment/segment_reader.h"

static int add_chunk(struct catalog *c, const struct catalog_file *f, struct buffer *spare,
		     uint64_t *at, uint64_t *bad_at)
{
	struct catalog one = { .day = f->day, .fd = -1 };
	struct catalog_chunk chunk;
	int error = catalog_chunk_read(f, *at, spare, &one, &chunk, bad_at);

	if (!error && ARRAY_RESERVE(c->chunks, c->chunk_count, c->chunk_capacity))
		error = -ENOMEM;
	if (!error && c->chunk_count == 0) {
		/* Its lists are the catalog's. */
		one.chunks = c->chunks;
		one.chunk_capacity = c->chunk_capacity;
		*c = one;
		one = (struct catalog){};
	} else if (!error) {
		error = catalog_lists_join(c, &one, chunk.sections);
	}
	catalog_lists_done(&one);
	if (error) {
		catalog_chunk_done(&chunk);
		return error;
	}
	c->chunks[c->chunk_count++] = chunk;
	*at += chunk.bytes;
	return 0;
}

/* What is wrong with the chunk at `at`. */
static int tell(const struct catalog_file *f, int error, uint64_t at, uint64_t bad_at, struct problem *p)
{
	char name[CATALOG_NAME_MAX];

	catalog_name(f->day, name);
	if (error == -ENODATA)
		return problem(p, -EBADMSG, "catalog/%s: ends inside a chunk (offset %llu)", name,
			       (unsigned long long)at);
	if (error == -EBADMSG)
		return problem(p, error, "catalog/%s: damaged (offset %llu)", name,
			       (unsigned long long)bad_at);
	if (error == -ENOTSUP)
		return problem(p, error, "catalog/%s: it has a chunk of a later version (offset %llu)",
			       name, (unsigned long long)bad_at);
	return error ? problem(p, error, "cannot read catalog/%s: %s", name, strerror(-error)) : 0;
}

static int add_chunks(struct catalog *c, const struct catalog_file *f, struct problem *p)
{
	uint64_t at = CATALOG_HEADER_BYTES, bad_at = at;
	struct buffer spare = {};
	int error = at == f->size ? -ENODATA : 0; /* no file is published without a chunk */

	while (at < f->size && !error)
		error = add_chunk(c, f, &spare, &at, &bad_at);
	buffer_done(&spare);
	for (size_t i = 0; c->chunk_count > 1 && i < c->origin_count; i++)
		catalog_lists_settle(&c->origins[i]);
	return tell(f, error, at, bad_at, p);
}

/* Of the chunk at *at, which is left behind. */
static int add_segments(struct catalog *c, const struct catalog_file *f, struct buffer *spare, uint64_t *at, uint64_t *bad_at)
{
	struct catalog one = { .day = f->day, .fd = -1 };
	uint64_t bytes = 0;
	int error = catalog_chunk_segments(f, *at, spare, &one, &bytes, bad_at);

	if (!error && !c->tenant_count) {
		*c = one;
		one = (struct catalog){};
	} else if (!error) {
		error = catalog_lists_join(c, &one, NULL);
	}
	catalog_lists_done(&one);
	*at += bytes;
	return error;
}

/* Whatever else is wrong with it, reading it will tell. */
static bool is_gone(const struct store_dir *store, const char *path)
{
	struct stat st;

	return fstatat(store->segments, path, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

int catalog_each_missing(const struct store_dir *store, int32_t day,
			 bool (*wanted)(const void *ctx, const char *tenant_id),
			 int (*fn)(void *ctx, const char *path), void *ctx, struct problem *p)
{
	char name[SEGMENT_NAME_MAX], path[CATALOG_TENANT_BYTES + SEGMENT_NAME_MAX + 1];
	uint64_t at = CATALOG_HEADER_BYTES, bad_at = at;
	struct catalog c = { .day = day, .fd = -1 };
	struct buffer spare = {};
	struct catalog_file f;
	int error = catalog_file_open(store->catalog, day, &f, p), result = 0;

	if (error)
		return error;
	error = at == f.size ? -ENODATA : 0;
	while (at < f.size && !error)
		error = add_segments(&c, &f, &spare, &at, &bad_at);
	for (size_t i = 0; !error && !result && i < c.segment_count; i++) {
		const char *tenant_id = c.tenants[c.segments[i].tenant];

		if (wanted && !wanted(ctx, tenant_id))
			continue;
		segment_part_name(day, c.segments[i].part, name);
		snprintf(path, sizeof(path), "%s/%s", tenant_id, name);
		if (is_gone(store, path))
			result = fn(ctx, path);
	}
	buffer_done(&spare);
	catalog_lists_done(&c);
	catalog_file_close(&f);
	return error ? tell(&f, error, at, bad_at, p) : result;
}

int catalog_open(int catalog_fd, int32_t day, struct catalog **ret_catalog, struct problem *p)
{
	struct catalog_file f;
	struct catalog *c;
	int error = catalog_file_open(catalog_fd, day, &f, p);

	if (error)
		return error;
	c = calloc(1, sizeof(*c));
	if (!c) {
		catalog_file_close(&f);
		return problem(p, -ENOMEM, "out of memory");
	}
	error = add_chunks(c, &f, p);
	c->day = day;
	c->fd = f.fd;
	c->file_id = f.file_id;
	c->size = f.size;
	if (error)
		catalog_close(c);
	else
		*ret_catalog = c;
	return error;
}

void catalog_close(struct catalog *c)
{
	struct catalog_file f;

	if (!c)
		return;
	f.fd = c->fd;
	catalog_file_close(&f);
	for (size_t i = 0; i < c->chunk_count; i++)
		catalog_chunk_done(&c->chunks[i]);
	free(c->chunks);
	catalog_lists_done(c);
	free(c);
}

static int find_in_chunk(const struct catalog *c, const struct catalog_chunk *chunk, uint64_t key,
			 struct buffer *spare, bool *wanted)
{
	uint32_t mask = (1u << chunk->cells.cell_bits) - 1;
	uint64_t cell = catalog_cell(&chunk->cells, catalog_hash(key, chunk->seed));
	struct catalog_walk w;
	int error;

	for (size_t i = 0; i < chunk->section_count; i++)
		if (chunk->flags[i] & CATALOG_SECTION_ALWAYS)
			wanted[chunk->sections[i]] = true;
	if (!chunk->cells.buckets)
		return 0;
	error = catalog_chunk_bucket(c->fd, c->file_id, chunk, (uint32_t)(cell >> chunk->cells.cell_bits),
				     spare, &w);
	if (error)
		return error;
	error = catalog_walk_mark(&w, (uint32_t)cell & mask, chunk->shared_end, chunk->sections, chunk->section_count, wanted);
	return error < 0 ? error : 0;
}

int catalog_find(struct catalog *c, const struct addr *src, bool *wanted)
{
	uint64_t key = catalog_key(src);
	struct buffer spare = {};
	int first = 0;

	for (size_t i = 0; i < c->chunk_count; i++) {
		const struct catalog_chunk *chunk = &c->chunks[i];
		int error = find_in_chunk(c, chunk, key, &spare, wanted);

		/* It may be in any of them. */
		for (size_t k = 0; error && k < chunk->section_count; k++)
			wanted[chunk->sections[k]] = true;
		if (error && !first)
			first = error;
	}
	buffer_done(&spare);
	return first == -ENODATA ? -EBADMSG : first;
}
