/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searching a store: each row once, from wherever it lies; nothing of another
 * tenant (AC-41); both spellings of a mapped address (AC-87 in part); damage is
 * told, never fatal (AC-63); half-open windows and gaps (AC-81, AC-84 in part).
 */
#include "query/search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>
#include "base/cursor.h"
#include "base/fs.h"
#include "fixture.h"
#include "searching.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "seal/seal.h"
#include "segment/section_prefix.h"
#include "unit.h"

/* Seals and copies the only segment of t1 (bytes are the caller's). */
static uint8_t *only_segment(const struct store_dir *store, const char *name, size_t *ret_size)
{
	int dir = fs_open_dir(store->segments, "t1", 0);
	uint8_t *bytes = read_file(dir, name, ret_size);

	close(dir);
	return bytes;
}

/* Of tenants t1, t2, t3. */
static bool tenant_matches(const struct query *q, uint32_t tenant)
{
	for (size_t i = 0; i < q->tenant_count; i++)
		if ((q->tenants[i][1] - '0') == (int)tenant)
			return true;
	return q->tenant ? (q->tenant[1] - '0') == (int)tenant : !q->tenant_count;
}

static bool row_matches(const struct query *q, const struct record *r)
{
	return r->time_ns >= q->from_ns && r->time_ns < q->to_ns &&
	       (!q->by_src || prefix_contains(&q->src, &r->src)) &&
	       (!q->by_dst || prefix_contains(&q->dst, &r->dst)) &&
	       (!q->src_ports || port_set_has(q->src_ports, r->src_port)) &&
	       (!q->dst_ports || port_set_has(q->dst_ports, r->dst_port)) &&
	       tenant_matches(q, r->tenant);
}

/* The answer against a plain look at all rows. */
static size_t check_query(const struct store_dir *store, const struct query *q,
			  const struct record *rows, size_t count, int number)
{
	struct search_result r = run(store, q);
	struct record *want = calloc(count + 1, sizeof(*want)), *got = calloc(r.count + 1, sizeof(*got));
	size_t wanted = 0, by_tenant[10] = { 0 };

	for (size_t i = 0; i < count; i++)
		if (row_matches(q, &rows[i])) {
			want[wanted++] = rows[i];
			by_tenant[rows[i].tenant]++;
		}
	for (size_t i = 0; i < r.tenant_count; i++) /* AC-14 */
		CHECK_ROW(r.tenant_rows[i] == by_tenant[r.tenants[i][1] - '0'], "query %d: tenant %s", number, r.tenants[i]);
	for (size_t i = 0; i < r.count; i++) {
		struct found_row row;

		REQUIRE(search_next(&r, &row) == 1);
		got[i] = row.record;
		if (i)
			CHECK(q->by_source ? addr_compare_source(&got[i - 1].src, &got[i].src) <= 0 :
					     got[i - 1].time_ns <= got[i].time_ns);
		got[i].tenant = (uint32_t)r.tenants[got[i].tenant][1] - '0';
		CHECK(row.clock_error_ns == 262144);
	}
	qsort(want, wanted, sizeof(*want), record_compare_time);
	qsort(got, r.count, sizeof(*got), record_compare_time);
	CHECK_ROW(r.count == wanted && same_rows(got, want, wanted), "query %d: %zu, expected %zu",
		  number, (size_t)r.count, wanted);
	CHECK_INT(r.damaged, 0);
	search_result_done(&r);
	free(want);
	free(got);
	return wanted;
}

static struct query random_query(struct rng *rng, const struct record *like)
{
	static const char *const tenants[] = { NULL, NULL, "t1", "t2", "t3" };
	static const char *const sets[] = { "t1", "t2", "t3", "t4" };
	static const unsigned int bits[] = { 128, 127, 125, 120, 96, 64, 48, 32, 0 };
	struct query q = whole_time();

	q.tenant = tenants[rng_below(rng, ARRAY_SIZE(tenants))];
	if (!q.tenant && rng_below(rng, 2)) {
		q.tenants = sets + rng_below(rng, 3);
		q.tenant_count = 1 + rng_below(rng, 2);
	}
	if (rng_below(rng, 2)) {
		q.from_ns = like->time_ns - (int64_t)rng_below(rng, 3600 * NS_PER_SEC);
		q.to_ns = like->time_ns + (int64_t)rng_below(rng, 3600 * NS_PER_SEC);
	}
	q.by_src = rng_below(rng, 2);
	q.by_dst = rng_below(rng, 3) == 0;
	q.src = (struct prefix){ like->src, (uint8_t)bits[rng_below(rng, ARRAY_SIZE(bits))] };
	q.dst = (struct prefix){ like->dst, (uint8_t)bits[rng_below(rng, ARRAY_SIZE(bits))] };
	for (unsigned int i = q.src.bits; i < 128; i++)
		q.src.addr.bytes[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	for (unsigned int i = q.dst.bits; i < 128; i++)
		q.dst.addr.bytes[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	q.src_ports = one_port(rng_below(rng, 4) ? 0 : like->src_port);
	q.dst_ports = one_port(rng_below(rng, 3) ? 0 : like->dst_port);
	q.by_source = rng_below(rng, 2);
	return q;
}

/* 1200 random rows in segments, in a journal, and 300 random queries by all fields. */
static void answers_equal_a_full_scan(void)
{
	struct store_dir store = a_store();
	struct rng rng = { 50 };
	struct record *rows = calloc(1200, sizeof(*rows));
	size_t some = 0, none = 0;

	random_rows(&rng, rows, 1200, DAY_NS, 2 * NS_PER_DAY);
	for (size_t i = 0; i < 1200; i++) { /* closes are no rows of an answer */
		rows[i].lasted_ns = 0;
		rows[i].kind = SEKISHO_KIND_ESTABLISHED;
	}
	add_journal(&store, rows, 400);
	seal(&store);
	add_journal(&store, rows + 400, 400);
	seal(&store);
	add_journal(&store, rows + 800, 400);
	for (int i = 0; i < 300; i++) {
		struct query q = random_query(&rng, &rows[rng_below(&rng, 1200)]);
		size_t n = check_query(&store, &q, rows, 1200, i);

		some += n > 0;
		none += n == 0;
	}
	CHECK_ROW(some > 100 && none > 20, "%zu and %zu", some, none);
	free(rows);
	store_close(&store);
}

static void each_row_once_from_journal_and_segment(void)
{
	struct store_dir store = a_store();
	struct record rows[4] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2),
				  plain_row(DAY_NS + 3, 3), plain_row(DAY_NS + 4, 4) };
	const struct query q = whole_time();
	uint8_t *bytes;
	size_t size;
	char name[64];

	CHECK_STR(found(&store, &q), "");
	add_journal(&store, rows, 2);
	CHECK_STR(found(&store, &q), "1 2");
	only_name(store.journal, JOURNAL_SUFFIX, name);
	bytes = read_file(store.journal, name, &size);
	seal(&store);
	CHECK_STR(found(&store, &q), "1 2");
	/* Sealed, and not removed yet. */
	write_file(store.journal, name, bytes, size);
	CHECK_STR(found(&store, &q), "1 2");
	add_journal(&store, rows + 2, 2);
	CHECK_STR(found(&store, &q), "1 2 3 4");
	seal(&store);
	CHECK_STR(found(&store, &q), "1 2 3 4");
	free(bytes);
	store_close(&store);
}

static void windows_are_half_open(void)
{
	static const struct {
		int64_t from, to;
		const char *want;
	} table[] = {
		{ 10, 20, "1" }, { 10, 21, "1 2" }, { 11, 20, "" }, { 11, 21, "2" },
		{ 20, 30, "2" }, { 9, 10, "" }, { 30, 31, "3" }, { 31, 100, "" }, { 0, 100, "1 2 3" },
	};
	struct store_dir store = a_store();
	struct record rows[3] = { plain_row(DAY_NS + 10, 1), plain_row(DAY_NS + 20, 2),
				  plain_row(DAY_NS + 30, 3) };

	add_journal(&store, rows, 3);
	for (int sealed = 0; sealed < 2; sealed++) {
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			struct query q = { .from_ns = DAY_NS + table[i].from,
					   .to_ns = DAY_NS + table[i].to };

			CHECK_ROW(strcmp(found(&store, &q), table[i].want) == 0, "%s [%lld, %lld)",
				  sealed ? "segment" : "journal", (long long)table[i].from,
				  (long long)table[i].to);
		}
		seal(&store);
	}
	store_close(&store);
}

static void windows_cross_midnight(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS + NS_PER_DAY - 1, 1), plain_row(DAY_NS + NS_PER_DAY, 2) };
	struct query q = { .from_ns = DAY_NS + NS_PER_DAY - 1, .to_ns = DAY_NS + NS_PER_DAY };

	add_journal(&store, rows, 2);
	seal(&store);
	CHECK_STR(found(&store, &q), "1");
	q.to_ns++;
	CHECK_STR(found(&store, &q), "1 2");
	q.from_ns++;
	CHECK_STR(found(&store, &q), "2");
	store_close(&store);
}

/* AC-87 in part: one canonical form, so that ::ffff:192.0.2.1 and 192.0.2.1 are one question. */
static void both_spellings_of_a_mapped_address(void)
{
	static const struct {
		const char *src;
		const char *want;
	} table[] = {
		{ "198.51.100.1", "1" }, { "::ffff:198.51.100.1", "1" }, { "::ffff:c633:6401", "1" },
		{ "198.51.100.0/30", "1 2 3" }, { "::ffff:198.51.100.0/126", "1 2 3" },
		{ "198.51.100.2/31", "2 3" }, { "0.0.0.0/0", "1 2 3" }, { "::ffff:0:0/96", "1 2 3" },
		/* A shorter IPv6 prefix means IPv6 peers only. */
		{ "::/0", "4 5" }, { "2001:db8::/32", "4" }, { "2001:db8::4", "4" }, { "::/64", "5" },
		{ "198.51.100.9", "" }, { "::ffff:198.51.100.9", "" },
	};
	struct store_dir store = a_store();
	struct record rows[5];

	for (unsigned int i = 0; i < 5; i++)
		rows[i] = plain_row(DAY_NS + i, i + 1);
	rows[2].flags = SEKISHO_FLAG_V6_SOCKET;
	rows[3].src = an_addr("2001:db8::4");
	rows[4].src = an_addr("::1:0:0:5"); /* sorts behind every IPv4 address, in ::/64 like them */
	add_journal(&store, rows, 5);
	for (int sealed = 0; sealed < 2; sealed++) {
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			struct query q = whole_time();

			q.by_src = true;
			q.src = a_prefix(table[i].src);
			CHECK_ROW(strcmp(found(&store, &q), table[i].want) == 0, "%s in a %s",
				  table[i].src, sealed ? "segment" : "journal");
		}
		seal(&store);
	}
	store_close(&store);
}

static void every_field_narrows(void)
{
	struct store_dir store = a_store();
	struct record rows[4] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2),
				  plain_row(DAY_NS + 3, 3), plain_row(DAY_NS + 4, 4) };
	struct query q = whole_time();

	rows[1].dst = an_addr("192.0.2.2");
	rows[2].dst_port = 80;
	rows[3].tenant = rows[3].consent = 2;
	add_journal(&store, rows, 4);
	for (int sealed = 0; sealed < 2; sealed++) {
		q = whole_time();
		CHECK_STR(found(&store, &q), "1 2 3 4");
		q.tenant = "t1";
		CHECK_STR(found(&store, &q), "1 2 3");
		q.tenant = "t2";
		CHECK_STR(found(&store, &q), "4");
		q.tenant = "none";
		CHECK_STR(found(&store, &q), "");
		q = whole_time();
		q.by_dst = true;
		q.dst = a_prefix("192.0.2.2");
		CHECK_STR(found(&store, &q), "2");
		q.dst = a_prefix("::ffff:192.0.2.0/127");
		CHECK_STR(found(&store, &q), "1 3 4");
		q = whole_time();
		q.src_ports = one_port(40003);
		CHECK_STR(found(&store, &q), "3");
		q.dst_ports = one_port(443);
		CHECK_STR(found(&store, &q), "");
		q.dst_ports = one_port(80);
		CHECK_STR(found(&store, &q), "3");
		q.by_src = true;
		q.src = a_prefix("198.51.100.3");
		CHECK_STR(found(&store, &q), "3");
		q.tenant = "t2";
		CHECK_STR(found(&store, &q), "");
		seal(&store);
	}
	store_close(&store);
}

/* AC-41: a segment that lies in another tenant's directory gives that tenant nothing. */
static void a_segment_in_the_wrong_directory_is_not_answered(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2) };
	struct query q = whole_time();
	struct search_result r;
	uint8_t *bytes;
	size_t size;
	int dir;

	rows[1].tenant = rows[1].consent = 2;
	rows[1].time_ns += NS_PER_DAY;
	add_journal(&store, rows, 2);
	seal(&store);
	bytes = read_file(store.segments, "t2/2026-03-11.sks", &size);
	dir = fs_open_dir(store.segments, "t1", 0);
	write_file(dir, "2026-03-11.sks", bytes, size);
	close(dir);
	q.tenant = "t1";
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	for (size_t i = 0; i < r.count; i++)
		CHECK_STR(r.tenants[row_of(&r, i)->record.tenant], "t1");
	CHECK_INT(r.damaged, 1);
	CHECK_STR(r.damage.text, "2026-03-11.sks: names another tenant than its directory");
	search_result_done(&r);
	free(bytes);
	store_close(&store);
}

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

static void damage_is_told_and_the_rest_answered(void)
{
	struct store_dir store = a_store();
	struct record rows[3] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2),
				  plain_row(DAY_NS + NS_PER_DAY, 3) };
	const struct query q = whole_time();
	struct search_result r;
	char name[64], want[200];
	uint8_t *bytes;
	size_t size;
	int dir;

	add_journal(&store, rows, 1);
	seal(&store);
	add_journal(&store, rows + 1, 1);
	seal(&store);
	add_journal(&store, rows + 2, 1);
	seal(&store);
	dir = fs_open_dir(store.segments, "t1", 0);
	/* A block of the second section of the first day. */
	bytes = read_file(dir, "2026-03-10.sks", &size);
	bytes[size - 1] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	r = run(&store, &q);
	CHECK_INT(r.count, 2);
	CHECK_INT(r.damaged, 1);
	CHECK_STR(r.damage.text, "2026-03-10.sks: a section fails its checksum");
	search_result_done(&r);
	/* The header of its first section. */
	bytes[SEGMENT_HEADER_BYTES + SECTION_AT_RUN] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.damaged, 2);
	search_result_done(&r);
	/* The header of the file. */
	bytes[SEGMENT_AT_CRC] ^= 1;
	write_file(dir, "2026-03-10.sks", bytes, size);
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.damaged, 1);
	CHECK_STR(r.damage.text,
		  "2026-03-10.sks: 2026-03-10.sks: header fails its checksum (offset 0)");
	search_result_done(&r);
	free(bytes);

	/* And journals: an unreadable one, one with a bad frame, one that is cut off. */
	add_journal(&store, rows, 1);
	only_name(store.journal, JOURNAL_SUFFIX, name);
	bytes = read_file(store.journal, name, &size);
	bytes[size - 1] ^= 1;
	write_file(store.journal, name, bytes, size);
	write_file(store.journal, "zzz.skj", "nothing", 7);
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.damaged, 3);
	CHECK_INT(row_of(&r, 0)->record.src_port, 40003);
	snprintf(want, sizeof(want), "zzz.skj: journal/zzz.skj: shorter than its header");
	CHECK_STR(r.damage.text, want);
	search_result_done(&r);
	bytes[size - 1] ^= 1;
	write_file(store.journal, name, bytes, size - 1);
	CHECK_INT(unlinkat(store.journal, "zzz.skj", 0), 0);
	r = run(&store, &q);
	CHECK_INT(r.count, 1); /* a torn frame is no damage, and no row */
	CHECK_INT(r.damaged, 1);
	search_result_done(&r);
	free(bytes);
	close(dir);
	store_close(&store);
}

/*
 * AC-43 in part: a section that is cut off anywhere misses rows if its journal is gone, and the answer
 * says so; while the journal is there, or after it was sealed again, nothing is missing.
 */
static void a_cut_off_segment_misses_rows_only_without_its_journal(void)
{
	static const struct {
		size_t from_start, from_end; /* of the last section */
	} cuts[] = { { 1, 0 }, { 40, 0 }, { 63, 0 }, { 64, 0 }, { 65, 0 }, { 0, 20 }, { 0, 1 } };
	const struct query q = whole_time();

	for (unsigned int before = 0; before < 2; before++) /* with a whole section before it */
		for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
			struct store_dir store = a_store();
			struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2) };
			const char *both = before ? "1 2" : "2";
			size_t start = SEGMENT_HEADER_BYTES + 2, size, journal_bytes, cut;
			uint8_t *segment, *journal;
			struct search_result r;
			char name[64];
			int dir;

			if (before) {
				add_journal(&store, rows, 1);
				seal(&store);
				start = (size_t)size_of(store.segments, "t1/2026-03-10.sks");
			}
			add_journal(&store, rows + 1, 1);
			only_name(store.journal, JOURNAL_SUFFIX, name);
			journal = read_file(store.journal, name, &journal_bytes);
			seal(&store);
			CHECK_STR(found(&store, &q), both);
			dir = fs_open_dir(store.segments, "t1", 0);
			segment = read_file(dir, "2026-03-10.sks", &size);
			cut = cuts[i].from_end ? size - cuts[i].from_end : start + cuts[i].from_start;
			write_file(dir, "2026-03-10.sks", segment, cut);
			r = run(&store, &q);
			CHECK_ROW(r.count == before, "cut %zu: %zu rows", i, r.count);
			CHECK_ROW(r.damaged == 1, "cut %zu, %u sections before: %u damaged", i, before,
				  r.damaged);
			search_result_done(&r);
			write_file(store.journal, name, journal, journal_bytes);
			CHECK_ROW(strcmp(found(&store, &q), both) == 0, "cut %zu", i);
			seal(&store);
			CHECK_ROW(strcmp(found(&store, &q), both) == 0, "cut %zu", i);
			(void)unlinkat(dir, "2026-03-10.sks", 0);
			(void)unlinkat(dir, "2026-03-10.2.sks", 0);
			close(dir);
			free(journal);
			free(segment);
			store_close(&store);
		}
}

/* A section that was set aside (its journal was sealed again) is no damage, wherever the copy is. */
static void a_section_that_was_sealed_again_is_no_damage(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 2, 2) };
	const struct query q = whole_time();
	char name[64];
	uint8_t *journal, *segment;
	size_t journal_size_, size;
	int dir;

	add_journal(&store, rows, 2);
	only_name(store.journal, JOURNAL_SUFFIX, name);
	journal = read_file(store.journal, name, &journal_size_);
	seal(&store);
	dir = fs_open_dir(store.segments, "t1", 0);
	segment = read_file(dir, "2026-03-10.sks", &size);

	/* Torn, then whole in part 2. */
	write_file(dir, "2026-03-10.sks", segment, size - 5);
	write_file(store.journal, name, journal, journal_size_);
	seal(&store);
	CHECK(size_of(dir, "2026-03-10.2.sks") > 0);
	CHECK_STR(found(&store, &q), "1 2");

	/* Bad blocks under a good header: wherever the second copy went. */
	CHECK_INT(unlinkat(dir, "2026-03-10.2.sks", 0), 0);
	segment[size - 1] ^= 1;
	write_file(dir, "2026-03-10.sks", segment, size);
	write_file(store.journal, name, journal, journal_size_);
	seal(&store);
	CHECK_STR(found(&store, &q), "1 2");
	free(journal);
	free(segment);
	close(dir);
	store_close(&store);
}

/* Rows that no tenant frame names cannot be answered, and the answer says so. */
static void rows_without_a_name_are_not_silently_absent(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS + 1, 1);
	const struct query q = whole_time();
	struct journal *j = a_journal(store.journal);
	struct search_result r;
	char name[64];

	row.tenant = 9;
	put_rows(j, &row, 1, 2000);
	end_journal(store.journal, j, name);
	r = run(&store, &q);
	CHECK_INT(r.count, 0);
	CHECK_INT(r.damaged, 1);
	search_result_done(&r);
	store_close(&store);
}

static void only_the_days_of_the_window_are_opened(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS + 1, 1), plain_row(DAY_NS + 3 * NS_PER_DAY, 2) };
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + NS_PER_DAY };
	struct search_result r;
	int dir;

	add_journal(&store, rows, 2);
	seal(&store);
	dir = fs_open_dir(store.segments, "t1", 0);
	write_file(dir, "2026-03-13.sks", "broken", 6);
	CHECK_STR(found(&store, &q), "1");
	q.to_ns = DAY_NS + 3 * NS_PER_DAY; /* still before that day */
	CHECK_STR(found(&store, &q), "1");
	q.to_ns++;
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.damaged, 1);
	search_result_done(&r);
	close(dir);
	store_close(&store);
}

/* A section whose rows are not sorted, or that lies about its range, crashes nothing (AC-63). */
static void hostile_sections_crash_nothing(void)
{
	struct store_dir store = a_store();
	struct rng rng = { 51 };
	struct record rows[200];
	uint8_t *bytes, *file;
	size_t size;
	int dir;

	random_rows(&rng, rows, 200, DAY_NS, NS_PER_DAY);
	for (size_t i = 0; i < 200; i++)
		rows[i].tenant = rows[i].consent = 1;
	add_journal(&store, rows, 200);
	seal(&store);
	bytes = only_segment(&store, "2026-03-10.sks", &size);
	file = malloc(size);
	dir = fs_open_dir(store.segments, "t1", 0);
	for (int i = 0; i < 200; i++) {
		uint8_t *h = file + SEGMENT_HEADER_BYTES + 2;
		struct query q = random_query(&rng, &rows[i]);
		struct search_result r;

		memcpy(file, bytes, size);
		/* Any header field but magic and sizes, with a good checksum. */
		h[SECTION_AT_RUN + rng_below(&rng, SECTION_AT_ROOT - SECTION_AT_RUN)] = (uint8_t)rng_next(&rng);
		h[SECTION_PREFIX_BYTES +
		  rng_below(&rng, section_prefix_header_size(h) - SECTION_PREFIX_BYTES)] =
			(uint8_t)rng_next(&rng);
		fix_section_header(h, get_le64(file + SEGMENT_AT_FILE_ID), SEGMENT_HEADER_BYTES + 2);
		write_file(dir, "2026-03-10.sks", file, size);
		r = run(&store, &q);
		CHECK(r.count <= 200);
		search_result_done(&r);
	}
	close(dir);
	free(file);
	free(bytes);
	store_close(&store);
}

static void rows_come_in_order_of_time(void)
{
	struct store_dir store = a_store();
	struct record rows[6];
	const struct query q = whole_time();

	for (unsigned int i = 0; i < 6; i++)
		rows[i] = plain_row(DAY_NS + 100 - 10 * i, i);
	add_journal(&store, rows + 3, 3);
	seal(&store);
	add_journal(&store, rows, 3);
	CHECK_STR(found(&store, &q), "5 4 3 2 1 0");
	store_close(&store);
}

/* AC-70 in part: the same answer from a journal and from a segment, also for rows that differ little. */
static void sealing_does_not_change_the_answer(void)
{
	struct store_dir store = a_store();
	struct record rows[64];
	const struct query q = whole_time();
	struct search_result before, after;

	for (unsigned int i = 0; i < 64; i++) {
		rows[i] = plain_row(DAY_NS + 1, 1);
		rows[i].flags = (i * 37) % 8;
		rows[i].orig_dst_port = (uint16_t)((i * 23) % 8);
	}
	add_journal(&store, rows, 64);
	before = run(&store, &q);
	seal(&store);
	after = run(&store, &q);
	REQUIRE(before.count == 64 && after.count == 64);
	for (size_t i = 0; i < 64; i++)
		CHECK_ROW(same_rows(&row_of(&before, i)->record, &row_of(&after, i)->record, 1), "row %zu", i);
	search_result_done(&before);
	search_result_done(&after);
	store_close(&store);
}

static void a_store_that_cannot_be_read_is_an_error(void)
{
	struct store_dir store = a_store(), broken = store;
	const struct query q = whole_time();
	struct search_result r;
	struct problem p = { "" };
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	broken.journal = file;
	CHECK_INT(search_run(&broken, &q, &r, &p), -ENOTDIR);
	CHECK_STR(p.text, "cannot list journal/: Not a directory");
	broken = store;
	broken.segments = file;
	CHECK_INT(search_run(&broken, &q, &r, &p), -ENOTDIR);
	CHECK_STR(p.text, "cannot list segments/: Not a directory");
	close(file);
	search_result_done(NULL);
	store_close(&store);
}

UNIT_SUITE(search, TEST(answers_equal_a_full_scan), TEST(each_row_once_from_journal_and_segment),
	   TEST(windows_are_half_open), TEST(windows_cross_midnight),
	   TEST(both_spellings_of_a_mapped_address), TEST(every_field_narrows),
	   TEST(a_segment_in_the_wrong_directory_is_not_answered), TEST(gaps_come_with_the_answer), TEST(pieces_of_a_gap_are_one),
	   TEST(hook_and_clock_come_with_the_answer), TEST(a_clock_that_was_set_back_hides_no_row),
	   TEST(damage_is_told_and_the_rest_answered),
	   TEST(a_cut_off_segment_misses_rows_only_without_its_journal),
	   TEST(a_section_that_was_sealed_again_is_no_damage),
	   TEST(rows_without_a_name_are_not_silently_absent),
	   TEST(only_the_days_of_the_window_are_opened), TEST(hostile_sections_crash_nothing),
	   TEST(rows_come_in_order_of_time), TEST(sealing_does_not_change_the_answer),
	   TEST(a_store_that_cannot_be_read_is_an_error));
