/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closed segments and imports in custody: a trailer that is cut off exactly where it begins is found (AC-31 in part);
 * imported rows have a custody entry (AC-10 in part); what a kill left unsaid is said by the next run.
 */
#include "ledger/custody_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "import/import.h"
#include "journal/journal.h"
#include "ledger/heads.h"
#include "query/verify.h"
#include "schema/segment.h"
#include "seal/adopt.h"
#include "seal/day_closer.h"
#include "unit.h"

#define OVER (DAY_NS + NS_PER_DAY + DAY_GRACE_NS)
#define PART "t1/2026-03-10.sks"

static struct verify_facts verified(const struct store_dir *store)
{
	const struct verify_request request = { .full = false };
	struct verify_facts facts = {};
	struct problem p = { "" };

	CHECK_ROW(verify_run(store, &request, &facts, &p) == 0, "%s", p.text);
	return facts;
}

static void check_good(const struct store_dir *store)
{
	struct verify_facts f = verified(store);

	CHECK_ROW(f.bad == 0, "%s", f.first_bad.text);
}

static void add_rows(const struct store_dir *store, int64_t time_ns, uint32_t tenant)
{
	struct journal *j = a_journal(store->journal);
	struct record row = plain_row(time_ns, 1);
	char name[64];

	row.tenant = tenant;
	put_rows(j, &row, 1, 2000);
	end_journal(store->journal, j, name);
}

static void seal(const struct store_dir *store)
{
	struct seal_result result = {};
	struct problem p = { "" };

	CHECK_ROW(seal_all(store, NULL, &result, &p) == 0, "%s", p.text);
}

static uint64_t close_days(const struct store_dir *store, int want_error)
{
	struct day_closer c = {};
	struct seal_result result = {};
	struct problem note, p = { "" };

	CHECK_ROW(day_closer_run(&c, store, OVER, &result, &note, &p) == want_error, "%s", p.text);
	day_closer_done(&c);
	return result.closed_files;
}

struct seen {
	struct custody_closed closed[8];
	uint64_t line[8];
	size_t count;
	struct custody_import import;
	char reason[40];
	size_t imports;
};

static int see_closed(void *ctx, uint64_t seq, const struct custody_closed *s)
{
	struct seen *seen = ctx;

	REQUIRE(seen->count < ARRAY_SIZE(seen->closed));
	seen->line[seen->count] = seq;
	seen->closed[seen->count++] = *s;
	return 0;
}

static int see_import(void *ctx, uint64_t seq, const struct custody_import *i)
{
	struct seen *seen = ctx;

	(void)seq;
	seen->import = *i;
	snprintf(seen->reason, sizeof(seen->reason), "%s", i->reason);
	seen->imports++;
	return 0;
}

static struct seen custody(const struct store_dir *store)
{
	struct seen seen = {};
	const struct custody_files_reader reader = { see_closed, see_import, &seen };
	struct problem p = { "" };

	CHECK_ROW(custody_files_walk(store, &reader, &p) == 0, "%s", p.text);
	return seen;
}

/* Two tenants, one day, closed. */
static struct store_dir a_closed_day(void)
{
	struct store_dir store = a_store();

	add_rows(&store, DAY_NS + 1, 1);
	add_rows(&store, DAY_NS + 2, 1);
	add_rows(&store, DAY_NS + 3, 2);
	seal(&store);
	CHECK_INT(close_days(&store, 0), 2);
	return store;
}

static void a_day_that_is_closed_is_one_line(void)
{
	struct store_dir store = a_closed_day();
	struct seen seen = custody(&store);

	REQUIRE(seen.count == 2);
	CHECK_INT(seen.line[0], seen.line[1]);
	CHECK_STR(seen.closed[0].tenant_id, "t1");
	CHECK_STR(seen.closed[1].tenant_id, "t2");
	CHECK_INT(seen.closed[0].day, DAY_NUMBER);
	CHECK_INT(seen.closed[0].part, 1);
	CHECK_INT(seen.closed[0].rows, 2);
	CHECK_INT(seen.closed[0].sections, 2);
	CHECK_INT(seen.closed[0].bytes, size_of(store.segments, PART));
	check_good(&store);
	/* Once. */
	CHECK_INT(close_days(&store, 0), 0);
	CHECK_INT(custody(&store).count, 2);
	/* Late rows go to a second part, which is stated alone. */
	add_rows(&store, DAY_NS + 9, 1);
	seal(&store);
	CHECK_INT(close_days(&store, 0), 1);
	seen = custody(&store);
	REQUIRE(seen.count == 3);
	CHECK_INT(seen.closed[2].part, 2);
	check_good(&store);
	store_close(&store);
}

/* Before it was stated, nobody could tell it from a file that is open; every other cut is found, too. */
static void a_trailer_that_was_cut_off_is_found(void)
{
	struct store_dir store = a_closed_day();
	size_t size;
	uint8_t *whole = read_file(store.segments, PART, &size);
	char want[160];

	snprintf(want, sizeof(want), "segments/t1/2026-03-10.sks offset %zu: its trailer was cut off (ledger/custody.log line ",
		 size - TRAILER_BYTES);
	for (size_t cut = TRAILER_BYTES; cut > 0; cut--) {
		struct verify_facts f;

		write_file(store.segments, PART, whole, size - cut);
		f = verified(&store);
		CHECK_ROW(f.bad == 1, "%zu: %llu, %s", cut, (unsigned long long)f.bad, f.first_bad.text);
		if (cut == TRAILER_BYTES)
			CHECK_ROW(strncmp(f.first_bad.text, want, strlen(want)) == 0, "%s", f.first_bad.text);
		else
			CHECK_ROW(strstr(f.first_bad.text, "segments/t1/2026-03-10.sks offset ") != NULL, "%zu: %s", cut,
				  f.first_bad.text);
	}
	write_file(store.segments, PART, whole, size);
	check_good(&store);
	free(whole);
	store_close(&store);
}

/* Whoever has no key makes a trailer of his own: it reads, but is not the one. */
static void a_trailer_that_was_exchanged_is_found(void)
{
	struct store_dir store = a_closed_day();
	size_t size;
	uint8_t *whole = read_file(store.segments, PART, &size);
	int dir = openat(store.segments, "t1", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct problem p;

	write_file(store.segments, PART, whole, size - TRAILER_BYTES);
	REQUIRE(segment_close_day(dir, DAY_NUMBER, &p) == 1);
	CHECK(strstr(verified(&store).first_bad.text, ": not the trailer that was written (ledger/custody.log line ") != NULL);
	close(dir);
	free(whole);
	store_close(&store);
}

/* Killed between trailer and line, or no space for the line: the next run says it, and no trailer is written twice. */
static void what_was_not_stated_is_stated_by_the_next_run(void)
{
	struct store_dir store = a_store();
	size_t before, after;
	uint8_t *whole, *again;
	struct stat st;
	int keys;

	add_rows(&store, DAY_NS + 1, 1);
	seal(&store);
	keys = heads_open_keys(&store, false);
	/* Any hindrance does. */
	REQUIRE(renameat(keys, "node.key", keys, "away") == 0);
	CHECK_INT(close_days(&store, -ENOENT), 1);
	CHECK_INT(custody(&store).count, 0);
	check_good(&store);
	whole = read_file(store.segments, PART, &before);
	REQUIRE(renameat(keys, "away", keys, "node.key") == 0);
	CHECK_INT(close_days(&store, 0), 0);
	again = read_file(store.segments, PART, &after);
	CHECK(before == after && memcmp(whole, again, before) == 0);
	CHECK_INT(custody(&store).count, 1);
	CHECK_INT(fstatat(store.segments, PART, &st, 0), 0);
	check_good(&store);
	close(keys);
	free(whole);
	free(again);
	store_close(&store);
}

/* A closer that failed tries the day again. */
static void a_closer_that_could_not_state_tries_again(void)
{
	struct store_dir store = a_store();
	struct day_closer c = {};
	struct seal_result result = {};
	struct problem note, p;
	int keys;

	add_rows(&store, DAY_NS + 1, 1);
	seal(&store);
	keys = heads_open_keys(&store, false);
	REQUIRE(renameat(keys, "node.key", keys, "away") == 0);
	CHECK_INT(day_closer_run(&c, &store, OVER, &result, &note, &p), -ENOENT);
	CHECK_INT(c.count, 1);
	REQUIRE(renameat(keys, "away", keys, "node.key") == 0);
	CHECK_INT(day_closer_run(&c, &store, OVER, &result, &note, &p), 0);
	CHECK_INT(c.count, 0);
	CHECK_INT(custody(&store).count, 1);
	CHECK_INT(day_closer_run(&c, &store, OVER, &result, &note, &p), 0);
	CHECK_INT(custody(&store).count, 1);
	day_closer_done(&c);
	close(keys);
	store_close(&store);
}

/* --- Imports --- */

#define CSV "t_ns,tenant,src_ip,src_port,dst_ip,dst_port,rtt_us,t_close_ns\n" \
	    "1740000000000000000,a,198.51.100.7,4711,203.0.113.1,443,,1740000000000000900\n" \
	    "1740100000000000000,b,2001:db8::7,4712,2001:db8::1,80,5,\n"
/* sha256sum of it, by coreutils. */
#define CSV_SHA256 "b4b0d4d2d8e36832ff16f36351f26224cc5267a47c988c14355263ce4f147c25"

static int import_csv(const struct store_dir *store, struct import_result *r, struct problem *p)
{
	struct import_options o = { .file = "x.csv", .reason = "old logs \xe5\x8f\xa4", };
	int error;

	write_file(unit_temp_dir(), "x.csv", CSV, strlen(CSV));
	o.fd = openat(unit_temp_dir(), "x.csv", O_RDONLY | O_CLOEXEC);
	REQUIRE(o.fd >= 0);
	error = import_read(store, &o, r, p);
	close(o.fd);
	return error;
}

static void an_import_is_stated(void)
{
	struct store_dir store = a_store();
	struct import_result r;
	struct problem p = { "" };
	struct seen seen;
	char hash[65];

	CHECK_ROW(import_csv(&store, &r, &p) == 0, "%s", p.text);
	seen = custody(&store);
	CHECK_INT(seen.imports, 1);
	CHECK_INT(seen.import.rows, 3);
	CHECK_INT(seen.import.tenants, 2);
	CHECK_INT(seen.import.bytes, strlen(CSV));
	CHECK_INT(seen.import.first_ns, 1740000000000000000);
	CHECK_INT(seen.import.last_ns, 1740100000000000000);
	CHECK_INT(seen.import.uid, getuid());
	CHECK_STR(seen.reason, "old logs \xe5\x8f\xa4");
	hex_format(seen.import.sha256, 32, hash);
	CHECK_STR(hash, CSV_SHA256);
	check_good(&store);
	CHECK_INT(import_seal(&store, &r, &p), 0);
	check_good(&store);
	store_close(&store);
}

/* Custody without that line: another one has its place. */
static void an_import_that_custody_does_not_know_is_found(void)
{
	const struct custody_import other = { .journal_id = 1, .rows = 1, .tenants = 1, .reason = "x" };
	struct store_dir store = a_store();
	struct import_result r;
	struct problem p = { "" };

	CHECK_INT(import_csv(&store, &r, &p), 0);
	forget_custody(&store);
	CHECK_INT(custody_import_write(&store, &other, &p), 0);
	CHECK(strstr(verified(&store).first_bad.text, ": imported, and custody knows no such import") != NULL);
	CHECK_INT(verified(&store).bad, 1);
	/* Sealed, it is found as well: in both tenants' segments. */
	CHECK_INT(import_seal(&store, &r, &p), 0);
	CHECK_INT(verified(&store).bad, 2);
	CHECK(strstr(verified(&store).first_bad.text, "segments/a/2025-02-19.sks offset ") != NULL);
	CHECK(strstr(verified(&store).first_bad.text, ": imported, and custody knows no such import") != NULL);
	/* A copy of segments alone says nothing about it. */
	forget_custody(&store);
	check_good(&store);
	store_close(&store);
}

struct left {
	struct store_dir *store;
	bool stated;
};

/* As an import that is killed before or after its line. */
static int leave_hidden(void *ctx)
{
	const struct left *l = ctx;
	const struct journal_origin origin = {};
	const struct record row = plain_row(DAY_NS, 1);
	const struct journal_tenant tenant = { .number = 1, .id = "t1" };
	const struct anchor a = { .boot_ns = DAY_NS, .utc_ns = DAY_NS };
	struct custody_import line = { .rows = 1, .tenants = 1, .reason = "r" };
	struct journal *j;
	struct problem p;

	if (journal_create_hidden(l->store->journal, &origin, &j, &p) || journal_append_custody(j, "r") ||
	    journal_append_tenants(j, &tenant, 1) || journal_append_anchor(j, &a) ||
	    journal_append_rows(j, &row, 1, 0) || journal_settle(j, &p))
		return 1;
	line.journal_id = journal_file_id(j);
	return l->stated && custody_import_write(l->store, &line, &p) ? 1 : 0;
}

static size_t hidden_files(const struct store_dir *store)
{
	char **names;
	size_t count;

	REQUIRE(fs_list_hidden(store->journal, ".", "", &names, &count) == 0);
	fs_free_names(names, count);
	return count;
}

/* The line is what makes an import: with it the journal is published, without it nothing stays. */
static void what_a_killed_import_left_is_finished_or_undone(void)
{
	struct store_dir store = a_store();
	struct left left = { &store, false };
	struct problem p = { "" };

	CHECK_INT(in_child(leave_hidden, &left), 0);
	left.stated = true;
	CHECK_INT(in_child(leave_hidden, &left), 0);
	CHECK_INT(hidden_files(&store), 2);
	CHECK_INT(count_files(store.journal, ".skj"), 0);
	CHECK_ROW(adopt_imports(&store, &p) == 0, "%s", p.text);
	CHECK_INT(hidden_files(&store), 0);
	CHECK_INT(count_files(store.journal, ".skj"), 1);
	CHECK_INT(verified(&store).journal_rows, 1);
	check_good(&store);
	CHECK_ROW(adopt_imports(&store, &p) == 0, "%s", p.text);
	store_close(&store);
}

/* Custody that does not verify says nothing about what is to be removed. */
static void without_custody_nothing_is_undone(void)
{
	struct store_dir store = a_store();
	struct left left = { &store, true };
	struct problem p = { "" };
	uint8_t *custody_bytes;
	size_t size;

	CHECK_INT(in_child(leave_hidden, &left), 0);
	custody_bytes = read_file(store.ledger, "custody.log", &size);
	custody_bytes[size / 2] ^= 1;
	write_file(store.ledger, "custody.log", custody_bytes, size);
	CHECK_INT(adopt_imports(&store, &p), -EBADMSG);
	CHECK_INT(hidden_files(&store), 1);
	free(custody_bytes);
	store_close(&store);
}

/* --- Lines that do not read --- */

static void lines_that_do_not_read_are_named(void)
{
	static const char hash[] = "0000000000000000000000000000000000000000000000000000000000000000";
	static const char *const acts[] = {
		"{\"event\":\"CLOSED\",\"segments\":[[]]}",
		"{\"event\":\"CLOSED\",\"segments\":[[\"../x\",1,1,\"0000000000000001\",1,1,1,\"%s\"]]}",
		"{\"event\":\"CLOSED\",\"segments\":[[\"t\",1,0,\"0000000000000001\",1,1,1,\"%s\"]]}",
		"{\"event\":\"CLOSED\",\"segments\":[[\"t\",1,1,\"1\",1,1,1,\"%s\"]]}",
		"{\"event\":\"CLOSED\",\"segments\":[[\"t\",1,1,\"0000000000000001\",-1,1,1,\"%s\"]]}",
		"{\"event\":\"IMPORTED\"}",
		"{\"event\":\"IMPORTED\",\"journal\":\"0000000000000001\",\"rows\":0,\"tenants\":1,\"first\":\"2026-01-01T00:00:00Z\",\"last\":\"2026-01-01T00:00:00Z\",\"reason\":\"r\",\"uid\":0,\"bytes\":1,\"sha256\":\"%s\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		struct store_dir store = a_store();
		struct seen seen = {};
		const struct custody_files_reader reader = { see_closed, see_import, &seen };
		struct problem p = { "" };
		char text[600], *at;
		json_t *act;

		snprintf(text, sizeof(text), "%s", acts[i]);
		at = strstr(text, "%s");
		if (at) {
			memmove(at + 64, at + 2, strlen(at + 2) + 1);
			memcpy(at, hash, 64);
		}
		act = json_loads(text, 0, NULL);
		REQUIRE(act != NULL);
		CHECK_INT(ledger_append(&store, LEDGER_CUSTODY, act, utc_now_ns(), NULL, &p), 0);
		CHECK_ROW(custody_files_walk(&store, &reader, &p) == -EBADMSG, "%s", text);
		CHECK_ROW(strncmp(p.text, "ledger/custody.log line 2: ", 27) == 0, "%s: %s", text, p.text);
		CHECK_INT(verified(&store).bad, 1);
		json_decref(act);
		CHECK_INT(unlinkat(store.ledger, "custody.log", 0), 0);
		CHECK_INT(unlinkat(store.root, "keys/heads", 0), 0);
		store_close(&store);
	}
}

/* As many segments as need several lines. */
static void a_day_of_many_tenants_takes_several_lines(void)
{
	enum { SEGMENTS = 4000 };
	struct store_dir store = a_store();
	struct custody_closed *list = calloc(SEGMENTS, sizeof(*list));
	struct custody_ids ids = {};
	struct problem p = { "" };

	REQUIRE(list != NULL);
	for (int i = 0; i < SEGMENTS; i++) {
		list[i] = (struct custody_closed){ .day = -1, .part = UINT32_MAX, .sections = UINT32_MAX,
						   .file_id = UINT64_MAX - (uint64_t)i, .bytes = INT64_MAX, .rows = INT64_MAX };
		memset(list[i].tenant_id, 'x', TENANT_ID_MAX);
	}
	CHECK_ROW(custody_closed_write(&store, list, SEGMENTS, &p) == 0, "%s", p.text);
	CHECK_ROW(custody_closed_ids(&store, &ids, &p) == 0, "%s", p.text);
	CHECK_INT(ids.count, SEGMENTS);
	CHECK(custody_ids_have(&ids, UINT64_MAX) && custody_ids_have(&ids, UINT64_MAX - SEGMENTS + 1));
	CHECK(!custody_ids_have(&ids, 1));
	custody_ids_done(&ids);
	free(list);
	store_close(&store);
}

UNIT_SUITE(custody_files, TEST(a_day_that_is_closed_is_one_line), TEST(a_trailer_that_was_cut_off_is_found),
	   TEST(a_trailer_that_was_exchanged_is_found), TEST(what_was_not_stated_is_stated_by_the_next_run),
	   TEST(a_closer_that_could_not_state_tries_again), TEST(an_import_is_stated),
	   TEST(an_import_that_custody_does_not_know_is_found), TEST(what_a_killed_import_left_is_finished_or_undone),
	   TEST(without_custody_nothing_is_undone), TEST(lines_that_do_not_read_are_named),
	   TEST(a_day_of_many_tenants_takes_several_lines));
