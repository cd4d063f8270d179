/* SPDX-License-Identifier: BSD-2-Clause */
/* The hook and the clock of the rows come with the answer, and a clock that was set back hides nothing. */
#include "query/search.h"

#include <string.h>
#include <sys/timex.h>
#include "fixture.h"
#include "schema/event.h"
#include "searching.h"
#include "unit.h"

static void hook_and_clock_come_with_the_answer(void)
{
	/* AC-27 in part */
	const struct anchor unsync = { .boot_ns = BOOT_NS + 100, .utc_ns = DAY_NS + 100,
				       .max_error_ns = 1048576, .status = STA_UNSYNC };
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[2] = { plain_row(DAY_NS + 50, 1), plain_row(DAY_NS + 150, 2) };
	char name[64];

	put_rows(j, rows, 2, 2000);
	REQUIRE(journal_append_anchor(j, &unsync) == 0);
	end_journal(store.journal, j, name);
	for (int sealed = 0; sealed < 2; sealed++) {
		struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + 100 };
		struct search_result r = run(&store, &q);

		CHECK_INT(r.rungs, 1u << SEKISHO_RUNG_SET_STATE);
		CHECK(r.clock_seen && !r.clock_unsynchronised);
		CHECK_INT(r.clock_error_ns, 262144);
		REQUIRE(r.count == 1);
		CHECK_INT(row_of(&r, 0)->clock_error_ns, 262144);
		search_result_done(&r);
		q.to_ns = DAY_NS + 1000;
		r = run(&store, &q);
		CHECK(r.clock_unsynchronised);
		CHECK_INT(r.clock_error_ns, 1048576);
		REQUIRE(r.count == 2);
		CHECK_INT(row_of(&r, 1)->clock_error_ns, 1048576);
		search_result_done(&r);
		q.from_ns = DAY_NS + 5 * NS_PER_SEC; /* behind all that the journal speaks of */
		q.to_ns = DAY_NS + 6 * NS_PER_SEC;
		r = run(&store, &q);
		CHECK_INT(r.rungs, 0);
		CHECK(!r.clock_seen);
		search_result_done(&r);
		seal(&store);
	}
	store_close(&store);
}

/* The clock is set back while events are queued: their frame holds times in no order (AC-26). */
static void a_clock_that_was_set_back_hides_no_row(void)
{
	const struct anchor back = { .boot_ns = BOOT_NS + 10 * (uint64_t)NS_PER_SEC,
				     .utc_ns = DAY_NS - 50 * NS_PER_SEC };
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[3];
	char name[64];

	/* UTC +8 s, then -50 s + 1 s, then -50 s + 5 s. */
	rows[0] = plain_row((int64_t)BOOT_NS + 8 * NS_PER_SEC, 1);
	rows[1] = plain_row((int64_t)BOOT_NS + 11 * NS_PER_SEC, 2);
	rows[2] = plain_row((int64_t)BOOT_NS + 15 * NS_PER_SEC, 3);
	REQUIRE(journal_append_anchor(j, &back) == 0);
	REQUIRE(journal_append_rows(j, rows, 3, 2000) == 0);
	end_journal(store.journal, j, name);
	for (int sealed = 0; sealed < 2; sealed++) {
		struct query q = { .from_ns = DAY_NS - 100 * NS_PER_SEC, .to_ns = DAY_NS };

		CHECK_ROW(strcmp(found(&store, &q), "2 3") == 0, "%s before the step: %s",
			  sealed ? "segment" : "journal", found(&store, &q));
		q.from_ns = DAY_NS;
		q.to_ns = DAY_NS + 100 * NS_PER_SEC;
		CHECK_ROW(strcmp(found(&store, &q), "1") == 0, "%s after the step: %s",
			  sealed ? "segment" : "journal", found(&store, &q));
		seal(&store);
	}
	store_close(&store);
}

UNIT_SUITE(search_clock, TEST(hook_and_clock_come_with_the_answer), TEST(a_clock_that_was_set_back_hides_no_row));
