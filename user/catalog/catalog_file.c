// SPDX-License-Identifier: BSD-2-Clause
/* Bytes of a catalog file (FORMAT.md 3.14). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/utc.h"
#include "catalog_facts.h"
#include "catalog_file.h"
#include "schema/store.h"

/* Facts and directory of most chunks are smaller; one read gets them. */
#define FIRST_READ 32768
#define LEVEL 3
/* Facts are compressed when that makes the chunk smaller by this part of it: unpacking is half of opening. */
#define WORTH_IT 16
#define BUCKET_LEAST 5 /* checksum, and the bits of an empty one */

void catalog_name(int32_t day, char name[static CATALOG_NAME_MAX])
{
	char text[DAY_TEXT_MAX];

	snprintf(name, CATALOG_NAME_MAX, "%s%s", day_format(day, text), CATALOG_SUFFIX);
}

static int read_header(struct catalog_file *f, const char *name, struct problem *p)
{
	uint8_t h[CATALOG_HEADER_BYTES];
	int error = fs_pread_all(f->fd, h, sizeof(h), 0);

	if (error)
		return problem(p, error == -ENODATA ? -EBADMSG : error, "catalog/%s: %s", name,
			       error == -ENODATA ? "shorter than its header" : strerror(-error));
	if (memcmp(h, CATALOG_MAGIC, 8) != 0)
		return problem(p, -EBADMSG, "catalog/%s: not a day catalog (offset 0)", name);
	f->file_id = get_le64(h + CATALOG_AT_FILE_ID);
	if (get_le32(h + CATALOG_AT_CRC) != block_crc(f->file_id, 0, h, CATALOG_AT_CRC, NULL, 0))
		return problem(p, -EBADMSG, "catalog/%s: header fails its checksum (offset 0)", name);
	if (get_le16(h + CATALOG_AT_VERSION) != CATALOG_VERSION ||
	    get_le16(h + CATALOG_AT_HEADER_SIZE) != CATALOG_HEADER_BYTES ||
	    get_le32(h + CATALOG_AT_INCOMPATIBLE) != 0)
		return problem(p, -ENOTSUP,
			       "catalog/%s: version %u, flags %#x; this program reads version %u", name,
			       get_le16(h + CATALOG_AT_VERSION), get_le32(h + CATALOG_AT_INCOMPATIBLE),
			       CATALOG_VERSION);
	if ((int32_t)get_le32(h + CATALOG_AT_DAY) != f->day)
		return problem(p, -EBADMSG, "catalog/%s: is of another day than its name says (offset %d)",
			       name, CATALOG_AT_DAY);
	return 0;
}

int catalog_file_open(int catalog_fd, int32_t day, struct catalog_file *ret_file, struct problem *p)
{
	struct catalog_file f = { .day = day };
	char name[CATALOG_NAME_MAX];
	struct stat st;
	int error = 0;

	catalog_name(day, name);
	if (catalog_fd < 0)
		return problem(p, -ENOENT, "catalog/%s: %s", name, strerror(ENOENT));
	/* O_NONBLOCK: a FIFO of that name would wait for a writer. */
	f.fd = openat(catalog_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (f.fd < 0)
		return problem(p, -errno, "cannot open catalog/%s: %s", name, strerror(errno));
	if (fstat(f.fd, &st) < 0)
		error = problem(p, -errno, "catalog/%s: %s", name, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		error = problem(p, -EBADMSG, "catalog/%s: not a file", name);
	else
		f.size = (uint64_t)st.st_size;
	if (!error)
		error = read_header(&f, name, p);
	if (error)
		catalog_file_close(&f);
	else
		*ret_file = f;
	return error;
}

void catalog_file_close(struct catalog_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* What a prefix says of its chunk. */
struct extent {
	uint32_t facts, facts_raw, directory, buckets;
};

/* Prefix at p; -EBADMSG when it is none. */
static int read_prefix(const struct catalog_file *f, const uint8_t *p, struct catalog_chunk *chunk,
		       struct extent *e)
{
	if (get_le32(p + CHUNK_AT_MAGIC) != CHUNK_MAGIC ||
	    get_le32(p + CHUNK_AT_PREFIX_CRC) !=
		    block_crc(f->file_id, chunk->offset, NULL, 0, p + CHUNK_AT_FACTS_BYTES,
			      CHUNK_PREFIX_BYTES - CHUNK_AT_FACTS_BYTES))
		return -EBADMSG;
	e->facts = get_le32(p + CHUNK_AT_FACTS_BYTES);
	e->facts_raw = get_le32(p + CHUNK_AT_FACTS_RAW);
	e->directory = get_le32(p + CHUNK_AT_DIRECTORY_BYTES);
	e->buckets = get_le32(p + CHUNK_AT_BUCKETS_BYTES);
	chunk->seed = get_le64(p + CHUNK_AT_SEED);
	chunk->pairs = get_le32(p + CHUNK_AT_PAIRS);
	chunk->cells.buckets = get_le32(p + CHUNK_AT_BUCKETS);
	chunk->cells.cell_bits = p[CHUNK_AT_CELL_BITS];
	if (e->facts > CATALOG_FACTS_MAX || e->facts_raw > CATALOG_FACTS_MAX ||
	    e->directory > CATALOG_FACTS_MAX || chunk->pairs > CATALOG_PAIRS_MAX ||
	    chunk->cells.cell_bits > CATALOG_CELL_BITS_MAX ||
	    chunk->cells.buckets > CATALOG_CELLS_MAX >> chunk->cells.cell_bits ||
	    chunk->cells.buckets > e->directory || !chunk->cells.buckets != !e->buckets)
		return -EBADMSG;
	chunk->bytes = CHUNK_PREFIX_BYTES + (uint64_t)e->facts + e->directory + e->buckets;
	chunk->buckets_at = chunk->offset + CHUNK_PREFIX_BYTES + e->facts + e->directory;
	return 0;
}

/* The bytes of the chunk up to its buckets. */
static int load(const struct catalog_file *f, struct buffer *spare, struct catalog_chunk *chunk,
		struct extent *e)
{
	uint64_t left = f->size - chunk->offset, need;
	size_t n = left < FIRST_READ ? left : FIRST_READ;
	uint8_t *p;
	int error;

	if (left < CHUNK_PREFIX_BYTES)
		return -ENODATA;
	buffer_clear(spare);
	p = buffer_extend(spare, n);
	if (!p)
		return -ENOMEM;
	error = fs_pread_all(f->fd, p, n, (off_t)chunk->offset);
	if (!error)
		error = read_prefix(f, p, chunk, e);
	if (error)
		return error;
	need = chunk->buckets_at - chunk->offset;
	if (chunk->bytes > left)
		return -ENODATA;
	if (need <= n)
		return 0;
	p = buffer_extend(spare, need - n);
	if (!p)
		return -ENOMEM;
	return fs_pread_all(f->fd, p, need - n, (off_t)(chunk->offset + n));
}

/* The chunk's own numbers, and how far each section's code reaches: to the next one, within the segment. */
static int number_sections(const struct catalog *c, const uint8_t *code_bits, struct catalog_chunk *chunk)
{
	size_t count = c->section_count;

	chunk->sections = malloc((count + 1) * sizeof(*chunk->sections));
	chunk->shared_end = malloc((count + 1) * sizeof(*chunk->shared_end));
	if (!chunk->sections || !chunk->shared_end)
		return -ENOMEM;
	for (size_t i = count; i-- > 0;) {
		bool shared = i + 1 < count && !code_bits[i + 1] &&
			      c->sections[i + 1].segment == c->sections[i].segment;

		chunk->sections[i] = (uint32_t)i;
		chunk->shared_end[i] = shared ? chunk->shared_end[i + 1] : (uint32_t)i + 1;
	}
	return 0;
}

static int read_count_code(const uint8_t *prefix, struct catalog_chunk *chunk)
{
	uint32_t all = get_le32(prefix + CHUNK_AT_COUNT_LENGTHS);
	uint8_t lengths[CATALOG_COUNT_SYMBOLS];
	int error;

	for (int i = 0; i < CATALOG_COUNT_SYMBOLS; i++)
		lengths[i] = all >> (4 * i) & 15;
	error = catalog_code_make(lengths, CATALOG_COUNT_SYMBOLS, &chunk->counts);
	/* Without one no bucket can be read. */
	return !error && chunk->cells.buckets && !chunk->counts.longest ? -EBADMSG : error;
}

/* *ret_raw is malloc'd, and what `in` reads. */
static int unpack_facts(const uint8_t *prefix, const struct extent *e, uint8_t **ret_raw, struct cursor *in)
{
	uint8_t *raw = malloc((size_t)e->facts_raw + 1);
	int error;

	if (!raw)
		return -ENOMEM;
	error = block_unpack(prefix[CHUNK_AT_CODING], prefix + CHUNK_PREFIX_BYTES, e->facts, raw, e->facts_raw);
	if (error) {
		free(raw);
		return error;
	}
	cursor_init(in, raw, e->facts_raw);
	*ret_raw = raw;
	return 0;
}

static int read_facts(const uint8_t *prefix, const struct extent *e, struct catalog *c,
		      struct catalog_chunk *chunk)
{
	uint8_t *raw = NULL, *code_bits = NULL;
	struct cursor in;
	int error = unpack_facts(prefix, e, &raw, &in);

	if (!error)
		error = catalog_facts_read(&in, c, &chunk->flags, &code_bits);
	chunk->section_count = c->section_count;
	if (!error)
		error = catalog_code_make(code_bits, c->section_count, &chunk->code);
	if (!error)
		error = read_count_code(prefix, chunk);
	if (!error)
		error = number_sections(c, code_bits, chunk);
	free(code_bits);
	free(raw);
	return error;
}

static int read_directory(const uint8_t *bytes, const struct extent *e, struct catalog_chunk *chunk)
{
	uint32_t n = chunk->cells.buckets;
	uint64_t at = 0;
	struct cursor in;

	chunk->bucket_from = malloc(((size_t)n + 1) * sizeof(*chunk->bucket_from));
	if (!chunk->bucket_from)
		return -ENOMEM;
	cursor_init(&in, bytes, e->directory);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t size = cursor_varint(&in);

		if (size < BUCKET_LEAST || size > CATALOG_BUCKET_MAX || at + size > e->buckets)
			return -EBADMSG;
		chunk->bucket_from[i] = (uint32_t)at;
		at += size;
	}
	chunk->bucket_from[n] = (uint32_t)at;
	return cursor_ok(&in) && !cursor_left(&in) && at == e->buckets ? 0 : -EBADMSG;
}

/* load() of the chunk at `offset`, and its facts checked. */
static int load_facts(const struct catalog_file *f, uint64_t offset, struct buffer *spare, struct catalog_chunk *chunk,
		      struct extent *e, uint64_t *ret_bad_at)
{
	uint64_t facts_at = offset + CHUNK_PREFIX_BYTES;
	int error;

	*chunk = (struct catalog_chunk){ .offset = offset };
	*ret_bad_at = offset;
	error = load(f, spare, chunk, e);
	if (error)
		return error;
	*ret_bad_at = facts_at;
	return get_le32(spare->data + CHUNK_AT_FACTS_CRC) ==
			       block_crc(f->file_id, facts_at, NULL, 0, spare->data + CHUNK_PREFIX_BYTES, e->facts) ?
		       0 :
		       -EBADMSG;
}

int catalog_chunk_segments(const struct catalog_file *f, uint64_t offset, struct buffer *spare, struct catalog *c,
			   uint64_t *ret_bytes, uint64_t *ret_bad_at)
{
	struct catalog_chunk chunk;
	struct extent e = {};
	struct cursor in;
	uint8_t *raw;
	int error = load_facts(f, offset, spare, &chunk, &e, ret_bad_at);

	if (!error)
		error = unpack_facts(spare->data, &e, &raw, &in);
	if (error)
		return error;
	error = catalog_facts_read_segments(&in, c);
	free(raw);
	*ret_bytes = chunk.bytes;
	return error;
}

int catalog_chunk_read(const struct catalog_file *f, uint64_t offset, struct buffer *spare,
		       struct catalog *c, struct catalog_chunk *ret_chunk, uint64_t *ret_bad_at)
{
	struct catalog_chunk *chunk = ret_chunk;
	struct extent e = {};
	uint64_t facts_at = offset + CHUNK_PREFIX_BYTES;
	const uint8_t *p;
	int error = load_facts(f, offset, spare, chunk, &e, ret_bad_at);

	if (error)
		return error;
	p = spare->data;
	error = read_facts(p, &e, c, chunk);
	if (error)
		return error;
	*ret_bad_at = facts_at + e.facts;
	if (get_le32(p + CHUNK_AT_DIRECTORY_CRC) !=
	    block_crc(f->file_id, facts_at + e.facts, NULL, 0, p + CHUNK_PREFIX_BYTES + e.facts,
		      e.directory))
		return -EBADMSG;
	return read_directory(p + CHUNK_PREFIX_BYTES + e.facts, &e, chunk);
}

void catalog_chunk_done(struct catalog_chunk *chunk)
{
	catalog_code_done(&chunk->code);
	catalog_code_done(&chunk->counts);
	free(chunk->bucket_from);
	free(chunk->sections);
	free(chunk->shared_end);
	free(chunk->flags);
	memset(chunk, 0, sizeof(*chunk));
}

int catalog_chunk_bucket(int fd, uint64_t file_id, const struct catalog_chunk *chunk, uint32_t i,
			 struct buffer *spare, struct catalog_walk *ret_walk)
{
	uint64_t at = chunk->buckets_at + chunk->bucket_from[i];
	size_t size = chunk->bucket_from[i + 1] - chunk->bucket_from[i];
	uint8_t *p;
	int error;

	buffer_clear(spare);
	p = buffer_extend(spare, size + BITS_PADDING);
	if (!p)
		return -ENOMEM;
	error = fs_pread_all(fd, p, size, (off_t)at);
	if (error)
		return error;
	if (get_le32(p) != block_crc(file_id, at, NULL, 0, p + 4, size - 4))
		return -EBADMSG;
	catalog_walk_start(ret_walk, &chunk->cells, &chunk->code, &chunk->counts, p + 4, size - 4);
	return 0;
}

int catalog_file_header(int32_t day, struct buffer *out, uint64_t *ret_file_id)
{
	uint8_t *h = buffer_extend(out, CATALOG_HEADER_BYTES);

	if (!h)
		return -ENOMEM;
	if (getrandom(ret_file_id, sizeof(*ret_file_id), 0) != sizeof(*ret_file_id))
		return -EIO;
	memcpy(h + CATALOG_AT_MAGIC, CATALOG_MAGIC, 8);
	put_le16(h + CATALOG_AT_VERSION, CATALOG_VERSION);
	put_le16(h + CATALOG_AT_HEADER_SIZE, CATALOG_HEADER_BYTES);
	put_le32(h + CATALOG_AT_DAY, (uint32_t)day);
	put_le64(h + CATALOG_AT_FILE_ID, *ret_file_id);
	put_le32(h + CATALOG_AT_CRC, block_crc(*ret_file_id, 0, h, CATALOG_AT_CRC, NULL, 0));
	return 0;
}

/* Each bucket's checksum needs its place, which depends on what stands before it. */
static void seal_buckets(struct catalog_filter *filter, uint64_t file_id, uint64_t at)
{
	uint8_t *p = filter->buckets.data;

	for (uint32_t i = 0; i < filter->cells.buckets; i++) {
		put_le32(p, block_crc(file_id, at, NULL, 0, p + 4, filter->sizes[i] - 4));
		p += filter->sizes[i];
		at += filter->sizes[i];
	}
}

int catalog_chunk_write(const struct catalog *lists, const uint8_t *flags, struct catalog_filter *filter,
			uint64_t seed, uint64_t file_id, uint64_t offset, struct buffer *out)
{
	struct buffer facts = {};
	size_t start = out->size, facts_bytes;
	uint64_t facts_at = offset + CHUNK_PREFIX_BYTES, directory_at;
	uint8_t coding = 0, *p;
	uint32_t counts = 0;

	catalog_facts_write(lists, flags, filter->lengths, &facts);
	if (!buffer_ok(&facts) || facts.size > CATALOG_FACTS_MAX ||
	    !buffer_extend(out, CHUNK_PREFIX_BYTES) ||
	    block_pack(facts.data, facts.size, LEVEL, out, &coding)) {
		buffer_done(&facts);
		return -ENOMEM;
	}
	facts_bytes = out->size - start - CHUNK_PREFIX_BYTES;
	if ((facts.size - facts_bytes) * WORTH_IT < filter->buckets.size + facts.size) {
		out->size = start + CHUNK_PREFIX_BYTES;
		buffer_bytes(out, facts.data, facts.size);
		facts_bytes = facts.size;
		coding = STORE_CODING_PLAIN;
	}
	directory_at = facts_at + facts_bytes;
	seal_buckets(filter, file_id, directory_at + filter->directory.size);
	buffer_bytes(out, filter->directory.data, filter->directory.size);
	buffer_bytes(out, filter->buckets.data, filter->buckets.size);
	if (buffer_ok(out)) {
		p = out->data + start;
		put_le32(p + CHUNK_AT_MAGIC, CHUNK_MAGIC);
		put_le32(p + CHUNK_AT_FACTS_BYTES, (uint32_t)facts_bytes);
		put_le32(p + CHUNK_AT_FACTS_RAW, (uint32_t)facts.size);
		put_le32(p + CHUNK_AT_FACTS_CRC,
			 block_crc(file_id, facts_at, NULL, 0, p + CHUNK_PREFIX_BYTES, facts_bytes));
		put_le32(p + CHUNK_AT_DIRECTORY_BYTES, (uint32_t)filter->directory.size);
		put_le32(p + CHUNK_AT_DIRECTORY_CRC,
			 block_crc(file_id, directory_at, NULL, 0, filter->directory.data,
				   filter->directory.size));
		put_le32(p + CHUNK_AT_BUCKETS, filter->cells.buckets);
		put_le32(p + CHUNK_AT_BUCKETS_BYTES, (uint32_t)filter->buckets.size);
		put_le32(p + CHUNK_AT_PAIRS, filter->pairs);
		put_le64(p + CHUNK_AT_SEED, seed);
		p[CHUNK_AT_CODING] = coding;
		p[CHUNK_AT_CELL_BITS] = filter->cells.cell_bits;
		for (int i = 0; i < CATALOG_COUNT_SYMBOLS; i++)
			counts |= (uint32_t)filter->count_lengths[i] << (4 * i);
		put_le32(p + CHUNK_AT_COUNT_LENGTHS, counts);
		put_le32(p + CHUNK_AT_PREFIX_CRC,
			 block_crc(file_id, offset, NULL, 0, p + CHUNK_AT_FACTS_BYTES,
				   CHUNK_PREFIX_BYTES - CHUNK_AT_FACTS_BYTES));
	}
	buffer_done(&facts);
	return buffer_ok(out) ? 0 : -ENOMEM;
}
