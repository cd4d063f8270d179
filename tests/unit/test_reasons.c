// SPDX-License-Identifier: BSD-2-Clause
/* Why an answer lacks records: codes from consent, deletions, gaps and clock (AC-07, AC-43). */
#include "query/reasons.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "consent_lines.h"
#include "fixture.h"
#include "forge.h"
#include "ledger/deletions.h"
#include "schema/store.h"
#include "unit.h"

#define GRANT(seq, tenant, t, until) LINE_GRANT_ONE(seq, tenant, t, until, 30)
#define WITHDRAW(seq, tenant, t) LINE_WITHDRAW(seq, tenant, t, "STOP_ONLY")

static struct query a_query(const char *tenant, const char *from, const char *to)
{
	return (struct query){ .tenant = tenant, .from_ns = a_time(from), .to_ns = a_time(to) };
}

/* An answer without records, of a window that the collector spoke of. */
static uint32_t reasons_of(const struct store_dir *store, const struct query *q, struct search_result r)
{
	struct problem p = { "" };

	if (!r.rungs)
		r.rungs = 2;
	CHECK_ROW(reasons_find(store, q, a_time("2026-04-01T00:00:00Z"), &r, &p) == 0, "%s", p.text);
	return r.reasons;
}

static void consent_of_the_window_counts(void)
{
	/* t1: 03-10 to 03-12, withdrawn; again 03-20 to 03-25, its end. t2: all the time. */
	static const char consents[] =
		GRANT(1, "t1", "2026-03-10T00:00:00Z", "2026-12-01T00:00:00Z")
		GRANT(2, "t2", "2026-03-01T00:00:00Z", "2026-12-01T00:00:00Z")
		WITHDRAW(3, "t1", "2026-03-12T00:00:00Z")
		GRANT(4, "t1", "2026-03-20T00:00:00Z", "2026-03-25T00:00:00Z");
	static const struct {
		const char *tenant, *from, *to;
		uint32_t want;
	} rows[] = {
		{ "t1", "2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z", REASON_TRUE_NONE },
		{ "t1", "2026-03-09T23:59:59Z", "2026-03-12T00:00:00Z", REASON_NO_CONSENT },
		{ "t1", "2026-03-10T00:00:00Z", "2026-03-12T00:00:01Z", REASON_WITHDRAWN },
		{ "t1", "2026-03-15T00:00:00Z", "2026-03-16T00:00:00Z", REASON_WITHDRAWN },
		{ "t1", "2026-03-20T00:00:00Z", "2026-03-25T00:00:00Z", REASON_TRUE_NONE },
		{ "t1", "2026-03-24T00:00:00Z", "2026-03-25T00:00:01Z", REASON_NO_CONSENT },
		{ "t1", "2026-03-01T00:00:00Z", "2026-03-30T00:00:00Z", REASON_NO_CONSENT | REASON_WITHDRAWN },
		{ "t2", "2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z", REASON_TRUE_NONE },
		/* What lies ahead explains nothing. */
		{ "t2", "2026-03-10T00:00:00Z", "2100-01-01T00:00:00Z", REASON_TRUE_NONE },
		{ "t3", "2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z", REASON_NO_CONSENT },
		{ NULL, "2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z", REASON_NO_CONSENT },
		{ NULL, "2026-03-11T00:00:00Z", "2026-03-13T00:00:00Z", REASON_NO_CONSENT | REASON_WITHDRAWN },
	};
	struct store_dir store = a_store();
	struct problem p = { "" };

	CHECK_ROW(forge_chain(&store, LEDGER_CONSENT, consents, &p) == 0, "%s", p.text);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct query q = a_query(rows[i].tenant, rows[i].from, rows[i].to);
		uint32_t got = reasons_of(&store, &q, (struct search_result){ 0 });

		CHECK_ROW(got == rows[i].want, "row %zu: %u", i, got);
	}
	store_close(&store);
}

static void coverage_of_the_window_counts(void)
{
	struct store_dir store = a_store();
	struct problem p = { "" };
	const struct query q = a_query("t1", "2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z");
	struct gap gap = { .reason = STORE_GAP_RING_FULL };
	struct search_result r = { .rungs = 0 };

	CHECK_ROW(forge_chain(&store, LEDGER_CONSENT, GRANT(1, "t1", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z"),
			      &p) == 0, "%s", p.text);
	CHECK_INT(reasons_of(&store, &q, r), REASON_TRUE_NONE);
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ .gaps = { &gap, 1, 1 } }), REASON_GAP);
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ .clock_unsynchronised = true }), REASON_CLOCK);
	/* What cannot be read is no proof of none. */
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ .damaged = 1 }), REASON_DAMAGED);
	gap.reason = STORE_GAP_CLOSE_LOST; /* no connection is missing */
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ .gaps = { &gap, 1, 1 } }), REASON_TRUE_NONE);
	/* With records: only what may hide others. */
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ .count = 1 }), 0);
	/* Nothing spoke of the window at all. */
	CHECK_INT(reasons_find(&store, &q, a_time("2026-04-01T00:00:00Z"), &r, &p), 0);
	CHECK_INT(r.reasons, REASON_GAP);
	store_close(&store);
}

static void put_deletion(const struct store_dir *store, const char *tenant, enum deletion_reason reason)
{
	const struct deletion_part part = { .part = 1, .file_id = 7, .rows = 1 };
	const struct deletion d = { .tenant_id = tenant, .day = DAY_NUMBER, .reason = reason, .parts = &part,
				    .part_count = 1 };
	struct ledger_writer *w;
	struct problem p = { "" };

	REQUIRE(ledger_writer_open(store, &w, &p) == 0);
	CHECK_INT(deletion_append(w, &d, DAY_NS, &p), 0);
	ledger_writer_close(w);
}

static void deletions_of_the_window_count(void)
{
	struct store_dir store = a_store();
	struct problem p = { "" };
	const struct query of_t1 = a_query("t1", "2026-03-10T23:00:00Z", "2026-03-12T00:00:00Z");
	const struct query of_t2 = a_query("t2", "2026-03-10T23:00:00Z", "2026-03-12T00:00:00Z");
	const struct query later = a_query("t1", "2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z");
	const struct query before = a_query("t1", "2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z");

	CHECK_ROW(forge_chain(&store, LEDGER_CONSENT,
			      GRANT(1, "t1", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z")
			      GRANT(2, "t2", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z"), &p) == 0, "%s", p.text);
	put_deletion(&store, "t1", DELETION_ERASED);
	CHECK_INT(reasons_of(&store, &of_t1, (struct search_result){ 0 }), REASON_ERASED);
	CHECK_INT(reasons_of(&store, &of_t2, (struct search_result){ 0 }), REASON_TRUE_NONE);
	CHECK_INT(reasons_of(&store, &later, (struct search_result){ 0 }), REASON_TRUE_NONE);
	CHECK_INT(reasons_of(&store, &before, (struct search_result){ 0 }), REASON_TRUE_NONE);
	put_deletion(&store, "t2", DELETION_EXPIRED);
	CHECK_INT(reasons_of(&store, &of_t2, (struct search_result){ 0 }), REASON_EXPIRED);
	/* With records as well: there may have been others. */
	CHECK_INT(reasons_of(&store, &of_t2, (struct search_result){ .count = 3 }), REASON_EXPIRED);
	store_close(&store);
}

/* A case of listed tenants hears nothing of others, neither of their consent nor of what they had erased (AC-41). */
static void others_of_a_case_do_not_count(void)
{
	static const char *const listed[] = { "t1", "t3" };
	struct store_dir store = a_store();
	struct problem p = { "" };
	struct query q = a_query(NULL, "2026-03-10T00:00:00Z", "2026-03-12T00:00:00Z");

	CHECK_ROW(forge_chain(&store, LEDGER_CONSENT,
			      GRANT(1, "t1", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z")
			      GRANT(2, "t2", "2026-03-01T00:00:00Z", "2027-01-01T00:00:00Z")
			      WITHDRAW(3, "t2", "2026-03-11T00:00:00Z"), &p) == 0, "%s", p.text);
	put_deletion(&store, "t2", DELETION_ERASED);
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ 0 }),
		  REASON_NO_CONSENT | REASON_WITHDRAWN | REASON_ERASED);
	q.tenants = listed;
	q.tenant_count = 1;
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ 0 }), REASON_TRUE_NONE);
	q.tenant_count = 2; /* one of them never consented */
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ 0 }), REASON_NO_CONSENT);
	put_deletion(&store, "t1", DELETION_EXPIRED);
	CHECK_INT(reasons_of(&store, &q, (struct search_result){ 0 }), REASON_NO_CONSENT | REASON_EXPIRED);
	store_close(&store);
}

UNIT_SUITE(reasons, TEST(consent_of_the_window_counts), TEST(coverage_of_the_window_counts),
	   TEST(deletions_of_the_window_count), TEST(others_of_a_case_do_not_count));
