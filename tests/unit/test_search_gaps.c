/* SPDX-License-Identifier: BSD-2-Clause */
/* Gaps of the window come with the answer, each once, from journal and segment alike (AC-81, AC-84 in part). */
#include "query/search.h"

#include <string.h>
#include "fixture.h"
#include "schema/store.h"
#include "searching.h"
#include "unit.h"

static struct gap a_gap(int64_t first, int64_t last, uint64_t count, uint32_t tenant, uint32_t reason)
{
	return (struct gap){ .first_utc_ns = DAY_NS + first, .last_utc_ns = DAY_NS + last,
			     .count = count, .total = count, .tenant = tenant, .reason = reason };
}

/* AC-81 in part: gaps of the window, each once, by tenant, from journal and segment alike. */
static void gaps_come_with_the_answer(void)
{
	const struct gap gaps[] = {
		a_gap(10, 20, 3, 1, STORE_GAP_RING_FULL),
		a_gap(30, 40, 4, 0, STORE_GAP_NOT_ARMED), /* stated in the segments of both tenants */
		a_gap(50, 60, 5, 2, STORE_GAP_ORPHANED),
		a_gap(70, 70, 0, 1, STORE_GAP_RING_FULL), /* a counter carried forward: no gap */
	};
	static const struct {
		const char *tenant;
		int64_t from, to;
		size_t count;
		uint64_t lost;
	} table[] = {
		{ NULL, 0, 100, 3, 12 }, { "t1", 0, 100, 2, 7 }, { "t2", 0, 100, 2, 9 },
		{ NULL, 20, 21, 1, 3 }, { NULL, 21, 30, 0, 0 }, { NULL, 0, 10, 0, 0 },
		{ NULL, 0, 11, 1, 3 }, { NULL, 35, 36, 1, 4 }, { NULL, 60, 61, 1, 5 },
		{ NULL, 61, 100, 0, 0 },
	};
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record row = plain_row(DAY_NS + 5, 1);
	char name[64];

	put_rows(j, &row, 1, 2000);
	REQUIRE(journal_append_gaps(j, gaps, ARRAY_SIZE(gaps)) == 0);
	end_journal(store.journal, j, name);
	for (int sealed = 0; sealed < 2; sealed++) {
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			struct query q = { .tenant = table[i].tenant, .from_ns = DAY_NS + table[i].from,
					   .to_ns = DAY_NS + table[i].to };
			struct search_result r = run(&store, &q);
			uint64_t lost = 0;

			for (size_t k = 0; k < r.gaps.count; k++) {
				const struct gap *g = &r.gaps.list[k];

				lost += g->count;
				if (g->reason == STORE_GAP_NOT_ARMED)
					CHECK_INT(g->tenant, UINT32_MAX);
				else
					CHECK_STR(r.tenants[g->tenant],
						  g->reason == STORE_GAP_ORPHANED ? "t2" : "t1");
			}
			CHECK_ROW(r.gaps.count == table[i].count && lost == table[i].lost,
				  "%s %zu: %zu gaps, %llu lost", sealed ? "sealed" : "journal", i,
				  r.gaps.count, (unsigned long long)lost);
			search_result_done(&r);
		}
		seal(&store);
	}
	store_close(&store);
}

/* What goes on is stated piece by piece, and cut where a day ends; the answer has it in one. */
static void pieces_of_a_gap_are_one(void)
{
	const struct gap gaps[] = {
		a_gap(10, 20, 0, 1, STORE_GAP_UNRESOLVED),
		a_gap(15, 25, 0, 2, STORE_GAP_UNRESOLVED),
		a_gap(20, 30, 0, 1, STORE_GAP_UNRESOLVED),
		a_gap(20, 30, 0, 1, STORE_GAP_NOT_EVALUATED),
		a_gap(31, 40, 0, 1, STORE_GAP_UNRESOLVED),
		a_gap(42, 50, 0, 1, STORE_GAP_UNRESOLVED), /* a nanosecond is between: another one */
		a_gap(60, 70, 1, 1, STORE_GAP_RING_FULL),
		a_gap(70, 80, 1, 1, STORE_GAP_RING_FULL), /* counted: each stays what it is */
		a_gap(NS_PER_DAY - 5, NS_PER_DAY + 5, 0, 1, STORE_GAP_UNRESOLVED),
	};
	static const struct {
		int64_t from, to;
		const char *tenant;
		uint32_t reason;
	} want[] = {
		{ 10, 40, "t1", STORE_GAP_UNRESOLVED }, { 15, 25, "t2", STORE_GAP_UNRESOLVED },
		{ 20, 30, "t1", STORE_GAP_NOT_EVALUATED }, { 42, 50, "t1", STORE_GAP_UNRESOLVED },
		{ 60, 70, "t1", STORE_GAP_RING_FULL }, { 70, 80, "t1", STORE_GAP_RING_FULL },
		{ NS_PER_DAY - 5, NS_PER_DAY + 5, "t1", STORE_GAP_UNRESOLVED },
	};
	const struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + 2 * NS_PER_DAY };
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record row = plain_row(DAY_NS + 5, 1);
	char name[64];

	put_rows(j, &row, 1, 2000);
	REQUIRE(journal_append_gaps(j, gaps, ARRAY_SIZE(gaps)) == 0);
	end_journal(store.journal, j, name);
	for (int sealed = 0; sealed < 2; sealed++) {
		struct search_result r = run(&store, &q);

		REQUIRE(r.gaps.count == ARRAY_SIZE(want));
		for (size_t i = 0; i < r.gaps.count; i++) {
			const struct gap *g = &r.gaps.list[i];

			CHECK_ROW(g->first_utc_ns == DAY_NS + want[i].from &&
				  g->last_utc_ns == DAY_NS + want[i].to && g->reason == want[i].reason &&
				  strcmp(r.tenants[g->tenant], want[i].tenant) == 0, "%s %zu: %lld to %lld",
				  sealed ? "sealed" : "journal", i, (long long)(g->first_utc_ns - DAY_NS),
				  (long long)(g->last_utc_ns - DAY_NS));
		}
		search_result_done(&r);
		seal(&store);
	}
	store_close(&store);
}

UNIT_SUITE(search_gaps, TEST(gaps_come_with_the_answer), TEST(pieces_of_a_gap_are_one));
