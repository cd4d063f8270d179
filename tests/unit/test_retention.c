// SPDX-License-Identifier: BSD-2-Clause
/*
 * Retention, erasure and holds on a store of rows: what is due goes whole, file and index, stated before (AC-07, AC-32,
 * AC-36), and what is held, or not due, or not certain, stays (AC-35).
 */
#include "retention/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "catalog/catalog.h"
#include "consent_lines.h"
#include "fixture.h"
#include "forge.h"
#include "ledger/custody.h"
#include "ledger/deletions.h"
#include "ledger/holds.h"
#include "query/search.h"
#include "query/verify.h"
#include "retention/due.h"
#include "retention/retention_clock.h"
#include "schema/catalog.h"
#include "seal/day_closer.h"
#include "seal/harvest.h"
#include "seal/leave_out.h"
#include "seal/seal.h"
#include "unit.h"

#define HOUR (3600 * NS_PER_SEC)
#define GRANT(seq, tenant, t, days) LINE_GRANT_ONE(seq, tenant, t, "2027-03-01T00:00:00Z", days)
#define WITHDRAW LINE_WITHDRAW
/* t1 is kept for 30 days, t2 for 180, from the first day on. */
#define GRANTS GRANT(1, "t1", "2026-03-09T00:00:00Z", 30) GRANT(2, "t2", "2026-03-09T00:00:00Z", 180)

#define PART_1 "t1/2026-03-10.sks"
#define DUE_30 (DAY_NS + 31 * NS_PER_DAY - HOUR) /* when the first day of t1 goes */

/* --- A store --- */

static void put_consents(const struct store_dir *store, const char *text)
{
	struct problem p = { "" };

	CHECK_ROW(forge_chain(store, LEDGER_CONSENT, text, &p) == 0, "%s", p.text);
}

/* One row of each tenant at `at_ns`, not sealed. */
static void add_rows(const struct store_dir *store, int64_t at_ns)
{
	struct journal *j = a_journal(store->journal);
	struct record rows[2] = { plain_row(at_ns, 1), plain_row(at_ns, 2) };
	char name[64];

	rows[1].tenant = rows[1].consent = 2;
	put_rows(j, rows, 2, 2000);
	end_journal(store->journal, j, name);
	set_created(store->journal, name, at_ns);
}

static struct seal_result seal(const struct store_dir *store)
{
	struct seal_result result = { 0 };
	struct problem p = { "" };

	CHECK_ROW(seal_all(store, NULL, &result, &p) == 0, "%s", p.text);
	return result;
}

/* Two days of both tenants, sealed. */
static struct store_dir a_sealed_store(const char *consents)
{
	struct store_dir store = a_store();

	put_consents(&store, consents);
	add_rows(&store, DAY_NS + HOUR);
	add_rows(&store, DAY_NS + NS_PER_DAY + HOUR);
	(void)seal(&store);
	return store;
}

/* The same, and then another state of the consent ledger, which begins alike. */
static struct store_dir a_sealed_store_then(const char *consents)
{
	struct store_dir store = a_sealed_store(GRANTS);

	put_consents(&store, consents);
	return store;
}

static int try_run(const struct store_dir *store, bool trusted, int64_t now_ns, struct retention_result *result,
		   struct problem *p)
{
	const struct retention_request request = { .clock_trusted = trusted, .now_ns = now_ns };

	*result = (struct retention_result){ 0 };
	p->text[0] = '\0';
	return retention_run(store, &request, result, p);
}

static struct retention_result run(const struct store_dir *store, int64_t now_ns)
{
	struct retention_result result;
	struct problem p;

	CHECK_ROW(try_run(store, true, now_ns, &result, &p) == 0, "%s", p.text);
	return result;
}

static bool is_there(const struct store_dir *store, const char *path)
{
	return faccessat(store->segments, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* How often the day's catalog lists the tenant; -1: there is none. */
static int listed(const struct store_dir *store, int32_t day, const char *tenant)
{
	struct catalog *c;
	struct problem p;
	int count = 0;

	if (catalog_open(store->catalog, day, &c, &p))
		return -1;
	for (size_t i = 0; i < c->tenant_count; i++)
		count += strcmp(c->tenants[i], tenant) == 0;
	catalog_close(c);
	return count;
}

static struct verify_facts verify(const struct store_dir *store)
{
	const struct verify_request request = { .full = true, .threads = 1 };
	struct verify_facts facts = { 0 };
	struct problem p = { "" };

	CHECK_ROW(verify_run(store, &request, &facts, &p) == 0, "%s", p.text);
	return facts;
}

static void set_hold(const struct store_dir *store, const char *tenant, int32_t first, int32_t last, int64_t until_ns)
{
	const struct hold_act act = { .number = "1", .tenant_id = tenant, .first_day = first, .last_day = last,
				      .until_ns = until_ns };
	struct problem p = { "" };

	CHECK_ROW(hold_set(store, &act, NULL, &p) == 0, "%s", p.text);
}

static void release_hold(const struct store_dir *store)
{
	const struct hold_act act = { .number = "1" };
	struct problem p = { "" };
	size_t count;

	CHECK_ROW(hold_release(store, &act, &count, &p) == 0, "%s", p.text);
}

/* --- Tombstones --- */

struct seen {
	unsigned int lines;
	uint64_t seq, rows;
	char tenant[TENANT_ID_MAX + 1];
	int32_t day;
	enum deletion_reason reason;
	uint32_t because;
	size_t parts;
	struct deletion_part part;
};

static int see(void *ctx, uint64_t seq, const struct deletion *d)
{
	struct seen *s = ctx;

	s->lines++;
	s->seq = seq;
	s->rows = d->rows;
	snprintf(s->tenant, sizeof(s->tenant), "%s", d->tenant_id);
	s->day = d->day;
	s->reason = d->reason;
	s->because = d->because;
	s->parts = d->part_count;
	if (d->part_count)
		s->part = d->parts[0];
	return 0;
}

/* All of them, and the last one; both ways of reading must agree. */
static struct seen tombstones(const struct store_dir *store)
{
	struct seen s = { 0 }, skimmed = { 0 };
	struct problem p = { "" };

	CHECK_ROW(deletions_walk(store, see, &s, &p) == 0, "%s", p.text);
	CHECK_ROW(deletions_skim(store, see, &skimmed, &p) == 0, "%s", p.text);
	CHECK_INT(skimmed.lines, s.lines);
	CHECK_INT(skimmed.seq, s.seq);
	CHECK_STR(skimmed.tenant, s.tenant);
	return s;
}

/* --- Expiry --- */

/* AC-36, AC-32: not an hour too early, file and index, stated with the hash that it had; everything else verifies. */
static void a_day_goes_when_it_is_due(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	uint8_t hash[LEDGER_HASH_BYTES];
	struct retention_result r;
	struct verify_facts facts;
	struct seen s;
	int fd = openat(store.segments, PART_1, O_RDONLY | O_CLOEXEC);
	long long size = size_of(store.segments, PART_1);

	REQUIRE(fd >= 0);
	CHECK_INT(custody_hash(fd, 0, (uint64_t)size, hash), 0);
	close(fd);
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 1);
	r = run(&store, DUE_30 - 1);
	CHECK_INT(r.files, 0);
	CHECK(is_there(&store, PART_1));
	CHECK_INT(tombstones(&store).lines, 0);
	r = run(&store, DUE_30);
	CHECK_INT(r.expired_days, 1);
	CHECK_INT(r.erased_days, 0);
	CHECK_INT(r.files, 1);
	CHECK_INT(r.rows, 1);
	CHECK_INT(r.bytes, size);
	CHECK(!is_there(&store, PART_1));
	CHECK(is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t2/2026-03-10.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 0);
	CHECK_INT(listed(&store, DAY_NUMBER, "t2"), 1);
	CHECK_INT(listed(&store, DAY_NUMBER + 1, "t1"), 1);
	s = tombstones(&store);
	CHECK_INT(s.lines, 1);
	CHECK_STR(s.tenant, "t1");
	CHECK_INT(s.day, DAY_NUMBER);
	CHECK_INT(s.reason, DELETION_EXPIRED);
	CHECK_INT(s.because, 1);
	CHECK_INT(s.rows, 1);
	CHECK_INT(s.parts, 1);
	CHECK_INT(s.part.bytes, size);
	CHECK(memcmp(s.part.hash, hash, sizeof(hash)) == 0);
	facts = verify(&store);
	CHECK_ROW(facts.bad == 0, "%s", facts.first_bad.text);
	CHECK_INT(facts.sealed, 3);
	CHECK_INT(facts.deleted, 1);
	/* Once more: nothing. */
	r = run(&store, DUE_30);
	CHECK_INT(r.files, 0);
	CHECK_INT(tombstones(&store).lines, 1);
	/* The last file takes its directory along. */
	r = run(&store, DUE_30 + NS_PER_DAY);
	CHECK_INT(r.files, 1);
	CHECK(!is_there(&store, "t1"));
	CHECK_INT(verify(&store).bad, 0);
	/* Positive control: a file that nobody deleted is missed (AC-32). */
	CHECK_INT(unlinkat(store.segments, "t2/2026-03-10.sks", 0), 0);
	CHECK(verify(&store).bad > 0);
	store_close(&store);
}

/* Which promise counts. */
static void the_shortest_promise_for_a_day_counts(void)
{
	static const struct {
		const char *consents;
		uint32_t days, because;
	} rows[] = {
		{ "", 180, 0 }, /* imported */
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 366), 366, 1 },
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 1), 1, 1 },
		{ GRANT(1, "t2", "2026-03-09T00:00:00Z", 1), 180, 0 },
		/* Two on that day, in either order. */
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 30) GRANT(2, "t1", "2026-03-10T12:00:00Z", 60), 30, 1 },
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 60) GRANT(2, "t1", "2026-03-10T12:00:00Z", 30), 30, 2 },
		/* The other one begins when the day is over, or has ended before. */
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 60) GRANT(2, "t1", "2026-03-11T00:00:00Z", 30), 60, 1 },
		{ GRANT(1, "t1", "2026-03-09T00:00:00Z", 30) GRANT(2, "t1", "2026-03-10T00:00:00Z", 60), 60, 2 },
		/* None on that day: imported, and the tenant was promised less, or more, later. */
		{ GRANT(1, "t1", "2026-03-12T00:00:00Z", 20), 20, 1 },
		{ GRANT(1, "t1", "2026-03-12T00:00:00Z", 200), 180, 0 },
		{ GRANT(1, "t1", "2026-03-01T00:00:00Z", 20) WITHDRAW(2, "t1", "2026-03-10T00:00:00Z", "STOP_ONLY"), 20, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct store_dir store = a_store();
		struct consents c = { 0 };
		struct problem p = { "" };
		uint32_t because = 99;

		put_consents(&store, rows[i].consents);
		CHECK_ROW(consents_load(&store, &c, &p) == 0, "%zu: %s", i, p.text);
		CHECK_ROW(due_retention_days(&c, "t1", DAY_NUMBER, &because) == rows[i].days, "row %zu", i);
		CHECK_ROW(because == rows[i].because, "row %zu: %u", i, because);
		consents_done(&c);
		store_close(&store);
	}
	CHECK(due_instant(DAY_NUMBER, 30) == DUE_30);
	CHECK(due_instant(INT32_MAX, 366) == INT64_MAX);
	CHECK(due_instant(INT32_MIN, 1) == INT64_MIN);
}

/* A withdrawal without erasure changes nothing for what was recorded. */
static void stop_only_lets_the_past_live(void)
{
	struct store_dir store = a_sealed_store(GRANTS WITHDRAW(3, "t1", "2026-03-12T00:00:00Z", "STOP_ONLY"));

	CHECK_INT(run(&store, DUE_30 - 1).files, 0);
	CHECK_INT(run(&store, DUE_30).files, 1);
	store_close(&store);
}

/* --- Holds --- */

/* AC-36: a hold outlives retention, for its days and tenant alone; release makes them go, and so does its end. */
static void a_hold_survives_retention(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	int64_t until = utc_now_ns() + 300 * NS_PER_DAY;
	struct retention_result r;

	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, until);
	r = run(&store, DUE_30 + NS_PER_DAY);
	CHECK_INT(r.held_days, 1);
	CHECK_INT(r.expired_days, 1); /* the other day */
	CHECK(is_there(&store, PART_1));
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 1);
	CHECK_INT(verify(&store).bad, 0);
	/* For ever so long; and then it ends by itself. */
	CHECK_INT(run(&store, until - 1).held_days, 1);
	CHECK(is_there(&store, PART_1));
	release_hold(&store);
	r = run(&store, DUE_30 + NS_PER_DAY);
	CHECK_INT(r.held_days, 0);
	CHECK_INT(r.expired_days, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(verify(&store).bad, 0);
	store_close(&store);
}

static void a_hold_ends_at_its_date(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	int64_t until = utc_now_ns() + 300 * NS_PER_DAY;

	set_hold(&store, NULL, HOLD_FROM_EVER, HOLD_FOR_EVER, until);
	CHECK_INT(run(&store, until - 1).held_days, 4);
	CHECK_INT(run(&store, until).files, 4);
	CHECK_INT(verify(&store).bad, 0);
	store_close(&store);
}

struct deleting {
	const struct store_dir *store;
	struct retention_result result;
	int error;
};

static void *delete_now(void *ctx)
{
	struct deleting *d = ctx;
	struct problem p;

	d->error = try_run(d->store, true, DUE_30, &d->result, &p);
	return NULL;
}

/* A hold that is set when the deletion has looked and waits for the ledgers: it looks again. */
static void a_hold_stops_a_deletion_that_has_begun(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct deleting d = { .store = &store };
	struct ledger_writer *w = NULL;
	struct problem p = { "" };
	json_t *act = json_pack("{s:s, s:s, s:s, s:n, s:n, s:i, s:s, s:s, s:s}", "event", "HOLD_SET", "number", "1",
				"tenant", "t1", "reason", "actor", "uid", 0, "first_day", "2026-03-10", "last_day",
				"2026-03-10", "until", "2099-01-01T00:00:00.000000000Z");
	pthread_t thread;

	REQUIRE(ledger_writer_open(&store, &w, &p) == 0);
	REQUIRE(pthread_create(&thread, NULL, delete_now, &d) == 0);
	usleep(300000);
	CHECK(is_there(&store, PART_1));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), -1); /* it has come that far */
	CHECK_INT(ledger_writer_append(w, LEDGER_CUSTODY, act, utc_now_ns(), NULL), 0);
	ledger_writer_close(w);
	json_decref(act);
	REQUIRE(pthread_join(thread, NULL) == 0);
	CHECK_INT(d.error, 0);
	CHECK_INT(d.result.files, 0);
	CHECK_INT(d.result.held_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK_INT(tombstones(&store).lines, 0);
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 1);
	store_close(&store);
}

/* --- Erasure --- */

#define ERASED GRANTS WITHDRAW(3, "t1", "2026-03-11T12:00:00Z", "STOP_AND_ERASE")

/* AC-07: at once, without a clock, this tenant's alone. */
static void stop_and_erase_takes_all_of_the_tenant(void)
{
	struct store_dir store = a_sealed_store_then(ERASED);
	struct retention_result r;
	struct problem p;
	struct seen s;

	CHECK_INT(try_run(&store, false, 0, &r, &p), 0);
	CHECK_INT(r.erased_days, 2);
	CHECK_INT(r.expired_days, 0);
	CHECK(!is_there(&store, "t1"));
	CHECK(is_there(&store, "t2/2026-03-10.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), 0);
	CHECK_INT(listed(&store, DAY_NUMBER + 1, "t1"), 0);
	s = tombstones(&store);
	CHECK_INT(s.lines, 2);
	CHECK_INT(s.reason, DELETION_ERASED);
	CHECK_INT(s.because, 3);
	CHECK_INT(verify(&store).bad, 0);
	store_close(&store);
}

/* Rows that wait in a journal are not sealed, and that is stated; others are. */
static void rows_in_a_journal_are_left_out(void)
{
	struct store_dir store = a_store();
	struct seal_result sealed;
	struct seen s;

	put_consents(&store, ERASED);
	add_rows(&store, DAY_NS + HOUR);
	sealed = seal(&store);
	CHECK_INT(sealed.rows, 1);
	CHECK_INT(count_files(store.journal, ".skj"), 0);
	CHECK(!is_there(&store, PART_1));
	CHECK(is_there(&store, "t2/2026-03-10.sks"));
	s = tombstones(&store);
	CHECK_INT(s.lines, 1);
	CHECK_STR(s.tenant, "t1");
	CHECK_INT(s.day, DAY_NUMBER);
	CHECK_INT(s.reason, DELETION_ERASED);
	CHECK_INT(s.because, 3);
	CHECK_INT(s.parts, 0);
	CHECK_INT(s.rows, 1);
	/* What came after the withdrawal (a later grant's) is kept, on the same day. */
	add_rows(&store, DAY_NS + NS_PER_DAY + 13 * HOUR);
	CHECK_INT(seal(&store).rows, 2);
	CHECK(is_there(&store, "t1/2026-03-11.sks"));
	CHECK_INT(run(&store, DAY_NS).files, 0);
	CHECK_INT(verify(&store).bad, 0);
	store_close(&store);
}

/* AC-07: held rows remain, sealed or not; when the hold ends they go. */
static void held_days_survive_an_erasure(void)
{
	struct store_dir store = a_sealed_store_then(ERASED);
	struct retention_result r;

	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	add_rows(&store, DAY_NS + 2 * HOUR); /* a held day's: is sealed */
	add_rows(&store, DAY_NS - HOUR); /* another one's: is not */
	CHECK_INT(seal(&store).rows, 3);
	CHECK_INT(tombstones(&store).rows, 1);
	CHECK_INT(tombstones(&store).day, DAY_NUMBER - 1);
	r = run(&store, DAY_NS);
	CHECK_INT(r.held_days, 1);
	CHECK_INT(r.erased_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK_INT(verify(&store).bad, 0);
	release_hold(&store);
	r = run(&store, DAY_NS);
	CHECK_INT(r.erased_days, 1);
	CHECK_INT(r.rows, 2);
	CHECK(!is_there(&store, "t1"));
	CHECK_INT(verify(&store).bad, 0);
	store_close(&store);
}

/* The day of the withdrawal, held, and the tenant comes back on that day: what comes later stays when the hold ends. */
static void what_came_after_the_withdrawal_stays(void)
{
	struct store_dir store = a_sealed_store_then(ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	struct retention_result r;

	set_hold(&store, "t1", DAY_NUMBER + 1, DAY_NUMBER + 1, utc_now_ns() + NS_PER_DAY);
	r = run(&store, DAY_NS);
	CHECK_INT(r.held_days, 1);
	add_rows(&store, DAY_NS + NS_PER_DAY + 14 * HOUR);
	CHECK_INT(seal(&store).rows, 2);
	CHECK(is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t1/2026-03-11.2.sks"));
	r = run(&store, DAY_NS);
	CHECK_INT(r.held_days, 1);
	release_hold(&store);
	r = run(&store, DAY_NS);
	CHECK_INT(r.files, 1);
	CHECK_INT(r.rows, 1);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t1/2026-03-11.2.sks"));
	CHECK_INT(listed(&store, DAY_NUMBER + 1, "t1"), 1);
	CHECK_INT(verify(&store).bad, 0);
	/* A part of its day that expires goes whole. */
	CHECK_INT(run(&store, due_instant(DAY_NUMBER + 1, 30)).expired_days, 1);
	CHECK(!is_there(&store, "t1"));
	store_close(&store);
}

/* For a run that was killed before its journal went. Caller frees; one journal is there, *name is its. */
static uint8_t *keep_journal(const struct store_dir *store, char name[static 64], size_t *size)
{
	char **names;
	uint8_t *data;
	size_t count;

	REQUIRE(fs_list(store->journal, ".skj", &names, &count) == 0 && count == 1);
	snprintf(name, 64, "%s", names[0]);
	data = read_file(store->journal, name, size);
	fs_free_names(names, count);
	return data;
}

static uint64_t rows_of(const struct store_dir *store, const char *tenant)
{
	struct query q = { .tenant = tenant, .from_ns = 0, .to_ns = INT64_MAX };
	struct search_result r;
	struct problem p = { "" };
	uint64_t count;

	REQUIRE(search_run(store, &q, &r, &p) == 0);
	count = r.count;
	search_result_done(&r);
	return count;
}

/* The first part went, a later one is there: the day goes on behind it, once, and gets its trailer. */
static void a_day_without_its_first_part_goes_on(void)
{
	struct store_dir store = a_sealed_store_then(ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	struct seal_result closed = { 0 };
	struct problem note = { "" }, p = { "" };
	char name[64];
	uint8_t *copy;
	size_t size;

	set_hold(&store, "t1", DAY_NUMBER + 1, DAY_NUMBER + 1, utc_now_ns() + NS_PER_DAY);
	(void)run(&store, DAY_NS);
	add_rows(&store, DAY_NS + NS_PER_DAY + 14 * HOUR);
	copy = keep_journal(&store, name, &size);
	CHECK_INT(seal(&store).rows, 2);
	release_hold(&store);
	CHECK_INT(run(&store, DAY_NS).files, 1);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	/* The run that sealed was killed before its journal went. */
	write_file(store.journal, name, copy, size);
	CHECK_INT(seal(&store).skipped_sections, 2);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	add_rows(&store, DAY_NS + NS_PER_DAY + 15 * HOUR);
	CHECK_INT(seal(&store).sections, 2);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK(!is_there(&store, "t1/2026-03-11.3.sks"));
	CHECK_ROW(day_close(&store, DAY_NUMBER + 1, &closed, &note, &p) == 0, "%s", p.text);
	CHECK_INT(closed.closed_files, 2); /* t1's and t2's */
	add_rows(&store, DAY_NS + NS_PER_DAY + 16 * HOUR);
	CHECK_INT(seal(&store).sections, 2);
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	CHECK(is_there(&store, "t1/2026-03-11.3.sks"));
	CHECK_INT(rows_of(&store, "t1"), 3);
	CHECK_INT(verify(&store).bad, 0);
	free(copy);
	store_close(&store);
}

/* A journal that the tenant wanted erased and wrote to again, sealed by a run that was killed before the journal went:
 * when the day is held since, all of its rows are sealed. */
static void rows_that_are_held_since_are_sealed(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[2] = { plain_row(DAY_NS + NS_PER_DAY + 11 * HOUR, 1),
				  plain_row(DAY_NS + NS_PER_DAY + 14 * HOUR, 2) };
	char name[64];
	uint8_t *copy;
	size_t size;

	put_consents(&store, ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	put_rows(j, rows, 2, 2000);
	end_journal(store.journal, j, name);
	copy = keep_journal(&store, name, &size);
	CHECK_INT(seal(&store).rows, 1);
	write_file(store.journal, name, copy, size);
	set_hold(&store, "t1", DAY_NUMBER + 1, DAY_NUMBER + 1, utc_now_ns() + NS_PER_DAY);
	(void)seal(&store);
	CHECK_INT(rows_of(&store, "t1"), 2);
	CHECK_INT(verify(&store).bad, 0);
	free(copy);
	store_close(&store);
}

/* The rows that each range of a journal has of t2. */
static size_t ranges_of_t2(struct journal_reader *r, const struct leave_out *l, uint32_t *rows, size_t most)
{
	struct harvest *h = harvest_new(r, 1);
	struct problem p = { "" };
	size_t ranges = 0;

	REQUIRE(h != NULL);
	harvest_leave_out(h, l);
	while (ranges < most && harvest_load(h, &p) > 0) {
		rows[ranges] = 0;
		for (size_t i = 0; i < harvest_group_count(h); i++)
			if (harvest_group(h, i)->tenant == 2)
				rows[ranges] += harvest_group(h, i)->rows;
		ranges++;
	}
	harvest_free(h);
	return ranges;
}

/* A run that was cut off, and the tenant then withdrew: the sections of others are where they were. */
static void what_is_left_out_moves_nobody_else(void)
{
	enum { FRAMES = 6, RANGES = 20 };
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[2] = { plain_row(DAY_NS, 1), plain_row(DAY_NS, 2) };
	uint32_t before[RANGES], after[RANGES];
	struct journal_reader r;
	struct leave_out l;
	struct problem p = { "" };
	size_t count;
	char name[64];

	rows[1].tenant = rows[1].consent = 2;
	for (unsigned int i = 0; i < FRAMES; i++)
		put_rows(j, i % 2 ? &rows[1] : &rows[0], 1, 2000 + i);
	end_journal(store.journal, j, name);
	put_consents(&store, ERASED);
	REQUIRE(journal_reader_open(store.journal, name, &r, &p) == 0);
	leave_out_open(&store, &l);
	count = ranges_of_t2(&r, NULL, before, RANGES);
	CHECK(count > 1 && count < RANGES);
	CHECK_INT(ranges_of_t2(&r, &l, after, RANGES), count);
	CHECK(memcmp(before, after, count * sizeof(*before)) == 0);
	leave_out_close(&l);
	journal_reader_close(&r);
	store_close(&store);
}

/* A hold that comes while a journal is sealed: nothing of the day goes, and the next run seals it. */
static void a_hold_stops_what_is_left_out(void)
{
	struct store_dir store = a_store();
	struct leave_out_day day = { .tenant_id = "t1", .day = DAY_NUMBER, .rows = 1 };
	struct leave_out l;
	struct problem p = { "" };

	put_consents(&store, ERASED);
	leave_out_open(&store, &l);
	CHECK(leave_out_before(&l, "t1", DAY_NUMBER) != INT64_MIN);
	CHECK(leave_out_before(&l, "t1", DAY_NUMBER + 2) == INT64_MIN);
	CHECK(leave_out_before(&l, "t2", DAY_NUMBER) == INT64_MIN);
	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	CHECK_INT(leave_out_state(&l, &store, 7, &day, 1, &p), -EAGAIN);
	CHECK_INT(tombstones(&store).lines, 0);
	CHECK(leave_out_before(&l, "t1", DAY_NUMBER) == INT64_MIN);
	leave_out_close(&l);
	store_close(&store);
}

/* --- What must not go --- */

static void without_a_clock_nothing_expires(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct retention_result r;
	struct problem p;

	CHECK_INT(try_run(&store, false, DUE_30 + 9999 * NS_PER_DAY, &r, &p), 0);
	CHECK_INT(r.files, 0);
	CHECK(is_there(&store, PART_1));
	/* And no hold ends. */
	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	put_consents(&store, ERASED);
	CHECK_INT(try_run(&store, false, INT64_MAX, &r, &p), 0);
	CHECK_INT(r.held_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK(!is_there(&store, "t1/2026-03-11.sks"));
	store_close(&store);
}

/* Flips a bit in the middle of a file. */
static void flip(int dir, const char *name)
{
	size_t size;
	uint8_t *data = read_file(dir, name, &size);

	data[size / 2] ^= 1;
	write_file(dir, name, data, size);
	free(data);
}

/* Fail closed: who cannot read holds or consents deletes nothing. */
static void a_damaged_ledger_deletes_nothing(void)
{
	static const char *const files[] = { "custody.log", "consent.log" };
	struct store_dir store = a_sealed_store_then(ERASED);
	struct retention_result r;
	struct problem p;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		flip(store.ledger, files[i]);
		CHECK_ROW(try_run(&store, true, DUE_30 + 500 * NS_PER_DAY, &r, &p) == -EBADMSG, "%s", files[i]);
		CHECK_ROW(strstr(p.text, files[i]) != NULL, "%s", p.text);
		CHECK_INT(r.files, 0);
		/* Nothing is left out of a journal either. */
		if (i == 0) {
			struct leave_out l;

			leave_out_open(&store, &l);
			CHECK(leave_out_before(&l, "t1", DAY_NUMBER) == INT64_MIN);
			leave_out_close(&l);
		}
		flip(store.ledger, files[i]);
	}
	CHECK_INT(count_files(store.ledger, ".log"), 2);
	CHECK(is_there(&store, PART_1));
	/* Positive control. */
	CHECK_INT(run(&store, DUE_30 + 500 * NS_PER_DAY).files, 4);
	store_close(&store);
}

/* --- Cut off --- */

/* Killed behind the tombstone: verify tells, the next run finishes without another line. */
static void a_tombstone_without_its_act_is_finished(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct verify_facts facts;
	struct retention_result r;
	size_t size;
	uint8_t *data = read_file(store.segments, PART_1, &size);

	CHECK_INT(run(&store, DUE_30).files, 1);
	write_file(store.segments, PART_1, data, size);
	CHECK_INT(catalog_drop(&store, DAY_NUMBER), 0);
	facts = verify(&store);
	CHECK_INT(facts.bad, 1);
	CHECK_ROW(strstr(facts.first_bad.text, "was deleted, and is there") != NULL, "%s", facts.first_bad.text);
	r = run(&store, DUE_30);
	CHECK_INT(r.files, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(tombstones(&store).lines, 1);
	CHECK_INT(listed(&store, DAY_NUMBER, "t2"), 1);
	CHECK_INT(verify(&store).bad, 0);
	/* A hold that was set in between keeps it, and that is no damage. */
	CHECK_INT(mkdirat(store.segments, "t1", 0700) == 0 || errno == EEXIST, 1);
	write_file(store.segments, PART_1, data, size);
	CHECK_INT(catalog_drop(&store, DAY_NUMBER), 0);
	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	CHECK_INT(run(&store, DUE_30).held_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK_INT(verify(&store).bad, 0);
	free(data);
	store_close(&store);
}

/* What no reader understands goes with its day, and what a killed run did not publish. */
static void damaged_and_unpublished_files_go_too(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct seen s;
	size_t size;
	uint8_t *data = read_file(store.segments, PART_1, &size);

	data[30] ^= 1; /* in the header: no file id */
	write_file(store.segments, PART_1, data, size);
	write_file(store.segments, "t1/.publish-1-2.tmp", data, size);
	free(data);
	CHECK(verify(&store).bad > 0);
	CHECK_INT(run(&store, DUE_30 + NS_PER_DAY).files, 2);
	CHECK(!is_there(&store, "t1"));
	s = tombstones(&store);
	CHECK_INT(s.lines, 2);
	CHECK_INT(verify(&store).bad, 0);
	store_close(&store);
}

/* Another tenant's damaged segment must not be hidden by a catalog: the day does without one. */
static void a_day_that_cannot_have_a_catalog_goes_without(void)
{
	struct store_dir store = a_sealed_store(GRANTS);

	flip(store.segments, "t2/2026-03-10.sks");
	CHECK_INT(run(&store, DUE_30).files, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), -1);
	store_close(&store);
}

/* A file that nobody can even look at is told of, and keeps nothing else. */
static void one_failure_keeps_nothing_else(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct retention_result r;
	struct problem p;
	int aside = fs_open_dir(store.journal, "damaged", 1), big;

	REQUIRE(aside >= 0);
	big = openat(aside, "1.skj", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	REQUIRE(big >= 0 && ftruncate(big, INT64_C(1) << 40) == 0);
	close(big);
	CHECK(try_run(&store, true, DUE_30, &r, &p) < 0);
	CHECK_ROW(strstr(p.text, "1.skj") != NULL, "%s", p.text);
	CHECK_INT(r.files, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(count_files(aside, ".skj"), 1);
	close(aside);
	store_close(&store);
}

/* The ledger could not be written when the tenant's rows were to go: those of its next grant do not go with them. */
static void what_comes_after_an_erasure_that_failed_stays(void)
{
	struct store_dir store = a_sealed_store_then(ERASED GRANT(4, "t1", "2026-03-11T13:00:00Z", 180));
	struct retention_result r;
	struct problem p;

	CHECK_INT(unlinkat(store.ledger, ".lock", 0), 0);
	CHECK_INT(mkdirat(store.ledger, ".lock", 0700), 0);
	CHECK(try_run(&store, true, DAY_NS, &r, &p) < 0);
	CHECK_INT(r.files, 0);
	CHECK_INT(unlinkat(store.ledger, ".lock", AT_REMOVEDIR), 0);
	add_rows(&store, DAY_NS + NS_PER_DAY + 14 * HOUR);
	CHECK_INT(seal(&store).rows, 2);
	CHECK_INT(run(&store, DAY_NS).rows, 2);
	CHECK_INT(rows_of(&store, "t1"), 1);
	CHECK_INT(verify(&store).bad, 0);
	store_close(&store);
}

/* A journal that was set aside has the rows as well: it goes when the first of its tenants has a right to that. */
static void journals_that_were_set_aside_go_too(void)
{
	struct store_dir store = a_store();
	struct retention_result r;
	struct problem p;
	char name[64];
	int aside;

	put_consents(&store, GRANTS);
	add_rows(&store, DAY_NS + HOUR);
	only_name(store.journal, ".skj", name);
	aside = fs_open_dir(store.journal, "damaged", 1);
	REQUIRE(aside >= 0);
	CHECK_INT(renameat(store.journal, name, aside, name), 0);
	/* The journal spoke of no more than that day. */
	CHECK_INT(run(&store, DUE_30 - 1).files, 0);
	CHECK_INT(try_run(&store, false, DUE_30, &r, &p), 0);
	CHECK_INT(count_files(aside, ".skj"), 1);
	set_hold(&store, "t2", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	CHECK_INT(run(&store, DUE_30).files, 0);
	release_hold(&store);
	set_hold(&store, "t2", DAY_NUMBER + 2, DAY_NUMBER + 2, utc_now_ns() + NS_PER_DAY);
	r = run(&store, DUE_30);
	CHECK_INT(r.files, 1);
	CHECK(r.bytes > 0);
	CHECK_INT(count_files(aside, ".skj"), 0);
	release_hold(&store);
	/* Erasure; and one that nobody can read, by its age. */
	add_rows(&store, DAY_NS + HOUR);
	only_name(store.journal, ".skj", name);
	CHECK_INT(renameat(store.journal, name, aside, name), 0);
	write_file(aside, "x.skj", "nonsense", 8);
	put_consents(&store, ERASED);
	CHECK_INT(try_run(&store, false, 0, &r, &p), 0);
	CHECK_INT(r.files, 1);
	CHECK_INT(run(&store, utc_now_ns() + 180 * NS_PER_DAY - NS_PER_DAY).files, 0);
	CHECK_INT(run(&store, utc_now_ns() + 181 * NS_PER_DAY).files, 1);
	CHECK_INT(count_files(aside, ".skj"), 0);
	CHECK_INT(verify(&store).bad, 0);
	close(aside);
	store_close(&store);
}

/* --- The clock --- */

static struct retention_sample at(int64_t utc_ns, int64_t boot_ns, const char *boot_id, bool synchronised)
{
	struct retention_sample s = { .utc_ns = utc_ns, .boot_ns = (uint64_t)boot_ns, .synchronised = synchronised };

	strcpy(s.boot_id, boot_id);
	return s;
}

/* The time that is believed, or the error. */
static int64_t believe(const struct store_dir *store, struct retention_sample s, bool *ret_ahead)
{
	struct problem note = { "" }, p = { "" };
	int64_t now = 0;
	int error = retention_clock_now(store, &s, &now, &note, &p);

	CHECK_ROW(error == 0 || error == -ETIME, "%s", p.text);
	*ret_ahead = note.text[0] != '\0';
	return error ? error : now;
}

static void a_clock_that_jumps_is_not_believed(void)
{
	struct store_dir store = a_store();
	int64_t day = NS_PER_DAY, t0 = a_time("2026-03-09T00:00:00Z");
	bool ahead;

	/* Nothing known yet. */
	CHECK_INT(believe(&store, at(t0, 0, "b1", false), &ahead), -ETIME);
	put_consents(&store, GRANTS);
	/* The ledgers' last line may be of custody: the key, made now. */
	t0 = utc_now_ns() + HOUR;
	CHECK_INT(believe(&store, at(t0 - 2 * HOUR - day, 0, "b1", false), &ahead), -ETIME); /* behind the ledgers */
	CHECK(believe(&store, at(t0, 5 * HOUR, "b1", false), &ahead) <= t0);
	/* Synchronised: believed, and from here on. */
	CHECK(believe(&store, at(t0, 6 * HOUR, "b1", true), &ahead) == t0);
	CHECK(!ahead);
	CHECK(believe(&store, at(t0 + HOUR, 7 * HOUR, "b1", false), &ahead) == t0 + HOUR);
	CHECK(!ahead);
	/* A year ahead: no more than has passed. */
	CHECK(believe(&store, at(t0 + 365 * day, 8 * HOUR, "b1", false), &ahead) <= t0 + 2 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	CHECK(believe(&store, at(t0 + 365 * day, 9 * HOUR, "b1", false), &ahead) <= t0 + 3 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	/* A restart of the machine does not help it: the time since is certain, no more. */
	CHECK(believe(&store, at(t0 + 365 * day, 2 * HOUR, "b2", false), &ahead) <= t0 + 5 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	/* Put right again. */
	CHECK(believe(&store, at(t0 + 5 * HOUR, 2 * HOUR + 1, "b2", false), &ahead) <= t0 + 5 * HOUR);
	CHECK(!ahead);
	/* Set back: it counts from there, and does not catch up by itself. */
	CHECK(believe(&store, at(t0 + HOUR, 2 * HOUR + 2, "b2", false), &ahead) == t0 + HOUR);
	CHECK(believe(&store, at(t0 + 6 * HOUR, 3 * HOUR + 2, "b2", false), &ahead) < t0 + 2 * HOUR + 60 * NS_PER_SEC);
	CHECK(ahead);
	CHECK(believe(&store, at(t0 + 7 * HOUR, 4 * HOUR, "b2", true), &ahead) == t0 + 7 * HOUR);
	CHECK(!ahead);
	/* What was kept is lost or does not read: the ledgers again. */
	write_file(store.root, RETENTION_CLOCK_FILE, "nonsense\n", 9);
	CHECK(believe(&store, at(t0 + 365 * day, 5 * HOUR, "b2", false), &ahead) < t0);
	CHECK(ahead);
	store_close(&store);
}

UNIT_SUITE(retention, TEST(a_day_goes_when_it_is_due), TEST(the_shortest_promise_for_a_day_counts),
	   TEST(stop_only_lets_the_past_live), TEST(a_hold_survives_retention), TEST(a_hold_ends_at_its_date),
	   TEST(a_hold_stops_a_deletion_that_has_begun), TEST(stop_and_erase_takes_all_of_the_tenant), TEST(rows_in_a_journal_are_left_out),
	   TEST(held_days_survive_an_erasure), TEST(what_came_after_the_withdrawal_stays),
	   TEST(a_day_without_its_first_part_goes_on), TEST(rows_that_are_held_since_are_sealed), TEST(what_is_left_out_moves_nobody_else),
	   TEST(a_hold_stops_what_is_left_out), TEST(without_a_clock_nothing_expires),
	   TEST(a_damaged_ledger_deletes_nothing), TEST(a_tombstone_without_its_act_is_finished),
	   TEST(damaged_and_unpublished_files_go_too), TEST(a_day_that_cannot_have_a_catalog_goes_without),
	   TEST(one_failure_keeps_nothing_else), TEST(what_comes_after_an_erasure_that_failed_stays),
	   TEST(journals_that_were_set_aside_go_too), TEST(a_clock_that_jumps_is_not_believed));
