/* SPDX-License-Identifier: BSD-2-Clause */
/* From journals to segments: each row ends up in exactly one section of its tenant and UTC day. */
#include "seal/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "sealing.h"
#include "segment/segment_reader.h"
#include "unit.h"

static void rows_go_to_their_tenant_and_day(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = three_days(j);
	struct seal_result result;
	struct contents *c;
	char name[64];
	mode_t old = umask(0);
	int dir;

	end_journal(store.journal, j, name);
	CHECK_INT(seal_named(&store, name, &result), 0);
	umask(old);
	CHECK_INT(result.journals, 1);
	CHECK_INT(result.rows, 1800);
	CHECK_INT(result.sections, 6);
	CHECK_INT(result.skipped_sections, 0);
	CHECK_INT(result.gaps, 0);
	CHECK_INT(result.damaged_bytes, 0);
	CHECK_INT(count_files(store.journal, ""), 0);
	c = read_store(&store);
	CHECK_INT(c->files, 6);
	CHECK_INT(c->sections, 6);
	CHECK_INT(c->wrong_place, 0);
	CHECK_INT(c->gaps.count, 0);
	CHECK(holds_exactly(c, rows, 1800));
	/* AC-38 */
	CHECK_INT(mode_of_file(store.segments, "t1"), 0700);
	dir = fs_open_dir(store.segments, "t1", 0);
	CHECK_INT(mode_of_file(dir, "2026-03-11.sks"), 0600);
	close(dir);
	rows[5].src_port++;
	CHECK(!holds_exactly(c, rows, 1800));
	free_contents(c);
	free(rows);
	store_close(&store);
}

static void midnight_is_where_the_day_changes(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[] = {
		plain_row(DAY_NS, 1),
		plain_row(DAY_NS + NS_PER_DAY - 1, 2),
		plain_row(DAY_NS + NS_PER_DAY, 3),
		plain_row(DAY_NS + NS_PER_DAY + 1, 4),
	};
	struct seal_result result;
	struct segment_reader r;
	struct contents *c;
	struct problem p;
	char name[64];
	int dir;

	put_rows(j, rows, 4, 2000);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.sections, 2);
	c = read_store(&store);
	CHECK_INT(c->wrong_place, 0);
	CHECK(holds_exactly(c, rows, 4));
	free_contents(c);
	dir = fs_open_dir(store.segments, "t1", 0);
	REQUIRE(segment_reader_open(dir, "2026-03-10.sks", &r, &p) == 0);
	CHECK_INT(r.sections[0].rows, 2);
	CHECK_INT(r.sections[0].last_utc_ns, DAY_NS + NS_PER_DAY - 1);
	CHECK_INT(r.sections[0].span_from_ns, DAY_NS);
	CHECK_INT(r.sections[0].span_to_ns, DAY_NS + NS_PER_DAY + NS_PER_SEC); /* whole seconds, outwards */
	segment_reader_close(&r);
	REQUIRE(segment_reader_open(dir, "2026-03-11.sks", &r, &p) == 0);
	CHECK_INT(r.sections[0].rows, 2);
	CHECK_INT(r.sections[0].first_utc_ns, DAY_NS + NS_PER_DAY);
	segment_reader_close(&r);
	close(dir);
	store_close(&store);
}

/* The end of a connection belongs to the day on which it comes, with how long it lasted. */
static void a_close_lies_in_the_day_it_happens(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[] = {
		plain_row(DAY_NS + NS_PER_DAY - NS_PER_SEC, 1), /* open across midnight */
		plain_row(DAY_NS + NS_PER_DAY + 2 * NS_PER_SEC, 1),
		plain_row(DAY_NS + NS_PER_DAY - 1, 2), /* its opening is in no file */
		plain_row(DAY_NS + NS_PER_DAY, 3), /* opened and closed in one instant, the day's first */
		plain_row(DAY_NS + NS_PER_DAY, 3),
	};
	struct seal_result result;
	struct contents *c;
	char name[64];

	rows[1].kind = rows[2].kind = rows[4].kind = SEKISHO_KIND_CLOSE;
	rows[1].lasted_ns = 3 * NS_PER_SEC;
	rows[2].lasted_ns = 5 * NS_PER_DAY;
	put_rows(j, rows, ARRAY_SIZE(rows), 2000);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.sections, 2);
	c = read_store(&store);
	CHECK_INT(c->files, 2);
	CHECK_INT(c->wrong_place, 0);
	CHECK(holds_exactly(c, rows, ARRAY_SIZE(rows)));
	CHECK_INT(c->rows[4].kind, SEKISHO_KIND_CLOSE);
	CHECK_INT(c->rows[4].lasted_ns, 3 * NS_PER_SEC);
	free_contents(c);
	store_close(&store);
}

/* AC-25 and AC-26: with a clock step inside, the rows' UTC follow from the section's own anchors. */
static void anchors_of_a_section_reproduce_its_times(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	const struct anchor step = { .boot_ns = BOOT_NS + 10 * (uint64_t)NS_PER_SEC,
				     .utc_ns = DAY_NS + 15 * NS_PER_SEC };
	struct record boot[20];
	struct seal_result result;
	struct contents *c;
	char name[64];

	for (unsigned int i = 0; i < 20; i++)
		boot[i] = plain_row((int64_t)BOOT_NS + i * NS_PER_SEC, i);
	for (int i = 0; i < 50; i++) { /* an anchor a second that says nothing new */
		const struct anchor a = { .boot_ns = BOOT_NS + (uint64_t)(i * 100) * MS,
					  .utc_ns = DAY_NS + i * 100 * MS };

		REQUIRE(journal_append_anchor(j, &a) == 0);
	}
	REQUIRE(journal_append_rows(j, boot, 20, 2000) == 0);
	REQUIRE(journal_append_anchor(j, &step) == 0);
	for (int i = 1; i < 10; i++) { /* so that the step is not the last one */
		const struct anchor a = { .boot_ns = step.boot_ns + (uint64_t)i * NS_PER_SEC,
					  .utc_ns = step.utc_ns + i * NS_PER_SEC };

		REQUIRE(journal_append_anchor(j, &a) == 0);
	}
	end_journal(store.journal, j, name);
	CHECK_INT(seal_named(&store, name, &result), 0);
	c = read_store(&store);
	REQUIRE(c->row_count == 20);
	CHECK_INT(c->clock_count, 2); /* one distance before the step, one behind it */
	for (unsigned int i = 0; i < 20; i++) {
		const struct record *row = &c->rows[i]; /* sources rise with i */
		int64_t want = DAY_NS + (i < 10 ? i : i + 5) * NS_PER_SEC;
		const struct clock_piece *piece;

		CHECK_INT(row->time_ns, want);
		piece = &c->clock[boot[i].time_ns > (int64_t)c->clock[0].boot_to];
		CHECK((uint64_t)boot[i].time_ns >= piece->boot_from &&
		      (uint64_t)boot[i].time_ns <= piece->boot_to);
		CHECK_INT(piece->utc_from + (boot[i].time_ns - (int64_t)piece->boot_from), want);
	}
	free_contents(c);
	store_close(&store);
}

static void an_empty_journal_just_goes(void)
{
	struct store_dir store = a_store();
	struct seal_result result;
	char name[64];

	end_journal(store.journal, a_journal(store.journal), name);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.journals, 1);
	CHECK_INT(result.rows + result.sections + result.gaps, 0);
	CHECK_INT(count_files(store.journal, ""), 0);
	CHECK_INT(size_of(store.segments, "t1"), -1);
	store_close(&store);
}

static void all_but_the_live_journal(void)
{
	struct store_dir store = a_store();
	struct record rows[3] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1),
				  plain_row(DAY_NS + 2, 2) };
	struct seal_result result = { 0 };
	struct problem p = { "" };
	struct contents *c;
	struct journal *live;
	char name[64];

	for (size_t i = 0; i < 2; i++) {
		struct journal *j = a_journal(store.journal);

		put_rows(j, rows + i, 1, 2000);
		end_journal(store.journal, j, name);
	}
	live = a_journal(store.journal);
	put_rows(live, rows + 2, 1, 2000);
	/* One that cannot be read does not keep the others waiting; its error is told. */
	write_file(store.journal, "0-unreadable.skj", "x", 1);
	CHECK_INT(seal_all(&store, journal_name(live), &result, &p), -ENODATA);
	CHECK_STR(p.text, "journal/0-unreadable.skj: shorter than its header");
	CHECK_INT(result.journals, 2);
	CHECK_INT(result.rows, 2);
	CHECK_INT(count_files(store.journal, JOURNAL_SUFFIX), 2);
	CHECK(size_of(store.journal, journal_name(live)) > 0);
	c = read_store(&store);
	CHECK_INT(c->sections, 2); /* one file of the day, two sections in it */
	CHECK_INT(c->files, 1);
	CHECK(holds_exactly(c, rows, 2));
	free_contents(c);
	CHECK_INT(unlinkat(store.journal, "0-unreadable.skj", 0), 0);
	journal_close(live);
	CHECK_INT(seal_all(&store, NULL, &result, &p), 0);
	CHECK_INT(result.journals, 3);
	CHECK_INT(result.rows, 3);
	c = read_store(&store);
	CHECK(holds_exactly(c, rows, 3));
	free_contents(c);
	store_close(&store);
}

/* More rows of one tenant and day than a section may hold. */
static void many_rows_become_several_sections(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*rows)), *got;
	struct seal_result result;
	struct segment_reader r;
	struct problem p;
	char name[64];
	int dir;

	for (size_t i = 0; i < JOURNAL_FRAME_ROWS_MAX; i++)
		rows[i] = plain_row(DAY_NS + (int64_t)i, (unsigned int)i & 0xff);
	for (size_t i = 0; i < 17; i++) /* 17 * 65536 > 1048576 */
		put_rows(j, rows, JOURNAL_FRAME_ROWS_MAX, 2000 + i);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.sections, 2);
	CHECK_INT(result.rows, 17 * 65536);
	dir = fs_open_dir(store.segments, "t1", 0);
	REQUIRE(segment_reader_open(dir, "2026-03-10.sks", &r, &p) == 0);
	REQUIRE(r.section_count == 2);
	CHECK_INT(r.sections[0].rows, SECTION_ROWS_MAX);
	CHECK_INT(r.sections[0].run, 0);
	CHECK_INT(r.sections[1].rows, 65536);
	CHECK_INT(r.sections[1].run, 1);
	got = calloc(SECTION_ROWS_MAX, sizeof(*got));
	CHECK_INT(read_section(&r, &r.sections[1], got), 0);
	CHECK_INT(got[65535].src.bytes[15], 0xff); /* the greatest source is at the end */
	segment_reader_close(&r);
	close(dir);
	free(got);
	free(rows);
	store_close(&store);
}

UNIT_SUITE(seal, TEST(rows_go_to_their_tenant_and_day), TEST(midnight_is_where_the_day_changes),
	   TEST(a_close_lies_in_the_day_it_happens), TEST(anchors_of_a_section_reproduce_its_times),
	   TEST(an_empty_journal_just_goes), TEST(all_but_the_live_journal),
	   TEST(many_rows_become_several_sections));
