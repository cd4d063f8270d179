/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps in the segments: each for the tenants and days that it concerns, counted once (AC-81 in part), and bounded. */
#include "seal/seal.h"

#include <stdlib.h>
#include <unistd.h>
#include "fixture.h"
#include "schema/store.h"
#include "sealing.h"
#include "unit.h"

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
	CHECK_INT(seal_named(&store, name, &result), 0);
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
	CHECK_INT(seal_named(&store, name, &result), 0);
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
	CHECK_INT(seal_named(&store, name, &result), 0);
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
		CHECK_INT(seal_named(&store, name, &result), 0);
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
	CHECK_INT(seal_named(&store, name, &result), 0);
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
	CHECK_INT(seal_named(&store, name, &result), 0);
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

UNIT_SUITE(seal_gaps, TEST(gaps_are_clipped_by_tenant_and_day), TEST(gaps_of_a_day_without_rows_are_counted_once),
	   TEST(a_tenant_that_is_not_recorded_gets_no_node_gap), TEST(a_tenant_that_left_meanwhile_keeps_its_gaps),
	   TEST(a_gap_inside_an_endless_one_is_stated), TEST(endless_gaps_are_bounded),
	   TEST(hostile_times_are_survived));
