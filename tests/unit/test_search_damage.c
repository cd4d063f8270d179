/* SPDX-License-Identifier: BSD-2-Clause */
/* Searching a damaged store: damage is told, never fatal (AC-63), and what is there twice is none. */
#include "query/search.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "fixture.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "searching.h"
#include "segment/section_prefix.h"
#include "unit.h"

static void damage_is_told_and_the_rest_answered(void)
{
	struct store_dir store = a_store();
	struct record rows[3] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2),
				  plain_row(DAY_NS + NS_PER_DAY, 3) };
	const struct query q = whole_time();
	struct search_result r;
	char name[64], want[200];
	uint8_t *bytes;
	size_t size;
	int dir;

	add_journal(&store, rows, 1);
	seal(&store);
	add_journal(&store, rows + 1, 1);
	seal(&store);
	add_journal(&store, rows + 2, 1);
	seal(&store);
	dir = fs_open_dir(store.segments, "t1", 0);
	/* A block of the second section of the first day. */
	bytes = read_file(dir, "2026-03-10.sks", &size);
	bytes[size - 1] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	r = run(&store, &q);
	CHECK_INT(r.count, 2);
	CHECK_INT(r.damaged, 1);
	CHECK_STR(r.damage.text, "2026-03-10.sks: a section fails its checksum");
	search_result_done(&r);
	/* The header of its first section. */
	bytes[SEGMENT_HEADER_BYTES + SECTION_AT_RUN] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.damaged, 2);
	search_result_done(&r);
	/* The header of the file. */
	bytes[SEGMENT_AT_CRC] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.damaged, 1);
	CHECK_STR(r.damage.text,
		  "2026-03-10.sks: 2026-03-10.sks: header fails its checksum (offset 0)");
	search_result_done(&r);
	free(bytes);

	/* And journals: an unreadable one, one with a bad frame, one that is cut off. */
	add_journal(&store, rows, 1);
	only_name(store.journal, JOURNAL_SUFFIX, name);
	bytes = read_file(store.journal, name, &size);
	bytes[size - 1] ^= 1;
	write_file(store.journal, name, bytes, size);
	write_file(store.journal, "zzz.skj", "nothing", 7);
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.damaged, 3);
	CHECK_INT(row_of(&r, 0)->record.src_port, 40003);
	snprintf(want, sizeof(want), "zzz.skj: journal/zzz.skj: shorter than its header");
	CHECK_STR(r.damage.text, want);
	search_result_done(&r);
	bytes[size - 1] ^= 1;
	write_file(store.journal, name, bytes, size - 1);
	CHECK_INT(unlinkat(store.journal, "zzz.skj", 0), 0);
	r = run(&store, &q);
	CHECK_INT(r.count, 1); /* a torn frame is no damage, and no row */
	CHECK_INT(r.damaged, 1);
	search_result_done(&r);
	free(bytes);
	close(dir);
	store_close(&store);
}

/*
 * AC-43 in part: a section that is cut off anywhere misses rows if its journal is gone, and the answer
 * says so; while the journal is there, or after it was sealed again, nothing is missing.
 */
static void a_cut_off_segment_misses_rows_only_without_its_journal(void)
{
	static const struct {
		size_t from_start, from_end; /* of the last section */
	} cuts[] = { { 1, 0 }, { 40, 0 }, { 63, 0 }, { 64, 0 }, { 65, 0 }, { 0, 20 }, { 0, 1 } };
	const struct query q = whole_time();

	for (unsigned int before = 0; before < 2; before++) /* with a whole section before it */
		for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
			struct store_dir store = a_store();
			struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2) };
			const char *both = before ? "1 2" : "2";
			size_t start = SEGMENT_HEADER_BYTES + 2, size, journal_bytes, cut;
			uint8_t *segment, *journal;
			struct search_result r;
			char name[64];
			int dir;

			if (before) {
				add_journal(&store, rows, 1);
				seal(&store);
				start = (size_t)size_of(store.segments, "t1/2026-03-10.sks");
			}
			add_journal(&store, rows + 1, 1);
			only_name(store.journal, JOURNAL_SUFFIX, name);
			journal = read_file(store.journal, name, &journal_bytes);
			seal(&store);
			CHECK_STR(found(&store, &q), both);
			dir = fs_open_dir(store.segments, "t1", 0);
			segment = read_file(dir, "2026-03-10.sks", &size);
			cut = cuts[i].from_end ? size - cuts[i].from_end : start + cuts[i].from_start;
			write_file(dir, "2026-03-10.sks", segment, cut);
			r = run(&store, &q);
			CHECK_ROW(r.count == before, "cut %zu: %zu rows", i, r.count);
			CHECK_ROW(r.damaged == 1, "cut %zu, %u sections before: %u damaged", i, before,
				  r.damaged);
			search_result_done(&r);
			write_file(store.journal, name, journal, journal_bytes);
			CHECK_ROW(strcmp(found(&store, &q), both) == 0, "cut %zu", i);
			seal(&store);
			CHECK_ROW(strcmp(found(&store, &q), both) == 0, "cut %zu", i);
			(void)unlinkat(dir, "2026-03-10.sks", 0);
			(void)unlinkat(dir, "2026-03-10.2.sks", 0);
			CHECK_INT(catalog_drop(&store, utc_day(DAY_NS)), 0);
			close(dir);
			free(journal);
			free(segment);
			store_close(&store);
		}
}

/* A section that was set aside (its journal was sealed again) is no damage, wherever the copy is. */
static void a_section_that_was_sealed_again_is_no_damage(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2) };
	const struct query q = whole_time();
	char name[64];
	uint8_t *journal, *segment;
	size_t journal_size_, size;
	int dir;

	add_journal(&store, rows, 2);
	only_name(store.journal, JOURNAL_SUFFIX, name);
	journal = read_file(store.journal, name, &journal_size_);
	seal(&store);
	dir = fs_open_dir(store.segments, "t1", 0);
	segment = read_file(dir, "2026-03-10.sks", &size);

	/* Torn, then whole in part 2. */
	write_file(dir, "2026-03-10.sks", segment, size - 5);
	write_file(store.journal, name, journal, journal_size_);
	seal(&store);
	CHECK(size_of(dir, "2026-03-10.2.sks") > 0);
	CHECK_STR(found(&store, &q), "1 2");

	/* Bad blocks under a good header: wherever the second copy went. */
	CHECK_INT(unlinkat(dir, "2026-03-10.2.sks", 0), 0);
	segment[size - 1] ^= 1;
	write_file(dir, "2026-03-10.sks", segment, size);
	write_file(store.journal, name, journal, journal_size_);
	seal(&store);
	CHECK_STR(found(&store, &q), "1 2");
	free(journal);
	free(segment);
	close(dir);
	store_close(&store);
}

/* Rows that no tenant frame names cannot be answered, and the answer says so. */
static void rows_without_a_name_are_not_silently_absent(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS + 1, 1);
	const struct query q = whole_time();
	struct journal *j = a_journal(store.journal);
	struct search_result r;
	char name[64];

	row.tenant = 9;
	put_rows(j, &row, 1, 2000);
	end_journal(store.journal, j, name);
	r = run(&store, &q);
	CHECK_INT(r.count, 0);
	CHECK_INT(r.damaged, 1);
	search_result_done(&r);
	store_close(&store);
}

/* Seals and copies the only segment of t1 (bytes are the caller's). */
static uint8_t *only_segment(const struct store_dir *store, const char *name, size_t *ret_size)
{
	int dir = fs_open_dir(store->segments, "t1", 0);
	uint8_t *bytes = read_file(dir, name, ret_size);

	close(dir);
	return bytes;
}

/* A section whose rows are not sorted, or that lies about its range, crashes nothing (AC-63). */
static void hostile_sections_crash_nothing(void)
{
	struct store_dir store = a_store();
	struct rng rng = { 51 };
	struct record rows[200];
	uint8_t *bytes, *file;
	size_t size;
	int dir;

	random_rows(&rng, rows, 200, DAY_NS, NS_PER_DAY);
	for (size_t i = 0; i < 200; i++)
		rows[i].tenant = rows[i].consent = 1;
	add_journal(&store, rows, 200);
	seal(&store);
	bytes = only_segment(&store, "2026-03-10.sks", &size);
	file = malloc(size);
	dir = fs_open_dir(store.segments, "t1", 0);
	for (int i = 0; i < 200; i++) {
		uint8_t *h = file + SEGMENT_HEADER_BYTES + 2;
		struct query q = random_query(&rng, &rows[i]);
		struct search_result r;

		memcpy(file, bytes, size);
		/* Any header field but magic and sizes, with a good checksum. */
		h[SECTION_AT_RUN + rng_below(&rng, SECTION_AT_ROOT - SECTION_AT_RUN)] = (uint8_t)rng_next(&rng);
		h[SECTION_PREFIX_BYTES +
		  rng_below(&rng, section_prefix_header_size(h) - SECTION_PREFIX_BYTES)] =
			(uint8_t)rng_next(&rng);
		fix_section_header(h, get_le64(file + SEGMENT_AT_FILE_ID), SEGMENT_HEADER_BYTES + 2);
		write_file(dir, "2026-03-10.sks", file, size);
		r = run(&store, &q);
		CHECK(r.count <= 200);
		search_result_done(&r);
	}
	close(dir);
	free(file);
	free(bytes);
	store_close(&store);
}

UNIT_SUITE(search_damage, TEST(damage_is_told_and_the_rest_answered),
	   TEST(a_cut_off_segment_misses_rows_only_without_its_journal),
	   TEST(a_section_that_was_sealed_again_is_no_damage), TEST(rows_without_a_name_are_not_silently_absent),
	   TEST(hostile_sections_crash_nothing));
