// SPDX-License-Identifier: BSD-2-Clause
/* What is searched for, how many rows the generator made of it, and how long the answer takes. */
#include <string.h>
#include "base/utc.h"
#include "bench.h"

#define MINUTE_NS (60 * NS_PER_SEC)
#define WARM_ROUNDS 5

static struct bench_question about(const struct mix_options *o, const struct addr *source, uint32_t tenant)
{
	return (struct bench_question){
		.by_source = source != NULL,
		.source = source ? *source : (struct addr){},
		.tenant = tenant,
		.from_ns = (int64_t)o->first_day * NS_PER_DAY,
		.to_ns = ((int64_t)o->first_day + o->days) * NS_PER_DAY,
	};
}

void bench_questions_choose(struct bench_questions *q, const struct mix_options *o,
			    const struct mix_row *rows, size_t count)
{
	for (size_t i = 0; i < BENCH_QUESTIONS; i++) {
		const struct mix_row *row = &rows[count * (2 * i + 1) / (2 * BENCH_QUESTIONS)];
		struct addr other = row->src;

		/* Near one that is there, and most likely not there itself: that is counted. */
		other.bytes[14] ^= 0x55;
		other.bytes[15] ^= 0xa5;
		q->present[i] = about(o, &row->src, 0);
		q->present_tenant[i] = about(o, &row->src, row->tenant);
		q->absent[i] = about(o, &other, 0);
		q->absent_tenant[i] = about(o, &other, row->tenant);
		q->minute[i] = about(o, NULL, row->tenant);
		q->minute[i].from_ns = row->time_ns / MINUTE_NS * MINUTE_NS;
		q->minute[i].to_ns = q->minute[i].from_ns + MINUTE_NS;
	}
}

static void count_source(struct bench_question *all, struct bench_question *one, const struct mix_row *row)
{
	if (memcmp(&row->src, &all->source, sizeof(row->src)) != 0)
		return;
	all->rows++;
	one->rows += row->tenant == one->tenant;
}

void bench_questions_count(struct bench_questions *q, const struct mix_row *rows, size_t count)
{
	for (size_t i = 0; i < BENCH_QUESTIONS; i++)
		for (size_t k = 0; k < count; k++) {
			const struct mix_row *row = &rows[k];
			struct bench_question *minute = &q->minute[i];

			count_source(&q->present[i], &q->present_tenant[i], row);
			count_source(&q->absent[i], &q->absent_tenant[i], row);
			minute->rows += row->tenant == minute->tenant && row->time_ns >= minute->from_ns &&
					row->time_ns < minute->to_ns;
		}
}

static double ask(const struct store_dir *store, const struct bench_question *q)
{
	double wall = bench_wall();
	uint64_t rows = bench_search(store, q);

	wall = bench_wall() - wall;
	if (rows != q->rows)
		bench_die("a search found %llu rows, the generator made %llu", (unsigned long long)rows,
			  (unsigned long long)q->rows);
	return wall * 1e3;
}

static void measure(const struct bench_question *q, const char *name, const char *path,
		    struct bench_table *t)
{
	double warm[BENCH_QUESTIONS * WARM_ROUNDS], cold[BENCH_QUESTIONS];
	uint64_t rows = 0, made = 0;
	struct store_dir store;
	struct problem p;
	size_t n = 0;

	if (store_open(path, 0, &store, &p))
		bench_die("%s", p.text);
	for (size_t i = 0; i < BENCH_QUESTIONS; i++) {
		bench_evict(path);
		cold[i] = ask(&store, &q[i]);
		for (int k = 0; k < WARM_ROUNDS; k++)
			warm[n++] = ask(&store, &q[i]);
		rows += bench_search(&store, &q[i]);
		made += q[i].rows;
	}
	store_close(&store);
	bench_table_label(t, "%s", name);
	bench_table_cell(t, "%.2f ms", bench_median(warm, n));
	bench_table_cell(t, "%.2f ms", bench_median(cold, BENCH_QUESTIONS));
	bench_table_cell(t, "found %llu rows, made %llu", (unsigned long long)rows, (unsigned long long)made);
}

void bench_questions_ask(const struct bench_questions *q, const char *path, struct bench_table *t)
{
	bench_settle(path);
	bench_table_head(t, "search (medians of 8 questions)", "warm", "cold", "");
	measure(q->present, "one address, all tenants", path, t);
	measure(q->absent, "one absent address, all tenants", path, t);
	measure(q->present_tenant, "one address, one tenant", path, t);
	measure(q->absent_tenant, "one absent address, one tenant", path, t);
	measure(q->minute, "one tenant, one minute", path, t);
}
