// SPDX-License-Identifier: BSD-2-Clause
/* Appending a sealed section to the file of a tenant's day. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/utc.h"
#include "schema/store.h"
#include "segment.h"
#include "segment_reader.h"

#define ZSTD_LEVEL 3
#define PARTS_MAX 1000

/* A section being put together: directory entries and block bytes, in order. */
struct draft {
	struct buffer directory, blocks, raw;
	unsigned int count;
};

static void draft_done(struct draft *d)
{
	buffer_done(&d->directory);
	buffer_done(&d->blocks);
	buffer_done(&d->raw);
}

/* Packs d->raw as a block; its checksum is filled in when its offset is known. */
static int draft_block(struct draft *d, uint16_t id, uint8_t width)
{
	size_t start = d->blocks.size;
	uint8_t coding = STORE_CODING_PLAIN;
	int error = buffer_ok(&d->raw) ? block_pack(d->raw.data, d->raw.size, ZSTD_LEVEL,
						    &d->blocks, &coding) : -ENOMEM;

	if (error)
		return error;
	buffer_le16(&d->directory, id);
	buffer_u8(&d->directory, coding);
	buffer_u8(&d->directory, width);
	buffer_le32(&d->directory, (uint32_t)d->raw.size);
	buffer_le32(&d->directory, (uint32_t)(d->blocks.size - start));
	buffer_le32(&d->directory, 0);
	d->count++;
	return 0;
}

static int draft_columns(struct draft *d, const struct segment_section *s, int64_t base)
{
	int error = 0;

	for (const struct record_column *c = record_columns; c->id && !error; c++) {
		buffer_clear(&d->raw);
		/* The file names its tenant once. A column of zeroes needs no block. */
		if (c->id == STORE_COLUMN_TENANT ||
		    (!record_encode(c, s->rows, s->row_count, base, &d->raw) && buffer_ok(&d->raw)))
			continue;
		error = draft_block(d, c->id, c->width);
	}
	return error;
}

static int draft_extras(struct draft *d, const struct segment_section *s)
{
	int error = 0;

	buffer_clear(&d->raw);
	for (size_t i = 0; i < s->anchors->count; i++)
		anchor_write(&s->anchors->list[i], &d->raw);
	if (s->anchors->count)
		error = draft_block(d, STORE_BLOCK_ANCHORS, STORE_ANCHOR_BYTES);
	buffer_clear(&d->raw);
	for (size_t i = 0; i < s->gaps->count; i++)
		gap_write(&s->gaps->list[i], &d->raw);
	if (!error && s->gaps->count)
		error = draft_block(d, STORE_BLOCK_GAPS, STORE_GAP_BYTES);
	return error;
}

struct ranges {
	int64_t first_ns, last_ns;
	uint32_t consent_first, consent_last;
};

static struct ranges find_ranges(const struct segment_section *s)
{
	struct ranges r = { .first_ns = s->span_from_ns, .last_ns = s->span_from_ns };

	for (size_t i = 0; i < s->row_count; i++) {
		const struct record *row = &s->rows[i];

		if (!i || row->time_ns < r.first_ns)
			r.first_ns = row->time_ns;
		if (!i || row->time_ns > r.last_ns)
			r.last_ns = row->time_ns;
		if (!i || row->consent < r.consent_first)
			r.consent_first = row->consent;
		if (!i || row->consent > r.consent_last)
			r.consent_last = row->consent;
	}
	return r;
}

static void fill_section_header(const struct segment_section *s, const struct ranges *ranges,
				const struct draft *d, uint8_t h[static SECTION_HEADER_BYTES])
{
	memset(h, 0, SECTION_HEADER_BYTES);
	put_le32(h + SECTION_AT_MAGIC, SECTION_MAGIC);
	put_le16(h + SECTION_AT_HEADER_SIZE, SECTION_HEADER_BYTES);
	put_le16(h + SECTION_AT_BLOCKS, (uint16_t)d->count);
	put_le64(h + SECTION_AT_BYTES, SECTION_HEADER_BYTES + d->directory.size + d->blocks.size);
	put_le64(h + SECTION_AT_JOURNAL_ID, s->journal_id);
	put_le32(h + SECTION_AT_RUN, s->run);
	put_le32(h + SECTION_AT_ROWS, (uint32_t)s->row_count);
	put_le64(h + SECTION_AT_FIRST_UTC, (uint64_t)ranges->first_ns);
	put_le64(h + SECTION_AT_LAST_UTC, (uint64_t)ranges->last_ns);
	put_le64(h + SECTION_AT_OPENED_UTC, (uint64_t)ranges->first_ns);
	put_le64(h + SECTION_AT_SPAN_FROM_UTC, (uint64_t)s->span_from_ns);
	put_le64(h + SECTION_AT_SPAN_TO_UTC, (uint64_t)s->span_to_ns);
	put_le64(h + SECTION_AT_SEALED_UTC, (uint64_t)utc_now_ns());
	put_le32(h + SECTION_AT_TENANT, s->tenant);
	put_le32(h + SECTION_AT_CONSENT_FIRST, ranges->consent_first);
	put_le32(h + SECTION_AT_CONSENT_LAST, ranges->consent_last);
	h[SECTION_AT_RUNG] = s->rung;
	h[SECTION_AT_ORDER] = SECTION_ORDER_SOURCE;
}

/* Fills in everything that depends on where the section lies, and appends it to out. */
static int place_section(const struct segment_section *s, const struct ranges *ranges,
			 struct draft *d, uint64_t file_id, uint64_t offset, struct buffer *out)
{
	uint8_t h[SECTION_HEADER_BYTES];
	size_t at = 0;

	fill_section_header(s, ranges, d, h);
	for (unsigned int i = 0; i < d->count; i++) {
		uint8_t *entry = d->directory.data + (size_t)i * SECTION_BLOCK_BYTES;
		size_t stored = get_le32(entry + BLOCK_AT_STORED_BYTES);
		uint64_t block_at = offset + SECTION_HEADER_BYTES + d->directory.size + at;

		put_le32(entry + BLOCK_AT_CRC,
			 block_crc(file_id, block_at, NULL, 0, d->blocks.data + at, stored));
		at += stored;
	}
	put_le32(h + SECTION_AT_DIRECTORY_CRC,
		 block_crc(file_id, offset + SECTION_HEADER_BYTES, NULL, 0, d->directory.data,
			   d->directory.size));
	put_le32(h + SECTION_AT_CRC, block_crc(file_id, offset, h, SECTION_AT_CRC, NULL, 0));
	buffer_bytes(out, h, sizeof(h));
	buffer_bytes(out, d->directory.data, d->directory.size);
	buffer_bytes(out, d->blocks.data, d->blocks.size);
	return buffer_ok(out) ? 0 : -ENOMEM;
}

static int fill_file_header(const struct segment_section *s, uint32_t part, uint64_t *ret_file_id,
			    struct buffer *out)
{
	uint8_t h[SEGMENT_HEADER_BYTES] = {};
	size_t id_bytes = strlen(s->tenant_id);
	uint64_t file_id;

	if (getrandom(&file_id, sizeof(file_id), 0) != sizeof(file_id))
		return -EIO;
	memcpy(h + SEGMENT_AT_MAGIC, SEGMENT_MAGIC, 8);
	put_le16(h + SEGMENT_AT_VERSION, SEGMENT_VERSION);
	put_le16(h + SEGMENT_AT_HEADER_SIZE, SEGMENT_HEADER_BYTES);
	put_le32(h + SEGMENT_AT_DAY, (uint32_t)s->day);
	put_le64(h + SEGMENT_AT_FILE_ID, file_id);
	put_le32(h + SEGMENT_AT_PART, part);
	put_le32(h + SEGMENT_AT_TENANT_BYTES, (uint32_t)id_bytes);
	put_le64(h + SEGMENT_AT_CREATED_UTC, (uint64_t)utc_now_ns());
	memcpy(h + SEGMENT_AT_TENANT, s->tenant_id, id_bytes);
	put_le32(h + SEGMENT_AT_CRC, block_crc(file_id, 0, h, SEGMENT_AT_CRC, NULL, 0));
	buffer_bytes(out, h, sizeof(h));
	*ret_file_id = file_id;
	return buffer_ok(out) ? 0 : -ENOMEM;
}

/* Whether this part already has the section, whole: 1, 0 or negative errno. */
static int part_has(struct segment_reader *r, const struct segment_section *s)
{
	uint64_t bad;

	for (size_t i = 0; i < r->section_count; i++) {
		const struct section *old = &r->sections[i];

		if (old->journal_id == s->journal_id && old->run == s->run) {
			int error = section_check(r, old, &bad);

			if (error != -EBADMSG)
				return error ? error : 1;
		}
	}
	return 0;
}

/* The part to append to. `found`: the section is there. `size` 0: the part is to be made. */
struct place {
	uint32_t part;
	uint64_t file_id, size;
	bool found;
};

static int find_place(int dir_fd, const struct segment_section *s, struct place *ret_place,
		      struct problem *p)
{
	struct place place = { .part = 1 };
	struct segment_reader r;
	struct problem why;
	char name[SEGMENT_NAME_MAX];

	for (uint32_t part = 1; part < PARTS_MAX; part++) {
		int error;

		segment_part_name(s->day, part, name);
		error = segment_reader_open(dir_fd, name, &r, &why);
		if (error == -ENOENT) {
			if (!place.size)
				place.part = part;
			*ret_place = place;
			return 0;
		}
		if (error == -EBADMSG || error == -ENODATA) {
			place.size = 0; /* unreadable: stays as it is, the day goes on behind it */
			continue;
		}
		if (error)
			return problem(p, error, "%s", why.text);
		place.part = part;
		place.file_id = r.file_id;
		place.size = r.torn || r.damaged_bytes ? 0 : r.size;
		error = part_has(&r, s);
		segment_reader_close(&r);
		if (error < 0)
			return problem(p, error, "cannot read %s: %s", name, strerror(-error));
		if (error) {
			place.found = true;
			*ret_place = place;
			return 0;
		}
	}
	return problem(p, -EMFILE, "%s: more than %d parts", name, PARTS_MAX);
}

static int append_bytes(int dir_fd, const char *name, uint64_t size, const struct buffer *bytes)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	int error;

	if (fd < 0)
		return -errno;
	error = fs_write_all(fd, bytes->data, bytes->size);
	if (!error && fdatasync(fd) < 0)
		error = -errno;
	/* Only what this call wrote is taken back; if that fails too, readers see a torn section. */
	if (error)
		(void)!ftruncate(fd, (off_t)size);
	close(fd);
	return error;
}

static int write_section(int dir_fd, const struct segment_section *s, const struct ranges *ranges,
			 struct draft *d, const struct place *place, const char *name)
{
	uint64_t file_id = place->file_id;
	struct buffer out = {};
	int error = 0;

	if (!place->size)
		error = fill_file_header(s, place->part, &file_id, &out);
	if (!error)
		error = place_section(s, ranges, d, file_id,
				      place->size ? place->size : SEGMENT_HEADER_BYTES, &out);
	if (!error)
		error = place->size ? append_bytes(dir_fd, name, place->size, &out) :
				      fs_publish(dir_fd, name, out.data, out.size);
	buffer_done(&out);
	return error;
}

int segment_append(int dir_fd, const struct segment_section *s, struct problem *p)
{
	struct place place = {};
	struct draft d = {};
	struct ranges ranges;
	char name[SEGMENT_NAME_MAX];
	int error = find_place(dir_fd, s, &place, p);

	if (error || place.found)
		return error;
	ranges = find_ranges(s);
	segment_part_name(s->day, place.part, name);
	error = draft_columns(&d, s, ranges.first_ns);
	if (!error)
		error = draft_extras(&d, s);
	if (!error)
		error = write_section(dir_fd, s, &ranges, &d, &place, name);
	draft_done(&d);
	if (error)
		return problem(p, error, "cannot write segments/%s/%s: %s", s->tenant_id, name,
			       strerror(-error));
	return 1;
}
