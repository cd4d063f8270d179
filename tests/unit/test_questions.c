/* SPDX-License-Identifier: BSD-2-Clause */
/* Many questions in one search: each is answered as if it were asked alone, before and after sealing. */
#include "query/questions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "query/search.h"
#include "schema/event.h"
#include "searching.h"
#include "unit.h"

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

UNIT_SUITE(questions, TEST(many_questions_in_one_pass), TEST(questions_equal_single_searches),
	   TEST(what_is_no_question_is_refused_with_its_line));
