// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a segment (AC-63): as they are, and again with every checksum made right, so that what stands
 * behind the checksums is reached. Whatever the bytes are: sections lie apart in the file, their counts add
 * up, each block decodes to rows in order within the times that the section states, or is refused, by
 * stages or at once; and the index leads to every row.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "base/rtt.h"
#include "base/utc.h"
#include "fuzz.h"
#include "schema/event.h"
#include "segment/section_prefix.h"
#include "segment/section_reader.h"
#include "segment/segment.h"

static struct block_rows staged, whole;

/* The name that a file with this header must have, or it is refused at once. */
static void name_of(const uint8_t *data, size_t size, char name[static SEGMENT_NAME_MAX])
{
	int32_t day = size >= SEGMENT_AT_CRC ? (int32_t)get_le32(data + SEGMENT_AT_DAY) : 0;
	uint32_t part = size >= SEGMENT_AT_CRC ? get_le32(data + SEGMENT_AT_PART) : 1;

	segment_part_name(day, part, name);
}

static void fix_headers(uint8_t *file, size_t size)
{
	uint8_t *at, *end = file + size;
	uint64_t file_id;
	size_t header;

	if (size < SEGMENT_HEADER_BYTES)
		return;
	header = get_le16(file + SEGMENT_AT_HEADER_SIZE);
	if (header <= SEGMENT_HEADER_BYTES || header > SEGMENT_HEADER_MAX || header > size)
		return;
	file_id = get_le64(file + SEGMENT_AT_FILE_ID);
	put_le32(file + SEGMENT_AT_CRC, block_crc(file_id, 0, file, SEGMENT_AT_CRC, file + SEGMENT_AT_SECRET,
						  header - SEGMENT_AT_SECRET));
	at = file + header;
	while ((at = memmem(at, (size_t)(end - at), "SKSC", 4)) && end - at >= SECTION_PREFIX_BYTES) {
		uint64_t offset = (uint64_t)(at - file), left = (uint64_t)(end - at);
		uint32_t section;

		if (section_prefix_bytes(at) > left)
			break;
		section = section_prefix_header_size(at);
		put_le16(at + SECTION_AT_CHECK, section_prefix_check(at, file_id, offset));
		if (section >= section_prefix_bytes(at) && section <= left)
			put_le32(at + SECTION_AT_CRC, section_prefix_crc(at, section, file_id, offset));
		at += 4;
	}
}

/* Where a section's blocks stand only its header can tell: the reader is asked. */
static void fix_blocks(uint8_t *file, size_t size)
{
	char name[SEGMENT_NAME_MAX];
	struct segment_reader r;
	struct problem p;

	name_of(file, size, name);
	fuzz_file(name, file, size);
	if (segment_reader_open(fuzz_dir(), name, &r, &p) == 0) {
		for (size_t i = 0; i < r.section_count; i++) {
			struct section_reader *s;

			if (section_open(&r, r.sections[i].offset, &s))
				continue;
			for (uint32_t k = 0; k < s->block_count; k++) {
				uint8_t *block = file + s->blocks[k].offset;

				put_le32(block, block_crc(r.file_id, s->blocks[k].offset, NULL, 0, block + 4,
							  s->blocks[k].bytes - 4));
			}
			section_close(s);
		}
		segment_reader_close(&r);
	}
	fuzz_file_gone(name);
}

static void fix_trailer(uint8_t *file, size_t size)
{
	uint8_t *t;

	if (size < SEGMENT_HEADER_BYTES + TRAILER_BYTES)
		return;
	t = file + size - TRAILER_BYTES;
	if (get_le32(t) != TRAILER_MAGIC)
		return;
	put_le32(t + TRAILER_AT_CRC, block_crc(get_le64(file + SEGMENT_AT_FILE_ID), size - TRAILER_BYTES, NULL,
					       0, t + TRAILER_AT_SECTIONS, TRAILER_BYTES - TRAILER_AT_SECTIONS));
}

/* Rows of a decoded block: in order, within the section's times, of its endpoints. */
static void check_rows(const struct section_reader *s, const struct block_rows *b)
{
	uint32_t row = 0;

	FUZZ_ASSERT(b->sources >= 1 && b->sources <= BLOCK_SOURCES_MAX && b->rows <= BLOCK_ROWS_MAX);
	FUZZ_ASSERT(b->source_end[b->sources - 1] == b->rows);
	for (uint32_t i = 0; i < b->sources; i++) {
		FUZZ_ASSERT(b->source_end[i] > row);
		FUZZ_ASSERT(addr_is_v4(&b->source[i]) == addr_is_v4(&b->source[0]));
		FUZZ_ASSERT(!i || addr_compare_source(&b->source[i - 1], &b->source[i]) < 0);
		for (uint32_t first = row; row < b->source_end[i]; row++) {
			struct record r;
			int64_t opened;

			section_record(s, b, row, &r);
			FUZZ_ASSERT(row == first || b->time_ns[row - 1] <= b->time_ns[row]);
			FUZZ_ASSERT(r.time_ns >= s->facts.first_utc_ns && r.time_ns <= s->facts.last_utc_ns);
			FUZZ_ASSERT(b->endpoint[row] < s->endpoint_count && b->rtt[row] < RTT_CODES);
			FUZZ_ASSERT(block_source_of(b, row) == i && addr_compare(&r.src, &b->source[i]) == 0);
			FUZZ_ASSERT(r.tenant == s->facts.tenant && r.lasted_ns >= 0);
			FUZZ_ASSERT(r.kind == SEKISHO_KIND_CLOSE ? s->facts.has_close : !r.lasted_ns);
			/* What a search passes over by the header has no opening in its window. */
			FUZZ_ASSERT(!__builtin_sub_overflow(r.time_ns, r.lasted_ns, &opened) &&
				    opened >= s->facts.opened_utc_ns);
			FUZZ_ASSERT(s->facts.has_rtt || !r.rtt_us);
			fuzz_rows++;
		}
	}
}

static bool same_rows(const struct block_rows *a, const struct block_rows *b)
{
	size_t n = a->rows;

	return a->rows == b->rows && a->sources == b->sources &&
	       !memcmp(a->source, b->source, a->sources * sizeof(*a->source)) &&
	       !memcmp(a->source_end, b->source_end, a->sources * sizeof(*a->source_end)) &&
	       !memcmp(a->time_ns, b->time_ns, n * sizeof(*a->time_ns)) &&
	       !memcmp(a->lasted_ns, b->lasted_ns, n * sizeof(*a->lasted_ns)) &&
	       !memcmp(a->endpoint, b->endpoint, n * sizeof(*a->endpoint)) &&
	       !memcmp(a->src_port, b->src_port, n * sizeof(*a->src_port)) &&
	       !memcmp(a->rtt, b->rtt, n * sizeof(*a->rtt));
}

/* The index leads to the block of each of its sources, and to that of an address between two. */
static void check_find(const struct section_reader *s, uint32_t block, const struct block_rows *b)
{
	for (uint32_t i = 0; i < b->sources; i += 1 + i / 4) {
		struct addr nearby = b->source[i];
		uint32_t first, end;

		/* A source behind the next block's first can only be made on purpose: nobody may find it there. */
		if (block + 1 < s->block_count &&
		    addr_compare_source(&nearby, &s->blocks[block + 1].first) > 0)
			FUZZ_ASSERT(!"a block goes on behind the first source of the next one");
		section_find(s, &nearby, &nearby, &first, &end);
		FUZZ_ASSERT(first <= block && block < end && end <= s->block_count);
		nearby.bytes[15] ^= (uint8_t)(i + 1);
		section_find(s, &nearby, &nearby, &first, &end);
		FUZZ_ASSERT(first <= end && end <= s->block_count);
	}
}

/* Whether the block decodes. */
static bool check_block(struct segment_reader *r, const struct section_reader *s, uint32_t i)
{
	int error = section_read_block(r, s, i, BLOCK_ALL, &whole), by_stages = 0;

	FUZZ_ASSERT(error == 0 || error == -EBADMSG);
	by_stages = section_read_block(r, s, i, BLOCK_SOURCES, &staged);
	for (int stage = BLOCK_TIMES; stage <= BLOCK_ALL && !by_stages; stage++)
		by_stages = section_decode_more(s, (enum block_stage)stage, &staged);
	FUZZ_ASSERT(by_stages == error);
	if (error)
		return false;
	FUZZ_ASSERT(whole.rows == s->blocks[i].rows && whole.first_row == s->blocks[i].first_row);
	FUZZ_ASSERT(same_rows(&whole, &staged));
	check_rows(s, &whole);
	check_find(s, i, &whole);
	return true;
}

static void check_header(const struct segment_reader *r, const struct section_reader *s)
{
	const struct section *f = &s->facts;
	uint64_t offset = f->offset + f->header_bytes, rows = 0;

	for (uint32_t i = 0; i < s->block_count; i++) {
		FUZZ_ASSERT(s->blocks[i].offset == offset && s->blocks[i].first_row == rows);
		offset += s->blocks[i].bytes;
		rows += s->blocks[i].rows;
	}
	FUZZ_ASSERT(offset == f->offset + f->bytes && rows == f->rows);
	FUZZ_ASSERT(!f->rows || (utc_day(f->first_utc_ns) == r->day && utc_day(f->last_utc_ns) == r->day));
	FUZZ_ASSERT(f->opened_utc_ns <= f->first_utc_ns && f->first_utc_ns <= f->last_utc_ns);
	for (size_t i = 0; i < s->clock.count; i++) {
		FUZZ_ASSERT(s->clock.list[i].boot_from <= s->clock.list[i].boot_to);
		FUZZ_ASSERT(clock_piece_utc_to(&s->clock.list[i]) >= s->clock.list[i].utc_from);
	}
	FUZZ_ASSERT(!f->imported == !s->custody);
}

static void check_section(struct segment_reader *r, const struct section *facts)
{
	struct section_reader *s;
	struct section again;
	uint32_t blocks = 0, decoded = 0;
	uint64_t bad = 0, rows = 0;
	int whole_section = section_check(r, facts, &blocks, &bad);

	FUZZ_ASSERT(whole_section == 0 || whole_section == -EBADMSG);
	FUZZ_ASSERT(!whole_section || (bad >= facts->offset && bad < facts->offset + facts->bytes));
	FUZZ_ASSERT(section_read_facts(r, facts->offset, &again) == 0 && again.rows == facts->rows &&
		    again.bytes == facts->bytes && again.opened_utc_ns == facts->opened_utc_ns);
	if (section_open(r, facts->offset, &s)) {
		FUZZ_ASSERT(whole_section == -EBADMSG);
		return;
	}
	check_header(r, s);
	for (uint32_t i = 0; i < s->block_count; i++) {
		if (!check_block(r, s, i))
			continue;
		decoded++;
		rows += s->blocks[i].rows;
	}
	FUZZ_ASSERT(whole_section ? decoded < s->block_count : blocks == s->block_count);
	FUZZ_ASSERT(decoded < s->block_count || rows == facts->rows);
	section_close(s);
}

static void check_reader(struct segment_reader *r, size_t size)
{
	uint64_t end = r->header_bytes, covered = r->header_bytes + r->damaged_bytes;
	int trailer;

	FUZZ_ASSERT(r->size == size);
	for (size_t i = 0; i < r->section_count; i++) {
		const struct section *s = &r->sections[i];

		FUZZ_ASSERT(s->offset >= end && s->bytes >= s->header_bytes);
		end = s->offset + s->bytes;
		covered += s->bytes;
		check_section(r, s);
	}
	FUZZ_ASSERT(end <= size);
	covered += r->torn ? size - r->torn_at : 0;
	covered += r->closed ? TRAILER_BYTES : 0;
	FUZZ_ASSERT(covered == size && !(r->torn && r->closed));
	if (!r->closed)
		return;
	FUZZ_ASSERT(r->trailer_at == size - TRAILER_BYTES);
	trailer = segment_reader_check_trailer(r);
	FUZZ_ASSERT(trailer == 0 || trailer == -EBADMSG);
	FUZZ_ASSERT(!r->trailer_wrong || trailer);
}

static void check_file(const uint8_t *data, size_t size)
{
	char name[SEGMENT_NAME_MAX];
	struct segment_reader r;
	struct problem p = {};
	int error;

	name_of(data, size, name);
	fuzz_file(name, data, size);
	error = segment_reader_open(fuzz_dir(), name, &r, &p);
	if (error) {
		FUZZ_ASSERT(error == -EBADMSG || error == -ENODATA || error == -ENOTSUP);
		FUZZ_ASSERT(strstr(p.text, name) && !strchr(p.text, '\n'));
	} else {
		check_reader(&r, size);
		segment_reader_close(&r);
	}
	fuzz_file_gone(name);
}

static void fix(uint8_t *data, size_t size)
{
	fix_headers(data, size);
	fix_blocks(data, size);
	fix_trailer(data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_twice(data, size, check_file, fix);
}
