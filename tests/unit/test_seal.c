/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From journals to segments: each row ends up in exactly one section of its
 * tenant and UTC day, also when sealing is interrupted anywhere and repeated
 * (AC-33), and a damaged journal is set aside, never removed.
 */
#include "seal/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "journal/journal_reader.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "segment/segment_reader.h"
#include "unit.h"

#define ROWS_MAX 4000

static int seal_one(const struct store_dir *store, const char *name, struct seal_result *result)
{
	struct problem p = { "" };
	int error;

	memset(result, 0, sizeof(*result));
	error = seal_journal(store, NULL, name, result, &p);
	CHECK_ROW(error == 0, "%s: %s", name, p.text);
	return error;
}

/* What a store's segments hold. Rows carry their tenant number. */
struct contents {
	struct record rows[ROWS_MAX];
	size_t row_count, sections, files, wrong_place;
	struct gaps gaps;
	struct clock_piece clock[32];
	size_t clock_count;
};

static void add_section(struct contents *c, struct segment_reader *r, const struct section *s)
{
	struct clock_pieces clock = { 0 };
	uint32_t blocks;
	uint64_t bad;

	CHECK_INT(section_check(r, s, &blocks, &bad), 0);
	REQUIRE(c->row_count + s->rows <= ROWS_MAX);
	CHECK_INT(read_section(r, s, c->rows + c->row_count), 0);
	CHECK_INT(read_gaps(r, s, &c->gaps), 0);
	CHECK_INT(read_clock(r, s, &clock), 0);
	for (size_t i = 0; i < clock.count && c->clock_count < ARRAY_SIZE(c->clock); i++)
		c->clock[c->clock_count++] = clock.list[i];
	clock_pieces_done(&clock);
	for (size_t i = 0; i < s->rows; i++) {
		const struct record *row = &c->rows[c->row_count + i];

		c->wrong_place += utc_day(row->time_ns) != r->day;
		if (i)
			CHECK(record_compare_source(row - 1, row) <= 0);
	}
	c->row_count += s->rows;
	c->sections++;
}

/* Reads every segment of the named tenant; frees nothing of c. */
static void add_tenant(const struct store_dir *store, const char *tenant, struct contents *c)
{
	int dir = fs_open_dir(store->segments, tenant, 0);
	char **names;
	size_t count;

	if (dir < 0)
		return;
	REQUIRE(fs_list(dir, "", &names, &count) == 0);
	for (size_t i = 0; i < count; i++) {
		struct segment_reader r;
		struct problem p;
		char day[DAY_TEXT_MAX];

		REQUIRE(segment_reader_open(dir, names[i], &r, &p) == 0);
		CHECK(!r.damaged_bytes);
		CHECK_STR(r.tenant_id, tenant);
		CHECK(strncmp(names[i], day_format(r.day, day), 10) == 0);
		for (size_t k = 0; k < r.section_count; k++)
			add_section(c, &r, &r.sections[k]);
		c->files++;
		segment_reader_close(&r);
	}
	fs_free_names(names, count);
	close(dir);
}

static struct contents *read_store(const struct store_dir *store)
{
	struct contents *c = calloc(1, sizeof(*c));

	REQUIRE(c != NULL);
	add_tenant(store, "t1", c);
	add_tenant(store, "t2", c);
	return c;
}

static void free_contents(struct contents *c)
{
	gaps_done(&c->gaps);
	free(c);
}

/* Exactly these rows, each once. */
static bool holds_exactly(struct contents *c, struct record *want, size_t count)
{
	qsort(want, count, sizeof(*want), record_compare_time);
	qsort(c->rows, c->row_count, sizeof(*c->rows), record_compare_time);
	return c->row_count == count && same_rows(c->rows, want, count);
}

/* 3 days of rows of two tenants, 1800 rows in 6 frames. */
static struct record *three_days(struct journal *j)
{
	struct rng rng = { 40 };
	struct record *rows = calloc(1800, sizeof(*rows));

	random_rows(&rng, rows, 1800, DAY_NS, 3 * NS_PER_DAY);
	for (size_t i = 0; i < 6; i++)
		put_rows(j, rows + 300 * i, 300, 2000 + i);
	return rows;
}

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
	CHECK_INT(seal_one(&store, name, &result), 0);
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
	CHECK_INT(seal_one(&store, name, &result), 0);
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
	CHECK_INT(seal_one(&store, name, &result), 0);
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
	CHECK_INT(seal_one(&store, name, &result), 0);
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

static struct gap a_gap(int64_t first, int64_t last, uint64_t count, uint32_t tenant, uint32_t reason)
{
	return (struct gap){ .first_utc_ns = first, .last_utc_ns = last, .count = count,
			     .total = count, .tenant = tenant, .reason = reason };
}

static size_t gaps_of(const struct contents *c, uint32_t reason, uint64_t *ret_lost)
{
	size_t n = 0;

	*ret_lost = 0;
	for (size_t i = 0; i < c->gaps.count; i++) {
		n += c->gaps.list[i].reason == reason;
		*ret_lost += c->gaps.list[i].reason == reason ? c->gaps.list[i].count : 0;
	}
	return n;
}

/* AC-81 in part: per tenant to that tenant, node-wide to each, clipped by day, counted once. */
static void gaps_are_clipped_by_tenant_and_day(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record row = plain_row(DAY_NS + 5, 1);
	const struct gap gaps[] = {
		a_gap(DAY_NS + 10, DAY_NS + 20, 7, 1, STORE_GAP_RING_FULL),
		/* Over three days, of every tenant. */
		a_gap(DAY_NS + NS_PER_DAY - 5, DAY_NS + 2 * NS_PER_DAY, 9, 0, STORE_GAP_MALFORMED),
		/* Carries a counter forward only: no loss. */
		a_gap(DAY_NS, DAY_NS, 0, 1, STORE_GAP_ORPHANED),
	};
	struct seal_result result;
	struct contents *c;
	uint64_t lost;
	char name[64];

	put_rows(j, &row, 1, 2000);
	REQUIRE(journal_append_gaps(j, gaps, ARRAY_SIZE(gaps)) == 0);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.rows, 1);
	CHECK_INT(result.gaps, 1 + 3 + 3);
	CHECK_INT(result.sections, 3 + 3);
	c = read_store(&store);
	CHECK_INT(c->files, 6);
	CHECK_INT(c->row_count, 1);
	CHECK_INT(gaps_of(c, STORE_GAP_RING_FULL, &lost), 1);
	CHECK_INT(lost, 7);
	CHECK_INT(gaps_of(c, STORE_GAP_ORPHANED, &lost), 0);
	CHECK_INT(gaps_of(c, STORE_GAP_MALFORMED, &lost), 6);
	CHECK_INT(lost, 18); /* 9 in the first day of each tenant, none in its continuation */
	for (size_t i = 0; i < c->gaps.count; i++) {
		const struct gap *g = &c->gaps.list[i];

		CHECK_ROW(g->first_utc_ns <= g->last_utc_ns, "gap %zu", i);
		CHECK_ROW(utc_day(g->first_utc_ns) == utc_day(g->last_utc_ns), "gap %zu", i);
		CHECK_ROW(g->reason != STORE_GAP_MALFORMED || g->tenant == 0, "gap %zu", i);
	}
	free_contents(c);
	store_close(&store);
}

/* Two gaps on a day without rows are one section, and are counted as two. */
static void gaps_of_a_day_without_rows_are_counted_once(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	const struct gap gaps[] = {
		a_gap(DAY_NS + 10, DAY_NS + 20, 1, 1, STORE_GAP_RING_FULL),
		a_gap(DAY_NS + 30, DAY_NS + 40, 2, 1, STORE_GAP_RING_FULL),
		a_gap(DAY_NS + 50, DAY_NS + 60, 3, 1, STORE_GAP_ORPHANED),
	};
	struct seal_result result;
	struct contents *c;
	uint64_t lost;
	char name[64];

	REQUIRE(journal_append_gaps(j, gaps, ARRAY_SIZE(gaps)) == 0);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.sections, 1);
	CHECK_INT(result.skipped_sections, 0);
	CHECK_INT(result.gaps, 3);
	c = read_store(&store);
	CHECK_INT(c->sections, 1);
	CHECK_INT(c->gaps.count, 3);
	CHECK_INT(gaps_of(c, STORE_GAP_RING_FULL, &lost), 2);
	CHECK_INT(lost, 3);
	free_contents(c);
	store_close(&store);
}

/* Only those who were recorded are told about the node's gaps. */
static void a_tenant_that_is_not_recorded_gets_no_node_gap(void)
{
	const struct journal_origin origin = { .ring_id = 7, .rung = 1 };
	const struct journal_tenant tenants[] = { { .number = 1, .consent = 0, .id = "t1" },
						  { .number = 2, .consent = 5, .id = "t2" } };
	const struct journal_tenant again = { .number = 2, .consent = 6, .id = "t2" };
	const struct gap gap = a_gap(DAY_NS + 10, DAY_NS + 20, 0, 0, STORE_GAP_STOPPED);
	struct store_dir store = a_store();
	struct journal *j = NULL;
	struct seal_result result;
	struct contents *c;
	struct problem p;
	char name[64];

	REQUIRE(journal_create(store.journal, &origin, &j, &p) == 0);
	REQUIRE(journal_append_tenants(j, tenants, 2) == 0);
	REQUIRE(journal_append_tenants(j, &again, 1) == 0); /* granted anew meanwhile */
	REQUIRE(journal_append_gaps(j, &gap, 1) == 0);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.sections, 1);
	CHECK_INT(result.skipped_sections, 0);
	CHECK_INT(result.gaps, 1);
	c = read_store(&store);
	CHECK_INT(c->files, 1);
	CHECK_INT(c->gaps.count, 1);
	CHECK_INT(size_of(store.segments, "t1"), -1);
	free_contents(c);
	store_close(&store);
}

/* Recorded for a while, then withdrawn: the node's gap is the tenant's too, with and without rows. */
static void a_tenant_that_left_meanwhile_keeps_its_gaps(void)
{
	const struct journal_tenant left = { .number = 1, .consent = 0, .id = "t1" };
	const struct gap gap = a_gap(DAY_NS + 10, DAY_NS + 20, 0, 0, STORE_GAP_NOT_ARMED);

	for (int with_row = 0; with_row < 2; with_row++) {
		struct store_dir store = a_store();
		struct journal *j = a_journal(store.journal);
		const struct record row = plain_row(DAY_NS + 5 + with_row, 1);
		struct seal_result result;
		struct contents *c;
		char name[64];
		size_t of_t1;

		if (with_row)
			put_rows(j, &row, 1, 2000);
		REQUIRE(journal_append_gaps(j, &gap, 1) == 0);
		REQUIRE(journal_append_tenants(j, &left, 1) == 0);
		end_journal(store.journal, j, name);
		CHECK_INT(seal_one(&store, name, &result), 0);
		CHECK_INT(result.gaps, 2);
		c = calloc(1, sizeof(*c));
		add_tenant(&store, "t1", c);
		of_t1 = c->gaps.count;
		CHECK_ROW(of_t1 == 1u + (unsigned int)with_row, "%zu gaps %s rows", of_t1,
			  with_row ? "with" : "without");
		free_contents(c);
		store_close(&store);
	}
}

/* Behind a gap of many years, whose middle is not stated day by day, other gaps are still stated. */
static void a_gap_inside_an_endless_one_is_stated(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	const struct gap gaps[] = {
		a_gap(DAY_NS, DAY_NS + 1000 * NS_PER_DAY, 1, 1, STORE_GAP_RING_FULL),
		a_gap(DAY_NS + 700 * NS_PER_DAY, DAY_NS + 700 * NS_PER_DAY, 5, 1, STORE_GAP_ORPHANED),
	};
	struct seal_result result;
	struct contents *c;
	uint64_t lost;
	char name[64];

	REQUIRE(journal_append_gaps(j, gaps, ARRAY_SIZE(gaps)) == 0);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_one(&store, name, &result), 0);
	c = read_store(&store);
	CHECK_INT(gaps_of(c, STORE_GAP_ORPHANED, &lost), 1);
	CHECK_INT(lost, 5);
	free_contents(c);
	store_close(&store);
}

/* A gap of many years names its first 400 days and its last one. */
static void endless_gaps_are_bounded(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	const struct gap gap = a_gap(DAY_NS, DAY_NS + 1000 * NS_PER_DAY, 1, 1, STORE_GAP_RING_FULL);
	struct seal_result result;
	char name[64];

	REQUIRE(journal_append_gaps(j, &gap, 1) == 0);
	end_journal(store.journal, j, name);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.sections, 402);
	CHECK_INT(count_files(store.journal, ""), 0);
	store_close(&store);
}

/* In a child: what is in the journal is sealed; 0 or 1. */
static int seal_everything(void *ctx)
{
	struct seal_result result = { 0 };
	struct problem p;

	return seal_all(ctx, NULL, &result, &p) != 0;
}

/* AC-63: instants at the ends of the time line, in gaps, anchors and rows, overflow nothing. */
static void hostile_times_are_survived(void)
{
	static const struct {
		const char *what;
		int64_t gap_first, gap_last;
		struct anchor anchor;
	} table[] = {
		{ "control", DAY_NS, DAY_NS + 1, { .boot_ns = BOOT_NS + 5, .utc_ns = DAY_NS + 5 } },
		{ "gap to the end", DAY_NS, INT64_MAX, { 0 } },
		{ "gap from the beginning", INT64_MIN, DAY_NS, { 0 } },
		{ "gap that ends before it begins", DAY_NS + 5, DAY_NS + 4, { 0 } },
		{ "anchor at the end", 0, 0, { .boot_ns = BOOT_NS, .utc_ns = INT64_MAX } },
		{ "anchor at the beginning", 0, 0, { .boot_ns = BOOT_NS, .utc_ns = INT64_MIN } },
		{ "anchor before", 0, 0, { .boot_ns = 1, .utc_ns = INT64_MIN } },
		{ "anchor far ahead", 0, 0, { .boot_ns = UINT64_MAX, .utc_ns = INT64_MIN } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct store_dir store = a_store();
		struct journal *j = a_journal(store.journal);
		const struct gap gap = a_gap(table[i].gap_first, table[i].gap_last, 1, 1,
					     STORE_GAP_RING_FULL);
		const struct record row = plain_row(DAY_NS + 9, 1);
		char name[64];

		REQUIRE(journal_append_anchor(j, &table[i].anchor) == 0);
		REQUIRE(journal_append_gaps(j, &gap, 1) == 0);
		put_rows(j, &row, 1, 2000);
		end_journal(store.journal, j, name);
		CHECK_ROW(in_child(seal_everything, &store) == 0, "%s", table[i].what);
		(void)unlinkat(store.journal, name, 0);
		store_close(&store);
	}
}

/* The journal as one run of sealing left it, for repeating the run. */
struct copy {
	char name[64];
	uint8_t *bytes;
	size_t size;
};

static struct copy copy_journal(const struct store_dir *store)
{
	struct copy c;

	only_name(store->journal, JOURNAL_SUFFIX, c.name);
	c.bytes = read_file(store->journal, c.name, &c.size);
	return c;
}

static void put_back(const struct store_dir *store, const struct copy *c)
{
	write_file(store->journal, c->name, c->bytes, c->size);
}

static void sealing_again_changes_nothing(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = three_days(j);
	const struct gap gap = a_gap(DAY_NS + 5 * NS_PER_DAY, DAY_NS + 5 * NS_PER_DAY, 1, 1, 1);
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	char name[64];

	REQUIRE(journal_append_gaps(j, &gap, 1) == 0);
	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.sections, 7);
	for (int i = 0; i < 2; i++) {
		put_back(&store, &copy);
		CHECK_INT(seal_one(&store, name, &result), 0);
		CHECK_INT(result.sections, 0);
		CHECK_INT(result.skipped_sections, 7);
		CHECK_INT(count_files(store.journal, ""), 0);
		c = read_store(&store);
		CHECK_INT(c->sections, 7);
		CHECK_INT(c->files, 7);
		CHECK_INT(c->gaps.count, 1);
		CHECK(holds_exactly(c, rows, 1800));
		free_contents(c);
	}
	free(copy.bytes);
	free(rows);
	store_close(&store);
}

/*
 * Sealing that fails at its n-th section, for each n: a directory that stands where the segment is
 * to be. The journal stays, and the repeated run leaves each row exactly once.
 */
static void an_interruption_at_each_section_loses_nothing(void)
{
	static const char *const places[] = {
		"t1/2026-03-10.sks", "t1/2026-03-11.sks", "t1/2026-03-12.sks",
		"t2/2026-03-10.sks", "t2/2026-03-11.sks", "t2/2026-03-12.sks",
	};
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = three_days(j);
	struct copy copy;
	char name[64];

	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	for (size_t n = 0; n < ARRAY_SIZE(places); n++) {
		struct seal_result result = { 0 };
		struct problem p = { "" };
		struct contents *c;

		put_back(&store, &copy);
		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			(void)unlinkat(store.segments, places[i], 0);
		(void)mkdirat(store.segments, "t1", 0700);
		(void)mkdirat(store.segments, "t2", 0700);
		REQUIRE(mkdirat(store.segments, places[n], 0700) == 0);
		CHECK_ROW(seal_journal(&store, NULL, name, &result, &p) < 0, "%s", places[n]);
		CHECK_ROW(p.text[0] != '\0', "%s", places[n]);
		CHECK_INT(result.journals + result.rows + result.sections, 0);
		CHECK_INT(size_of(store.journal, name), copy.size);
		REQUIRE(unlinkat(store.segments, places[n], AT_REMOVEDIR) == 0);
		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			CHECK_ROW(faccessat(store.segments, places[i], F_OK, 0) < 0, "%s", places[i]);
		CHECK_INT(seal_one(&store, name, &result), 0);
		CHECK_INT(result.sections, 6); /* of the run before none was durable, so none stayed */
		CHECK_INT(result.skipped_sections, 0);
		CHECK_INT(result.rows, 1800);
		CHECK_INT(count_files(store.journal, ""), 0);
		c = read_store(&store);
		CHECK_INT(c->sections, 6);
		CHECK_ROW(holds_exactly(c, rows, 1800), "interrupted at %s", places[n]);
		free_contents(c);
	}
	free(copy.bytes);
	free(rows);
	store_close(&store);
}

/* The same with a full disk at any point, and the torn section that power loss leaves. */
static void a_torn_section_and_a_full_disk_lose_nothing(void)
{
	static const rlim_t rooms[] = { 0, 100, 127, 129, 300, 1000, 3000, 5000, 7000 };
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = three_days(j);
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	char name[64];
	size_t failed = 0, size;
	uint8_t *bytes;

	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		struct rlimit limit = disk_full_at(rooms[i]);
		struct problem p;

		memset(&result, 0, sizeof(result));
		failed += seal_journal(&store, NULL, name, &result, &p) == -EFBIG;
		disk_has_space(limit);
		CHECK_INT(size_of(store.journal, name), copy.size);
	}
	CHECK_INT(failed, ARRAY_SIZE(rooms));
	CHECK_INT(seal_one(&store, name, &result), 0);
	c = read_store(&store);
	CHECK_INT(c->files, 6);
	CHECK(holds_exactly(c, rows, 1800));
	free_contents(c);

	put_back(&store, &copy);
	bytes = read_file(store.segments, "t2/2026-03-11.sks", &size);
	write_file(store.segments, "t2/2026-03-11.sks", bytes, size - 1);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.sections, 1);
	CHECK_INT(result.skipped_sections, 5);
	CHECK(size_of(store.segments, "t2/2026-03-11.2.sks") > 0);
	c = read_store(&store);
	CHECK_INT(c->files, 7);
	CHECK(holds_exactly(c, rows, 1800));
	free_contents(c);
	free(bytes);
	free(copy.bytes);
	free(rows);
	store_close(&store);
}

/* A frame in the middle fails its checksum: its rows are a gap, the others are sealed. */
static void a_damaged_journal_is_set_aside(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[6];
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	uint64_t lost, first_at, second_at;
	char name[64], aside[80];

	for (unsigned int i = 0; i < 6; i++)
		rows[i] = plain_row(DAY_NS + i * NS_PER_SEC, i);
	put_rows(j, rows, 2, 2000);
	first_at = journal_size(j);
	put_rows(j, rows + 2, 2, 3000);
	second_at = journal_size(j);
	put_rows(j, rows + 4, 2, 4000);
	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	copy.bytes[first_at + FRAME_AT_RING_END] ^= 1;
	put_back(&store, &copy);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.rows, 4);
	CHECK_INT(result.damaged_bytes, second_at - first_at);
	CHECK_INT(size_of(store.journal, name), -1);
	snprintf(aside, sizeof(aside), "damaged/%s", name);
	CHECK_INT(size_of(store.journal, aside), copy.size);
	CHECK_INT(mode_of_file(store.journal, "damaged"), 0700);
	CHECK_INT(mode_of_file(store.journal, aside), 0600);
	rows[2] = rows[4];
	rows[3] = rows[5];
	c = read_store(&store);
	CHECK(holds_exactly(c, rows, 4));
	CHECK_INT(gaps_of(c, STORE_GAP_DAMAGED, &lost), 1 + 1); /* both tenants were recorded */
	CHECK_INT(lost, 0);
	CHECK_INT(c->gaps.list[0].first_utc_ns, DAY_NS);
	CHECK_INT(c->gaps.list[0].last_utc_ns, DAY_NS + 5 * NS_PER_SEC);
	free_contents(c);
	/* Nothing is sealed from what was set aside. */
	memset(&result, 0, sizeof(result));
	CHECK_INT(seal_all(&store, NULL, &result, &(struct problem){ "" }), 0);
	CHECK_INT(result.journals, 0);
	free(copy.bytes);
	store_close(&store);
}

/* Whichever frame of a journal is damaged, what can be sealed is, and the file goes aside. */
static void damage_in_any_frame_does_not_stop_sealing(void)
{
	struct record rows[4] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1),
				  plain_row(DAY_NS + 2, 2), plain_row(DAY_NS + 3, 3) };
	static const char *const frames[] = { "tenants", "anchor", "rows", "more rows" };
	/* Without a name rows go nowhere; without an anchor the file's header stands in for it. */
	static const uint64_t rows_left[] = { 0, 4, 2, 2 };

	for (size_t n = 0; n < ARRAY_SIZE(frames); n++) {
		struct store_dir store = a_store();
		struct journal *j = a_journal(store.journal);
		uint64_t at[4] = { JOURNAL_HEADER_BYTES, journal_size(j) - FRAME_HEADER_BYTES - 32,
				   journal_size(j) };
		struct seal_result result = { 0 };
		struct problem p = { "" };
		struct copy copy;
		char name[64];
		int error;

		put_rows(j, rows, 2, 2000);
		at[3] = journal_size(j);
		put_rows(j, rows + 2, 2, 3000);
		end_journal(store.journal, j, name);
		copy = copy_journal(&store);
		copy.bytes[at[n] + FRAME_AT_RING_END] ^= 1;
		put_back(&store, &copy);
		error = seal_journal(&store, NULL, name, &result, &p);
		CHECK_ROW(error == 0, "damage in %s: %s", frames[n], p.text);
		CHECK_ROW(size_of(store.journal, name) == -1, "damage in %s", frames[n]);
		CHECK_ROW(result.damaged_bytes > 0, "damage in %s", frames[n]);
		CHECK_ROW(result.rows == rows_left[n], "damage in %s: %llu rows", frames[n],
			  (unsigned long long)result.rows);
		(void)unlinkat(store.journal, name, 0);
		free(copy.bytes);
		store_close(&store);
	}
}

/* A journal cut off by SIGKILL or power loss: its whole frames are sealed, it is no damage (AC-33). */
static void a_torn_journal_is_sealed_and_removed(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[4] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1),
				  plain_row(DAY_NS + 2, 2), plain_row(DAY_NS + 3, 3) };
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	char name[64];

	put_rows(j, rows, 3, 2000);
	put_rows(j, rows + 3, 1, 3000);
	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	copy.size -= 3;
	put_back(&store, &copy);
	CHECK_INT(seal_one(&store, name, &result), 0);
	CHECK_INT(result.rows, 3);
	CHECK_INT(result.damaged_bytes, 0);
	CHECK_INT(count_files(store.journal, ""), 0);
	CHECK_INT(size_of(store.journal, "damaged"), -1);
	c = read_store(&store);
	CHECK(holds_exactly(c, rows, 3));
	free_contents(c);
	free(copy.bytes);
	store_close(&store);
}

static void an_empty_journal_just_goes(void)
{
	struct store_dir store = a_store();
	struct seal_result result;
	char name[64];

	end_journal(store.journal, a_journal(store.journal), name);
	CHECK_INT(seal_one(&store, name, &result), 0);
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
	CHECK_INT(seal_one(&store, name, &result), 0);
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
	   TEST(a_close_lies_in_the_day_it_happens),
	   TEST(anchors_of_a_section_reproduce_its_times), TEST(gaps_are_clipped_by_tenant_and_day),
	   TEST(gaps_of_a_day_without_rows_are_counted_once),
	   TEST(a_tenant_that_is_not_recorded_gets_no_node_gap), TEST(a_tenant_that_left_meanwhile_keeps_its_gaps),
	   TEST(a_gap_inside_an_endless_one_is_stated), TEST(endless_gaps_are_bounded), TEST(hostile_times_are_survived),
	   TEST(sealing_again_changes_nothing), TEST(an_interruption_at_each_section_loses_nothing),
	   TEST(a_torn_section_and_a_full_disk_lose_nothing), TEST(a_damaged_journal_is_set_aside),
	   TEST(damage_in_any_frame_does_not_stop_sealing),
	   TEST(a_torn_journal_is_sealed_and_removed), TEST(an_empty_journal_just_goes),
	   TEST(all_but_the_live_journal), TEST(many_rows_become_several_sections));
