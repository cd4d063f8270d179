/* SPDX-License-Identifier: BSD-2-Clause */
/* What a restart finds in journals of earlier runs (AC-33, AC-79, AC-80 in part). */
#include "recorder/recovery.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "unit.h"

static struct recovery scan_for(uint64_t ring_id, enum sekisho_rung rung)
{
	struct recovery r;
	struct problem p = { "" };
	int error = recovery_scan(unit_temp_dir(), ring_id, rung, &r, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	return r;
}

static struct recovery scan(uint64_t ring_id)
{
	return scan_for(ring_id, SEKISHO_RUNG_SET_STATE);
}

static struct journal *begin_with(uint64_t ring_id, uint64_t position, enum sekisho_rung rung)
{
	const struct journal_origin origin = { .ring_id = ring_id, .ring_position = position, .rung = rung };
	struct journal *j = NULL;
	struct problem p;

	REQUIRE(journal_create(unit_temp_dir(), &origin, &j, &p) == 0);
	return j;
}

static struct journal *begin(uint64_t ring_id, uint64_t position)
{
	return begin_with(ring_id, position, SEKISHO_RUNG_SET_STATE);
}

static void state(struct journal *j, uint32_t tenant, uint32_t reason, uint64_t total)
{
	const struct gap g = { .first_utc_ns = DAY_NS, .last_utc_ns = DAY_NS, .count = 1,
			       .total = total, .tenant = tenant, .reason = reason };

	CHECK_INT(journal_append_gaps(j, &g, 1), 0);
}

static void rows_until(struct journal *j, uint64_t position)
{
	const struct record row = plain_row((int64_t)BOOT_NS + 1, 1);

	CHECK_INT(journal_append_rows(j, &row, 1, position), 0);
}

static void an_empty_directory(void)
{
	struct recovery r = scan(7);

	CHECK(!r.any && !r.same_ring);
	CHECK_INT(r.ring_end + r.last_anchor.boot_ns + r.stated_count + r.unreadable + r.torn, 0);
	CHECK_INT(*recovery_stated(&r, 1, 1), 0); /* made on demand */
	*recovery_stated(&r, 1, 1) = 5;
	CHECK_INT(*recovery_stated(&r, 1, 1), 5);
	CHECK_INT(*recovery_stated(&r, 1, 2), 0);
	CHECK_INT(r.stated_count, 2);
	recovery_done(&r);
	recovery_done(NULL);
}

/* The position behind the last whole frame, over all journals of this ring. */
static void ring_position_is_the_greatest_of_this_ring(void)
{
	struct journal *j[4] = { begin(7, 100), begin(7, 300), begin(8, 9000), begin(7, 200) };
	struct recovery r;

	rows_until(j[0], 300);
	rows_until(j[1], 350);
	rows_until(j[1], 400);
	rows_until(j[2], 9999);
	for (size_t i = 0; i < 4; i++)
		journal_close(j[i]);
	r = scan(7);
	CHECK(r.any && r.same_ring);
	CHECK_INT(r.ring_end, 400);
	recovery_done(&r);
	r = scan(8);
	CHECK_INT(r.ring_end, 9999);
	recovery_done(&r);
	r = scan(9);
	CHECK(r.any && !r.same_ring);
	CHECK_INT(r.ring_end, 0);
	recovery_done(&r);
}

/* A file without rows still says where its ring stood when it began. */
static void a_journal_without_rows_counts_from_its_start(void)
{
	struct recovery r;

	journal_close(begin(7, 123456));
	r = scan(7);
	CHECK(r.same_ring);
	CHECK_INT(r.ring_end, 123456);
	recovery_done(&r);
}

static uint64_t skipped_of(uint64_t ring_id, enum sekisho_rung rung)
{
	struct recovery r = scan_for(ring_id, rung);
	uint64_t total = *recovery_stated(&r, 0, STORE_GAP_HOOK_BUSY);

	recovery_done(&r);
	return total;
}

static void totals_are_the_greatest_stated(void)
{
	struct journal *a = begin(7, 0), *b = begin(7, 0), *other = begin(8, 0);
	struct recovery r;

	state(a, 1, STORE_GAP_RING_FULL, 10);
	state(a, 1, STORE_GAP_RING_FULL, 25);
	state(a, 2, STORE_GAP_RING_FULL, 7);
	state(b, 1, STORE_GAP_RING_FULL, 20);
	state(b, 1, STORE_GAP_ORPHANED, 3);
	state(b, 0, STORE_GAP_NOT_ARMED, 0); /* no counter of the kernel */
	state(other, 1, STORE_GAP_RING_FULL, 99);
	journal_close(a);
	journal_close(b);
	journal_close(other);
	r = scan(7);
	CHECK_INT(r.stated_count, 3);
	CHECK_INT(*recovery_stated(&r, 1, STORE_GAP_RING_FULL), 25);
	CHECK_INT(*recovery_stated(&r, 2, STORE_GAP_RING_FULL), 7);
	CHECK_INT(*recovery_stated(&r, 1, STORE_GAP_ORPHANED), 3);
	recovery_done(&r);
}

/* Each hook has its own, which begins again with each program, whatever the journals' names are. */
static void how_often_a_hook_was_skipped_is_what_it_stated_last(void)
{
	static const uint64_t totals[][2] = { { 100, 0 }, { 100, 60 }, { 60, 80 } };

	for (size_t i = 0; i < ARRAY_SIZE(totals); i++) {
		struct journal *j = begin_with(7 + i, 0, SEKISHO_RUNG_FEXIT);

		for (size_t k = 0; k < 2 && totals[i][k]; k++)
			state(j, 0, STORE_GAP_HOOK_BUSY, totals[i][k]);
		journal_close(j);
	}
	for (uint64_t total = 90; total > 50; total -= 10) {
		struct journal *j = begin_with(17, 0, SEKISHO_RUNG_FEXIT);

		state(j, 0, STORE_GAP_HOOK_BUSY, total);
		journal_close(j);
	}
	CHECK_INT(skipped_of(7, SEKISHO_RUNG_FEXIT), 100);
	CHECK_INT(skipped_of(8, SEKISHO_RUNG_FEXIT), 60);
	CHECK_INT(skipped_of(9, SEKISHO_RUNG_FEXIT), 80);
	CHECK_INT(skipped_of(17, SEKISHO_RUNG_FEXIT), 60);
	CHECK_INT(skipped_of(7, SEKISHO_RUNG_KRETPROBE), 0);
	CHECK_INT(skipped_of(7, SEKISHO_RUNG_SET_STATE), 0); /* the witness's */
}

/* "disk full" is said of the counter of "ring full", and of that of the share. */
static void one_counter_two_reasons(void)
{
	struct journal *j = begin(7, 0);
	struct recovery r;

	state(j, 1, STORE_GAP_RING_FULL, 10);
	state(j, 1, STORE_GAP_DISK_FULL, 30);
	state(j, 2, STORE_GAP_DISK_FULL, 5);
	state(j, 2, STORE_GAP_RING_FULL, 6);
	state(j, 1, STORE_GAP_DISK_SHARE, 50);
	state(j, 1, STORE_GAP_SHARE, 51);
	journal_close(j);
	r = scan(7);
	CHECK_INT(r.stated_count, 3);
	CHECK_INT(*recovery_stated(&r, 1, STORE_GAP_SHARE), 51);
	CHECK_INT(*recovery_stated(&r, 1, STORE_GAP_RING_FULL), 30);
	CHECK_INT(*recovery_stated(&r, 2, STORE_GAP_RING_FULL), 6);
	recovery_done(&r);
}

static void new_losses(void)
{
	const struct {
		uint64_t stated, total;
		int64_t looked, first, last; /* the kernel's of ever */
		uint64_t count;
		int64_t want_first;
	} rows[] = {
		{ 0, 0, 0, 0, 0, 0, 0 },
		{ 0, 5, 0, 100, 200, 5, 100 },
		{ 0, 5, 150, 100, 200, 5, 100 }, /* never stated: from the first on, whenever that was looked at */
		{ 5, 5, 150, 100, 200, 0, 0 },
		{ 5, 8, 150, 100, 200, 3, 150 }, /* none of the three was before the last look */
		{ 5, 8, 0, 100, 200, 3, 100 }, /* a start: it is not known when the five were */
		{ 5, 8, 300, 100, 200, 3, 200 }, /* never behind the last */
		{ 9, 4, 150, 160, 200, 4, 160 }, /* another program, which counts from zero */
		{ 9, 0, 150, 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct gap g = { .first_utc_ns = rows[i].first, .last_utc_ns = rows[i].last };
		uint64_t stated = rows[i].stated;
		bool any = recovery_new_loss(&stated, rows[i].total, rows[i].looked, &g);

		CHECK_ROW(any == (rows[i].count != 0), "row %zu", i);
		if (!any)
			continue;
		CHECK_ROW(g.count == rows[i].count && g.total == rows[i].total, "row %zu", i);
		CHECK_ROW(g.first_utc_ns == rows[i].want_first && g.last_utc_ns == rows[i].last, "row %zu: from %lld", i,
			  (long long)g.first_utc_ns);
	}
}

static void gaps_of_a_start(void)
{
	struct recovery r = { .any = true, .last_utc_ns = 700 };
	struct gap g;

	CHECK(!recovery_start_gap(&r, CAPTURE_CONTINUED, false, 500, 1000, &g));
	CHECK(recovery_start_gap(&r, CAPTURE_CONTINUED, true, 500, 1000, &g)); /* armed, but for nobody */
	CHECK_INT(g.reason, STORE_GAP_NOT_ARMED);
	CHECK(recovery_start_gap(&r, CAPTURE_REPLACED, false, 500, 1000, &g));
	CHECK(g.reason == STORE_GAP_PROGRAM_REPLACED && g.first_utc_ns == 500 && g.last_utc_ns == 1000 && !g.tenant);
	CHECK(recovery_start_gap(&r, CAPTURE_FRESH, false, 500, 1000, &g));
	CHECK(g.reason == STORE_GAP_NOT_ARMED && g.first_utc_ns == 700 && g.last_utc_ns == 1000);
	CHECK(recovery_start_gap(&r, CAPTURE_FRESH, false, 500, 600, &g)); /* the clock was set back */
	CHECK(g.first_utc_ns == 600 && g.last_utc_ns == 600);
	r.any = false;
	CHECK(!recovery_start_gap(&r, CAPTURE_FRESH, false, 500, 1000, &g));
}

static void the_last_anchor_and_the_last_instant(void)
{
	const struct anchor anchors[] = { { .boot_ns = 10, .utc_ns = 1000 }, { .boot_ns = 30, .utc_ns = 1020 },
					  { .boot_ns = 20, .utc_ns = 1010 },
					  { .boot_ns = 50, .utc_ns = INT64_MAX / 2 } };
	struct journal *j[3] = { begin(7, 0), begin(7, 0), begin(8, 0) };
	struct recovery r;

	CHECK_INT(journal_append_anchor(j[0], &anchors[0]), 0);
	CHECK_INT(journal_append_anchor(j[0], &anchors[1]), 0);
	CHECK_INT(journal_append_anchor(j[1], &anchors[2]), 0);
	CHECK_INT(journal_append_anchor(j[2], &anchors[3]), 0);
	for (size_t i = 0; i < 3; i++)
		journal_close(j[i]);
	r = scan(7);
	CHECK_INT(r.last_anchor.boot_ns, 30);
	CHECK_INT(r.last_anchor.utc_ns, 1020);
	CHECK_INT(r.last_utc_ns, INT64_MAX / 2); /* of any journal */
	recovery_done(&r);
}

static void torn_and_unreadable_files_are_counted(void)
{
	struct journal *j = begin(7, 100);
	struct recovery r;
	char name[64];
	uint8_t *bytes;
	size_t size;
	uint64_t whole;

	rows_until(j, 500);
	whole = journal_size(j);
	rows_until(j, 600);
	strcpy(name, journal_name(j));
	journal_close(j);
	bytes = read_file(unit_temp_dir(), name, &size);
	write_file(unit_temp_dir(), name, bytes, (whole + size) / 2);
	bytes[JOURNAL_AT_CRC] ^= 1;
	write_file(unit_temp_dir(), "broken.skj", bytes, size);
	write_file(unit_temp_dir(), "empty.skj", bytes, 0);
	write_file(unit_temp_dir(), "notes.txt", bytes, size);
	r = scan(7);
	CHECK(r.any);
	CHECK_INT(r.torn, 1);
	CHECK_INT(r.unreadable, 2);
	CHECK_INT(r.ring_end, 500); /* the torn frame's events are still in the ring */
	recovery_done(&r);
	free(bytes);
}

/* An import's times say nothing about what was recorded here, however late they are. */
static void imports_are_passed_over(void)
{
	const struct journal_origin origin = {};
	const struct anchor anchor = { .boot_ns = 0, .utc_ns = 0 };
	const struct record late = plain_row(DAY_NS + 400 * NS_PER_DAY, 1);
	struct journal *j = NULL;
	struct recovery r;
	struct problem p;

	REQUIRE(journal_create_hidden(unit_temp_dir(), &origin, &j, &p) == 0);
	CHECK_INT(journal_append_anchor(j, &anchor), 0);
	CHECK_INT(journal_append_rows(j, &late, 1, 0), 0);
	REQUIRE(journal_publish(j, &p) == 0);
	journal_close(j);
	for (uint64_t ring = 0; ring < 8; ring += 7) {
		r = scan(ring);
		CHECK(!r.any && !r.same_ring);
		CHECK_INT(r.last_utc_ns, 0);
		CHECK_INT(r.last_anchor.boot_ns + r.torn + r.unreadable, 0);
		recovery_done(&r);
	}
	/* The same rows in a journal of a ring count. */
	j = begin(7, 0);
	CHECK_INT(journal_append_anchor(j, &anchor), 0);
	CHECK_INT(journal_append_rows(j, &late, 1, 0), 0);
	journal_close(j);
	r = scan(7);
	CHECK(r.any);
	CHECK_INT(r.last_utc_ns, DAY_NS + 400 * NS_PER_DAY);
	recovery_done(&r);
}

static void what_is_no_directory_is_an_error(void)
{
	struct recovery r;
	struct problem p;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK_INT(recovery_scan(fd, 7, SEKISHO_RUNG_SET_STATE, &r, &p), -ENOTDIR);
	CHECK_STR(p.text, "cannot list journal/: Not a directory");
	close(fd);
}

UNIT_SUITE(recovery, TEST(an_empty_directory), TEST(ring_position_is_the_greatest_of_this_ring),
	   TEST(a_journal_without_rows_counts_from_its_start),
	   TEST(totals_are_the_greatest_stated),
	   TEST(how_often_a_hook_was_skipped_is_what_it_stated_last), TEST(the_last_anchor_and_the_last_instant),
	   TEST(torn_and_unreadable_files_are_counted), TEST(one_counter_two_reasons), TEST(new_losses),
	   TEST(gaps_of_a_start), TEST(imports_are_passed_over), TEST(what_is_no_directory_is_an_error));
