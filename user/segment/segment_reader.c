// SPDX-License-Identifier: BSD-2-Clause
/* Reading segments: headers, directories, blocks; everything bounded before it is believed. */
#include <errno.h>
#include <fcntl.h>
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
#include "schema/store.h"
#include "segment_reader.h"

#define DAY_CHARACTERS 10 /* "YYYY-MM-DD" */

static bool all_zero(const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* A copy under another day's name would answer for the wrong day. */
static bool name_fits(const struct segment_reader *r)
{
	char want[SEGMENT_NAME_MAX];

	segment_part_name(r->day, r->part, want);
	return strcmp(want, r->name) == 0;
}

static int read_header(struct segment_reader *r, struct problem *p)
{
	uint8_t h[SEGMENT_HEADER_BYTES];
	uint32_t id_bytes;
	int error = fs_pread_all(r->fd, h, sizeof(h), 0);

	if (error)
		return problem(p, error, "%s: %s", r->name,
			       error == -ENODATA ? "shorter than its header" : strerror(-error));
	r->file_id = get_le64(h + SEGMENT_AT_FILE_ID);
	if (memcmp(h, SEGMENT_MAGIC, 8) != 0)
		return problem(p, -EBADMSG, "%s: not a segment (offset 0)", r->name);
	if (get_le32(h + SEGMENT_AT_CRC) != block_crc(r->file_id, 0, h, SEGMENT_AT_CRC, NULL, 0))
		return problem(p, -EBADMSG, "%s: header fails its checksum (offset 0)", r->name);
	if (get_le16(h + SEGMENT_AT_VERSION) != SEGMENT_VERSION ||
	    get_le16(h + SEGMENT_AT_HEADER_SIZE) != SEGMENT_HEADER_BYTES ||
	    get_le32(h + SEGMENT_AT_INCOMPATIBLE) != 0)
		return problem(p, -ENOTSUP, "%s: version %u, flags %#x; this program reads version %u",
			       r->name, get_le16(h + SEGMENT_AT_VERSION),
			       get_le32(h + SEGMENT_AT_INCOMPATIBLE), SEGMENT_VERSION);
	r->day = (int32_t)get_le32(h + SEGMENT_AT_DAY);
	r->part = get_le32(h + SEGMENT_AT_PART);
	r->created_utc_ns = (int64_t)get_le64(h + SEGMENT_AT_CREATED_UTC);
	id_bytes = get_le32(h + SEGMENT_AT_TENANT_BYTES);
	if (id_bytes <= TENANT_ID_MAX)
		memcpy(r->tenant_id, h + SEGMENT_AT_TENANT, id_bytes);
	if (!name_fits(r))
		return problem(p, -EBADMSG, "%s: holds another day or part than its name says (offset %d)",
			       r->name, SEGMENT_AT_DAY);
	if (parse_tenant_id(r->tenant_id) != 0 || strlen(r->tenant_id) != id_bytes ||
	    !all_zero(h + SEGMENT_AT_TENANT + id_bytes, TENANT_ID_MAX - id_bytes))
		return problem(p, -EBADMSG, "%s: tenant id is not one (offset %d)", r->name,
			       SEGMENT_AT_TENANT);
	return 0;
}

static void parse_section(const uint8_t *h, uint64_t offset, struct section *s)
{
	memset(s, 0, sizeof(*s));
	s->offset = offset;
	s->block_count = get_le16(h + SECTION_AT_BLOCKS);
	s->bytes = get_le64(h + SECTION_AT_BYTES);
	s->journal_id = get_le64(h + SECTION_AT_JOURNAL_ID);
	s->run = get_le32(h + SECTION_AT_RUN);
	s->rows = get_le32(h + SECTION_AT_ROWS);
	s->first_utc_ns = (int64_t)get_le64(h + SECTION_AT_FIRST_UTC);
	s->last_utc_ns = (int64_t)get_le64(h + SECTION_AT_LAST_UTC);
	s->span_from_ns = (int64_t)get_le64(h + SECTION_AT_SPAN_FROM_UTC);
	s->span_to_ns = (int64_t)get_le64(h + SECTION_AT_SPAN_TO_UTC);
	s->sealed_utc_ns = (int64_t)get_le64(h + SECTION_AT_SEALED_UTC);
	s->tenant = get_le32(h + SECTION_AT_TENANT);
	s->consent_first = get_le32(h + SECTION_AT_CONSENT_FIRST);
	s->consent_last = get_le32(h + SECTION_AT_CONSENT_LAST);
	s->rung = h[SECTION_AT_RUNG];
}

/* The directory, with bounds: block sizes must add up to the section, rows to the columns. */
static int parse_directory(struct section *s, const uint8_t *directory)
{
	uint64_t at = s->offset + SECTION_HEADER_BYTES +
		      (uint64_t)s->block_count * SECTION_BLOCK_BYTES;

	for (unsigned int i = 0; i < s->block_count; i++) {
		const uint8_t *d = directory + (size_t)i * SECTION_BLOCK_BYTES;
		struct segment_block *b = &s->blocks[i];
		const struct record_column *column;

		b->id = get_le16(d + BLOCK_AT_ID);
		b->coding = d[BLOCK_AT_CODING];
		b->width = d[BLOCK_AT_WIDTH];
		b->raw_bytes = get_le32(d + BLOCK_AT_RAW_BYTES);
		b->stored_bytes = get_le32(d + BLOCK_AT_STORED_BYTES);
		b->crc = get_le32(d + BLOCK_AT_CRC);
		b->offset = at;
		at += b->stored_bytes;
		column = record_column_find(b->id);
		if (column && (b->width != column->width ||
			       b->raw_bytes != (uint64_t)s->rows * b->width))
			return -EBADMSG;
		if (!column && (!b->width || b->raw_bytes / b->width > SECTION_ENTRIES_MAX))
			return -EBADMSG;
	}
	return at == s->offset + s->bytes ? 0 : -EBADMSG;
}

/* -EBADMSG: no section here; -ENODATA: the file ends before it does. */
static int load_section(struct segment_reader *r, uint64_t offset, struct section *s)
{
	uint8_t h[SECTION_HEADER_BYTES + SECTION_BLOCKS_MAX * SECTION_BLOCK_BYTES];
	uint8_t *directory = h + SECTION_HEADER_BYTES;
	size_t directory_bytes;
	int error;

	memset(s, 0, sizeof(*s));
	if (r->size - offset < SECTION_HEADER_BYTES)
		return -ENODATA;
	error = fs_pread_all(r->fd, h, SECTION_HEADER_BYTES, (off_t)offset);
	if (error)
		return error;
	parse_section(h, offset, s);
	if (get_le32(h + SECTION_AT_MAGIC) != SECTION_MAGIC ||
	    get_le16(h + SECTION_AT_HEADER_SIZE) != SECTION_HEADER_BYTES ||
	    s->block_count > SECTION_BLOCKS_MAX || s->rows > SECTION_ROWS_MAX)
		return -EBADMSG;
	if (get_le32(h + SECTION_AT_CRC) != block_crc(r->file_id, offset, h, SECTION_AT_CRC, NULL, 0))
		return -EBADMSG;
	if (get_le32(h + SECTION_AT_INCOMPATIBLE) != 0)
		return -ENOTSUP;
	/* The header is as it was written: if the file ends before the section, it was cut off. */
	if (s->bytes > r->size - offset)
		return -ENODATA;
	directory_bytes = (size_t)s->block_count * SECTION_BLOCK_BYTES;
	if (s->bytes < SECTION_HEADER_BYTES + directory_bytes)
		return -EBADMSG;
	error = fs_pread_all(r->fd, directory, directory_bytes,
			     (off_t)(offset + SECTION_HEADER_BYTES));
	if (error)
		return error;
	if (get_le32(h + SECTION_AT_DIRECTORY_CRC) !=
	    block_crc(r->file_id, offset + SECTION_HEADER_BYTES, NULL, 0, directory, directory_bytes))
		return -EBADMSG;
	return parse_directory(s, directory);
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

	*ret_bytes_read = SECTION_HEADER_BYTES;
	return load_section(ctx, at, &s) == 0;
}

static int walk(struct segment_reader *r)
{
	uint64_t at = SEGMENT_HEADER_BYTES, budget = 4 * r->size + (1 << 20), next;
	struct section s;
	int error = 0;

	while (!error && at < r->size) {
		int bad = load_section(r, at, &s);

		if (!bad) {
			error = add_section(r, &s);
			at += s.bytes;
			continue;
		}
		if (bad != -EBADMSG && bad != -ENODATA)
			return bad;
		error = scan_next(r->fd, at + 1, r->size, "SKSC", good_section, r, &budget, &next);
		if (error)
			break;
		if (next == r->size && (bad == -ENODATA || scan_is_zero(r->fd, at, r->size))) {
			r->torn = true;
			r->torn_at = at;
			r->torn_journal_id = bad == -ENODATA ? s.journal_id : 0;
			r->torn_run = s.run;
		} else {
			if (!r->damaged_bytes)
				r->damaged_at = at;
			r->damaged_bytes += next - at;
		}
		at = next;
	}
	return error;
}

int segment_reader_open(int dir_fd, const char *name, struct segment_reader *ret_reader,
			struct problem *p)
{
	struct segment_reader r = {};
	struct stat st;
	int error;

	r.fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (r.fd < 0)
		return problem(p, -errno, "cannot open %s: %s", name, strerror(errno));
	strncpy(r.name, name, sizeof(r.name) - 1);
	error = fstat(r.fd, &st) < 0 ? -errno : 0;
	if (error) {
		problem(p, error, "%s: %s", name, strerror(-error));
	} else {
		r.size = (uint64_t)st.st_size;
		error = read_header(&r, p);
		if (!error) {
			error = walk(&r);
			if (error)
				problem(p, error, "cannot read %s: %s", name,
					error == -ENOTSUP ? "it has a section of a later version" :
							    strerror(-error));
		}
	}
	if (error) {
		segment_reader_close(&r);
		return error;
	}
	*ret_reader = r;
	return 0;
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

void segment_reader_close(struct segment_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r->sections);
	memset(r, 0, sizeof(*r));
	r->fd = -1;
}

/* Reads and checks the stored bytes of a block. */
static int load_block(struct segment_reader *r, const struct segment_block *b, struct buffer *out)
{
	uint8_t *bytes;
	int error;

	buffer_clear(out);
	bytes = buffer_extend(out, b->stored_bytes);
	if (!bytes && b->stored_bytes)
		return -ENOMEM;
	error = fs_pread_all(r->fd, bytes, b->stored_bytes, (off_t)b->offset);
	if (error)
		return error;
	return block_crc(r->file_id, b->offset, NULL, 0, bytes, b->stored_bytes) == b->crc ?
		       0 : -EBADMSG;
}

int section_check(struct segment_reader *r, const struct section *s, uint64_t *ret_bad_offset)
{
	struct buffer stored = {};
	int error = 0;

	for (unsigned int i = 0; i < s->block_count && !error; i++) {
		error = load_block(r, &s->blocks[i], &stored);
		if (error)
			*ret_bad_offset = s->blocks[i].offset;
	}
	buffer_done(&stored);
	return error;
}

static bool has_intact(struct segment_reader *r, const struct section *s)
{
	uint64_t bad;

	for (size_t i = 0; i < r->section_count; i++)
		if (r->sections[i].journal_id == s->journal_id && r->sections[i].run == s->run &&
		    section_check(r, &r->sections[i], &bad) == 0)
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

/* The raw bytes of block `id` into out (empty when the section has none). */
static int read_block(struct segment_reader *r, const struct section *s, unsigned int id,
		      struct buffer *out)
{
	const struct segment_block *b = NULL;
	struct buffer stored = {};
	int error;

	buffer_clear(out);
	for (unsigned int i = 0; i < s->block_count && !b; i++)
		if (s->blocks[i].id == id)
			b = &s->blocks[i];
	if (!b)
		return 0;
	error = load_block(r, b, &stored);
	if (!error && !buffer_extend(out, b->raw_bytes) && b->raw_bytes)
		error = -ENOMEM;
	if (!error)
		error = block_unpack(b->coding, stored.data, stored.size, out->data, b->raw_bytes);
	buffer_done(&stored);
	return error;
}

static void fill_absent(const struct section *s, const struct record_column *c,
			struct record *rows)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		if (c->id == STORE_COLUMN_TIME)
			rows[i].time_ns = s->first_utc_ns;
		else if (c->id == STORE_COLUMN_TENANT)
			rows[i].tenant = s->tenant;
		else
			memset((uint8_t *)&rows[i] + c->offset, 0, c->width);
	}
}

int section_read_column(struct segment_reader *r, const struct section *s, unsigned int column,
			struct record *rows)
{
	const struct record_column *c = record_column_find(column);
	struct buffer planes = {};
	int error = c ? read_block(r, s, column, &planes) : -EINVAL;

	if (!error && planes.size)
		record_decode(c, planes.data, s->rows, s->first_utc_ns, rows);
	else if (!error)
		fill_absent(s, c, rows);
	buffer_done(&planes);
	return error;
}

int section_read_rows(struct segment_reader *r, const struct section *s, struct record *rows)
{
	int error = 0;

	for (const struct record_column *c = record_columns; c->id && !error; c++)
		error = section_read_column(r, s, c->id, rows);
	return error;
}

int section_read_anchors(struct segment_reader *r, const struct section *s, struct anchors *out)
{
	struct buffer raw = {};
	struct anchor anchor;
	struct cursor c;
	int error = read_block(r, s, STORE_BLOCK_ANCHORS, &raw);

	cursor_init(&c, raw.data, raw.size);
	while (!error && cursor_left(&c) >= STORE_ANCHOR_BYTES) {
		anchor_read(&c, &anchor);
		error = anchors_add(out, &anchor);
	}
	buffer_done(&raw);
	return error;
}

int section_read_gaps(struct segment_reader *r, const struct section *s, struct gaps *out)
{
	struct buffer raw = {};
	struct gap gap;
	struct cursor c;
	int error = read_block(r, s, STORE_BLOCK_GAPS, &raw);

	cursor_init(&c, raw.data, raw.size);
	while (!error && cursor_left(&c) >= STORE_GAP_BYTES) {
		gap_read(&c, &gap);
		error = gaps_add(out, &gap);
	}
	buffer_done(&raw);
	return error;
}
