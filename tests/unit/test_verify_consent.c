/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each record names a grant, and verify proves that it covers the record's time and fields (AC-10). The stores are
 * written as the product writes them, the ledgers forged with the node's key: no checksum or signature tells.
 */
#include "query/verify_consent.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "consent_lines.h"
#include "fixture.h"
#include "forge.h"
#include "ledger/custody_files.h"
#include "query/verify.h"
#include "schema/event.h"
#include "seal/seal.h"
#include "unit.h"

#define GRANT(seq, tenant, t, until, fields, scope, resolved)                                                \
	"{" LINE_WHO ",\"effective_from\":\"2026-03-10T" t "Z\",\"effective_to\":\"2026-03-10T" until "Z\","    \
	"\"event\":\"GRANT\",\"fields\":\"" LINE_FIELDS fields "\",\"purposes\":[\"P1\"],\"recipients\":[\"court\"]," \
	"\"retention_days\":30,\"revocable\":true,\"same_terms\":true,\"bundled\":false,\"scope\":[" scope "]," \
	"\"resolved\":[" resolved "],\"separability\":\"EXACT\",\"seq\":" #seq ",\"t\":\"2026-03-10T" t "Z\"," \
	"\"tenant\":\"" tenant "\",\"text_id\":\"x\",\"text_version\":\"1\",\"lang\":\"ja\","              \
	"\"text_sha256\":\"" LINE_SHA "\"}\n"
#define WITHDRAW(seq, tenant, t) LINE_WITHDRAW(seq, tenant, "2026-03-10T" t "Z", "STOP_ONLY")
#define WIDE "\"192.0.2.0/24\",\"2001:db8::/32\""
#define MINUTE (60 * NS_PER_SEC)
#define HOUR (60 * MINUTE)

/*
 * t1: grant 1 from 01:00, taken over by grant 3 at 03:00 (less: one port), withdrawn at 04:00.
 * t2: grant 2 from 01:00 to 06:00, with both optional fields.
 */
static const char ledger[] =
	GRANT(1, "t1", "01:00:00", "20:00:00", ",rtt", WIDE, "null,null")
	GRANT(2, "t2", "01:00:01", "06:00:00", ",rtt,t_close", WIDE, "null,null")
	GRANT(3, "t1", "03:00:00", "20:00:00", "", "\"192.0.2.1:443\"", "null")
	WITHDRAW(4, "t1", "04:00:00");

static void put_ledger(const struct store_dir *store, const char *text)
{
	struct problem p = { "" };

	CHECK_ROW(forge_chain(store, LEDGER_CONSENT, text, &p) == 0, "%s", p.text);
}

/* Several of one test. */
static struct store_dir another_store(void)
{
	static unsigned int number;
	struct store_dir store;
	struct problem p = { "" };
	char path[300];

	snprintf(path, sizeof(path), "%s/store%u", unit_temp_path(), number++);
	REQUIRE(store_open(path, 1, &store, &p) == 0);
	return store;
}

static struct verify_facts run(const struct store_dir *store, bool full)
{
	const struct verify_request request = { .full = full };
	struct verify_facts facts = { 0 };
	struct problem p = { "" };

	CHECK_ROW(verify_run(store, &request, &facts, &p) == 0, "%s", p.text);
	CHECK_ROW(facts.bad == 0, "%s", facts.first_bad.text);
	return facts;
}

static struct record row_of(uint32_t tenant, uint32_t consent, int64_t after_ns, unsigned int n)
{
	struct record row = plain_row(DAY_NS + after_ns, n);

	row.tenant = tenant;
	row.consent = consent;
	return row;
}

static void seal(const struct store_dir *store)
{
	struct seal_result result = { 0 };
	struct problem p = { "" };

	CHECK_ROW(seal_all(store, NULL, &result, &p) == 0, "%s", p.text);
}

/* Rows that are all covered, 200 of each tenant, and then these. */
static void put(const struct store_dir *store, const struct record *more, size_t count, char name[static 64])
{
	struct journal *j = a_journal(store->journal);
	struct record rows[400];

	for (unsigned int i = 0; i < 400; i++)
		rows[i] = row_of(1 + i % 2, 1 + i % 2, HOUR + 2 * NS_PER_SEC + i * 10 * NS_PER_SEC, i);
	put_rows(j, rows, 400, 2000);
	if (count)
		put_rows(j, more, count, 3000);
	end_journal(store->journal, j, name);
}

static void what_is_covered_is_found_covered(void)
{
	struct store_dir store = a_store();
	struct record rows[] = {
		row_of(1, 1, HOUR, 1), /* the first instant */
		row_of(1, 1, 3 * HOUR - 1, 2), /* the last of grant 1 */
		row_of(1, 3, 3 * HOUR, 3), row_of(1, 3, 4 * HOUR - 1, 4), /* of grant 3 */
		row_of(1, 1, 3 * HOUR + 5, 5), /* emitted before the kernel heard of grant 3 */
		row_of(2, 2, 6 * HOUR - 1, 6), row_of(2, 2, 5 * HOUR, 7), row_of(2, 2, 5 * HOUR, 8),
	};
	struct verify_facts f;
	char name[64];

	rows[1].rtt_us = rows[5].rtt_us = 8;
	rows[6].kind = SEKISHO_KIND_CLOSE;
	rows[6].lasted_ns = 5 * HOUR; /* it was opened before: that is another row's business */
	rows[7].dst = an_addr("2001:db8::1");
	put(&store, rows, ARRAY_SIZE(rows), name);
	put_ledger(&store, ledger);
	f = run(&store, true);
	CHECK_INT(f.covered, 408);
	CHECK_ROW(f.uncovered == 0, "%s", f.first_uncovered.text);
	CHECK_INT(run(&store, false).uncovered, 0);
	seal(&store);
	CHECK_INT(count_files(store.journal, ".skj"), 0);
	f = run(&store, true);
	CHECK_INT(f.covered, 408);
	CHECK_INT(f.sealed, 2);
	CHECK_ROW(f.uncovered == 0, "%s", f.first_uncovered.text);
	CHECK(!f.no_consents);
	f = run(&store, false);
	CHECK_ROW(f.uncovered == 0, "%s", f.first_uncovered.text);
	store_close(&store);
}

/* One row among 401, in a journal and sealed. `header`: the section's header alone tells, too. */
static void one_is_found(struct record row, bool header, const char *why)
{
	struct store_dir store = another_store();
	char name[64], want[200];
	struct verify_facts f;

	put(&store, &row, 1, name);
	put_ledger(&store, ledger);
	f = run(&store, true);
	CHECK_INT(f.covered, 400);
	CHECK_INT(f.uncovered, 1);
	snprintf(want, sizeof(want), "row 0 of %s: %s", utc_format(row.time_ns, (char[UTC_TEXT_MAX]){ "" }), why);
	CHECK_ROW(strstr(f.first_uncovered.text, want) != NULL, "%s instead of %s", f.first_uncovered.text, want);
	CHECK_ROW(strncmp(f.first_uncovered.text, "journal/", 8) == 0 && strstr(f.first_uncovered.text, name),
		  "%s", f.first_uncovered.text);
	seal(&store);
	f = run(&store, true);
	CHECK_INT(f.covered, 400);
	CHECK_INT(f.uncovered, 1);
	snprintf(want, sizeof(want), " of %s: %s", utc_format(row.time_ns, (char[UTC_TEXT_MAX]){ "" }), why);
	CHECK_ROW(strstr(f.first_uncovered.text, want) != NULL, "%s instead of %s", f.first_uncovered.text, want);
	CHECK_ROW(strncmp(f.first_uncovered.text, row.tenant == 1 ? "segments/t1/2026-03-10.sks offset " :
								    "segments/t2/2026-03-10.sks offset ", 34) == 0,
		  "%s", f.first_uncovered.text);
	f = run(&store, false);
	CHECK_ROW(f.uncovered == header, "%s: %s", why, f.first_uncovered.text);
	store_close(&store);
}

static void other_times(void)
{
	one_is_found(row_of(1, 1, HOUR - 1, 1), true,
		     "grant 1 ran from 2026-03-10T01:00:00.000000000Z until 2026-03-10T03:00:00.000000000Z");
	one_is_found(row_of(1, 3, 3 * HOUR - 1, 1), false, "grant 3 ran from 2026-03-10T03:00:00.000000000Z until "
							   "2026-03-10T04:00:00.000000000Z");
	one_is_found(row_of(1, 3, 4 * HOUR, 1), true, "grant 3 ran from "); /* t >= t_withdraw */
	one_is_found(row_of(1, 1, 4 * HOUR, 1), true, "grant 1 ran from "); /* nor does its successor cover it */
	one_is_found(row_of(2, 2, 6 * HOUR, 1), true, "grant 2 ran from ");
}

static void other_grants(void)
{
	one_is_found(row_of(1, 9, 2 * HOUR, 1), true, "grant 9 is not in the ledger");
	one_is_found(row_of(1, 4, 2 * HOUR, 1), true, "grant 4 is not in the ledger"); /* a withdrawal */
	one_is_found(row_of(1, 2, 2 * HOUR, 1), true, "grant 2 is of tenant t2");
	one_is_found(row_of(2, 1, 2 * HOUR, 1), true, "grant 1 is of tenant t1");
	one_is_found(row_of(1, 0, 2 * HOUR, 1), true, "names no grant");
}

static void other_addresses(void)
{
	struct record row = row_of(1, 3, 3 * HOUR + 1, 1);

	row.dst_port = 444;
	one_is_found(row, true, "grant 3 does not include 192.0.2.1 port 444");
	row = row_of(1, 3, 3 * HOUR + 1, 1);
	row.dst = an_addr("192.0.2.2");
	one_is_found(row, true, "grant 3 does not include 192.0.2.2 port 443");
	row = row_of(2, 2, 2 * HOUR, 1);
	row.dst = an_addr("2001:db9::");
	one_is_found(row, true, "grant 2 does not include 2001:db9:: port 443");
	/* The grant that took over does not include it, as it does another address of grant 1. */
	row = row_of(1, 1, 3 * HOUR + 1, 1);
	row.dst = an_addr("192.0.2.2");
	one_is_found(row, false, "grant 1 ran from ");
}

static void other_fields(void)
{
	struct record row = row_of(1, 3, 3 * HOUR + 1, 1);

	row.rtt_us = 8;
	one_is_found(row, false, "grant 3 does not include rtt");
	row = row_of(1, 1, 3 * HOUR + 1, 1); /* the grant that took over */
	row.rtt_us = 8;
	one_is_found(row, false, "grant 3 does not include rtt");
	row = row_of(1, 1, 2 * HOUR, 1);
	row.kind = SEKISHO_KIND_CLOSE;
	row.lasted_ns = 5;
	one_is_found(row, true, "grant 1 does not include t_close");
	row = row_of(1, 1, 2 * HOUR, 1);
	row.flags = SEKISHO_FLAG_IMPORTED;
	one_is_found(row, true, "flagged as imported");
}

/* No grant includes a round-trip time, and the header says that there is one. */
static void round_trips_that_no_grant_includes(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record row = row_of(1, 1, 2 * HOUR, 1);
	struct verify_facts f;
	char name[64];

	row.rtt_us = 8;
	put_rows(j, &row, 1, 2000);
	end_journal(store.journal, j, name);
	put_ledger(&store, GRANT(1, "t1", "01:00:00", "20:00:00", "", WIDE, "null,null"));
	seal(&store);
	f = run(&store, false);
	CHECK_INT(f.uncovered, 1);
	CHECK_STR(f.first_uncovered.text, "segments/t1/2026-03-10.sks offset 74: the section: round-trip times, and no grant "
					  "that includes them");
	store_close(&store);
}

static void imported(const struct store_dir *store, uint32_t consent, uint32_t flags)
{
	const struct journal_origin origin = { .ring_id = 0 };
	const struct journal_tenant tenant = { .number = 1, .id = "t1" };
	const struct anchor anchor = { .boot_ns = DAY_NS, .utc_ns = DAY_NS };
	struct record row = row_of(1, consent, 30 * MINUTE, 1); /* before any grant */
	struct custody_import said = { .rows = 1, .tenants = 1, .bytes = 1, .first_ns = row.time_ns,
				       .last_ns = row.time_ns, .reason = "a reason" };
	struct journal *j;
	struct problem p;

	row.flags = flags;
	REQUIRE(journal_create(store->journal, &origin, &j, &p) == 0);
	REQUIRE(journal_append_tenants(j, &tenant, 1) == 0 && journal_append_anchor(j, &anchor) == 0);
	REQUIRE(journal_append_custody(j, "a reason") == 0 && journal_append_rows(j, &row, 1, 0) == 0);
	said.journal_id = journal_file_id(j);
	journal_close(j);
	CHECK_ROW(custody_import_write(store, &said, &p) == 0, "%s", p.text);
}

static void imports_name_none(void)
{
	const struct {
		uint32_t consent, flags;
		const char *why;
	} rows[] = {
		{ 0, SEKISHO_FLAG_IMPORTED, NULL },
		{ 1, SEKISHO_FLAG_IMPORTED, "imported, and names grant 1" },
		{ 0, 0, "imported, and not flagged so" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct store_dir store = another_store();
		bool bad = rows[i].why != NULL;
		struct verify_facts f;

		imported(&store, rows[i].consent, rows[i].flags);
		put_ledger(&store, ledger);
		for (unsigned int sealed = 0; sealed < 2; sealed++) {
			f = run(&store, true);
			CHECK_INT(f.covered, 0);
			CHECK_INT(f.imported, !bad);
			CHECK_INT(f.uncovered, bad);
			CHECK_ROW(!bad || strstr(f.first_uncovered.text, rows[i].why), "%s",
				  f.first_uncovered.text);
			if (!sealed)
				seal(&store);
		}
		CHECK_INT(run(&store, false).uncovered, bad);
		store_close(&store);
	}
}

/* Of a copy of files alone nothing is claimed; of a node that has no consents, everything is uncovered. */
static void a_ledger_without_grants(void)
{
	struct store_dir store = a_store();
	struct verify_facts f;
	char name[64];

	put(&store, NULL, 0, name);
	f = run(&store, true);
	CHECK(f.no_consents);
	CHECK_INT(f.uncovered + f.covered, 0);
	seal(&store);
	f = run(&store, true);
	CHECK(!f.no_consents);
	CHECK_INT(f.uncovered, 400);
	CHECK(strstr(f.first_uncovered.text, "grant 1 is not in the ledger") != NULL);
	CHECK_INT(run(&store, false).uncovered, 2);
	forget_custody(&store);
	f = run(&store, true);
	CHECK(f.no_consents);
	CHECK_INT(f.uncovered + f.covered, 0);
	store_close(&store);
}

/* Whatever the number of threads: the first in the order of files is named, all are counted. */
static void the_first_of_many(void)
{
	struct store_dir store = a_store();
	char name[64];

	put_ledger(&store, ledger);
	for (unsigned int i = 0; i < 9; i++) {
		struct record row = row_of(1 + i % 2, 1 + i % 2, (30 - i) * MINUTE, i);

		put(&store, &row, 1, name);
		seal(&store);
	}
	for (unsigned int threads = 1; threads < 4; threads++) {
		const struct verify_request request = { .full = true, .threads = threads };
		struct verify_facts f = { 0 };
		struct problem p;

		REQUIRE(verify_run(&store, &request, &f, &p) == 0);
		CHECK_INT(f.covered, 3600);
		CHECK_INT(f.uncovered, 9);
		CHECK_ROW(strstr(f.first_uncovered.text, "segments/t1/2026-03-10.sks offset ") &&
				  strstr(f.first_uncovered.text, "of 2026-03-10T00:30:00.0"), "%s", f.first_uncovered.text);
	}
	store_close(&store);
}

/* A ledger that does not verify judges nobody; that it does not is the damage. */
static void a_ledger_that_does_not_read(void)
{
	const struct verify_request request = { .full = true };
	struct store_dir store = a_store();
	struct verify_facts f = { 0 };
	uint8_t *bytes;
	struct problem p;
	char name[64];
	size_t size;

	put(&store, NULL, 0, name);
	put_ledger(&store, ledger);
	bytes = read_file(store.ledger, CONSENT_FILE, &size);
	bytes[40] ^= 1;
	write_file(store.ledger, CONSENT_FILE, bytes, size);
	free(bytes);
	CHECK_INT(verify_run(&store, &request, &f, &p), 0);
	CHECK_INT(f.bad, 1);
	CHECK(strstr(f.first_bad.text, "ledger/" CONSENT_FILE) != NULL);
	CHECK_INT(f.covered + f.uncovered, 0);
	store_close(&store);
}

UNIT_SUITE(verify_consent, TEST(what_is_covered_is_found_covered), TEST(other_times), TEST(other_grants),
	   TEST(other_addresses), TEST(other_fields), TEST(round_trips_that_no_grant_includes),
	   TEST(imports_name_none), TEST(a_ledger_without_grants), TEST(the_first_of_many),
	   TEST(a_ledger_that_does_not_read));
