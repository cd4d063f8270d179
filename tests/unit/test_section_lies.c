/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections with right checksums that contradict themselves (AC-63): what a search goes by without decoding
 * (index, earliest opening, flags) must be true of the rows, or the block or section is refused.
 */
#include "segment/section_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/cursor.h"
#include "base/fs.h"
#include "fixture.h"
#include "schema/event.h"
#include "seal/seal.h"
#include "segment/merkle.h"
#include "segment/section_prefix.h"
#include "unit.h"

#define NAME "2026-03-10.sks"
#define HEADER (SEGMENT_HEADER_BYTES + 2)

struct sample {
	uint8_t *bytes;
	size_t size;
	uint64_t file_id;
};

static struct segment_section a_section(const struct record *rows, size_t count)
{
	static const struct clock_pieces no_clock;
	static const struct gaps no_gaps;
	struct segment_section s = { .tenant_id = "t1", .tenant = 1, .day = DAY_NUMBER, .journal_id = 1,
				     .span_from_ns = DAY_NS, .span_to_ns = DAY_NS, .clock = &no_clock, .gaps = &no_gaps };

	set_rows(&s, rows, count);
	return s;
}

static int append(const struct segment_section *s)
{
	struct segment_place place;
	struct problem p;

	return segment_append(unit_temp_dir(), s, &place, &p);
}

static struct sample make_sample(const struct record *rows, size_t count)
{
	const struct segment_section s = a_section(rows, count);
	struct sample m;

	REQUIRE(append(&s) == 1);
	m.bytes = read_file(unit_temp_dir(), NAME, &m.size);
	m.file_id = get_le64(m.bytes + SEGMENT_AT_FILE_ID);
	return m;
}

/* Opens the only section; `section` NULL when its header is refused. */
static int open_sample(struct sample *m, struct segment_reader *r, struct section_reader **section)
{
	struct problem p;

	fix_section_header(m->bytes + HEADER, m->file_id, HEADER);
	write_file(unit_temp_dir(), NAME, m->bytes, m->size);
	REQUIRE(segment_reader_open(unit_temp_dir(), NAME, r, &p) == 0);
	REQUIRE(r->section_count == 1);
	*section = NULL;
	return section_open(r, HEADER, section);
}

/* Which blocks decode, as bits. */
static unsigned int good_blocks(struct sample *m)
{
	struct block_rows *b = malloc(sizeof(*b));
	struct section_reader *section;
	struct segment_reader r;
	unsigned int good = 0;

	REQUIRE(open_sample(m, &r, &section) == 0);
	for (uint32_t i = 0; i < section->block_count; i++) {
		int error = section_read_block(&r, section, i, BLOCK_ALL, b);

		CHECK(error == 0 || error == -EBADMSG);
		good |= (error == 0) << i;
	}
	section_close(section);
	segment_reader_close(&r);
	free(b);
	return good;
}

static struct record a_close(int64_t lasted_ns)
{
	struct record row = plain_row(DAY_NS, 1);

	row.kind = SEKISHO_KIND_CLOSE;
	row.lasted_ns = lasted_ns;
	return row;
}

/* Rows, tenant number, flags, two times, first time (of one row): then F minus the earliest opening. */
static size_t opened_at(const struct sample *m)
{
	struct cursor c;

	cursor_init(&c, m->bytes, m->size);
	cursor_skip(&c, HEADER + SECTION_PREFIX_BYTES);
	cursor_varint(&c);
	cursor_varint(&c);
	cursor_skip(&c, 1);
	for (int i = 0; i < 3; i++)
		cursor_varint(&c);
	return c.at;
}

static void no_row_opened_before_the_earliest_opening(void)
{
	struct record row = a_close(100);
	struct sample m = make_sample(&row, 1);
	size_t at = opened_at(&m);

	REQUIRE(m.bytes[at] == 100);
	CHECK_INT(good_blocks(&m), 1);
	m.bytes[at] = 101;
	CHECK_INT(good_blocks(&m), 1);
	m.bytes[at] = 99;
	CHECK_INT(good_blocks(&m), 0);
	free(m.bytes);
}

static void closes_are_announced(void)
{
	struct record row = a_close(100);
	struct sample m = make_sample(&row, 1);
	uint8_t *flags = m.bytes + HEADER + SECTION_PREFIX_BYTES + 2;
	struct section_reader *section;
	struct segment_reader r;
	size_t at;

	REQUIRE(*flags == SECTION_FLAG_CLOSE);
	CHECK_INT(open_sample(&m, &r, &section), 0);
	section_close(section);
	segment_reader_close(&r);
	/* Without the flag there is no earliest opening either. */
	at = opened_at(&m);
	REQUIRE(m.bytes[at] == 100);
	*flags = 0;
	memmove(m.bytes + at, m.bytes + at + 1, --m.size - at);
	put_le16(m.bytes + HEADER + SECTION_AT_HEADER_SIZE,
		 (uint16_t)(section_prefix_header_size(m.bytes + HEADER) - 1));
	CHECK_INT(open_sample(&m, &r, &section), -EBADMSG);
	segment_reader_close(&r);
	free(m.bytes);
}

/* The index entry of the second block is moved before the last source of the first. */
static void no_block_goes_on_behind_the_next(void)
{
	struct record rows[150];
	struct section_reader *section;
	struct segment_reader r;
	struct sample m;
	uint8_t *at;

	for (unsigned int i = 0; i < 150; i++)
		rows[i] = plain_row(DAY_NS + i, i);
	m = make_sample(rows, 150);
	REQUIRE(open_sample(&m, &r, &section) == 0);
	REQUIRE(section->block_count == 2);
	section_close(section);
	segment_reader_close(&r);
	/* The header ends with it: its first source minus that of the first block, 128, and nothing else. */
	at = m.bytes + HEADER + section_prefix_header_size(m.bytes + HEADER) - 2;
	CHECK_INT(good_blocks(&m), 3);
	REQUIRE(at[0] == 0x80 && at[1] == 1);
	at[0] = 0xff; /* one less: the last source of the first block itself may go on there */
	at[1] = 0;
	CHECK_INT(good_blocks(&m), 3);
	at[0] = 0xfe;
	CHECK_INT(good_blocks(&m), 2);
	free(m.bytes);
}

static void what_lasted_is_of_closes_only(void)
{
	struct record row = plain_row(DAY_NS + 9, 1);
	struct segment_section s;

	row.lasted_ns = 5;
	s = a_section(&row, 1);
	CHECK_INT(append(&s), -EINVAL);
	row.kind = SEKISHO_KIND_CLOSE;
	s = a_section(&row, 1);
	CHECK_INT(append(&s), 1);
}

/* A journal that says otherwise is sealed without it, and the root is that of the stored rows. */
static void sealing_drops_what_lasted_without_a_close(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record row = plain_row(DAY_NS + 9, 1), got;
	struct seal_result result = { 0 };
	struct segment_reader r;
	uint8_t secret[32], root[32];
	struct endpoint e;
	struct merkle tree;
	struct problem p;
	struct row leaf;
	char name[64];
	int dir;

	row.lasted_ns = 5;
	put_rows(j, &row, 1, 2000);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_journal(&store, NULL, name, &result, &p), 0);
	CHECK_INT(result.rows, 1);
	dir = fs_open_dir(store.segments, "t1", 0);
	REQUIRE(dir >= 0 && segment_reader_open(dir, NAME, &r, &p) == 0);
	REQUIRE(r.section_count == 1 && read_section(&r, &r.sections[0], &got) == 0);
	CHECK_INT(got.lasted_ns, 0);
	row_from_record(&got, 0, &leaf, &e);
	merkle_secret(r.secret, r.sections[0].journal_id, 0, secret);
	merkle_begin(&tree, secret);
	merkle_add(&tree, &leaf, &e);
	merkle_end(&tree, root);
	CHECK(memcmp(root, r.sections[0].root, 32) == 0);
	segment_reader_close(&r);
	close(dir);
	store_close(&store);
}

static void spans_at_the_far_ends_of_time_stay_outside(void)
{
	struct record row = plain_row(DAY_NS, 1);
	struct segment_section s = a_section(&row, 1);
	struct segment_reader r;
	struct problem p;

	s.span_from_ns = INT64_MIN;
	s.span_to_ns = INT64_MAX;
	REQUIRE(append(&s) == 1);
	REQUIRE(segment_reader_open(unit_temp_dir(), NAME, &r, &p) == 0);
	CHECK_INT(r.sections[0].span_from_ns, INT64_MIN);
	CHECK_INT(r.sections[0].span_to_ns, INT64_MAX);
	segment_reader_close(&r);
}

UNIT_SUITE(section_lies, TEST(no_row_opened_before_the_earliest_opening), TEST(closes_are_announced),
	   TEST(no_block_goes_on_behind_the_next), TEST(what_lasted_is_of_closes_only),
	   TEST(sealing_drops_what_lasted_without_a_close), TEST(spans_at_the_far_ends_of_time_stay_outside));
