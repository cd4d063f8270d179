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
#include "segment/section_prefix.h"
#include "segment/segment.h"
#include "unit.h"

#define NAME "2026-03-10.sks"
#define SECTIONS 3
#define HEADER (SEGMENT_HEADER_BYTES + 2) /* tenant "t1" */

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
	struct clock_piece piece = { .boot_from = BOOT_NS, .boot_to = BOOT_NS + NS_PER_DAY, .utc_from = DAY_NS };
	struct gap gap = { .first_utc_ns = DAY_NS, .last_utc_ns = DAY_NS + 9, .count = 4, .reason = 1 };
	const struct clock_pieces clock = { .list = &piece, .count = 1 }, no_clock = { 0 };
	const struct gaps gaps = { .list = &gap, .count = 1 }, no_gaps = { 0 };
	struct rng rng = { seed };
	struct sample s = { .at = { HEADER } };
	struct problem p;

	(void)unlinkat(unit_temp_dir(), NAME, 0);
	for (size_t i = 0; i < SECTIONS; i++) {
		struct segment_place place;
		struct segment_section sec = {
			.tenant_id = "t1", .tenant = 1, .day = DAY_NUMBER, .journal_id = i + 1,
			.span_from_ns = DAY_NS, .span_to_ns = DAY_NS + 9,
			.clock = i == 2 ? &clock : &no_clock, .gaps = i == 2 ? &gaps : &no_gaps,
		};

		random_rows(&rng, s.rows[i], section_rows[i], DAY_NS, NS_PER_DAY);
		for (size_t k = 0; k < section_rows[i]; k++)
			s.rows[i][k].tenant = 1;
		qsort(s.rows[i], section_rows[i], sizeof(struct record), record_compare_source);
		set_rows(&sec, s.rows[i], section_rows[i]);
		REQUIRE(segment_append(unit_temp_dir(), &sec, &place, &p) == 1);
		REQUIRE(place.offset == s.at[i] && place.file_id);
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
		struct clock_pieces clock = { 0 };
		struct gaps gaps = { 0 };
		struct record got[6];
		uint32_t blocks;
		uint64_t bad;

		intact += k < SECTIONS && sec->offset == s->at[k] && sec->rows == section_rows[k] &&
			  section_check(r, sec, &blocks, &bad) == 0 && read_section(r, sec, got) == 0 &&
			  same_rows(got, s->rows[k], sec->rows) && read_clock(r, sec, &clock) == 0 &&
			  read_gaps(r, sec, &gaps) == 0 && clock.count == (k == 2) &&
			  gaps.count == (k == 2);
		clock_pieces_done(&clock);
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
		uint32_t blocks;
		uint64_t bad = 0;

		if (section_check(r, sec, &blocks, &bad) == -EBADMSG) {
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
			refused += error == -EBADMSG && at < HEADER;
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
	CHECK_INT(refused, 8 * HEADER);
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

		if (size < HEADER) {
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
	CHECK_INT(torn, s.size - HEADER - SECTIONS);
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

static void lying_prefixes_are_damage(void)
{
	static const struct {
		const char *what;
		size_t at;
		uint16_t value;
	} table[] = {
		{ "header empty", SECTION_AT_HEADER_SIZE, 0 },
		{ "header is the prefix", SECTION_AT_HEADER_SIZE, SECTION_PREFIX_BYTES },
		{ "header shorter", SECTION_AT_HEADER_SIZE, SECTION_PREFIX_BYTES - 1 },
		{ "sizes elsewhere, which are none", SECTION_AT_HEADER_SIZE, SECTION_SIZE_LONG },
		{ "header longer than the section", SECTION_AT_HEADER_SIZE, 600 },
		{ "body beyond the end", SECTION_AT_BODY_SIZE, UINT16_MAX },
	};
	struct sample s = make_sample(34);
	uint8_t *file = malloc(s.size);
	struct segment_reader r;
	struct problem p;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t *h = file + s.at[0];

		memcpy(file, s.bytes, s.size);
		put_le16(h + table[i].at, table[i].value);
		put_le16(h + SECTION_AT_CHECK, section_prefix_check(h, s.file_id, s.at[0]));
		REQUIRE(open_bytes(file, s.size, &r, &p) == 0);
		CHECK_ROW(r.section_count == SECTIONS - 1, "%s: %zu", table[i].what, r.section_count);
		CHECK_ROW(r.damaged_at == s.at[0] && r.damaged_bytes == s.at[1] - s.at[0], "%s",
			  table[i].what);
		CHECK_ROW(intact_sections(&r, &s) == SECTIONS - 1, "%s", table[i].what);
		segment_reader_close(&r);
	}
	/* Control: the repair of the checksum is right. */
	memcpy(file, s.bytes, s.size);
	put_le16(file + s.at[0] + SECTION_AT_RUN, 5);
	fix_section(&s, file);
	REQUIRE(open_bytes(file, s.size, &r, &p) == 0);
	REQUIRE(r.section_count == SECTIONS);
	CHECK_INT(r.sections[0].run, 5);
	segment_reader_close(&r);
	free(file);
	free(s.bytes);
}

/*
 * AC-63: behind the prefix each byte takes each of a few values, with good checksums: what is read is a
 * section of as many rows, or none; the others are untouched.
 */
static void lying_headers_never_crash(void)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct sample s = make_sample(35);
	uint8_t *file = malloc(s.size);
	size_t end = s.at[2] + section_prefix_header_size(s.bytes + s.at[2]);
	size_t read = 0, refused = 0;

	for (size_t at = s.at[2] + SECTION_PREFIX_BYTES; at < end; at++) {
		for (size_t i = 0; i < 2 * ARRAY_SIZE(values); i++) {
			struct segment_reader r;
			struct record *rows;
			struct problem p;

			memcpy(file, s.bytes, s.size);
			file[at] = i < ARRAY_SIZE(values) ? values[i] :
							    (uint8_t)(file[at] + values[i - ARRAY_SIZE(values)]);
			fix_section_header(file + s.at[2], s.file_id, s.at[2]);
			if (open_bytes(file, s.size, &r, &p)) {
				refused++; /* flags of a later version */
				continue;
			}
			CHECK_ROW(intact_sections(&r, &s) >= SECTIONS - 1, "byte %zu", at);
			if (r.section_count == SECTIONS) {
				rows = calloc(r.sections[2].rows + 1, sizeof(*rows));
				read += read_section(&r, &r.sections[2], rows) == 0;
				free(rows);
			} else {
				refused++;
			}
			segment_reader_close(&r);
		}
	}
	CHECK_ROW(read > 100 && refused > 10, "%zu read, %zu refused", read, refused);
	free(file);
	free(s.bytes);
}

/* The same for the bits of a block: endless codes, endpoints and times that are not there. */
static void lying_blocks_never_crash(void)
{
	struct sample s = make_sample(36);
	uint8_t *file = malloc(s.size);
	struct section_reader *section;
	struct segment_reader opened;
	struct problem ignored;
	struct rng rng = { 360 };
	size_t read = 0, refused = 0, block, bytes;

	REQUIRE(open_bytes(s.bytes, s.size, &opened, &ignored) == 0);
	REQUIRE(section_open(&opened, s.at[2], &section) == 0);
	block = section->blocks[0].offset;
	bytes = section->blocks[0].bytes;
	section_close(section);
	segment_reader_close(&opened);

	for (size_t round = 0; round < 20000; round++) {
		struct record rows[6];
		struct segment_reader r;
		struct problem p;

		memcpy(file, s.bytes, s.size);
		for (size_t i = 0; i <= rng_below(&rng, 4); i++)
			file[block + 4 + rng_below(&rng, bytes - 4)] = (uint8_t)rng_next(&rng);
		put_le32(file + block, block_crc(s.file_id, block, NULL, 0, file + block + 4, bytes - 4));
		write_file(unit_temp_dir(), NAME, file, s.size);
		REQUIRE(segment_reader_open(unit_temp_dir(), NAME, &r, &p) == 0);
		REQUIRE(r.section_count == SECTIONS);
		if (read_section(&r, &r.sections[2], rows))
			refused++;
		else
			read++;
		segment_reader_close(&r);
		if (round > 300 && read > 50 && refused > 50)
			break;
	}
	CHECK_ROW(read > 20 && refused > 20, "%zu read, %zu refused", read, refused);
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
		{ SEGMENT_AT_INCOMPATIBLE, 0x10, -ENOTSUP,
		  NAME ": version 1, flags 0x10; this program reads version 1" },
		{ SEGMENT_AT_COMPATIBLE, 0x10, 0, "" },
		{ SEGMENT_AT_HEADER_SIZE, 72, -EBADMSG, NAME ": no header of a segment (offset 10)" },
		{ SEGMENT_AT_HEADER_SIZE, 137, -EBADMSG, NAME ": no header of a segment (offset 10)" },
		{ SEGMENT_AT_DAY, 1, -EBADMSG,
		  NAME ": holds another day or part than its name says (offset 20)" },
		{ SEGMENT_AT_TENANT, '/', -EBADMSG, NAME ": tenant id is not one (offset 72)" },
		{ SEGMENT_AT_TENANT, '.', -EBADMSG, NAME ": tenant id is not one (offset 72)" },
		{ SEGMENT_AT_TENANT + 1, 0, -EBADMSG, NAME ": tenant id is not one (offset 72)" },
	};
	struct sample s = make_sample(37);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		uint8_t old = s.bytes[table[i].at];
		struct segment_reader r;
		struct problem p = { "" };
		int error;

		s.bytes[table[i].at] = table[i].value;
		if (table[i].at != SEGMENT_AT_HEADER_SIZE)
			fix_segment_header(s.bytes);
		error = open_bytes(s.bytes, s.size, &r, &p);
		CHECK_ROW(error == table[i].error, "%zu = %u: %d", table[i].at, table[i].value, error);
		CHECK_ROW(strcmp(p.text, table[i].text) == 0, "%zu = %u: %s", table[i].at,
			  table[i].value, p.text);
		if (!error)
			segment_reader_close(&r);
		s.bytes[table[i].at] = old;
		fix_segment_header(s.bytes);
	}
	free(s.bytes);
}

static void a_section_of_a_later_version_is_named(void)
{
	struct sample s = make_sample(38);
	struct segment_reader r;
	struct problem p;

	/* Rows and tenant number are one byte each here, then the flags. */
	s.bytes[s.at[0] + SECTION_PREFIX_BYTES + 2] |= 0x80;
	fix_section(&s, s.bytes);
	CHECK_INT(open_bytes(s.bytes, s.size, &r, &p), -ENOTSUP);
	CHECK_STR(p.text, "cannot read " NAME ": it has a section of a later version");
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
	   TEST(lying_prefixes_are_damage), TEST(lying_headers_never_crash),
	   TEST(lying_blocks_never_crash), TEST(other_versions_are_refused_with_a_message),
	   TEST(a_section_of_a_later_version_is_named), TEST(what_is_no_segment_is_refused));
