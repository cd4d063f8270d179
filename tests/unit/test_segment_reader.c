/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading segments that are damaged, cut off, foreign or hostile (AC-31, AC-33,
 * AC-63): every flipped bit is found, every other section is still read.
 */
#include "segment/segment_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/block.h"
#include "base/cursor.h"
#include "fixture.h"
#include "schema/store.h"
#include "segment/segment.h"
#include "unit.h"

#define NAME "2026-03-10.sks"
#define SECTIONS 3

static const size_t section_rows[SECTIONS] = { 3, 1, 6 };

struct sample {
	uint8_t *bytes;
	size_t size;
	size_t at[SECTIONS + 1]; /* where each section begins, and the end */
	struct record rows[SECTIONS][6];
	uint64_t file_id;
};

/* Three sections of journals 1 to 3, the last with an anchor and a gap. */
static struct sample make_sample(uint64_t seed)
{
	struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS };
	struct gap gap = { .first_utc_ns = DAY_NS, .last_utc_ns = DAY_NS + 9, .count = 4, .reason = 1 };
	const struct anchors anchors = { .list = &anchor, .count = 1 }, no_anchors = { 0 };
	const struct gaps gaps = { .list = &gap, .count = 1 }, no_gaps = { 0 };
	struct rng rng = { seed };
	struct sample s = { .at = { SEGMENT_HEADER_BYTES } };
	struct problem p;

	(void)unlinkat(unit_temp_dir(), NAME, 0);
	for (size_t i = 0; i < SECTIONS; i++) {
		struct segment_section sec = {
			.tenant_id = "t1", .tenant = 1, .day = DAY_NUMBER, .journal_id = i + 1,
			.rows = s.rows[i], .row_count = section_rows[i],
			.span_from_ns = DAY_NS, .span_to_ns = DAY_NS + 9,
			.anchors = i == 2 ? &anchors : &no_anchors, .gaps = i == 2 ? &gaps : &no_gaps,
		};

		random_rows(&rng, s.rows[i], section_rows[i], DAY_NS, NS_PER_DAY);
		for (size_t k = 0; k < section_rows[i]; k++)
			s.rows[i][k].tenant = 1;
		qsort(s.rows[i], section_rows[i], sizeof(struct record), record_compare_source);
		REQUIRE(segment_append(unit_temp_dir(), &sec, &p) == 1);
		s.at[i + 1] = (size_t)size_of(unit_temp_dir(), NAME);
	}
	s.bytes = read_file(unit_temp_dir(), NAME, &s.size);
	s.file_id = get_le64(s.bytes + SEGMENT_AT_FILE_ID);
	return s;
}

static int open_bytes(const uint8_t *bytes, size_t size, struct segment_reader *r,
		      struct problem *p)
{
	write_file(unit_temp_dir(), NAME, bytes, size);
	return segment_reader_open(unit_temp_dir(), NAME, r, p);
}

/* How many of the sections read back as they were written. */
static size_t intact_sections(struct segment_reader *r, const struct sample *s)
{
	size_t intact = 0;

	for (size_t i = 0; i < r->section_count; i++) {
		const struct section *sec = &r->sections[i];
		size_t k = sec->journal_id - 1;
		struct anchors anchors = { 0 };
		struct gaps gaps = { 0 };
		struct record got[6];
		uint64_t bad;

		intact += k < SECTIONS && sec->offset == s->at[k] && sec->rows == section_rows[k] &&
			  section_check(r, sec, &bad) == 0 && section_read_rows(r, sec, got) == 0 &&
			  same_rows(got, s->rows[k], sec->rows) &&
			  section_read_anchors(r, sec, &anchors) == 0 &&
			  section_read_gaps(r, sec, &gaps) == 0 && anchors.count == (k == 2) &&
			  gaps.count == (k == 2);
		anchors_done(&anchors);
		gaps_done(&gaps);
	}
	return intact;
}

/* Sections whose blocks fail their checksum, and whether the bad offset lies in a block of them. */
static size_t bad_sections(struct segment_reader *r, size_t flipped_at)
{
	size_t bad_count = 0;

	for (size_t i = 0; i < r->section_count; i++) {
		const struct section *sec = &r->sections[i];
		uint64_t bad = 0;

		if (section_check(r, sec, &bad) == -EBADMSG) {
			CHECK_ROW(bad > sec->offset && bad <= flipped_at, "byte %zu", flipped_at);
			bad_count++;
		}
	}
	return bad_count;
}

/*
 * AC-31: each single bit. A closed segment has no torn end, so "torn" is not an answer: a flipped
 * bit is refused at opening, is damage, or fails its section's check.
 */
static void every_flipped_bit_is_found(void)
{
	struct sample s = make_sample(30);
	int fd = openat(unit_temp_dir(), NAME, O_RDWR | O_CLOEXEC);
	size_t refused = 0, damaged = 0, bad = 0, torn = 0, wrong = 0;

	REQUIRE(fd >= 0);
	for (size_t bit = 0; bit < 8 * s.size; bit++) {
		size_t at = bit / 8;
		uint8_t flipped = s.bytes[at] ^ (uint8_t)(1 << bit % 8);
		struct segment_reader r;
		struct problem p;
		int error;

		REQUIRE(pwrite(fd, &flipped, 1, (off_t)at) == 1);
		error = segment_reader_open(unit_temp_dir(), NAME, &r, &p);
		if (error) {
			refused += error == -EBADMSG && at < SEGMENT_HEADER_BYTES;
		} else {
			size_t bad_here = bad_sections(&r, at);

			wrong += intact_sections(&r, &s) != SECTIONS - 1;
			if (r.torn) {
				CHECK_ROW(!r.torn, "byte %zu bit %zu: section %s at %zu", at, bit % 8,
					  "looks cut off", (size_t)r.torn_at);
				torn++;
			} else if (r.damaged_bytes) {
				damaged += !bad_here;
			} else {
				bad += bad_here == 1;
			}
			segment_reader_close(&r);
		}
		REQUIRE(pwrite(fd, &s.bytes[at], 1, (off_t)at) == 1);
	}
	CHECK_INT(refused, 8 * SEGMENT_HEADER_BYTES);
	CHECK_INT(refused + damaged + bad, 8 * s.size);
	CHECK_INT(torn, 0);
	CHECK_INT(wrong, 0);
	CHECK(damaged > 0 && bad > 0);
	close(fd);
	free(s.bytes);
}

static void truncation_at_every_byte(void)
{
	struct sample s = make_sample(31);
	size_t torn = 0;

	for (size_t size = 0; size <= s.size; size++) {
		struct segment_reader r;
		struct problem p;
		size_t whole = 0;
		int error = open_bytes(s.bytes, size, &r, &p);

		if (size < SEGMENT_HEADER_BYTES) {
			CHECK_ROW(error == -ENODATA, "size %zu: %d", size, error);
			continue;
		}
		REQUIRE(error == 0);
		while (whole < SECTIONS && s.at[whole + 1] <= size)
			whole++;
		CHECK_ROW(r.section_count == whole && intact_sections(&r, &s) == whole, "size %zu", size);
		CHECK_ROW(r.torn == (size != s.at[whole]), "size %zu", size);
		CHECK_ROW(!r.torn || r.torn_at == s.at[whole], "size %zu", size);
		CHECK_ROW(!r.damaged_bytes, "size %zu", size);
		torn += r.torn;
		segment_reader_close(&r);
	}
	CHECK_INT(torn, s.size - SEGMENT_HEADER_BYTES - SECTIONS);
	free(s.bytes);
}

static void blocks_that_were_never_written_are_torn(void)
{
	struct sample s = make_sample(32);
	uint8_t *file = calloc(1, s.size + 4096);
	struct segment_reader r;
	struct problem p;

	memcpy(file, s.bytes, s.size);
	REQUIRE(open_bytes(file, s.size + 4096, &r, &p) == 0);
	CHECK(r.torn && r.torn_at == s.size && !r.damaged_bytes);
	CHECK_INT(intact_sections(&r, &s), SECTIONS);
	segment_reader_close(&r);
	file[s.size + 4000] = 1;
	REQUIRE(open_bytes(file, s.size + 4096, &r, &p) == 0);
	CHECK(!r.torn);
	CHECK_INT(r.damaged_at, s.size);
	CHECK_INT(r.damaged_bytes, 4096);
	CHECK_INT(intact_sections(&r, &s), SECTIONS);
	segment_reader_close(&r);
	free(file);
	free(s.bytes);
}

static void sections_from_elsewhere_are_refused(void)
{
	struct sample a = make_sample(33), b = make_sample(33);
	size_t bytes = a.at[2] - a.at[1];
	uint8_t *file = malloc(a.size + bytes);
	struct segment_reader r;
	struct problem p;

	REQUIRE(a.size == b.size && a.file_id != b.file_id);
	/* Its own section once more, at another offset. */
	memcpy(file, a.bytes, a.size);
	memcpy(file + a.size, a.bytes + a.at[1], bytes);
	REQUIRE(open_bytes(file, a.size + bytes, &r, &p) == 0);
	CHECK_INT(r.section_count, SECTIONS);
	CHECK_INT(r.damaged_at, a.size);
	CHECK_INT(r.damaged_bytes, bytes);
	segment_reader_close(&r);
	/* A section of another file, at the offset that it has there. */
	memcpy(file + a.at[1], b.bytes + a.at[1], bytes);
	REQUIRE(open_bytes(file, a.size, &r, &p) == 0);
	CHECK_INT(r.section_count, SECTIONS - 1);
	CHECK_INT(r.damaged_at, a.at[1]);
	CHECK_INT(r.damaged_bytes, bytes);
	CHECK_INT(intact_sections(&r, &a), SECTIONS - 1);
	segment_reader_close(&r);
	/* Only the blocks of another file, under the own header. */
	memcpy(file, a.bytes, a.size);
	memcpy(file + a.size - 40, b.bytes + b.size - 40, 40);
	if (memcmp(file, a.bytes, a.size) != 0) {
		REQUIRE(open_bytes(file, a.size, &r, &p) == 0);
		CHECK_INT(intact_sections(&r, &a), SECTIONS - 1);
		segment_reader_close(&r);
	}
	REQUIRE(open_bytes(b.bytes, b.size, &r, &p) == 0);
	CHECK_INT(intact_sections(&r, &b), SECTIONS);
	segment_reader_close(&r);
	free(file);
	free(a.bytes);
	free(b.bytes);
}

/* Makes the checksum of the first section's header good again after an edit. */
static void fix_section(struct sample *s, uint8_t *file)
{
	fix_section_header(file + s->at[0], s->file_id, s->at[0]);
}

static void lying_directories_are_damage(void)
{
	static const struct {
		const char *what;
		size_t at; /* in the section; the first directory entry begins at 144 */
		unsigned int bytes;
		uint32_t value;
	} table[] = {
		{ "block longer", 144 + BLOCK_AT_STORED_BYTES, 4, 1000 },
		{ "block of 4G", 144 + BLOCK_AT_STORED_BYTES, 4, UINT32_MAX },
		{ "block empty", 144 + BLOCK_AT_STORED_BYTES, 4, 0 },
		{ "rows do not fit", 144 + BLOCK_AT_RAW_BYTES, 4, 23 },
		{ "raw of 4G", 144 + BLOCK_AT_RAW_BYTES, 4, UINT32_MAX },
		{ "width", 144 + BLOCK_AT_WIDTH, 1, 7 },
		{ "no column, width 0", 144 + BLOCK_AT_WIDTH, 1, 0 },
		{ "rows", SECTION_AT_ROWS, 4, 4 },
		{ "too many rows", SECTION_AT_ROWS, 4, SECTION_ROWS_MAX + 1 },
		{ "rows 4G", SECTION_AT_ROWS, 4, UINT32_MAX },
		{ "directory longer than the section", SECTION_AT_BLOCKS, 2, 40 },
		{ "longer than the file", SECTION_AT_BYTES, 4, 1u << 30 },
		{ "no blocks", SECTION_AT_BLOCKS, 2, 0 },
		{ "shorter", SECTION_AT_BYTES, 4, 144 },
		{ "nothing at all", SECTION_AT_BYTES, 4, 0 },
		{ "header size", SECTION_AT_HEADER_SIZE, 2, 145 },
	};
	struct sample s = make_sample(34);
	uint8_t *file = malloc(s.size);
	struct segment_reader r;
	struct problem p;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t *field = file + s.at[0] + table[i].at;

		memcpy(file, s.bytes, s.size);
		if (table[i].bytes == 1)
			*field = (uint8_t)table[i].value;
		else if (table[i].bytes == 2)
			put_le16(field, (uint16_t)table[i].value);
		else
			put_le32(field, table[i].value);
		fix_section(&s, file);
		REQUIRE(open_bytes(file, s.size, &r, &p) == 0);
		CHECK_ROW(r.section_count == SECTIONS - 1, "%s: %zu", table[i].what, r.section_count);
		CHECK_ROW(r.damaged_at == s.at[0] && r.damaged_bytes == s.at[1] - s.at[0], "%s",
			  table[i].what);
		CHECK_ROW(intact_sections(&r, &s) == SECTIONS - 1, "%s", table[i].what);
		segment_reader_close(&r);
	}
	/* Control: the repair of the checksum is right. */
	memcpy(file, s.bytes, s.size);
	put_le32(file + s.at[0] + SECTION_AT_RUN, 5);
	fix_section(&s, file);
	REQUIRE(open_bytes(file, s.size, &r, &p) == 0);
	REQUIRE(r.section_count == SECTIONS);
	CHECK_INT(r.sections[0].run, 5);
	segment_reader_close(&r);
	free(file);
	free(s.bytes);
}

/* As many blocks as a reader takes, and one more; each of them empty and all else right. */
static void the_number_of_blocks_is_bounded(void)
{
	struct sample s = make_sample(39);
	struct segment_reader r;
	struct problem p;

	for (unsigned int count = SECTION_BLOCKS_MAX; count <= SECTION_BLOCKS_MAX + 1; count++) {
		size_t bytes = SECTION_HEADER_BYTES + (size_t)count * SECTION_BLOCK_BYTES;
		uint8_t *file = calloc(1, SEGMENT_HEADER_BYTES + bytes), *h = file + SEGMENT_HEADER_BYTES;

		memcpy(file, s.bytes, SEGMENT_HEADER_BYTES + SECTION_HEADER_BYTES);
		put_le16(h + SECTION_AT_BLOCKS, (uint16_t)count);
		put_le64(h + SECTION_AT_BYTES, bytes);
		for (unsigned int i = 0; i < count; i++) {
			uint8_t *entry = h + SECTION_HEADER_BYTES + (size_t)i * SECTION_BLOCK_BYTES;

			put_le16(entry + BLOCK_AT_ID, (uint16_t)(1000 + i));
			entry[BLOCK_AT_WIDTH] = 1;
			put_le32(entry + BLOCK_AT_CRC, block_crc(s.file_id, SEGMENT_HEADER_BYTES + bytes,
								 NULL, 0, NULL, 0));
		}
		fix_section_header(h, s.file_id, SEGMENT_HEADER_BYTES);
		REQUIRE(open_bytes(file, SEGMENT_HEADER_BYTES + bytes, &r, &p) == 0);
		CHECK_INT(r.section_count, count == SECTION_BLOCKS_MAX);
		CHECK_INT(r.damaged_bytes, count == SECTION_BLOCKS_MAX ? 0 : bytes);
		if (r.section_count) {
			uint64_t bad;

			CHECK_INT(section_check(&r, &r.sections[0], &bad), 0);
			CHECK_INT(r.sections[0].block_count, SECTION_BLOCKS_MAX);
		}
		segment_reader_close(&r);
		free(file);
	}
	free(s.bytes);
}

/* Rows of which no column is stored cost no bytes: their number is bounded by itself. */
static void the_number_of_rows_is_bounded(void)
{
	static const uint32_t counts[] = { SECTION_ROWS_MAX, SECTION_ROWS_MAX + 1, UINT32_MAX };
	struct sample s = make_sample(40);
	uint8_t file[SEGMENT_HEADER_BYTES + SECTION_HEADER_BYTES], *h = file + SEGMENT_HEADER_BYTES;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct segment_reader r;
		struct problem p;

		memcpy(file, s.bytes, sizeof(file));
		put_le16(h + SECTION_AT_BLOCKS, 0);
		put_le64(h + SECTION_AT_BYTES, SECTION_HEADER_BYTES);
		put_le32(h + SECTION_AT_ROWS, counts[i]);
		fix_section_header(h, s.file_id, SEGMENT_HEADER_BYTES);
		REQUIRE(open_bytes(file, sizeof(file), &r, &p) == 0);
		CHECK_ROW(r.section_count == (i == 0), "%u rows", counts[i]);
		CHECK_ROW(!r.damaged_bytes == (i == 0), "%u rows", counts[i]);
		segment_reader_close(&r);
	}
	free(s.bytes);
}

/* The longest block of anything but a column is bounded before memory is asked for. */
static void blocks_of_unknown_kind_are_bounded_and_passed_over(void)
{
	static const struct {
		uint32_t raw_bytes;
		uint8_t width;
		bool accepted;
	} table[] = {
		{ 24, 8, true }, { SECTION_ENTRIES_MAX * 8, 8, true },
		{ (SECTION_ENTRIES_MAX + 1) * 8, 8, false }, { UINT32_MAX, 1, false },
		{ 24, 0, false },
	};
	struct sample s = make_sample(35);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t *file = malloc(s.size), *entry = file + s.at[0] + SECTION_HEADER_BYTES;
		struct record rows[6];
		struct segment_reader r;
		struct problem p;

		memcpy(file, s.bytes, s.size);
		put_le16(entry + BLOCK_AT_ID, 1000);
		entry[BLOCK_AT_WIDTH] = table[i].width;
		put_le32(entry + BLOCK_AT_RAW_BYTES, table[i].raw_bytes);
		fix_section(&s, file);
		REQUIRE(open_bytes(file, s.size, &r, &p) == 0);
		CHECK_ROW(r.section_count == SECTIONS - 1u + table[i].accepted, "%zu", i);
		CHECK_ROW(!table[i].accepted == (r.damaged_bytes > 0), "%zu", i);
		if (table[i].accepted) {
			uint64_t bad;

			CHECK_INT(section_check(&r, &r.sections[0], &bad), 0);
			/* The block was the time column: without it all rows are at the base. */
			CHECK_INT(section_read_rows(&r, &r.sections[0], rows), 0);
			CHECK_INT(rows[0].time_ns, r.sections[0].first_utc_ns);
		}
		segment_reader_close(&r);
		free(file);
	}
	free(s.bytes);
}

/* Blocks with good checksums whose bytes are not what the directory says. */
static void lying_blocks_are_not_decoded(void)
{
	struct sample s = make_sample(36);
	uint8_t *file = malloc(s.size), *entry = file + s.at[0] + SECTION_HEADER_BYTES;
	static const uint8_t codings[] = { 1, 2, 255 };
	struct record rows[6];
	struct segment_reader r;
	struct problem p;

	for (size_t i = 0; i < ARRAY_SIZE(codings); i++) {
		memcpy(file, s.bytes, s.size);
		REQUIRE(entry[BLOCK_AT_CODING] == STORE_CODING_PLAIN);
		entry[BLOCK_AT_CODING] = codings[i];
		fix_section(&s, file);
		REQUIRE(open_bytes(file, s.size, &r, &p) == 0);
		REQUIRE(r.section_count == SECTIONS);
		CHECK_INT(section_read_rows(&r, &r.sections[0], rows), -EBADMSG);
		CHECK_INT(section_read_rows(&r, &r.sections[1], rows), 0);
		segment_reader_close(&r);
	}
	free(file);
	free(s.bytes);
}

/* AC-37 in part */
static void other_versions_are_refused_with_a_message(void)
{
	static const struct {
		size_t at;
		uint8_t value;
		int error;
		const char *text;
	} table[] = {
		{ SEGMENT_AT_VERSION, 2, -ENOTSUP, NAME ": version 2, flags 0; this program reads version 1" },
		{ SEGMENT_AT_HEADER_SIZE, 96, -ENOTSUP,
		  NAME ": version 1, flags 0; this program reads version 1" },
		{ SEGMENT_AT_INCOMPATIBLE, 0x10, -ENOTSUP,
		  NAME ": version 1, flags 0x10; this program reads version 1" },
		{ SEGMENT_AT_COMPATIBLE, 0x10, 0, "" },
		{ SEGMENT_AT_RESERVED, 1, 0, "" },
		{ SEGMENT_AT_TENANT_BYTES, 65, -EBADMSG, NAME ": tenant id is not one (offset 48)" },
		{ SEGMENT_AT_TENANT_BYTES, 0, -EBADMSG, NAME ": tenant id is not one (offset 48)" },
		{ SEGMENT_AT_TENANT_BYTES, 3, -EBADMSG, NAME ": tenant id is not one (offset 48)" },
		{ SEGMENT_AT_TENANT, '/', -EBADMSG, NAME ": tenant id is not one (offset 48)" },
		{ SEGMENT_AT_TENANT, '.', -EBADMSG, NAME ": tenant id is not one (offset 48)" },
	};
	struct sample s = make_sample(37);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t old = s.bytes[table[i].at];
		struct segment_reader r;
		struct problem p = { "" };
		int error;

		s.bytes[table[i].at] = table[i].value;
		fix_header(s.bytes);
		error = open_bytes(s.bytes, s.size, &r, &p);
		CHECK_ROW(error == table[i].error, "%zu = %u: %d", table[i].at, table[i].value, error);
		CHECK_ROW(strcmp(p.text, table[i].text) == 0, "%zu = %u: %s", table[i].at,
			  table[i].value, p.text);
		if (!error)
			segment_reader_close(&r);
		s.bytes[table[i].at] = old;
	}
	free(s.bytes);
}

static void a_section_of_a_later_version_is_named(void)
{
	struct sample s = make_sample(38);
	struct segment_reader r;
	struct problem p;

	s.bytes[s.at[0] + SECTION_AT_INCOMPATIBLE] = 1;
	fix_section(&s, s.bytes);
	CHECK_INT(open_bytes(s.bytes, s.size, &r, &p), -ENOTSUP);
	CHECK_STR(p.text, "cannot read " NAME ": it has a section of a later version");
	s.bytes[s.at[0] + SECTION_AT_INCOMPATIBLE] = 0;
	s.bytes[s.at[0] + SECTION_AT_COMPATIBLE] = 1;
	fix_section(&s, s.bytes);
	REQUIRE(open_bytes(s.bytes, s.size, &r, &p) == 0);
	CHECK_INT(intact_sections(&r, &s), SECTIONS);
	segment_reader_close(&r);
	free(s.bytes);
}

static void what_is_no_segment_is_refused(void)
{
	uint8_t zero[300] = { 0 };
	struct segment_reader r;
	struct problem p;

	CHECK_INT(open_bytes(zero, sizeof(zero), &r, &p), -EBADMSG);
	CHECK_STR(p.text, NAME ": not a segment (offset 0)");
	CHECK_INT(open_bytes(zero, 0, &r, &p), -ENODATA);
	CHECK_STR(p.text, NAME ": shorter than its header");
	CHECK_INT(segment_reader_open(unit_temp_dir(), "none.sks", &r, &p), -ENOENT);
	CHECK_STR(p.text, "cannot open none.sks: No such file or directory");
	segment_reader_close(NULL);
}

UNIT_SUITE(segment_reader, TEST(every_flipped_bit_is_found), TEST(truncation_at_every_byte),
	   TEST(blocks_that_were_never_written_are_torn), TEST(sections_from_elsewhere_are_refused),
	   TEST(lying_directories_are_damage), TEST(the_number_of_blocks_is_bounded),
	   TEST(the_number_of_rows_is_bounded),
	   TEST(blocks_of_unknown_kind_are_bounded_and_passed_over),
	   TEST(lying_blocks_are_not_decoded), TEST(other_versions_are_refused_with_a_message),
	   TEST(a_section_of_a_later_version_is_named), TEST(what_is_no_segment_is_refused));
