/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a day is over its segments get their trailers: not before, not while a
 * journal may hold rows of it, after a stop as well, once, and again for rows that
 * come late (AC-31: a closed segment cannot be cut or added to unnoticed).
 */
#include "seal/day_closer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "catalog/catalog.h"
#include "fixture.h"
#include "segment/segment_reader.h"
#include "unit.h"

#define DAY_END (DAY_NS + NS_PER_DAY)
#define OVER (DAY_END + DAY_GRACE_NS)
#define PART_1 "t1/2026-03-10.sks"
#define PART_2 "t1/2026-03-10.2.sks"

/* Rows of tenant t1 at `time_ns`, in a journal created at `created_ns`. */
static void add_journal(const struct store_dir *store, int64_t time_ns, unsigned int n, int64_t created_ns)
{
	struct journal *j = a_journal(store->journal);
	const struct record row = plain_row(time_ns, n);
	char name[64];

	put_rows(j, &row, 1, 2000);
	end_journal(store->journal, j, name);
	set_created(store->journal, name, created_ns);
}

static void seal(const struct store_dir *store, struct day_closer *c)
{
	struct seal_result result = { 0 };
	struct problem p = { "" };

	CHECK_ROW(seal_all(store, NULL, &result, &p) == 0, "%s", p.text);
	if (c)
		day_closer_note(c, &result);
}

static struct problem note;

/* How many files were closed. */
static uint64_t run(struct day_closer *c, const struct store_dir *store, int64_t now_ns)
{
	struct seal_result result = { 0 };
	struct problem p = { "" };

	CHECK_ROW(day_closer_run(c, store, now_ns, &result, &note, &p) == 0, "%s", p.text);
	CHECK_INT(result.closed_days > 0, result.closed_files > 0);
	CHECK_INT(result.open_files > 0, note.text[0] != '\0');
	return result.closed_files;
}

static bool closed(const struct store_dir *store, const char *path)
{
	struct segment_reader r;
	struct problem p;
	char tenant[8];
	bool whole;
	int dir;

	snprintf(tenant, sizeof(tenant), "%.2s", path);
	dir = openat(store->segments, tenant, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(dir >= 0);
	REQUIRE(segment_reader_open(dir, path + 3, &r, &p) == 0);
	whole = r.closed;
	CHECK_INT(segment_is_closed(dir, path + 3), whole);
	if (whole)
		CHECK_INT(segment_reader_check_trailer(&r), 0);
	segment_reader_close(&r);
	close(dir);
	return whole;
}

static void a_day_that_is_over_and_not_before(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	add_journal(&store, DAY_END + 1, 2, DAY_NS);
	seal(&store, &c);
	CHECK_INT(run(&c, &store, DAY_NS + 5), 0);
	CHECK_INT(run(&c, &store, DAY_END), 0);
	CHECK_INT(run(&c, &store, OVER - 1), 0);
	CHECK(!closed(&store, PART_1));
	CHECK_INT(run(&c, &store, OVER), 1);
	CHECK(closed(&store, PART_1));
	CHECK(!closed(&store, "t1/2026-03-11.sks"));
	CHECK_INT(run(&c, &store, OVER), 0);
	CHECK_INT(run(&c, &store, OVER + NS_PER_DAY), 1);
	CHECK(closed(&store, "t1/2026-03-11.sks"));
	CHECK_INT(c.count, 0);
	day_closer_done(&c);
	store_close(&store);
}

/* The live one counts too: it was begun before midnight. */
static void not_while_a_journal_may_hold_rows_of_it(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	seal(&store, &c);
	add_journal(&store, DAY_END - 1, 2, DAY_END - 1);
	CHECK_INT(run(&c, &store, OVER), 0);
	CHECK(!closed(&store, PART_1));
	seal(&store, &c);
	add_journal(&store, DAY_END, 3, DAY_END); /* that one may not */
	write_file(store.journal, "rubbish.skj", "rubbish", 7); /* nor one that no run will ever seal */
	CHECK_INT(run(&c, &store, OVER), 1);
	CHECK(closed(&store, PART_1));
	day_closer_done(&c);
	store_close(&store);
}

static void late_rows_go_to_part_2_which_is_closed_as_well(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	seal(&store, &c);
	CHECK_INT(run(&c, &store, OVER), 1);
	add_journal(&store, DAY_NS + 2, 2, OVER);
	seal(&store, &c);
	CHECK(!closed(&store, PART_2));
	CHECK_INT(run(&c, &store, OVER + 1), 1);
	CHECK(closed(&store, PART_1) && closed(&store, PART_2));
	CHECK_INT(run(&c, &store, OVER + 2), 0);
	CHECK_INT(size_of(store.segments, "t1/2026-03-10.3.sks"), -1);
	day_closer_done(&c);
	store_close(&store);
}

/* Stopped (or killed) between the sections and the trailer: a later start looks the store over. */
static void what_a_stop_left_open_is_closed_by_a_later_start(void)
{
	struct store_dir store = a_store();
	struct day_closer first = { 0 }, second = { 0 };

	for (unsigned int i = 0; i < 5; i++)
		add_journal(&store, DAY_NS + i * NS_PER_DAY, i, DAY_NS);
	seal(&store, &first);
	day_closer_done(&first);
	CHECK_INT(run(&second, &store, OVER + 10 * NS_PER_DAY), 5);
	CHECK_INT(run(&second, &store, OVER + 10 * NS_PER_DAY), 0);
	CHECK(closed(&store, PART_1) && closed(&store, "t1/2026-03-14.sks"));
	day_closer_done(&second);
	store_close(&store);
}

/* A start looks over the store: what killed runs left goes, catalogs that are missing or damaged come again. */
static void what_kills_left_is_put_in_order(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };
	uint8_t *bytes;
	size_t size;
	int dir;

	add_journal(&store, DAY_NS, 1, DAY_NS);
	add_journal(&store, DAY_NS + NS_PER_DAY, 2, DAY_NS);
	seal(&store, &c);
	day_closer_done(&c);
	REQUIRE(count_files(store.catalog, ".skc") == 2);
	dir = fs_open_dir(store.segments, "t1", 0);
	write_file(dir, ".publish-0123456789abcdef.tmp", "half", 4);
	write_file(dir, ".mine", "kept", 4);
	unlinkat(store.catalog, "2026-03-10.skc", 0);
	bytes = read_file(store.catalog, "2026-03-11.skc", &size);
	bytes[size / 2] ^= 4;
	write_file(store.catalog, "2026-03-11.skc", bytes, size);
	free(bytes);
	CHECK_INT(run(&c, &store, DAY_NS + NS_PER_DAY), 0);
	CHECK(faccessat(dir, ".publish-0123456789abcdef.tmp", F_OK, 0) != 0);
	CHECK(faccessat(dir, ".mine", F_OK, 0) == 0);
	for (int32_t day = DAY_NUMBER; day <= DAY_NUMBER + 1; day++) {
		struct catalog *catalog;
		struct problem p;

		CHECK_INT(catalog_open(store.catalog, day, &catalog, &p), 0);
		CHECK_INT(catalog->section_count, 1);
		catalog_close(catalog);
	}
	close(dir);
	day_closer_done(&c);
	store_close(&store);
}

/* An import of more days than a result can name: found by looking the store over. */
static void more_days_than_can_be_named(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };
	struct journal *j;
	char name[64];

	CHECK_INT(run(&c, &store, OVER), 0); /* looked over before there was anything */
	j = a_journal(store.journal);
	for (unsigned int i = 0; i < SEAL_DAYS_MAX + 20; i++) {
		const struct record row = plain_row(DAY_NS + i * NS_PER_DAY, i);

		put_rows(j, &row, 1, 2000 + i);
	}
	end_journal(store.journal, j, name);
	seal(&store, &c);
	CHECK_INT(run(&c, &store, OVER + 200 * NS_PER_DAY), SEAL_DAYS_MAX + 20);
	day_closer_done(&c);
	store_close(&store);
}

static void every_tenant_of_the_day(void)
{
	struct store_dir store = a_store();
	struct seal_result result = { 0 };
	struct problem p = { "" };
	struct record rows[2] = { plain_row(DAY_NS, 1), plain_row(DAY_NS, 2) };
	struct journal *j = a_journal(store.journal);
	char name[64];

	rows[1].tenant = 2;
	put_rows(j, rows, 2, 2000);
	end_journal(store.journal, j, name);
	seal(&store, NULL);
	note.text[0] = '\0';
	CHECK_INT(day_close(&store, DAY_NUMBER + 1, &result, &note, &p), 0);
	CHECK_INT(result.closed_files, 0);
	CHECK_INT(day_close(&store, DAY_NUMBER, &result, &note, &p), 0);
	CHECK_INT(result.closed_days, 1);
	CHECK_INT(result.closed_files, 2);
	CHECK(closed(&store, PART_1) && closed(&store, "t2/2026-03-10.sks"));
	store_close(&store);
}

static void a_torn_or_damaged_last_part_stays_open_and_is_noted(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };
	uint8_t *bytes;
	size_t size;

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	seal(&store, NULL);
	bytes = read_file(store.segments, PART_1, &size);
	write_file(store.segments, PART_1, bytes, size - 3);
	CHECK_INT(run(&c, &store, OVER), 0);
	CHECK_STR(note.text, "segments/t1/2026-03-10.sks ends in an unfinished append: it gets no trailer");
	CHECK_INT(size_of(store.segments, PART_1), (long long)size - 3);
	bytes[90] ^= 1; /* in the section's prefix */
	write_file(store.segments, PART_1, bytes, size);
	c.swept = false;
	CHECK_INT(run(&c, &store, OVER), 0);
	CHECK_STR(note.text, "segments/t1/2026-03-10.sks is damaged: it gets no trailer");
	bytes[3] ^= 1;
	write_file(store.segments, PART_1, bytes, size);
	c.swept = false;
	CHECK_INT(run(&c, &store, OVER), 0);
	CHECK_STR(note.text, "segments/t1/2026-03-10.sks cannot be read: it gets no trailer");
	/* Control: whole again, and closed. */
	bytes[3] ^= 1;
	bytes[90] ^= 1;
	write_file(store.segments, PART_1, bytes, size);
	c.swept = false;
	CHECK_INT(run(&c, &store, OVER), 1);
	CHECK_STR(note.text, "");
	free(bytes);
	day_closer_done(&c);
	store_close(&store);
}

/* The rows behind a torn part are in the next one: that one is the end of the day. */
static void behind_a_torn_part_the_next_is_closed(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };
	uint8_t *bytes;
	size_t size;

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	seal(&store, NULL);
	bytes = read_file(store.segments, PART_1, &size);
	write_file(store.segments, PART_1, bytes, size - 3);
	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	seal(&store, &c);
	CHECK_INT(run(&c, &store, OVER), 1);
	CHECK(!closed(&store, PART_1) && closed(&store, PART_2));
	free(bytes);
	day_closer_done(&c);
	store_close(&store);
}

/* Power loss inside the trailer: at every byte the next run writes it anew and changes nothing before it. */
static void a_trailer_cut_off_anywhere_is_written_anew(void)
{
	struct store_dir store = a_store();
	uint8_t *whole, *again, with_zeroes[1024] = { 0 };
	size_t size, size_again;

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	seal(&store, NULL);
	{
		struct day_closer c = { 0 };

		CHECK_INT(run(&c, &store, OVER), 1);
		day_closer_done(&c);
	}
	whole = read_file(store.segments, PART_1, &size);
	REQUIRE(size <= sizeof(with_zeroes));
	for (size_t cut = 1; cut <= TRAILER_BYTES; cut++)
		for (unsigned int zeroes = 0; zeroes < 2 && cut < TRAILER_BYTES; zeroes++) {
			struct day_closer c = { 0 };

			memcpy(with_zeroes, whole, size - TRAILER_BYTES);
			memset(with_zeroes + size - TRAILER_BYTES, 0, TRAILER_BYTES);
			write_file(store.segments, PART_1, zeroes ? with_zeroes : whole, size - cut);
			CHECK_INT(run(&c, &store, OVER), 1);
			CHECK_ROW(closed(&store, PART_1), "%zu bytes cut off", cut);
			again = read_file(store.segments, PART_1, &size_again);
			CHECK_INT(size_again, size);
			CHECK(memcmp(again, whole, size - TRAILER_BYTES) == 0);
			free(again);
			day_closer_done(&c);
		}
	free(whole);
	store_close(&store);
}

/* Were it read, the changed section would be noted: only its first and last bytes are looked at. */
static void closed_files_are_not_read_again(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };
	uint8_t *bytes;
	size_t size;

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	seal(&store, NULL);
	CHECK_INT(run(&c, &store, OVER), 1);
	bytes = read_file(store.segments, PART_1, &size);
	bytes[100] ^= 1;
	write_file(store.segments, PART_1, bytes, size);
	c.swept = false;
	CHECK_INT(run(&c, &store, OVER), 0);
	CHECK_INT(c.count, 0);
	CHECK_STR(note.text, "");
	free(bytes);
	day_closer_done(&c);
	store_close(&store);
}

/* A full disk: nothing of a trailer is left, and it is tried again. */
static void a_failure_is_tried_again(void)
{
	struct store_dir store = a_store();
	struct day_closer c = { 0 };
	struct seal_result result = { 0 };
	struct problem p;
	struct rlimit before;

	add_journal(&store, DAY_NS + 1, 1, DAY_NS);
	add_journal(&store, DAY_END + 1, 2, DAY_NS);
	seal(&store, &c);
	before = disk_full_at((rlim_t)size_of(store.segments, PART_1) + 10);
	CHECK(day_closer_run(&c, &store, OVER + NS_PER_DAY, &result, &note, &p) < 0);
	disk_has_space(before);
	CHECK(strstr(p.text, "cannot close 2026-03-1") != NULL);
	CHECK_INT(result.closed_files, 0);
	CHECK_INT(c.count, 2);
	CHECK(!closed(&store, PART_1));
	CHECK_INT(run(&c, &store, OVER + NS_PER_DAY), 2);
	CHECK(closed(&store, PART_1));
	day_closer_done(&c);
	store_close(&store);
}

UNIT_SUITE(day_closer, TEST(a_day_that_is_over_and_not_before),
	   TEST(not_while_a_journal_may_hold_rows_of_it),
	   TEST(late_rows_go_to_part_2_which_is_closed_as_well),
	   TEST(what_kills_left_is_put_in_order),
	   TEST(what_a_stop_left_open_is_closed_by_a_later_start), TEST(more_days_than_can_be_named),
	   TEST(every_tenant_of_the_day), TEST(a_torn_or_damaged_last_part_stays_open_and_is_noted),
	   TEST(behind_a_torn_part_the_next_is_closed), TEST(a_trailer_cut_off_anywhere_is_written_anew),
	   TEST(closed_files_are_not_read_again), TEST(a_failure_is_tried_again));
