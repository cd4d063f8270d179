// SPDX-License-Identifier: BSD-2-Clause
/*
 * What can be asked: lifetimes and "open at", counts, the busiest sources, port sets, orders;
 * and that answers do not depend on the memory there is. Each before and after sealing.
 */
#include "query/search.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "query/lifetime.h"
#include "schema/event.h"
#include "searching.h"
#include "unit.h"

/* The end of the connection that `opening` began. */
static struct record close_of(const struct record *opening, int64_t lasted_ns)
{
	struct record c = *opening;

	c.kind = SEKISHO_KIND_CLOSE;
	c.time_ns += lasted_ns;
	c.lasted_ns = lasted_ns;
	c.rtt_us = 0;
	return c;
}

/* Hours that connections lasted, "1:2 2:- 3:0": row number, hours, - for no close known. */
static const char *lifetimes(const struct store_dir *store, const struct query *q)
{
	static char text[1024];
	struct search_result r = run(store, q);
	struct found_row row;
	size_t n = 0;

	text[0] = '\0';
	while (search_next(&r, &row) == 1 && n < sizeof(text) - 32) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u:", n ? " " : "",
				      row.record.src_port - 40000u);
		n += row.close_ns ? (size_t)snprintf(text + n, sizeof(text) - n, "%lld",
						     (long long)((row.close_ns - row.record.time_ns) / HOUR)) :
				    (size_t)snprintf(text + n, sizeof(text) - n, "-");
	}
	CHECK_INT(r.damaged, 0);
	search_result_done(&r);
	return text;
}

static void closes_find_their_openings_across_midnight_and_files(void)
{
	struct store_dir store = a_store();
	struct record rows[6];
	struct query q = whole_time();

	rows[0] = plain_row(DAY_NS + 10 * HOUR, 1);
	rows[1] = plain_row(DAY_NS + 11 * HOUR, 2);
	rows[2] = plain_row(DAY_NS + 23 * HOUR, 3);
	rows[3] = close_of(&rows[0], HOUR);
	rows[4] = close_of(&rows[2], 3 * HOUR);
	rows[5] = plain_row(DAY_NS + 12 * HOUR, 4);
	rows[5].tenant = rows[5].consent = 2;
	add_journal(&store, rows, 3);
	CHECK_STR(lifetimes(&store, &q), "1:- 2:- 3:-");
	add_journal(&store, rows + 3, 3);
	CHECK_STR(lifetimes(&store, &q), "1:1 2:- 4:- 3:3");
	seal(&store);
	for (int by_source = 0; by_source < 2; by_source++) {
		q.by_source = by_source;
		CHECK_STR(lifetimes(&store, &q), by_source ? "1:1 2:- 3:3 4:-" : "1:1 2:- 4:- 3:3");
	}
	q.by_source = false;
	/* A close of the day behind the window belongs to an opening of the window. */
	q.from_ns = DAY_NS + 22 * HOUR;
	q.to_ns = DAY_NS + 24 * HOUR;
	CHECK_STR(lifetimes(&store, &q), "3:3");
	/* And one in the window whose opening lies before it is no row. */
	q.from_ns = DAY_NS + 24 * HOUR;
	q.to_ns = DAY_NS + 48 * HOUR;
	CHECK_STR(lifetimes(&store, &q), "");
	store_close(&store);
}

/* One client from one port, again and again: each close goes to the nearest opening. */
static void a_port_that_is_used_again_keeps_its_lifetimes_apart(void)
{
	struct store_dir store = a_store();
	struct record rows[200];
	struct query q = whole_time();
	struct search_result r;
	struct found_row row;
	size_t right = 0;

	for (unsigned int i = 0; i < 100; i++) {
		rows[2 * i] = plain_row(DAY_NS + i * 300 * NS_PER_SEC, 1);
		rows[2 * i + 1] = close_of(&rows[2 * i], (int64_t)(1 + i) * NS_PER_SEC);
	}
	add_journal(&store, rows, 200);
	seal(&store);
	r = run(&store, &q);
	CHECK_INT(r.count, 100);
	CHECK(r.any_close);
	for (unsigned int i = 0; search_next(&r, &row) == 1; i++)
		right += row.close_ns - row.record.time_ns == (int64_t)(1 + i) * NS_PER_SEC;
	CHECK_INT(right, 100);
	search_result_done(&r);
	store_close(&store);
}

/* The same row twice (imported twice, say) and one close: one of them has it. */
static void one_close_ends_one_opening(void)
{
	struct store_dir store = a_store();
	struct query q = whole_time();
	struct record rows[4];

	rows[0] = rows[1] = plain_row(DAY_NS, 1);
	rows[2] = close_of(&rows[0], 2 * HOUR);
	rows[3] = plain_row(DAY_NS + NS_PER_SEC / 2, 1); /* within the tolerance, but later */
	add_journal(&store, rows, 4);
	CHECK_STR(lifetimes(&store, &q), "1:2 1:- 1:-");
	seal(&store);
	CHECK_STR(lifetimes(&store, &q), "1:2 1:- 1:-");
	store_close(&store);
}

static void open_at_a_time(void)
{
	struct store_dir store = a_store();
	struct record rows[8];
	struct query q = whole_time();

	rows[0] = plain_row(DAY_NS + 1 * HOUR, 1); /* closed before */
	rows[1] = close_of(&rows[0], HOUR);
	rows[2] = plain_row(DAY_NS + 2 * HOUR, 2); /* open */
	rows[3] = close_of(&rows[2], 10 * HOUR);
	rows[4] = plain_row(DAY_NS + 3 * HOUR, 3); /* no close known */
	rows[5] = plain_row(DAY_NS - 30 * HOUR, 4); /* began long before */
	rows[6] = close_of(&rows[5], 60 * HOUR);
	rows[7] = plain_row(DAY_NS + 13 * HOUR, 5); /* not yet */
	add_journal(&store, rows, 8);
	q.open_at_end = true;
	q.from_ns = DAY_NS;
	q.to_ns = DAY_NS + 8 * HOUR + 1;
	for (int sealed = 0; sealed < 2; sealed++) {
		CHECK_STR(lifetimes(&store, &q), "4:60 2:10 3:-");
		q.by_source = true;
		CHECK_STR(lifetimes(&store, &q), "2:10 3:- 4:60");
		q.by_source = false;
		q.want = QUERY_COUNT;
		{
			struct search_result r = run(&store, &q);

			CHECK_INT(r.count, 3);
			search_result_done(&r);
		}
		q.want = QUERY_ROWS;
		seal(&store);
	}
	/* At the very instants. */
	q.to_ns = DAY_NS + 2 * HOUR;
	CHECK_STR(lifetimes(&store, &q), "4:60 1:1");
	q.to_ns = DAY_NS + 2 * HOUR + 1;
	CHECK_STR(lifetimes(&store, &q), "4:60 2:10");
	store_close(&store);
}

/* All rows of an answer; caller frees. */
static struct found_row *all_rows(const struct store_dir *store, const struct query *q, uint64_t count)
{
	struct found_row *rows = calloc(count, sizeof(*rows));
	struct search_result r = run(store, q);

	CHECK_INT(r.count, count);
	REQUIRE(r.count == count);
	for (uint64_t i = 0; i < count; i++)
		REQUIRE(search_next(&r, &rows[i]) == 1);
	search_result_done(&r);
	return rows;
}

/* Random rows with closes: whatever memory there is, the same answer. */
static void answers_do_not_depend_on_the_memory(void)
{
	static const size_t memory[] = { 200, 5000, 100000 };
	struct store_dir store = a_store();
	struct record *rows = calloc(3000, sizeof(*rows));
	struct rng rng = { 77 };

	random_rows(&rng, rows, 3000, DAY_NS, NS_PER_DAY);
	for (size_t i = 0; i < 3000; i++) {
		rows[i].lasted_ns = 0;
		rows[i].kind = SEKISHO_KIND_ESTABLISHED;
		if (i % 3 == 2)
			rows[i] = close_of(&rows[i - 1], (int64_t)rng_below(&rng, (uint64_t)HOUR));
	}
	add_journal(&store, rows, 1500);
	seal(&store);
	add_journal(&store, rows + 1500, 1500);
	for (int by_source = 0; by_source < 2; by_source++) {
		struct query q = whole_time();
		struct found_row *plenty, *little;
		size_t closes = 0;

		q.by_source = by_source;
		plenty = all_rows(&store, &q, 2000);
		for (size_t i = 0; i < 2000; i++)
			closes += plenty[i].close_ns != 0;
		CHECK_INT(closes, 1000);
		for (size_t m = 0; m < ARRAY_SIZE(memory); m++) {
			q.memory_bytes = memory[m];
			little = all_rows(&store, &q, 2000);
			CHECK_ROW(memcmp(plenty, little, 2000 * sizeof(*plenty)) == 0, "%zu bytes", memory[m]);
			free(little);
		}
		free(plenty);
	}
	free(rows);
	store_close(&store);
}

/* More segments than are merged at a time: the order is the same, from a sort. */
static void order_by_source_of_many_segments(void)
{
	struct store_dir store = a_store();
	struct query q = { .from_ns = DAY_NS, .to_ns = DAY_NS + 400 * NS_PER_DAY, .by_source = true };
	struct search_result r;
	struct found_row row;
	struct record *rows = calloc(350, sizeof(*rows));
	size_t n = 0;

	for (unsigned int i = 0; i < 350; i++)
		rows[i] = plain_row(DAY_NS + i * NS_PER_DAY, 1 + (i * 37) % 200);
	add_journal(&store, rows, 350);
	seal(&store);
	r = run(&store, &q);
	CHECK_INT(r.count, 350);
	CHECK_INT(r.explain.segments, 350);
	for (struct found_row before = { 0 }; search_next(&r, &row) == 1; before = row, n++)
		if (n)
			CHECK(record_compare_source(&before.record, &row.record) <= 0);
	CHECK_INT(n, 350);
	search_result_done(&r);
	/* Control: few enough for a merge. */
	q.to_ns = DAY_NS + 200 * NS_PER_DAY;
	r = run(&store, &q);
	CHECK_INT(r.count, 200);
	search_result_done(&r);
	free(rows);
	store_close(&store);
}

static void counts_and_the_busiest_sources(void)
{
	static const char *const want[] = { "198.51.100.9", "198.51.100.8", "198.51.100.7" };
	struct store_dir store = a_store();
	struct query q = whole_time();
	struct record rows[64];
	struct search_result r;
	char text[ADDR_TEXT_MAX];
	size_t n = 0;

	/* Source n has n rows, and n closes that count for nothing. */
	for (unsigned int source = 1; source <= 5; source++)
		for (unsigned int i = 0; i < source + 4 && source > 2; i++) {
			rows[n] = plain_row(DAY_NS + (int64_t)(source * 100 + i) * NS_PER_SEC, source + 4);
			rows[n].src_port = (uint16_t)(1000 + n);
			n++;
		}
	rows[n] = close_of(&rows[0], NS_PER_SEC);
	n++;
	add_journal(&store, rows, n);
	for (int sealed = 0; sealed < 2; sealed++) {
		q.want = QUERY_COUNT;
		r = run(&store, &q);
		CHECK_INT(r.count, 7 + 8 + 9);
		search_result_done(&r);
		for (uint32_t top = 1; top <= 4; top++) {
			q.want = QUERY_TOP;
			q.top = top;
			r = run(&store, &q);
			CHECK_INT(r.count, 24);
			CHECK_INT(r.source_count, 3);
			REQUIRE(r.top_count == (top < 3 ? top : 3));
			for (size_t i = 0; i < r.top_count; i++) {
				CHECK_STR(addr_format(&r.top[i].src, text), want[i]);
				CHECK_INT(r.top[i].rows, 9 - i);
			}
			search_result_done(&r);
		}
		q.top = 0;
		seal(&store);
	}
	/* The same, where closes decide what counts. */
	q.want = QUERY_TOP;
	q.top = 2;
	q.open_at_end = true;
	r = run(&store, &q);
	CHECK_INT(r.count, 23);
	CHECK_INT(r.source_count, 3);
	CHECK_INT(r.top[1].rows, 8);
	search_result_done(&r);
	store_close(&store);
}

static void port_sets_narrow(void)
{
	struct store_dir store = a_store();
	struct query q = whole_time();
	struct record rows[5];
	struct port_set set;

	for (unsigned int i = 0; i < 5; i++)
		rows[i] = plain_row(DAY_NS + i, i + 1);
	rows[4].dst_port = 80;
	add_journal(&store, rows, 5);
	for (int sealed = 0; sealed < 2; sealed++) {
		q.src_ports = &set;
		REQUIRE(port_set_parse("40002-40003,40005", &set) == 0);
		CHECK_STR(found(&store, &q), "2 3 5");
		REQUIRE(port_set_parse("1-40001", &set) == 0);
		CHECK_STR(found(&store, &q), "1");
		q.src_ports = NULL;
		q.dst_ports = &set;
		REQUIRE(port_set_parse("80,443", &set) == 0);
		CHECK_STR(found(&store, &q), "1 2 3 4 5");
		REQUIRE(port_set_parse("80", &set) == 0);
		CHECK_STR(found(&store, &q), "5");
		q.dst_ports = NULL;
		seal(&store);
	}
	store_close(&store);
}

/* A search for one source reads one block and says what it skipped. */
static void explain_counts_what_is_skipped(void)
{
	struct store_dir store = a_store();
	struct record *rows = calloc(4000, sizeof(*rows));
	struct query q = whole_time();
	struct search_result r;

	for (unsigned int i = 0; i < 4000; i++) {
		rows[i] = plain_row(DAY_NS + i, 1);
		rows[i].src.bytes[14] = (uint8_t)(i / 250);
		rows[i].src.bytes[15] = (uint8_t)(i % 250);
		rows[i].tenant = rows[i].consent = 1 + i % 2;
	}
	add_journal(&store, rows, 4000);
	seal(&store);
	q.by_src = true;
	q.src = (struct prefix){ rows[777].src, 128 };
	r = run(&store, &q);
	CHECK_INT(r.count, 1);
	CHECK_INT(r.explain.segments, 2);
	CHECK(r.explain.blocks > 20);
	CHECK_INT(r.explain.blocks_decoded, 1);
	CHECK_INT(r.explain.blocks - r.explain.blocks_skipped_index - r.explain.blocks_skipped_source,
		  r.explain.blocks_decoded + r.explain.blocks_skipped_time);
	CHECK(r.explain.blocks_skipped_index >= r.explain.blocks - 4);
	search_result_done(&r);
	q.by_dst = true;
	q.dst = a_prefix("192.0.2.99");
	r = run(&store, &q);
	CHECK_INT(r.count, 0);
	CHECK_INT(r.explain.sections_skipped_destination, 2);
	CHECK_INT(r.explain.blocks_decoded, 0);
	search_result_done(&r);
	free(rows);
	store_close(&store);
}

UNIT_SUITE(query, TEST(closes_find_their_openings_across_midnight_and_files),
	   TEST(a_port_that_is_used_again_keeps_its_lifetimes_apart), TEST(one_close_ends_one_opening),
	   TEST(open_at_a_time), TEST(answers_do_not_depend_on_the_memory), TEST(order_by_source_of_many_segments),
	   TEST(counts_and_the_busiest_sources), TEST(port_sets_narrow), TEST(explain_counts_what_is_skipped));
