/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Searching a store: each row once, from wherever it lies, in half-open windows; nothing of another
 * tenant (AC-41); both spellings of a mapped address (AC-87 in part).
 */
#include "query/search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "searching.h"
#include "unit.h"

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
	   TEST(windows_are_half_open), TEST(windows_cross_midnight), TEST(both_spellings_of_a_mapped_address),
	   TEST(every_field_narrows), TEST(a_segment_in_the_wrong_directory_is_not_answered),
	   TEST(only_the_days_of_the_window_are_opened), TEST(rows_come_in_order_of_time),
	   TEST(sealing_does_not_change_the_answer), TEST(a_store_that_cannot_be_read_is_an_error));
