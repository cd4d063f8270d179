/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Appending sections: exactly once, never changing what is there, going on in
 * the next part behind a torn or damaged one (AC-33) or a trailer.
 */
#include "segment/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "appending.h"
#include "fixture.h"
#include "schema/segment.h"
#include "unit.h"

/* A closed day is not written again: later rows go to the next part (DESIGN 4). */
static void a_trailer_ends_a_day(void)
{
	struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2) };
	struct segment_section s = a_section(1, rows, 1), later = a_section(2, rows + 1, 1);
	struct segment_reader r;
	struct problem p;
	uint8_t *bytes;
	size_t size;

	CHECK_INT(segment_close_day(unit_temp_dir(), DAY_NUMBER, &p), 0);
	CHECK_INT(append(&s), 1);
	CHECK_INT(segment_close_day(unit_temp_dir(), DAY_NUMBER, &p), 1);
	CHECK_INT(segment_close_day(unit_temp_dir(), DAY_NUMBER, &p), 0);
	open_part(DAY_FILE, &r);
	CHECK(r.closed && !r.torn && !r.damaged_bytes);
	CHECK_INT(segment_reader_check_trailer(&r), 0);
	segment_reader_close(&r);
	CHECK_INT(append(&s), 0);
	CHECK_INT(append(&later), 1);
	CHECK_INT(size_of(unit_temp_dir(), PART_2) > 0, 1);
	CHECK_INT(segment_close_day(unit_temp_dir(), DAY_NUMBER, &p), 1);
	/* A section cut out between header and trailer: only the trailer tells. */
	bytes = read_file(unit_temp_dir(), DAY_FILE, &size);
	bytes[size - 1] ^= 1;
	write_file(unit_temp_dir(), DAY_FILE, bytes, size);
	open_part(DAY_FILE, &r);
	CHECK(!r.closed && r.damaged_bytes == TRAILER_BYTES);
	segment_reader_close(&r);
	free(bytes);
}

static void repeating_an_append_changes_nothing(void)
{
	struct record rows[3] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2),
				  plain_row(DAY_NS + 3, 3) };
	struct segment_section s = a_section(1, rows, 3);
	uint8_t *before, *after;
	size_t size, size_after;

	CHECK_INT(append(&s), 1);
	before = read_file(unit_temp_dir(), DAY_FILE, &size);
	for (int i = 0; i < 3; i++)
		CHECK_INT(append(&s), 0);
	after = read_file(unit_temp_dir(), DAY_FILE, &size_after);
	CHECK(size == size_after && memcmp(before, after, size) == 0);
	free(after);
	/* Another run, another journal, another day: these are others. */
	s.run = 1;
	CHECK_INT(append(&s), 1);
	s.run = 0;
	s.journal_id = 2;
	CHECK_INT(append(&s), 1);
	CHECK_INT(append(&s), 0);
	after = read_file(unit_temp_dir(), DAY_FILE, &size_after);
	CHECK(size_after > size && memcmp(before, after, size) == 0);
	CHECK_INT(count_files(unit_temp_dir(), ".sks"), 1);
	for (size_t i = 0; i < 3; i++)
		rows[i].time_ns += NS_PER_DAY;
	s = a_section(1, rows, 3);
	s.day++;
	CHECK_INT(append(&s), 1);
	CHECK_INT(count_files(unit_temp_dir(), ".sks"), 2);
	free(before);
	free(after);
}

/* Rows of a part, as source ports, or'ed into seen; returns how many. */
static size_t see_rows(const char *name, unsigned int seen[static 16])
{
	struct segment_reader r;
	size_t count = 0;

	if (size_of(unit_temp_dir(), name) < SEGMENT_HEADER_BYTES + 2)
		return 0;
	open_part(name, &r);
	for (size_t i = 0; i < r.section_count; i++) {
		struct record *rows = calloc(r.sections[i].rows + 1, sizeof(*rows));

		CHECK_INT(read_section(&r, &r.sections[i], rows), 0);
		for (uint32_t k = 0; k < r.sections[i].rows; k++, count++)
			seen[rows[k].src_port - 40000]++;
		free(rows);
	}
	segment_reader_close(&r);
	return count;
}

/*
 * AC-33: the last append is cut off, at every byte of its header and at each seventh of the rest (an
 * append is an fdatasync; test_segment_reader.c looks at all of them). It is torn, and the same append again goes to
 * the next part, so that every row is read exactly once.
 */
static void an_append_cut_off_anywhere_goes_on_in_the_next_part(void)
{
	struct record rows[6];
	struct segment_section first, second, third;
	uint8_t *bytes;
	size_t size, kept, torn = 0, whole = 0;

	for (unsigned int i = 0; i < 6; i++)
		rows[i] = plain_row(DAY_NS + i, i);
	first = a_section(1, rows, 2);
	second = a_section(2, rows + 2, 3);
	third = a_section(3, rows + 5, 1);
	CHECK_INT(append(&first), 1);
	kept = (size_t)size_of(unit_temp_dir(), DAY_FILE);
	CHECK_INT(append(&second), 1);
	bytes = read_file(unit_temp_dir(), DAY_FILE, &size);
	for (size_t cut = kept; cut <= size; cut += cut - kept < 160 || size - cut < 8 ? 1 : 7) {
		unsigned int seen[16] = { 0 };
		struct segment_reader r;
		bool is_torn;
		size_t count;

		(void)unlinkat(unit_temp_dir(), PART_2, 0);
		write_file(unit_temp_dir(), DAY_FILE, bytes, cut);
		open_part(DAY_FILE, &r);
		is_torn = r.torn;
		CHECK_ROW(is_torn == (cut != kept && cut != size), "cut at %zu", cut);
		CHECK_ROW(!is_torn || r.torn_at == kept, "cut at %zu", cut);
		CHECK_ROW(!r.damaged_bytes, "cut at %zu", cut);
		segment_reader_close(&r);
		CHECK_ROW(append(&first) == 0, "cut at %zu", cut);
		CHECK_ROW(append(&second) == (cut != size), "cut at %zu", cut);
		CHECK_ROW(append(&third) == 1, "cut at %zu", cut);
		CHECK_ROW(append(&second) == 0, "cut at %zu", cut);
		CHECK_ROW((size_of(unit_temp_dir(), PART_2) > 0) == is_torn, "cut at %zu", cut);
		/* What was there is not touched. */
		if (is_torn)
			CHECK_ROW(size_of(unit_temp_dir(), DAY_FILE) == (long long)cut, "cut at %zu", cut);
		count = see_rows(DAY_FILE, seen) + see_rows(PART_2, seen);
		CHECK_ROW(count == 6, "cut at %zu: %zu rows", cut, count);
		for (unsigned int i = 0; i < 6; i++)
			CHECK_ROW(seen[i] == 1, "cut at %zu: row %u %u times", cut, i, seen[i]);
		torn += is_torn;
		whole += !is_torn;
	}
	CHECK_INT(whole, 2);
	CHECK_ROW(torn > 90, "%zu", torn);
	CHECK_INT(size_of(unit_temp_dir(), PART_3), -1);
	free(bytes);
}

static void the_first_append_cut_off_inside_the_header(void)
{
	static const size_t cuts[] = { 0, 1, 71, 72, 73, 74, 75, 137, 138, 139 };
	struct record row = plain_row(DAY_NS + 7, 0);
	struct segment_section s = a_section(1, &row, 1);
	uint8_t *bytes;
	size_t size;

	CHECK_INT(append(&s), 1);
	bytes = read_file(unit_temp_dir(), DAY_FILE, &size);
	for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
		unsigned int seen[16] = { 0 };

		(void)unlinkat(unit_temp_dir(), PART_2, 0);
		write_file(unit_temp_dir(), DAY_FILE, bytes, cuts[i]);
		CHECK_INT(append(&s), 1);
		CHECK_INT(append(&s), 0);
		CHECK_ROW(see_rows(DAY_FILE, seen) + see_rows(PART_2, seen) == 1, "cut at %zu", cuts[i]);
		CHECK_INT(seen[0], 1);
	}
	free(bytes);
}

static void behind_a_damaged_part_the_day_goes_on(void)
{
	struct record rows[4] = { plain_row(DAY_NS, 0), plain_row(DAY_NS, 1), plain_row(DAY_NS, 2),
				  plain_row(DAY_NS, 3) };
	struct segment_section s[4];
	unsigned int seen[16] = { 0 };
	struct segment_reader r;
	uint8_t *bytes;
	size_t size;

	for (size_t i = 0; i < 4; i++)
		s[i] = a_section(10 + i, rows + i, 1);
	REQUIRE(append(&s[0]) == 1);
	bytes = read_file(unit_temp_dir(), DAY_FILE, &size);
	bytes[SEGMENT_HEADER_BYTES + 2 + SECTION_PREFIX_BYTES] ^= 2; /* the section's header fails its checksum */
	write_file(unit_temp_dir(), DAY_FILE, bytes, size);
	CHECK_INT(append(&s[1]), 1);
	open_part(PART_2, &r);
	CHECK_INT(r.part, 2);
	CHECK_INT(r.section_count, 1);
	segment_reader_close(&r);
	CHECK_INT(append(&s[2]), 1); /* to part 2 as well */
	CHECK_INT(size_of(unit_temp_dir(), PART_3), -1);
	/* An unreadable file header: part 3. */
	free(bytes);
	bytes = read_file(unit_temp_dir(), PART_2, &size);
	bytes[SEGMENT_AT_CRC] ^= 1;
	write_file(unit_temp_dir(), PART_2, bytes, size);
	CHECK_INT(append(&s[3]), 1);
	CHECK_INT(see_rows(PART_3, seen), 1);
	CHECK_INT(seen[3], 1);
	bytes[SEGMENT_AT_CRC] ^= 1;
	write_file(unit_temp_dir(), PART_2, bytes, size);
	CHECK_INT(see_rows(PART_2, seen), 2);
	CHECK_INT(append(&s[1]), 0);
	free(bytes);
}

/* Power loss after the header reached the disk and before the blocks did. */
static void a_section_whose_blocks_are_bad_is_appended_again(void)
{
	struct record rows[2] = { plain_row(DAY_NS, 0), plain_row(DAY_NS, 1) };
	struct segment_section s = a_section(1, rows, 2);
	struct segment_reader r;
	uint32_t blocks;
	uint64_t bad = 0;
	uint8_t *bytes;
	size_t size, intact = 0;

	REQUIRE(append(&s) == 1);
	bytes = read_file(unit_temp_dir(), DAY_FILE, &size);
	bytes[size - 1] ^= 0x80;
	write_file(unit_temp_dir(), DAY_FILE, bytes, size);
	CHECK_INT(append(&s), 1);
	CHECK_INT(append(&s), 0);
	for (unsigned int part = 1; part <= 2; part++) {
		const char *name = part == 1 ? DAY_FILE : PART_2;

		if (size_of(unit_temp_dir(), name) < 0)
			continue;
		open_part(name, &r);
		for (size_t i = 0; i < r.section_count; i++)
			intact += section_check(&r, &r.sections[i], &blocks, &bad) == 0;
		segment_reader_close(&r);
	}
	CHECK_INT(intact, 1);
	free(bytes);
}

static void a_full_disk_leaves_the_file_as_it_was(void)
{
	struct rng rng = { 22 };
	struct record rows[40];
	struct segment_section first, second;
	struct segment_place place;
	uint8_t *before, *after;
	size_t size, size_after;

	random_rows(&rng, rows, 40, DAY_NS, NS_PER_DAY);
	first = a_section(1, rows, 20);
	second = a_section(2, rows + 20, 20);
	for (rlim_t room = 0; room < 300; room += 60) { /* no file yet: none is left behind */
		struct problem p = { "" };
		struct rlimit limit = disk_full_at(room);
		int result = segment_append(unit_temp_dir(), &first, &place, &p);

		disk_has_space(limit);
		CHECK_INT(result, -EFBIG);
		CHECK_STR(p.text, "cannot write segments/t1/" DAY_FILE ": File too large");
		CHECK_INT(count_files(unit_temp_dir(), ""), 0);
	}
	CHECK_INT(append(&first), 1);
	before = read_file(unit_temp_dir(), DAY_FILE, &size);
	for (rlim_t room = 0; room < 300; room += 60) {
		struct problem p = { "" };
		struct rlimit limit = disk_full_at(size + room);
		int result = segment_append(unit_temp_dir(), &second, &place, &p);

		disk_has_space(limit);
		CHECK_INT(result, -EFBIG);
		after = read_file(unit_temp_dir(), DAY_FILE, &size_after);
		CHECK(size_after == size && memcmp(before, after, size) == 0);
		free(after);
	}
	CHECK_INT(append(&second), 1);
	CHECK_INT(append(&first), 0);
	CHECK_INT(count_files(unit_temp_dir(), ""), 1);
	free(before);
}

/* Unknown anything: never write. */
static void a_file_of_a_later_version_is_not_written(void)
{
	struct record row = plain_row(DAY_NS, 0);
	struct segment_section s = a_section(1, &row, 1);
	struct segment_place place;
	struct problem p = { "" };
	uint8_t *bytes;
	size_t size;

	REQUIRE(append(&s) == 1);
	bytes = read_file(unit_temp_dir(), DAY_FILE, &size);
	bytes[SEGMENT_AT_VERSION] = 9;
	fix_segment_header(bytes);
	write_file(unit_temp_dir(), DAY_FILE, bytes, size);
	s.journal_id = 2;
	CHECK_INT(segment_append(unit_temp_dir(), &s, &place, &p), -ENOTSUP);
	CHECK_STR(p.text, DAY_FILE ": version 9, flags 0; this program reads version 1");
	CHECK_INT(size_of(unit_temp_dir(), DAY_FILE), size);
	CHECK_INT(count_files(unit_temp_dir(), ""), 1);
	free(bytes);
}

static void a_link_is_not_followed(void)
{
	struct record row = plain_row(DAY_NS, 0);
	struct segment_section s = a_section(1, &row, 1);
	struct segment_place place;
	struct problem p = { "" };

	CHECK_INT(symlinkat("/dev/null", unit_temp_dir(), DAY_FILE), 0);
	CHECK_INT(segment_append(unit_temp_dir(), &s, &place, &p), -ELOOP);
}

UNIT_SUITE(segment_append, TEST(a_trailer_ends_a_day), TEST(repeating_an_append_changes_nothing),
	   TEST(an_append_cut_off_anywhere_goes_on_in_the_next_part),
	   TEST(the_first_append_cut_off_inside_the_header),
	   TEST(behind_a_damaged_part_the_day_goes_on),
	   TEST(a_section_whose_blocks_are_bad_is_appended_again),
	   TEST(a_full_disk_leaves_the_file_as_it_was),
	   TEST(a_file_of_a_later_version_is_not_written), TEST(a_link_is_not_followed));
