// SPDX-License-Identifier: BSD-2-Clause
/* Reading segments: their headers, sections and trailers; everything bounded before it is believed. */
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/block.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/scan.h"
#include "base/utc.h"
#include "section_reader.h"

#define DAY_CHARACTERS 10 /* "YYYY-MM-DD" */
#define HASH_CHUNK (1u << 20)

/* A copy under another day's name would answer for the wrong day. */
static bool name_fits(const struct segment_reader *r)
{
	char want[SEGMENT_NAME_MAX];

	segment_part_name(r->day, r->part, want);
	return strcmp(want, r->name) == 0;
}

static int read_header(struct segment_reader *r, struct problem *p)
{
	uint8_t h[SEGMENT_HEADER_MAX];
	size_t size;
	int error = fs_pread_all(r->fd, h, SEGMENT_HEADER_BYTES, 0);

	if (error)
		return problem(p, error, "%s: %s", r->name,
			       error == -ENODATA ? "shorter than its header" : strerror(-error));
	if (memcmp(h, SEGMENT_MAGIC, 8) != 0)
		return problem(p, -EBADMSG, "%s: not a segment (offset 0)", r->name);
	size = get_le16(h + SEGMENT_AT_HEADER_SIZE);
	if (size <= SEGMENT_HEADER_BYTES || size > SEGMENT_HEADER_MAX)
		return problem(p, -EBADMSG, "%s: no header of a segment (offset %d)", r->name,
			       SEGMENT_AT_HEADER_SIZE);
	error = fs_pread_all(r->fd, h + SEGMENT_HEADER_BYTES, size - SEGMENT_HEADER_BYTES,
			     SEGMENT_HEADER_BYTES);
	if (error)
		return problem(p, error, "%s: %s", r->name,
			       error == -ENODATA ? "shorter than its header" : strerror(-error));
	r->file_id = get_le64(h + SEGMENT_AT_FILE_ID);
	if (get_le32(h + SEGMENT_AT_CRC) !=
	    block_crc(r->file_id, 0, h, SEGMENT_AT_CRC, h + SEGMENT_AT_SECRET, size - SEGMENT_AT_SECRET))
		return problem(p, -EBADMSG, "%s: header fails its checksum (offset 0)", r->name);
	if (get_le16(h + SEGMENT_AT_VERSION) != SEGMENT_VERSION ||
	    get_le32(h + SEGMENT_AT_INCOMPATIBLE) != 0)
		return problem(p, -ENOTSUP, "%s: version %u, flags %#x; this program reads version %u",
			       r->name, get_le16(h + SEGMENT_AT_VERSION),
			       get_le32(h + SEGMENT_AT_INCOMPATIBLE), SEGMENT_VERSION);
	r->header_bytes = (uint32_t)size;
	r->day = (int32_t)get_le32(h + SEGMENT_AT_DAY);
	r->part = get_le32(h + SEGMENT_AT_PART);
	memcpy(r->secret, h + SEGMENT_AT_SECRET, sizeof(r->secret));
	memcpy(r->tenant_id, h + SEGMENT_AT_TENANT, size - SEGMENT_AT_TENANT);
	if (!name_fits(r))
		return problem(p, -EBADMSG, "%s: holds another day or part than its name says (offset %d)",
			       r->name, SEGMENT_AT_DAY);
	if (parse_tenant_id(r->tenant_id) != 0 || strlen(r->tenant_id) != size - SEGMENT_AT_TENANT)
		return problem(p, -EBADMSG, "%s: tenant id is not one (offset %d)", r->name,
			       SEGMENT_AT_TENANT);
	return 0;
}

static int add_section(struct segment_reader *r, const struct section *s)
{
	if (ARRAY_RESERVE(r->sections, r->section_count, r->section_capacity))
		return -ENOMEM;
	r->sections[r->section_count++] = *s;
	return 0;
}

static int good_section(void *ctx, uint64_t at, uint64_t *ret_bytes_read)
{
	struct section s;

	*ret_bytes_read = SECTION_PREFIX_BYTES;
	return section_read_facts(ctx, at, &s) == 0;
}

/* 0: a trailer stands here and ends the file; -EBADMSG: not so. */
static int read_trailer(struct segment_reader *r, uint64_t at)
{
	uint8_t t[TRAILER_BYTES];
	uint64_t rows = 0;
	int error;

	if (r->size - at != TRAILER_BYTES)
		return -EBADMSG;
	error = fs_pread_all(r->fd, t, sizeof(t), (off_t)at);
	if (error)
		return error;
	if (get_le32(t + TRAILER_AT_MAGIC) != TRAILER_MAGIC ||
	    get_le32(t + TRAILER_AT_CRC) != block_crc(r->file_id, at, NULL, 0, t + TRAILER_AT_SECTIONS,
						      TRAILER_BYTES - TRAILER_AT_SECTIONS))
		return -EBADMSG;
	for (size_t i = 0; i < r->section_count; i++)
		rows += r->sections[i].rows;
	r->closed = true;
	r->trailer_at = at;
	r->trailer_wrong = get_le32(t + TRAILER_AT_SECTIONS) != r->section_count ||
			   get_le64(t + TRAILER_AT_ROWS) != rows;
	return 0;
}

/*
 * Whether what is torn was to be a trailer: it is no longer than one, and what stands there is the begin of one
 * (two bytes are those of a section too) or never came to the disk. No row is missing then: had it been a section,
 * a journal or a later part would have its rows, since none counts as sealed before it is durable.
 */
static bool is_cut_trailer(const struct segment_reader *r, uint64_t at)
{
	uint64_t left = r->size - at;
	uint8_t magic[4], begin[4];
	size_t n = left < sizeof(magic) ? left : sizeof(magic);

	put_le32(magic, TRAILER_MAGIC);
	if (left > TRAILER_BYTES || fs_pread_all(r->fd, begin, n, (off_t)at))
		return false;
	return (n > 2 && memcmp(begin, magic, n) == 0) || scan_is_zero(r->fd, at, r->size);
}

static int walk(struct segment_reader *r)
{
	uint64_t at = r->header_bytes, budget = 4 * r->size + (1 << 20), next;
	struct section s;
	int error = 0;

	while (!error && at < r->size) {
		int bad = section_read_facts(r, at, &s);

		if (!bad) {
			error = add_section(r, &s);
			at += s.bytes;
			continue;
		}
		if (bad != -EBADMSG && bad != -ENODATA)
			return bad;
		error = read_trailer(r, at);
		if (error != -EBADMSG)
			return error;
		error = scan_next(r->fd, at + 1, r->size, "SKSC", good_section, r, &budget, &next);
		if (error)
			break;
		if (next == r->size && (bad == -ENODATA || scan_is_zero(r->fd, at, r->size))) {
			r->torn = true;
			r->torn_at = at;
			r->torn_journal_id = bad == -ENODATA ? s.journal_id : 0;
			r->torn_run = s.run;
			r->torn_trailer = is_cut_trailer(r, at);
		} else {
			if (!r->damaged_bytes)
				r->damaged_at = at;
			r->damaged_bytes += next - at;
		}
		at = next;
	}
	return error;
}

static int open_file(int dir_fd, const char *name, struct segment_reader *r, struct problem *p)
{
	struct stat st;
	int error;

	r->fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r->fd < 0)
		return problem(p, -errno, "cannot open %s: %s", name, strerror(errno));
	strncpy(r->name, name, sizeof(r->name) - 1);
	error = fstat(r->fd, &st) < 0 ? -errno : 0;
	if (error)
		return problem(p, error, "%s: %s", name, strerror(-error));
	r->size = (uint64_t)st.st_size;
	return read_header(r, p);
}

int segment_reader_open_known(int dir_fd, const char *name, uint64_t file_id,
			      struct segment_reader *ret_reader, struct problem *p)
{
	struct segment_reader r = {};
	int error = open_file(dir_fd, name, &r, p);

	if (!error && r.file_id != file_id)
		error = problem(p, -ESTALE, "%s: another file than the day catalog says", name);
	if (error)
		segment_reader_close(&r);
	else
		*ret_reader = r;
	return error;
}

int segment_reader_open(int dir_fd, const char *name, struct segment_reader *ret_reader,
			struct problem *p)
{
	struct segment_reader r = {};
	int error = open_file(dir_fd, name, &r, p);

	if (!error) {
		error = walk(&r);
		if (error)
			problem(p, error, "cannot read %s: %s", name,
				error == -ENOTSUP ? "it has a section of a later version" :
						    strerror(-error));
	}
	if (error)
		segment_reader_close(&r);
	else
		*ret_reader = r;
	return error;
}

static int trailer_at_end(int fd, uint64_t size)
{
	uint8_t id[8], t[TRAILER_BYTES];
	uint64_t at = size - TRAILER_BYTES;
	int error;

	if (size < SEGMENT_HEADER_BYTES + TRAILER_BYTES)
		return 0;
	error = fs_pread_all(fd, id, sizeof(id), SEGMENT_AT_FILE_ID);
	if (!error)
		error = fs_pread_all(fd, t, sizeof(t), (off_t)at);
	if (error)
		return error;
	return get_le32(t + TRAILER_AT_MAGIC) == TRAILER_MAGIC &&
	       get_le32(t + TRAILER_AT_CRC) == block_crc(get_le64(id), at, NULL, 0, t + TRAILER_AT_SECTIONS,
							 TRAILER_BYTES - TRAILER_AT_SECTIONS);
}

int segment_is_closed(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), result;
	struct stat st;

	if (fd < 0)
		return -errno;
	result = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ?
		 trailer_at_end(fd, (uint64_t)st.st_size) : 0;
	close(fd);
	return result;
}

/* SHA-256 of the first `size` bytes of a file. */
int segment_hash(int fd, uint64_t size, uint8_t ret_hash[static 32])
{
	struct sha256_ctx sha;
	uint8_t *chunk = malloc(HASH_CHUNK);
	int error = chunk ? 0 : -ENOMEM;

	sha256_init(&sha);
	for (uint64_t at = 0; !error && at < size; at += HASH_CHUNK) {
		size_t n = size - at < HASH_CHUNK ? size - at : HASH_CHUNK;

		error = fs_pread_all(fd, chunk, n, (off_t)at);
		if (!error)
			sha256_update(&sha, n, chunk);
	}
	if (!error)
		sha256_digest(&sha, 32, ret_hash);
	free(chunk);
	return error;
}

int segment_reader_check_trailer(struct segment_reader *r)
{
	uint8_t want[32], hash[32];
	int error = fs_pread_all(r->fd, want, sizeof(want), (off_t)(r->trailer_at + TRAILER_AT_HASH));

	if (!error)
		error = segment_hash(r->fd, r->trailer_at, hash);
	if (error)
		return error;
	return memcmp(want, hash, sizeof(hash)) == 0 && !r->trailer_wrong ? 0 : -EBADMSG;
}

void segment_part_name(int32_t day, uint32_t part, char name[static SEGMENT_NAME_MAX])
{
	char text[DAY_TEXT_MAX];

	day_format(day, text);
	if (part == 1)
		snprintf(name, SEGMENT_NAME_MAX, "%s%s", text, SEGMENT_SUFFIX);
	else
		snprintf(name, SEGMENT_NAME_MAX, "%s.%u%s", text, part, SEGMENT_SUFFIX);
}

/* The number of a part by its file's name; 0: the name is none of a part of the day. */
static uint32_t part_of(const char *name, int32_t day)
{
	char want[SEGMENT_NAME_MAX], digits[SEGMENT_NAME_MAX] = "";
	const char *dot = strchr(name, '.');
	size_t n = dot ? strcspn(dot + 1, ".") : 0;
	uint64_t part = 1;

	if (dot && dot[1 + n] == '.' && n < sizeof(digits)) {
		memcpy(digits, dot + 1, n);
		if (parse_u64(digits, 2, UINT32_MAX, &part))
			return 0;
	}
	segment_part_name(day, (uint32_t)part, want);
	return strcmp(want, name) == 0 ? (uint32_t)part : 0;
}

int segment_last_part(int dir_fd, int32_t day, uint32_t *ret_last)
{
	uint32_t last = 0;
	char **names;
	size_t count;
	int error = fs_list(dir_fd, SEGMENT_SUFFIX, &names, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count; i++) {
		uint32_t part = part_of(names[i], day);

		last = part > last ? part : last;
	}
	fs_free_names(names, count);
	*ret_last = last;
	return 0;
}

void segment_reader_close(struct segment_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r->sections);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

static bool has_intact(struct segment_reader *r, const struct section *s)
{
	uint32_t blocks;
	uint64_t bad;

	for (size_t i = 0; i < r->section_count; i++)
		if (r->sections[i].journal_id == s->journal_id && r->sections[i].run == s->run &&
		    section_check(r, &r->sections[i], &blocks, &bad) == 0)
			return true;
	return false;
}

bool section_superseded(int dir_fd, const struct segment_reader *r, const struct section *s)
{
	struct segment_reader part;
	struct problem ignored;
	bool found = false;
	char **names;
	size_t count;

	if (fs_list(dir_fd, SEGMENT_SUFFIX, &names, &count))
		return false;
	for (size_t i = 0; i < count && !found; i++) {
		if (strncmp(names[i], r->name, DAY_CHARACTERS) != 0 ||
		    segment_reader_open(dir_fd, names[i], &part, &ignored))
			continue;
		found = has_intact(&part, s);
		segment_reader_close(&part);
	}
	fs_free_names(names, count);
	return found;
}
