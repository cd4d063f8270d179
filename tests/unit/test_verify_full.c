/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The full check finds what no checksum can: bytes that are consistent by their
 * checksums and say what does not follow from the rows (AC-87, AC-31). Each case is
 * made from what the writer wrote, with the checksums made right again, and the plain
 * check finds nothing in it.
 */
#include "query/verify_full.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/block.h"
#include "fixture.h"
#include "query/verify.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "seal/day_closer.h"
#include "seal/seal.h"
#include "segment/merkle.h"
#include "segment/section_prefix.h"
#include "unit.h"

#define SEGMENT "t1/2026-03-10.sks"
#define FIRST_SECTION (SEGMENT_HEADER_BYTES + 2) /* of tenant t1 */

static struct verify_facts run(const struct store_dir *store, bool full, unsigned int threads)
{
	const struct verify_request request = { .full = full, .threads = threads };
	struct verify_facts facts = { 0 };
	struct problem p = { "" };

	CHECK_ROW(verify_run(store, &request, &facts, &p) == 0, "%s", p.text);
	return facts;
}

/* Checksums match, and the full check says exactly this of the object at `offset`. */
static void only_full_finds(const struct store_dir *store, const char *file, size_t offset, const char *what)
{
	struct verify_facts f = run(store, false, 0);
	char want[400];

	CHECK_ROW(f.bad == 0, "%s", f.first_bad.text);
	f = run(store, true, 0);
	/* The day's catalog may disagree with such a section as well. */
	CHECK(f.bad == 1 || f.bad == 2);
	snprintf(want, sizeof(want), "%s offset %zu: %s", file, offset, what);
	CHECK_STR(f.first_bad.text, want);
}

static void seal_rows(const struct store_dir *store, const struct record *rows, size_t count)
{
	struct seal_result result = { 0 };
	struct journal *j = a_journal(store->journal);
	struct problem p = { "" };
	char name[64];

	for (size_t at = 0; at < count; at += 4096)
		put_rows(j, rows + at, count - at < 4096 ? count - at : 4096, 2000 + at);
	end_journal(store->journal, j, name);
	CHECK_ROW(seal_all(store, NULL, &result, &p) == 0, "%s", p.text);
	forget_custody(store);
	CHECK_INT(result.rows, count);
}

/* 300 sources three apart, two rows each: three blocks. */
static struct store_dir plain_store(void)
{
	struct store_dir store = a_store();
	struct record rows[600];

	for (unsigned int i = 0; i < 600; i++) {
		uint32_t source = __builtin_bswap32(0xc6336400u + 3 * (i / 2));

		rows[i] = plain_row(DAY_NS + NS_PER_SEC * (i + 1), i);
		memcpy(rows[i].src.bytes + 12, &source, 4);
	}
	seal_rows(&store, rows, 600);
	return store;
}

static void open_section(const struct store_dir *store, struct segment_reader *r, struct section_reader **s)
{
	struct problem p;
	int dir = openat(store->segments, "t1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	REQUIRE(dir >= 0);
	REQUIRE(segment_reader_open(dir, SEGMENT + 3, r, &p) == 0);
	REQUIRE(section_open(r, r->sections[0].offset, s) == 0);
	close(dir);
}

/* The root over what the section's bytes decode to now. */
static void root_of(const struct store_dir *store, uint8_t root[static 32])
{
	struct block_rows *b = malloc(sizeof(*b));
	struct section_reader *s;
	struct segment_reader r;
	struct merkle m;
	uint8_t secret[32];

	open_section(store, &r, &s);
	merkle_secret(r.secret, s->facts.journal_id, s->facts.run, secret);
	merkle_begin(&m, secret);
	for (uint32_t i = 0; i < s->block_count; i++) {
		REQUIRE(section_read_block(&r, s, i, BLOCK_ALL, b) == 0);
		for (uint32_t k = 0; k < b->rows; k++) {
			const struct row row = { .time_ns = b->time_ns[k], .lasted_ns = b->lasted_ns[k],
						 .src = b->source[block_source_of(b, k)],
						 .src_port = b->src_port[k], .rtt = b->rtt[k] };

			merkle_add(&m, &row, &s->endpoints[b->endpoint[k]]);
		}
	}
	merkle_end(&m, root);
	section_close(s);
	segment_reader_close(&r);
	free(b);
}

static void put_back(const struct store_dir *store, uint8_t *bytes, size_t size, size_t section)
{
	fix_section_header(bytes + section, get_le64(bytes + SEGMENT_AT_FILE_ID), section);
	write_file(store->segments, SEGMENT, bytes, size);
}

/* Random rows of both families, closes, round-trip times, several days and sections: all of it holds. */
static void what_the_writer_writes_is_found_right(void)
{
	enum { COUNT = 20000 };
	struct store_dir store = a_store();
	struct rng rng = { 31 };
	struct record *rows = calloc(COUNT, sizeof(*rows));
	struct verify_facts f, threads;

	random_rows(&rng, rows, COUNT, DAY_NS, 3 * NS_PER_DAY);
	for (size_t i = 0; i < COUNT; i++)
		rows[i].tenant = 1 + i % 2;
	seal_rows(&store, rows, COUNT);
	random_rows(&rng, rows, 5000, DAY_NS, NS_PER_DAY);
	for (size_t i = 0; i < 5000; i++)
		rows[i].tenant = 1;
	seal_rows(&store, rows, 5000);
	f = run(&store, true, 1);
	CHECK_ROW(f.bad == 0, "%s", f.first_bad.text);
	CHECK_INT(f.decoded_rows, COUNT + 5000);
	CHECK_INT(f.roots, f.sections);
	CHECK(f.sections >= 7 && f.sources > 100);
	CHECK(f.lookups > f.sources && f.lookups <= 3 * f.sources); /* neighbours that are absent */
	threads = run(&store, true, 3);
	CHECK_INT(threads.bad, 0);
	CHECK_INT(threads.decoded_rows, f.decoded_rows);
	CHECK_INT(threads.lookups, f.lookups);
	CHECK_INT(threads.sources, f.sources);
	free(rows);
	store_close(&store);
}

static void a_wrong_root(void)
{
	struct store_dir store = plain_store();
	uint8_t *bytes, root[32];
	size_t size;

	root_of(&store, root);
	bytes = read_file(store.segments, SEGMENT, &size);
	CHECK(memcmp(bytes + FIRST_SECTION + SECTION_AT_ROOT, root, 32) == 0);
	bytes[FIRST_SECTION + SECTION_AT_ROOT + 31] ^= 1;
	put_back(&store, bytes, size, FIRST_SECTION);
	only_full_finds(&store, "segments/" SEGMENT, FIRST_SECTION, "the Merkle root is not that of its rows");
	free(bytes);
	store_close(&store);
}

/* The last block's first source is set back into the block before, which so goes on behind it. */
static void sources_out_of_order(void)
{
	struct store_dir store = plain_store();
	uint8_t *bytes, *varint;
	size_t size, block;
	struct section_reader *s;
	struct segment_reader r;

	open_section(&store, &r, &s);
	REQUIRE(s->block_count == 3);
	block = s->blocks[1].offset;
	section_close(s);
	segment_reader_close(&r);
	bytes = read_file(store.segments, SEGMENT, &size);
	/* The header ends with its distance: 384 as a varint. */
	varint = bytes + FIRST_SECTION + section_prefix_header_size(bytes + FIRST_SECTION) - 2;
	REQUIRE(varint[0] == 0x80 && varint[1] == 3);
	varint[1] = 2;
	put_back(&store, bytes, size, FIRST_SECTION);
	only_full_finds(&store, "segments/" SEGMENT, block, "the block does not decode");
	free(bytes);
	store_close(&store);
}

/* Field 9 of the header, the time from the first to the last row. */
static void a_wrong_last_time(void)
{
	struct store_dir store = plain_store();
	struct section_reader *s;
	struct segment_reader r;
	uint8_t *bytes, want[10];
	size_t size, at, length = 0;
	uint64_t span;

	open_section(&store, &r, &s);
	span = (uint64_t)(s->facts.last_utc_ns - s->facts.first_utc_ns);
	section_close(s);
	segment_reader_close(&r);
	for (uint64_t v = span; v; v >>= 7)
		want[length++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
	bytes = read_file(store.segments, SEGMENT, &size);
	for (at = FIRST_SECTION + SECTION_PREFIX_BYTES; memcmp(bytes + at, want, length) != 0; at++)
		REQUIRE(at < FIRST_SECTION + SECTION_PREFIX_BYTES + 60);
	bytes[at] ^= 1;
	put_back(&store, bytes, size, FIRST_SECTION);
	only_full_finds(&store, "segments/" SEGMENT, FIRST_SECTION,
			"the header says last time 2026-03-10T00:10:00.000000001Z, the rows "
			"2026-03-10T00:10:00.000000000Z");
	free(bytes);
	store_close(&store);
}

/* Any bit of a block, its checksum made right: it does not decode, or its rows are not those of the root. */
static void any_bit_of_a_block(void)
{
	struct store_dir store = a_store();
	struct record rows[6];
	struct section_reader *s;
	struct segment_reader r;
	uint8_t *bytes;
	size_t size, block, missed = 0, tried = 0;

	for (unsigned int i = 0; i < 6; i++) {
		rows[i] = plain_row(DAY_NS + NS_PER_SEC * i, i / 2);
		rows[i].rtt_us = i;
	}
	seal_rows(&store, rows, 6);
	open_section(&store, &r, &s);
	REQUIRE(s->block_count == 1);
	block = s->blocks[0].offset;
	section_close(s);
	segment_reader_close(&r);
	CHECK_INT(run(&store, true, 0).bad, 0);
	bytes = read_file(store.segments, SEGMENT, &size);
	for (size_t bit = 0; bit < 8 * (size - block - 4); bit++) {
		bytes[block + 4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		put_le32(bytes + block, block_crc(get_le64(bytes + SEGMENT_AT_FILE_ID), block, NULL, 0,
						  bytes + block + 4, size - block - 4));
		write_file(store.segments, SEGMENT, bytes, size);
		CHECK_INT(run(&store, false, 0).bad, 0);
		missed += run(&store, true, 0).bad == 0;
		tried++;
		bytes[block + 4 + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK(tried > 100);
	CHECK_INT(missed, 0);
	free(bytes);
	store_close(&store);
}

/* An index whose second block begins one address later than it should. */
static void an_index_that_misses_rows(void)
{
	struct store_dir store = plain_store();
	struct verify_finding finding = { .offset = 0 };
	struct verify_room room = { .rows = 0 };
	struct section_reader *s;
	struct segment_reader r;

	open_section(&store, &r, &s);
	CHECK_INT(verify_full_scan(&r, s, &room, &finding), 0);
	CHECK_INT(room.source_count, 300);
	CHECK_INT(verify_full_index(&r, s, &room, &finding), 0);
	s->blocks[1].first.bytes[15]++;
	CHECK_INT(verify_full_index(&r, s, &room, &finding), -EBADMSG);
	CHECK_INT(finding.offset, FIRST_SECTION);
	CHECK_STR(finding.what.text, "its index finds 0 rows of 198.51.101.128, a scan 2");
	s->blocks[1].first.bytes[15]--;
	room.sources[7].hash ^= 1;
	CHECK_INT(verify_full_index(&r, s, &room, &finding), -EBADMSG);
	CHECK_STR(finding.what.text, "its index finds other rows of 198.51.100.21 than a scan");
	room.sources[7].hash ^= 1;
	/* A scan that lacks a source: the index finds what should not be there. */
	memmove(&room.sources[100], &room.sources[101], 199 * sizeof(*room.sources));
	room.source_count = 299;
	room.sources[99].src.bytes[15] += 2; /* its neighbour is the one left out */
	CHECK_INT(verify_full_index(&r, s, &room, &finding), -EBADMSG);
	verify_room_done(&room);
	section_close(s);
	segment_reader_close(&r);
	store_close(&store);
}

static size_t row_frame(const uint8_t *bytes, size_t size)
{
	for (size_t at = JOURNAL_HEADER_BYTES; at < size;
	     at += FRAME_HEADER_BYTES + get_le32(bytes + at + FRAME_AT_STORED_BYTES))
		if (bytes[at + FRAME_AT_TYPE] == FRAME_ROWS)
			return at;
	return 0;
}

static void fix_frame(uint8_t *bytes, size_t at)
{
	uint64_t id = get_le64(bytes + JOURNAL_AT_FILE_ID);
	size_t stored = get_le32(bytes + at + FRAME_AT_STORED_BYTES);

	put_le32(bytes + at + FRAME_AT_CRC, block_crc(id, at + FRAME_HEADER_BYTES, NULL, 0,
						      bytes + at + FRAME_HEADER_BYTES, stored));
	put_le32(bytes + at + FRAME_AT_HEADER_CRC,
		 block_crc(id, at, bytes + at, FRAME_AT_HEADER_CRC, NULL, 0));
}

static void journals_that_do_not_hold(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS + 5, 1);
	struct journal *j = a_journal(store.journal);
	char name[64], file[80];
	uint8_t *bytes;
	size_t size, at;

	put_rows(j, &row, 1, 2000);
	end_journal(store.journal, j, name);
	snprintf(file, sizeof(file), "journal/%s", name);
	CHECK_INT(run(&store, true, 0).bad, 0);
	CHECK_INT(run(&store, true, 0).decoded_rows, 1);
	bytes = read_file(store.journal, name, &size);
	at = row_frame(bytes, size);
	REQUIRE(at > 0);
	bytes[at + FRAME_AT_LAST_BOOT] ^= 2; /* later than its last row */
	fix_frame(bytes, at);
	write_file(store.journal, name, bytes, size);
	only_full_finds(&store, file, at, "the frame says boot times 500000000000005 to 500000000000007, its rows "
					  "500000000000005 to 500000000000005");
	bytes[at + FRAME_AT_LAST_BOOT] ^= 3; /* earlier: a search would pass over the row */
	fix_frame(bytes, at);
	write_file(store.journal, name, bytes, size);
	only_full_finds(&store, file, at, "the frame does not decode");
	bytes[at + FRAME_AT_LAST_BOOT] ^= 1;
	bytes[at + FRAME_AT_CODING] ^= 1;
	fix_frame(bytes, at);
	write_file(store.journal, name, bytes, size);
	only_full_finds(&store, file, at, "the frame does not decode");
	free(bytes);
	store_close(&store);
}

static void a_tenant_without_a_name(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS + 5, 1);
	struct journal *j = a_journal(store.journal);
	char name[64], file[80];
	uint8_t *bytes;
	size_t size;

	row.tenant = 77;
	put_rows(j, &row, 1, 2000);
	end_journal(store.journal, j, name);
	snprintf(file, sizeof(file), "journal/%s", name);
	bytes = read_file(store.journal, name, &size);
	only_full_finds(&store, file, row_frame(bytes, size),
			"row 0 of the frame is of tenant 77, which the journal does not name");
	free(bytes);
	store_close(&store);
}

/* Whatever thread finds it: the first file in order is named, and all are counted. */
static void the_first_of_many_bad_files(void)
{
	struct store_dir store = a_store();
	struct verify_facts f;
	uint8_t *bytes;
	size_t size;
	char name[32];

	for (unsigned int i = 0; i < 12; i++) {
		struct record row = plain_row(DAY_NS + i * NS_PER_DAY, i);

		seal_rows(&store, &row, 1);
		snprintf(name, sizeof(name), "t1/2026-03-%u.sks", 10 + i);
		if (i < 3)
			continue;
		bytes = read_file(store.segments, name, &size);
		bytes[FIRST_SECTION + SECTION_AT_ROOT] ^= 1;
		fix_section_header(bytes + FIRST_SECTION, get_le64(bytes + SEGMENT_AT_FILE_ID), FIRST_SECTION);
		write_file(store.segments, name, bytes, size);
		free(bytes);
	}
	for (unsigned int threads = 1; threads <= 4; threads++) {
		f = run(&store, true, threads);
		CHECK_INT(f.bad, 9);
		CHECK_INT(f.roots, 3);
		CHECK(strncmp(f.first_bad.text, "segments/t1/2026-03-13.sks offset 74:", 37) == 0);
	}
	store_close(&store);
}

static void closed_and_open_files_are_counted(void)
{
	struct store_dir store = a_store();
	struct seal_result result = { 0 };
	struct problem note = { "" }, p = { "" };
	struct verify_facts f;
	uint8_t *bytes;
	size_t size;

	for (unsigned int i = 0; i < 3; i++) {
		struct record row = plain_row(DAY_NS + i * NS_PER_DAY, i);

		seal_rows(&store, &row, 1);
	}
	CHECK_INT(day_close(&store, DAY_NUMBER, &result, &note, &p), 0);
	f = run(&store, true, 0);
	CHECK_INT(f.closed, 1);
	CHECK_INT(f.open, 2);
	CHECK_INT(f.bad, 0);
	/* A closed file whose root was changed: its hash tells, with and without --full. */
	bytes = read_file(store.segments, SEGMENT, &size);
	bytes[FIRST_SECTION + SECTION_AT_ROOT] ^= 1;
	put_back(&store, bytes, size, FIRST_SECTION);
	f = run(&store, false, 0);
	CHECK_INT(f.bad, 1);
	CHECK(strstr(f.first_bad.text, "the trailer is not that of what stands before it") != NULL);
	free(bytes);
	store_close(&store);
}

UNIT_SUITE(verify_full, TEST(what_the_writer_writes_is_found_right), TEST(a_wrong_root),
	   TEST(sources_out_of_order), TEST(a_wrong_last_time), TEST(any_bit_of_a_block),
	   TEST(an_index_that_misses_rows), TEST(journals_that_do_not_hold), TEST(a_tenant_without_a_name),
	   TEST(the_first_of_many_bad_files), TEST(closed_and_open_files_are_counted));
