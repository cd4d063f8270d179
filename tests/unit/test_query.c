// SPDX-License-Identifier: BSD-2-Clause
/*
 * What can be asked: lifetimes and "open at", counts, the busiest sources, port sets, orders,
 * many questions at once; and that answers do not depend on the memory there is. Each
 * before and after sealing.
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

#define HOUR (3600 * NS_PER_SEC)

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

/* --- Questions --- */

static int ask(const char *text, struct questions *ret_questions, struct problem *p)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	int error;

	REQUIRE(in != NULL);
	error = questions_read(in, "questions.csv", ret_questions, p);
	fclose(in);
	return error;
}

#define HEADER "src_ip,src_port,t,tolerance\n"

static void many_questions_in_one_pass(void)
{
	/* Day: 2026-03-10. */
	static const char text[] = HEADER
		"198.51.100.1,40001,2026-03-10T00:00:10Z,2s\n" /* row 1 */
		"198.51.100.1,,2026-03-10T00:00:10Z,2s\n" /* row 1 again */
		"198.51.100.2,40009,2026-03-10T00:00:20Z,2s\n" /* another port */
		"::ffff:198.51.100.3,40003,2026-03-10T09:00:29.5+09:00,\n" /* row 3, mapped, one second */
		"198.51.100.4,40004,2026-03-10T00:00:50Z,500ms\n" /* too late */
		"203.0.113.1,,2026-03-10T00:00:10Z,1d\n" /* nobody */
		"2001:db8::6,,2026-03-10T00:01:00Z,0s\r\n"; /* row 6 */
	static const uint32_t want[] = { 1, 1, 0, 1, 0, 0, 1 };
	struct store_dir store = a_store();
	struct questions questions;
	struct query q = whole_time();
	struct record rows[6];
	struct problem p = { "" };

	for (unsigned int i = 0; i < 6; i++)
		rows[i] = plain_row(DAY_NS + (int64_t)(i + 1) * 10 * NS_PER_SEC, i + 1);
	rows[5].src = an_addr("2001:db8::6");
	add_journal(&store, rows, 6);
	CHECK_ROW(ask(text, &questions, &p) == 0, "%s", p.text);
	REQUIRE(questions.count == 7);
	q.questions = &questions;
	q.from_ns = questions.from_ns;
	q.to_ns = questions.to_ns;
	for (int sealed = 0; sealed < 2; sealed++) {
		struct search_result r;

		CHECK_STR(found(&store, &q), "1 1 3 6");
		r = run(&store, &q);
		for (size_t i = 0; i < ARRAY_SIZE(want); i++)
			CHECK_ROW(r.question_rows[i] == want[i], "question %zu: %u", i + 1, r.question_rows[i]);
		CHECK_INT(row_of(&r, 0)->question, 1);
		CHECK_INT(row_of(&r, 1)->question, 2);
		CHECK_INT(row_of(&r, 3)->question, 7);
		search_result_done(&r);
		seal(&store);
	}
	questions_done(&questions);
	store_close(&store);
}

/* 2,000 random questions give what as many searches give. */
static void questions_equal_single_searches(void)
{
	struct store_dir store = a_store();
	struct record *rows = calloc(4000, sizeof(*rows));
	struct question *list = calloc(2000, sizeof(*list));
	struct questions asked = { .list = list, .count = 2000, .from_ns = INT64_MAX };
	struct query q = whole_time();
	struct search_result r;
	struct rng rng = { 5 };
	size_t right = 0, some = 0;

	random_rows(&rng, rows, 4000, DAY_NS, NS_PER_DAY);
	for (size_t i = 0; i < 4000; i++) {
		rows[i].lasted_ns = 0;
		rows[i].kind = SEKISHO_KIND_ESTABLISHED;
	}
	add_journal(&store, rows, 4000);
	seal(&store);
	for (uint32_t i = 0; i < 2000; i++) {
		const struct record *like = &rows[rng_below(&rng, 4000)];
		int64_t around = (int64_t)rng_below(&rng, (uint64_t)HOUR);

		list[i] = (struct question){ .src = like->src, .from_ns = like->time_ns - around,
					     .to_ns = like->time_ns + around / 2, .number = i + 1,
					     .src_port = rng_below(&rng, 2) ? like->src_port : 0 };
		if (rng_below(&rng, 5) == 0)
			list[i].src.bytes[15] ^= 1;
	}
	/* By number 1 to 2000 they are asked one by one, by address all at once. */
	for (size_t i = 1; i < 2000; i++)
		for (size_t k = i; k > 0; k--) {
			int order = addr_compare_source(&list[k - 1].src, &list[k].src);
			struct question swap = list[k];

			if (order < 0 || (order == 0 && list[k - 1].from_ns <= list[k].from_ns))
				break;
			list[k] = list[k - 1];
			list[k - 1] = swap;
		}
	asked.from_ns = q.from_ns;
	asked.to_ns = q.to_ns;
	q.questions = &asked;
	r = run(&store, &q);
	for (size_t i = 0; i < 2000; i++) {
		uint32_t rows_found = 0;

		for (size_t k = 0; k < 4000; k++)
			rows_found += addr_compare(&rows[k].src, &list[i].src) == 0 &&
				      rows[k].time_ns >= list[i].from_ns && rows[k].time_ns <= list[i].to_ns &&
				      (!list[i].src_port || list[i].src_port == rows[k].src_port);
		right += r.question_rows[list[i].number - 1] == rows_found;
		some += rows_found > 0;
	}
	CHECK_INT(right, 2000);
	CHECK_ROW(some > 1000, "%zu", some);
	search_result_done(&r);
	free(list);
	free(rows);
	store_close(&store);
}

static void what_is_no_question_is_refused_with_its_line(void)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "", "expected the header" },
		{ HEADER, "no question in it" },
		{ "src,port\n", "line 1: expected the header" },
		{ HEADER "198.51.100.1,1,2026-03-10T00:00:00Z\n", "line 2: expected four fields" },
		{ HEADER "198.51.100.1,1,2026-03-10T00:00:00Z,1s,\n", "line 2: expected four fields" },
		{ HEADER "198.51.100,1,2026-03-10T00:00:00Z,1s\n", "line 2: src_ip \"198.51.100\"" },
		{ HEADER "198.51.100.1,0,2026-03-10T00:00:00Z,1s\n", "line 2: src_port \"0\"" },
		{ HEADER "198.51.100.1,1,2026-03-10T00:00:00,1s\n", "line 2: t: " },
		{ HEADER "198.51.100.1,1,2026-03-10T00:00:00Z,1\n", "line 2: tolerance \"1\"" },
		{ HEADER "198.51.100.1,1,2026-03-10T00:00:00Z,2d\n", "line 2: tolerance \"2d\"" },
		{ HEADER "198.51.100.1,1,2026-03-10T00:00:00Z,1s\n\n", "line 3: expected four fields" },
	};
	char long_line[1200] = HEADER;
	struct questions questions;
	struct problem p;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CHECK_ROW(ask(table[i].text, &questions, &p) == -EINVAL, "%s", table[i].text);
		CHECK_ROW(strstr(p.text, table[i].why) != NULL, "%s", p.text);
	}
	memset(long_line + strlen(HEADER), '1', 1000);
	CHECK_INT(ask(long_line, &questions, &p), -EINVAL);
	CHECK(strstr(p.text, "line 2: longer than") != NULL);
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
	   TEST(a_port_that_is_used_again_keeps_its_lifetimes_apart), TEST(one_close_ends_one_opening), TEST(open_at_a_time),
	   TEST(answers_do_not_depend_on_the_memory), TEST(order_by_source_of_many_segments),
	   TEST(counts_and_the_busiest_sources), TEST(port_sets_narrow),
	   TEST(many_questions_in_one_pass), TEST(questions_equal_single_searches),
	   TEST(what_is_no_question_is_refused_with_its_line), TEST(explain_counts_what_is_skipped));
