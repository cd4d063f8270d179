/* SPDX-License-Identifier: BSD-2-Clause */
/* The sealing thread: what is asked for is done before it ends, a failure is told and repeated. */
#include "recorder/sealer.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "ledger/holds.h"
#include "schema/journal.h"
#include "unit.h"

static void add_journal(const struct store_dir *store, unsigned int n)
{
	struct journal *j = a_journal(store->journal);
	const struct record row = plain_row(DAY_NS + n, n);
	char name[64];

	put_rows(j, &row, 1, 2000);
	end_journal(store->journal, j, name);
}

/* The rows are of a day long past: what is sealed would be deleted by the same run. */
static void hold_everything(const struct store_dir *store)
{
	const struct hold_act act = { .number = "1", .first_day = HOLD_FROM_EVER, .last_day = HOLD_FOR_EVER,
				      .until_ns = utc_now_ns() + NS_PER_DAY };
	struct problem p = { "" };

	CHECK_ROW(hold_set(store, &act, NULL, &p) == 0, "%s", p.text);
}

static void seals_all_but_the_live_one(void)
{
	struct store_dir store = a_store();
	struct seal_result result, total;
	struct sealer *s = NULL;
	struct problem p = { "" };
	struct journal *live = a_journal(store.journal);

	hold_everything(&store);
	set_created(store.journal, journal_name(live), DAY_NS + NS_PER_DAY - 1);
	add_journal(&store, 1);
	add_journal(&store, 2);
	REQUIRE(sealer_start(&store, &s, &p) == 0);
	sealer_kick(s, journal_name(live));
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	sealer_totals(s, &total, &p);
	CHECK_INT(total.journals, 2);
	CHECK_INT(total.rows, 2);
	CHECK_STR(p.text, "");
	CHECK_INT(count_files(store.journal, JOURNAL_SUFFIX), 1);
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	CHECK_INT(result.journals, 0);
	add_journal(&store, 3);
	CHECK_INT(total.closed_files, 0); /* the live one was created on that day */
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	CHECK_INT(result.journals, 1);
	/* A day long past, and no journal of that time left: closed by the same run. */
	set_created(store.journal, journal_name(live), DAY_NS + NS_PER_DAY);
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	CHECK_INT(result.closed_days, 1);
	CHECK_INT(result.closed_files, 1);
	sealer_totals(s, &total, &p);
	CHECK_INT(total.journals, 3);
	CHECK_INT(total.closed_files, 1);
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	CHECK_INT(result.closed_files, 0);
	sealer_stop(s);
	journal_close(live);
	store_close(&store);
	sealer_stop(NULL);
}

static void finishes_before_it_ends(void)
{
	struct store_dir store = a_store();
	struct sealer *s = NULL;
	struct problem p;

	for (unsigned int i = 0; i < 5; i++)
		add_journal(&store, i);
	REQUIRE(sealer_start(&store, &s, &p) == 0);
	sealer_kick(s, "none.skj");
	sealer_stop(s);
	CHECK_INT(count_files(store.journal, JOURNAL_SUFFIX), 0);
	store_close(&store);
}

static void a_failure_is_told_and_the_next_run_repeats(void)
{
	struct store_dir store = a_store();
	struct seal_result result;
	struct sealer *s = NULL;
	struct problem p = { "" };
	int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	add_journal(&store, 1);
	CHECK_INT(mkdirat(store.segments, "t1", 0700), 0);
	CHECK_INT(mkdirat(store.segments, "t1/2026-03-10.sks", 0700), 0);
	(void)dup2(null, STDERR_FILENO); /* it logs */
	REQUIRE(sealer_start(&store, &s, &p) == 0);
	CHECK(sealer_wait(s, &result, &p) < 0);
	CHECK(p.text[0] != '\0');
	sealer_totals(s, &result, &p);
	CHECK(p.text[0] != '\0');
	CHECK_INT(result.rows, 0);
	CHECK_INT(unlinkat(store.segments, "t1/2026-03-10.sks", AT_REMOVEDIR), 0);
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	CHECK_INT(result.rows, 1);
	CHECK_STR(p.text, "");
	sealer_stop(s);
	(void)dup2(err, STDERR_FILENO);
	close(err);
	close(null);
	store_close(&store);
}

/* AC-36: what is due goes with the run, and what a hold keeps is told. */
static void deletes_what_is_due(void)
{
	struct store_dir store = a_store();
	struct seal_result result;
	struct keeper_state kept;
	struct sealer *s = NULL;
	struct problem p = { "" };
	size_t released = 0;
	const struct hold_act release = { .number = "1" };
	int err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)dup2(null, STDERR_FILENO); /* it logs */
	hold_everything(&store);
	add_journal(&store, 1);
	REQUIRE(sealer_start(&store, &s, &p) == 0);
	sealer_kick(s, "none.skj");
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	sealer_kept(s, &kept);
	CHECK_INT(kept.total.held_days, 1);
	CHECK_INT(kept.total.files, 0);
	CHECK(kept.last_run_ns > 0);
	CHECK(faccessat(store.segments, "t1/2026-03-10.sks", F_OK, 0) == 0);
	CHECK_INT(hold_release(&store, &release, &released, &p), 0);
	CHECK_INT(sealer_wait(s, &result, &p), 0);
	sealer_kept(s, &kept);
	CHECK_INT(kept.total.held_days, 0);
	CHECK_INT(kept.total.expired_days, 1);
	CHECK_INT(kept.total.rows, 1);
	CHECK_STR(kept.failure.text, "");
	CHECK(faccessat(store.segments, "t1", F_OK, 0) != 0);
	sealer_stop(s);
	(void)dup2(err, STDERR_FILENO);
	close(err);
	close(null);
	store_close(&store);
}

static void *wait_for_a_run(void *sealer)
{
	struct seal_result result;
	struct problem p;

	(void)sealer_wait(sealer, &result, &p);
	return NULL;
}

/* A journal that was just made is not taken for one that was left behind, though nobody could name it yet. */
static void waits_for_the_name_of_the_live_one(void)
{
	struct store_dir store = a_store();
	struct sealer *s = NULL;
	struct problem p = { "" };
	struct journal *live;
	pthread_t thread;

	hold_everything(&store);
	add_journal(&store, 1);
	REQUIRE(sealer_start(&store, &s, &p) == 0);
	sealer_rotation_begin(s);
	live = a_journal(store.journal);
	REQUIRE(pthread_create(&thread, NULL, wait_for_a_run, s) == 0);
	usleep(100000);
	CHECK_INT(count_files(store.journal, JOURNAL_SUFFIX), 2);
	sealer_rotation_end(s, journal_name(live));
	REQUIRE(pthread_join(thread, NULL) == 0);
	CHECK_INT(count_files(store.journal, JOURNAL_SUFFIX), 1);
	CHECK(faccessat(store.journal, journal_name(live), F_OK, 0) == 0);
	sealer_stop(s);
	journal_close(live);
	store_close(&store);
}

UNIT_SUITE(sealer, TEST(waits_for_the_name_of_the_live_one), TEST(deletes_what_is_due), TEST(seals_all_but_the_live_one), TEST(finishes_before_it_ends),
	   TEST(a_failure_is_told_and_the_next_run_repeats));
