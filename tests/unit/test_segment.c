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
#include "schema/event.h"
#include "schema/segment.h"
#include "unit.h"

#define DAY_FILE "2026-03-10.sks"
#define PART_2 "2026-03-10.2.sks"
#define PART_3 "2026-03-10.3.sks"

static const struct clock_pieces no_clock;
static const struct gaps no_gaps;

/* A section of `journal` with these rows, sorted here. */
static struct segment_section a_section(uint64_t journal, struct record *rows, size_t count)
{
	struct segment_section s = {
		.tenant_id = "t1", .tenant = 1, .day = DAY_NUMBER, .journal_id = journal, .rung = 1,
		.span_from_ns = DAY_NS + 1, .span_to_ns = DAY_NS + NS_PER_DAY - 1,
		.clock = &no_clock, .gaps = &no_gaps,
	};

	for (size_t i = 0; i < count; i++)
		rows[i].tenant = 1;
	if (count)
		qsort(rows, count, sizeof(*rows), record_compare_source);
	set_rows(&s, rows, count);
	return s;
}

static int append(const struct segment_section *s)
{
	struct problem p = { "" };
	struct segment_place place;
	int result = segment_append(unit_temp_dir(), s, &place, &p);

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
		uint32_t blocks;
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
		CHECK_INT(sec->span_from_ns, DAY_NS); /* whole seconds, outwards */
		CHECK_INT(sec->span_to_ns, DAY_NS + NS_PER_DAY);
		CHECK_INT(section_check(&r, sec, &blocks, &bad), 0);
		CHECK(sizes[i] ? blocks > 0 : blocks == 0);
		memset(got, 0xff, sizes[i] * sizeof(*got));
		CHECK_INT(read_section(&r, sec, got), 0);
		CHECK_ROW(same_rows(got, rows, sizes[i]), "%zu rows", sizes[i]);
		if (sizes[i] > 1) {
			int64_t first = INT64_MAX, last = INT64_MIN;
			int64_t opened = INT64_MAX;

			for (size_t k = 0; k < sizes[i]; k++) {
				first = rows[k].time_ns < first ? rows[k].time_ns : first;
				last = rows[k].time_ns > last ? rows[k].time_ns : last;
				opened = rows[k].time_ns - rows[k].lasted_ns < opened ?
						 rows[k].time_ns - rows[k].lasted_ns : opened;
			}
			CHECK_INT(sec->first_utc_ns, first);
			CHECK_INT(sec->last_utc_ns, last);
			CHECK_INT(sec->opened_utc_ns, opened);
		}
		CHECK(!r.torn && !r.damaged_bytes);
		segment_reader_close(&r);
	}
	CHECK_INT(count_files(unit_temp_dir(), ".sks"), 1);
	free(rows);
	free(got);
}

/* What a section costs besides its rows: prefix and facts, one endpoint, the first source and time; a further
 * endpoint at an address that is there already costs four bytes more, the last time of two rows at least one (DESIGN: tiny sections stay tiny). */
static void small_sections_stay_small(void)
{
	const struct clock_piece piece = { .boot_from = BOOT_NS, .boot_to = BOOT_NS + NS_PER_DAY, .utc_from = DAY_NS };
	const struct clock_pieces clock = { .list = (struct clock_piece *)&piece, .count = 1 };
	struct record rows[2] = { plain_row(DAY_NS + 7, 1), plain_row(DAY_NS + 7, 1) };
	struct segment_section s = a_section(1, rows, 1);
	struct segment_reader r;
	struct record got[2];

	s.clock = &clock;
	CHECK_INT(append(&s), 1);
	rows[1].dst_port = 80;
	s = a_section(2, rows, 2);
	s.clock = &clock;
	CHECK_INT(append(&s), 1);
	open_part(DAY_FILE, &r);
	REQUIRE(r.section_count == 2);
	CHECK_ROW(r.sections[0].bytes <= 106, "%llu bytes", (unsigned long long)r.sections[0].bytes);
	CHECK_INT(r.sections[1].header_bytes, r.sections[0].header_bytes + 5);
	CHECK_INT(read_section(&r, &r.sections[1], got), 0);
	CHECK(same_rows(got, rows, 2) || (got[0].dst_port == 80 && got[1].dst_port == 443));
	segment_reader_close(&r);
}

/* What is decoded stage by stage is what is decoded at once; a block's sources suffice to find an address. */
static void blocks_decode_in_stages(void)
{
	enum { COUNT = 5000 };
	struct rng rng = { 21 };
	struct record *rows = calloc(COUNT, sizeof(*rows)), got;
	struct block_rows *b = malloc(sizeof(*b));
	struct segment_section s;
	struct section_reader *section;
	struct segment_reader r;
	uint32_t seen = 0;

	random_rows(&rng, rows, COUNT, DAY_NS, NS_PER_DAY);
	s = a_section(1, rows, COUNT);
	REQUIRE(append(&s) == 1);
	open_part(DAY_FILE, &r);
	REQUIRE(section_open(&r, r.sections[0].offset, &section) == 0);
	CHECK(section->block_count > 2);
	for (uint32_t i = 0; i < section->block_count; i++) {
		CHECK_INT(section_read_block(&r, section, i, BLOCK_SOURCES, b), 0);
		CHECK_INT(b->stage, BLOCK_SOURCES);
		CHECK_INT(b->first_row, seen);
		CHECK_INT(b->source_end[b->sources - 1], section->blocks[i].rows);
		for (uint32_t k = 0; k < b->rows; k++)
			CHECK(!addr_compare(&b->source[block_source_of(b, k)], &rows[seen + k].src));
		CHECK_INT(section_decode_more(section, BLOCK_TIMES, b), 0);
		for (uint32_t k = 0; k < b->rows; k++)
			CHECK_INT(b->time_ns[k], rows[seen + k].time_ns);
		CHECK_INT(section_decode_more(section, BLOCK_ALL, b), 0);
		for (uint32_t k = 0; k < b->rows; k++) {
			section_record(section, b, k, &got);
			CHECK(same_rows(&got, &rows[seen + k], 1));
		}
		seen += b->rows;
	}
	CHECK_INT(seen, COUNT);
	/* AC-87: the index points to each source's blocks, and for what is not there to two at most. */
	for (uint32_t k = 0; k < COUNT; k += 7) {
		uint32_t first, end;
		bool found = false;

		section_find(section, &rows[k].src, &rows[k].src, &first, &end);
		for (uint32_t i = first; i < end; i++) {
			REQUIRE(section_read_block(&r, section, i, BLOCK_SOURCES, b) == 0);
			found |= k >= b->first_row && k < b->first_row + b->rows;
		}
		CHECK_ROW(found, "row %u", k);
	}
	section_close(section);
	segment_reader_close(&r);
	free(rows);
	free(b);
}

/* One source with more rows than a block holds, and neighbours on both sides. */
static void a_source_goes_on_in_the_next_block(void)
{
	enum { COUNT = 3 * BLOCK_ROWS_MAX + 100 };
	struct record *rows = calloc(COUNT, sizeof(*rows)), *got = calloc(COUNT, sizeof(*got));
	struct segment_section s;
	struct section_reader *section;
	struct segment_reader r;
	uint32_t first, end;

	for (size_t i = 0; i < COUNT; i++) {
		rows[i] = plain_row(DAY_NS + (int64_t)i, (unsigned int)i % 20000);
		rows[i].src.bytes[15] = i < 40 ? 1 : i < COUNT - 30 ? 2 : 3;
	}
	s = a_section(1, rows, COUNT);
	REQUIRE(append(&s) == 1);
	open_part(DAY_FILE, &r);
	CHECK_INT(read_section(&r, &r.sections[0], got), 0);
	CHECK(same_rows(got, rows, COUNT));
	REQUIRE(section_open(&r, r.sections[0].offset, &section) == 0);
	section_find(section, &rows[100].src, &rows[100].src, &first, &end);
	CHECK_ROW(end - first >= 4, "blocks %u to %u of %u", first, end, section->block_count);
	section_close(section);
	segment_reader_close(&r);
	free(rows);
	free(got);
}

static void closes_and_their_openings(void)
{
	enum { COUNT = 600 };
	struct record *rows = calloc(COUNT, sizeof(*rows)), *got = calloc(COUNT, sizeof(*got));
	struct segment_section s;
	struct segment_reader r;

	for (size_t i = 0; i < COUNT; i += 2) {
		rows[i] = plain_row(DAY_NS + (int64_t)i * MS, (unsigned int)i);
		rows[i + 1] = rows[i];
		rows[i + 1].kind = SEKISHO_KIND_CLOSE;
		rows[i + 1].lasted_ns = (int64_t)(i + 3) * MS * 7;
		rows[i + 1].time_ns += rows[i + 1].lasted_ns;
		if (i % 50 == 0) /* opened the day before, or by another row's time */
			rows[i + 1].lasted_ns += NS_PER_DAY;
		if (i % 70 == 0)
			rows[i + 1].src_port++;
	}
	s = a_section(1, rows, COUNT);
	REQUIRE(append(&s) == 1);
	open_part(DAY_FILE, &r);
	CHECK(r.sections[0].has_close);
	CHECK_INT(r.sections[0].opened_utc_ns, DAY_NS - NS_PER_DAY);
	CHECK_INT(read_section(&r, &r.sections[0], got), 0);
	CHECK(same_rows(got, rows, COUNT));
	segment_reader_close(&r);
	free(rows);
	free(got);
}

/* What a section cannot hold is refused, not written wrong. */
static void rows_out_of_order_or_day_are_refused(void)
{
	struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2) };
	struct segment_section s = a_section(1, rows, 2);
	struct segment_place place;
	struct problem p;
	struct row swapped[2] = { s.rows[1], s.rows[0] };
	const struct row *right = s.rows;

	s.rows = swapped;
	CHECK_INT(segment_append(unit_temp_dir(), &s, &place, &p), -EINVAL);
	s.rows = right;
	s.day++;
	CHECK_INT(segment_append(unit_temp_dir(), &s, &place, &p), -EINVAL);
	s.day--;
	s.endpoint_count = 0;
	CHECK_INT(segment_append(unit_temp_dir(), &s, &place, &p), -EINVAL);
	CHECK_INT(count_files(unit_temp_dir(), ""), 0);
	s.endpoint_count = 1;
	CHECK_INT(append(&s), 1);
}

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

static void clock_and_gaps_round_trip(void)
{
	struct clock_piece list[] = {
		{ .boot_from = 5, .boot_to = 1000000, .utc_from = DAY_NS, .max_error_ns = 4, .status = 8 },
		{ .boot_from = 2000000, .boot_to = 2000000, .utc_from = DAY_NS + 5000000, .max_error_ns = 3 },
		{ .boot_from = 2000001, .boot_to = 9000000, .utc_from = DAY_NS + 6000000 },
	};
	struct gap gap_list[] = { { 1, 2, 3, 4, 5, 6 }, { 7, 8, 9, 10, 11, 12 } };
	const struct clock_pieces clock = { .list = list, .count = 3 };
	const struct gaps gaps = { .list = gap_list, .count = 2 };
	struct clock_pieces got = { 0 };
	struct gaps got_gaps = { 0 };
	struct record rows[2] = { plain_row(DAY_NS + 7, 1), plain_row(DAY_NS + 6000001, 2) };
	struct segment_section s = a_section(1, rows, 2);
	struct segment_reader r;

	s.gaps = &gaps;
	s.clock = &clock;
	CHECK_INT(append(&s), 1);
	open_part(DAY_FILE, &r);
	CHECK_INT(read_gaps(&r, &r.sections[0], &got_gaps), 0);
	CHECK_INT(read_clock(&r, &r.sections[0], &got), 0);
	REQUIRE(got_gaps.count == 2 && got.count == 2);
	CHECK(memcmp(got_gaps.list, gap_list, sizeof(gap_list)) == 0);
	/* The second piece has no row, the others are cut to the rows' time. A bound is kept as a power of
	 * two, upwards. */
	CHECK_INT(got.list[0].boot_from, 5 + 7);
	CHECK_INT(got.list[0].boot_to, 1000000);
	CHECK_INT(got.list[0].utc_from, DAY_NS + 7);
	CHECK_INT(got.list[0].max_error_ns, 4);
	CHECK_INT(got.list[0].status, 8);
	CHECK_INT(got.list[1].boot_from, 2000001);
	CHECK_INT(got.list[1].boot_to, 2000002);
	CHECK_INT(got.list[1].utc_from, DAY_NS + 6000000);
	CHECK_INT(got.list[1].max_error_ns, 0);
	clock_pieces_done(&got);
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

UNIT_SUITE(segment, TEST(sections_round_trip), TEST(small_sections_stay_small), TEST(blocks_decode_in_stages),
	   TEST(a_source_goes_on_in_the_next_block), TEST(closes_and_their_openings),
	   TEST(rows_out_of_order_or_day_are_refused), TEST(a_trailer_ends_a_day),
	   TEST(the_header_names_tenant_and_day), TEST(clock_and_gaps_round_trip),
	   TEST(repeating_an_append_changes_nothing),
	   TEST(an_append_cut_off_anywhere_goes_on_in_the_next_part),
	   TEST(the_first_append_cut_off_inside_the_header),
	   TEST(behind_a_damaged_part_the_day_goes_on),
	   TEST(a_section_whose_blocks_are_bad_is_appended_again),
	   TEST(a_full_disk_leaves_the_file_as_it_was),
	   TEST(a_file_of_a_later_version_is_not_written), TEST(a_link_is_not_followed));
