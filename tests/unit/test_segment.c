/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections read back as they were written, their blocks by the index (AC-87); what they cannot hold is refused.
 * Small ones stay small, and the file is private (AC-38).
 */
#include "segment/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "appending.h"
#include "fixture.h"
#include "schema/event.h"
#include "unit.h"

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

UNIT_SUITE(segment, TEST(sections_round_trip), TEST(small_sections_stay_small), TEST(blocks_decode_in_stages),
	   TEST(a_source_goes_on_in_the_next_block), TEST(closes_and_their_openings),
	   TEST(rows_out_of_order_or_day_are_refused), TEST(the_header_names_tenant_and_day),
	   TEST(clock_and_gaps_round_trip));
