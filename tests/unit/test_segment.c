/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Appending sections: exactly once, never changing what is there, going on in
 * the next part behind a torn or damaged one (AC-33), private (AC-38).
 */
#include "segment/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "segment/segment_reader.h"
#include "unit.h"

#define DAY_FILE "2026-03-10.sks"
#define PART_2 "2026-03-10.2.sks"
#define PART_3 "2026-03-10.3.sks"

static const struct anchors no_anchors;
static const struct gaps no_gaps;

/* A section of `journal` with these rows, sorted here. */
static struct segment_section a_section(uint64_t journal, struct record *rows, size_t count)
{
	struct segment_section s = {
		.tenant_id = "t1", .tenant = 1, .day = DAY_NUMBER, .journal_id = journal, .rung = 1,
		.span_from_ns = DAY_NS + 1, .span_to_ns = DAY_NS + NS_PER_DAY - 1,
		.rows = rows, .row_count = count, .anchors = &no_anchors, .gaps = &no_gaps,
	};

	for (size_t i = 0; i < count; i++)
		rows[i].tenant = 1;
	if (count)
		qsort(rows, count, sizeof(*rows), record_compare_source);
	return s;
}

static int append(const struct segment_section *s)
{
	struct problem p = { "" };
	int result = segment_append(unit_temp_dir(), s, &p);

	CHECK_ROW(result >= 0, "%s", p.text);
	return result;
}

static void open_part(const char *name, struct segment_reader *r)
{
	struct problem p;
	int error = segment_reader_open(unit_temp_dir(), name, r, &p);

	CHECK_ROW(error == 0, "%s", error ? p.text : "");
	REQUIRE(error == 0);
}

static void sections_round_trip(void)
{
	static const size_t sizes[] = { 0, 1, 2, 500, 20000 };
	struct rng rng = { 20 };
	struct record *rows = calloc(20000, sizeof(*rows)), *got = calloc(20000, sizeof(*got));

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct segment_section s;
		struct segment_reader r;
		const struct section *sec;
		uint64_t bad = 0;

		random_rows(&rng, rows, sizes[i], DAY_NS, NS_PER_DAY);
		s = a_section(100 + i, rows, sizes[i]);
		s.run = (uint32_t)i;
		CHECK_INT(append(&s), 1);
		open_part(DAY_FILE, &r);
		REQUIRE(r.section_count == i + 1);
		sec = &r.sections[i];
		CHECK_INT(sec->rows, sizes[i]);
		CHECK_INT(sec->journal_id, 100 + i);
		CHECK_INT(sec->run, i);
		CHECK_INT(sec->tenant, 1);
		CHECK_INT(sec->rung, 1);
		CHECK_INT(sec->span_from_ns, DAY_NS + 1);
		CHECK_INT(sec->span_to_ns, DAY_NS + NS_PER_DAY - 1);
		CHECK_INT(section_check(&r, sec, &bad), 0);
		memset(got, 0xff, sizes[i] * sizeof(*got));
		CHECK_INT(section_read_rows(&r, sec, got), 0);
		CHECK_ROW(same_rows(got, rows, sizes[i]), "%zu rows", sizes[i]);
		if (sizes[i] > 1) {
			int64_t first = INT64_MAX, last = INT64_MIN;
			uint32_t least = UINT32_MAX, most = 0;

			for (size_t k = 0; k < sizes[i]; k++) {
				first = rows[k].time_ns < first ? rows[k].time_ns : first;
				last = rows[k].time_ns > last ? rows[k].time_ns : last;
				least = rows[k].consent < least ? rows[k].consent : least;
				most = rows[k].consent > most ? rows[k].consent : most;
			}
			CHECK_INT(sec->first_utc_ns, first);
			CHECK_INT(sec->last_utc_ns, last);
			CHECK_INT(sec->consent_first, least);
			CHECK_INT(sec->consent_last, most);
		}
		CHECK(!r.torn && !r.damaged_bytes);
		segment_reader_close(&r);
	}
	CHECK_INT(count_files(unit_temp_dir(), ".sks"), 1);
	free(rows);
	free(got);
}

static void one_column_at_a_time(void)
{
	struct rng rng = { 21 };
	struct record rows[50], got[50];
	struct segment_section s;
	struct segment_reader r;

	random_rows(&rng, rows, 50, DAY_NS, NS_PER_DAY);
	s = a_section(1, rows, 50);
	REQUIRE(append(&s) == 1);
	open_part(DAY_FILE, &r);
	memset(got, 0xee, sizeof(got));
	CHECK_INT(section_read_column(&r, &r.sections[0], STORE_COLUMN_SRC_PORT, got), 0);
	for (size_t i = 0; i < 50; i++) {
		CHECK_INT(got[i].src_port, rows[i].src_port);
		CHECK_INT(got[i].dst_port, 0xeeee);
		CHECK_INT(got[i].src.bytes[0], 0xee);
	}
	CHECK_INT(section_read_column(&r, &r.sections[0], STORE_BLOCK_GAPS, got), -EINVAL);
	segment_reader_close(&r);
}

static void the_header_names_tenant_and_day(void)
{
	char tenant[65] = "";
	struct record row = plain_row(DAY_NS + 5, 1);
	struct segment_section s = a_section(1, &row, 1);
	mode_t old = umask(0);
	struct segment_reader r;

	memset(tenant, 'a', 64); /* the longest id there is */
	s.tenant_id = tenant;
	CHECK_INT(append(&s), 1);
	umask(old);
	CHECK_INT(mode_of_file(unit_temp_dir(), DAY_FILE), 0600); /* AC-38 */
	open_part(DAY_FILE, &r);
	CHECK_STR(r.tenant_id, tenant);
	CHECK_INT(r.day, DAY_NUMBER);
	CHECK_INT(r.part, 1);
	CHECK_STR(r.name, DAY_FILE);
	CHECK_INT(r.size, size_of(unit_temp_dir(), DAY_FILE));
	segment_reader_close(&r);
}

static void anchors_and_gaps_round_trip(void)
{
	struct anchor list[] = { { .boot_ns = 1, .utc_ns = 2, .max_error_ns = 3, .status = 4 },
				 { .boot_ns = 5, .utc_ns = 6, .max_error_ns = 7, .status = 8 } };
	struct gap gap_list[] = { { 1, 2, 3, 4, 5, 6 }, { 7, 8, 9, 10, 11, 12 } };
	const struct anchors anchors = { .list = list, .count = 2 };
	const struct gaps gaps = { .list = gap_list, .count = 2 };
	struct anchors got_anchors = { 0 };
	struct gaps got_gaps = { 0 };
	struct segment_section s = a_section(1, NULL, 0);
	struct segment_reader r;

	s.anchors = &anchors;
	s.gaps = &gaps;
	CHECK_INT(append(&s), 1);
	s.run = 1;
	s.anchors = &no_anchors;
	s.gaps = &no_gaps;
	CHECK_INT(append(&s), 1);
	open_part(DAY_FILE, &r);
	REQUIRE(r.section_count == 2);
	for (size_t i = 0; i < 2; i++) { /* the second section has none: nothing is appended */
		CHECK_INT(section_read_anchors(&r, &r.sections[i], &got_anchors), 0);
		CHECK_INT(section_read_gaps(&r, &r.sections[i], &got_gaps), 0);
	}
	REQUIRE(got_anchors.count == 2 && got_gaps.count == 2);
	CHECK_INT(got_anchors.list[1].boot_ns, 5);
	CHECK_INT(got_anchors.list[1].utc_ns, 6);
	CHECK_INT(got_anchors.list[1].max_error_ns, 7);
	CHECK_INT(got_anchors.list[1].status, 8);
	CHECK(memcmp(got_gaps.list, gap_list, sizeof(gap_list)) == 0);
	anchors_done(&got_anchors);
	gaps_done(&got_gaps);
	segment_reader_close(&r);
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

	if (size_of(unit_temp_dir(), name) < SEGMENT_HEADER_BYTES)
		return 0;
	open_part(name, &r);
	for (size_t i = 0; i < r.section_count; i++) {
		struct record *rows = calloc(r.sections[i].rows + 1, sizeof(*rows));

		CHECK_INT(section_read_rows(&r, &r.sections[i], rows), 0);
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
	CHECK_ROW(torn > 180, "%zu", torn);
	CHECK_INT(size_of(unit_temp_dir(), PART_3), -1);
	free(bytes);
}

static void the_first_append_cut_off_inside_the_header(void)
{
	static const size_t cuts[] = { 0, 1, 127, 128, 129 };
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
	bytes[SEGMENT_HEADER_BYTES + SECTION_AT_ROWS] ^= 2; /* the section's header fails its checksum */
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
			intact += section_check(&r, &r.sections[i], &bad) == 0;
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
	uint8_t *before, *after;
	size_t size, size_after;

	random_rows(&rng, rows, 40, DAY_NS, NS_PER_DAY);
	first = a_section(1, rows, 20);
	second = a_section(2, rows + 20, 20);
	for (rlim_t room = 0; room < 300; room += 60) { /* no file yet: none is left behind */
		struct problem p = { "" };
		struct rlimit limit = disk_full_at(room);
		int result = segment_append(unit_temp_dir(), &first, &p);

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
		int result = segment_append(unit_temp_dir(), &second, &p);

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
	struct problem p = { "" };
	uint8_t *bytes;
	size_t size;

	REQUIRE(append(&s) == 1);
	bytes = read_file(unit_temp_dir(), DAY_FILE, &size);
	bytes[SEGMENT_AT_VERSION] = 9;
	fix_header(bytes);
	write_file(unit_temp_dir(), DAY_FILE, bytes, size);
	s.journal_id = 2;
	CHECK_INT(segment_append(unit_temp_dir(), &s, &p), -ENOTSUP);
	CHECK_STR(p.text, DAY_FILE ": version 9, flags 0; this program reads version 1");
	CHECK_INT(size_of(unit_temp_dir(), DAY_FILE), size);
	CHECK_INT(count_files(unit_temp_dir(), ""), 1);
	free(bytes);
}

static void a_link_is_not_followed(void)
{
	struct record row = plain_row(DAY_NS, 0);
	struct segment_section s = a_section(1, &row, 1);
	struct problem p = { "" };

	CHECK_INT(symlinkat("/dev/null", unit_temp_dir(), DAY_FILE), 0);
	CHECK_INT(segment_append(unit_temp_dir(), &s, &p), -ELOOP);
}

UNIT_SUITE(segment, TEST(sections_round_trip), TEST(one_column_at_a_time),
	   TEST(the_header_names_tenant_and_day), TEST(anchors_and_gaps_round_trip),
	   TEST(repeating_an_append_changes_nothing),
	   TEST(an_append_cut_off_anywhere_goes_on_in_the_next_part),
	   TEST(the_first_append_cut_off_inside_the_header),
	   TEST(behind_a_damaged_part_the_day_goes_on),
	   TEST(a_section_whose_blocks_are_bad_is_appended_again),
	   TEST(a_full_disk_leaves_the_file_as_it_was),
	   TEST(a_file_of_a_later_version_is_not_written), TEST(a_link_is_not_followed));
