// SPDX-License-Identifier: BSD-2-Clause
/* Planning, sharing the work out, and putting the answer together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/utc.h"
#include "schema/store.h"
#include "scan.h"
#include "stream.h"
#include "top.h"

#define THREADS_MAX 8
/* What takes no longer than this is not worth another thread. */
#define ALONE_NS (20 * NS_PER_SEC / 1000)

/* Rows of a store: collected, or streamed from its sections. */
struct store_rows {
	struct row_source source;
	struct scan scan; /* what the stream needs of it */
	struct rows *rows;
	struct stream *stream;
	struct search_result late; /* takes what the stream notes while it is read: all was noted before */
};

/* --- Work --- */

static void add_explain(struct search_explain *to, const struct search_explain *did)
{
	to->frames_decoded += did->frames_decoded;
	to->segments_opened += did->segments_opened;
	to->sections += did->sections;
	to->sections_skipped_time += did->sections_skipped_time;
	to->sections_skipped_destination += did->sections_skipped_destination;
	to->blocks += did->blocks;
	to->blocks_skipped_index += did->blocks_skipped_index;
	to->blocks_skipped_source += did->blocks_skipped_source;
	to->blocks_skipped_time += did->blocks_skipped_time;
	to->blocks_decoded += did->blocks_decoded;
	to->rows_decoded += did->rows_decoded;
}

static void note_done(struct scan *s)
{
	uint64_t done;

	pthread_mutex_lock(&s->lock);
	done = ++s->done;
	pthread_mutex_unlock(&s->lock);
	if (s->q->progress)
		s->q->progress(s->q->progress_ctx, done, s->item_count);
}

static void fail(struct scan *s, const struct worker *w, int error)
{
	pthread_mutex_lock(&s->lock);
	if (!s->error) {
		s->error = error;
		if (w->why.text[0])
			*s->p = w->why;
	}
	pthread_mutex_unlock(&s->lock);
}

/* One item; false when there is none left. */
static bool work_once(struct worker *w)
{
	struct scan *s = w->scan;
	size_t i = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);
	int error;

	if (i >= s->item_count || __atomic_load_n(&s->error, __ATOMIC_RELAXED))
		return false;
	w->behind = s->items[i].behind;
	error = s->items[i].is_journal ? scan_frames(w, &s->items[i]) : scan_segment(w, &s->items[i]);
	if (error)
		fail(s, w, error);
	note_done(s);
	return true;
}

static void end_work(struct worker *w)
{
	struct scan *s = w->scan;
	int error = worker_flush(w);

	if (error)
		fail(s, w, error);
	pthread_mutex_lock(&s->lock);
	add_explain(&s->out->explain, &w->did);
	pthread_mutex_unlock(&s->lock);
	worker_done(w);
}

static void *work(void *scan)
{
	struct worker w;
	int error = worker_init(scan, &w);

	if (error) {
		fail(scan, &(struct worker){}, error);
		return NULL;
	}
	while (work_once(&w))
		;
	end_work(&w);
	return NULL;
}

/* Helps are started when there is much to do. */
static unsigned int start_threads(struct scan *s, pthread_t threads[static THREADS_MAX])
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int n = 0;

	while (n < THREADS_MAX && (long)n + 1 < processors && s->next + n + 1 < s->item_count &&
	       pthread_create(&threads[n], NULL, work, s) == 0)
		n++;
	return n;
}

static int work_through(struct scan *s)
{
	int64_t begun = boot_now_ns();
	pthread_t threads[THREADS_MAX];
	unsigned int count = 0;
	struct worker w;
	int error = worker_init(s, &w);

	if (error)
		return error;
	while (work_once(&w))
		if (!count && boot_now_ns() - begun > ALONE_NS)
			count = start_threads(s, threads);
	end_work(&w);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	s->out->explain.threads = count + 1;
	s->out->explain.scan_ns += boot_now_ns() - begun;
	return s->error;
}

/* --- The answer --- */

/* For everybody's sake in one order, whichever thread came first. */
static int compare_gaps(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	if (x->first_utc_ns != y->first_utc_ns)
		return x->first_utc_ns < y->first_utc_ns ? -1 : 1;
	if (x->last_utc_ns != y->last_utc_ns)
		return x->last_utc_ns < y->last_utc_ns ? -1 : 1;
	if (x->tenant != y->tenant)
		return x->tenant < y->tenant ? -1 : 1;
	if (x->reason != y->reason)
		return x->reason < y->reason ? -1 : 1;
	if (x->count != y->count)
		return x->count < y->count ? -1 : 1;
	return x->total < y->total ? -1 : x->total > y->total;
}

/* What goes on is stated piece by piece: the answer says it as one. A piece that ends with a day, too. */
static int is_piece(const struct gap *g)
{
	return g->reason == STORE_GAP_UNRESOLVED || g->reason == STORE_GAP_NOT_EVALUATED ||
	       g->reason == STORE_GAP_CANARY;
}

static int continues(const struct gap *before, const struct gap *g)
{
	return before->reason == g->reason && before->tenant == g->tenant &&
	       (g->first_utc_ns <= before->last_utc_ns || g->first_utc_ns - 1 == before->last_utc_ns);
}

static void join_gaps(struct gaps *gaps)
{
	size_t kept = 0;

	for (size_t i = 0; i < gaps->count; i++) {
		struct gap *g = &gaps->list[i];
		size_t k = is_piece(g) ? kept : 0;

		while (k > 0 && !continues(&gaps->list[k - 1], g))
			k--;
		if (!k)
			gaps->list[kept++] = *g;
		else if (gaps->list[k - 1].last_utc_ns < g->last_utc_ns)
			gaps->list[k - 1].last_utc_ns = g->last_utc_ns;
	}
	gaps->count = kept;
}

/* A node-wide gap is stated in the segment of every tenant; the answer says it once. */
static void merge_gaps(struct gaps *gaps)
{
	size_t kept = 0;

	if (gaps->count)
		qsort(gaps->list, gaps->count, sizeof(*gaps->list), compare_gaps);
	for (size_t i = 0; i < gaps->count; i++)
		if (!kept || compare_gaps(&gaps->list[kept - 1], &gaps->list[i]) != 0)
			gaps->list[kept++] = gaps->list[i];
	gaps->count = kept;
}

/* How many rows answer each question. */
static int count_questions(struct search_result *out, const struct query *q, struct rows *rows)
{
	struct found_row row;
	int state = 0;

	out->question_rows = calloc(q->questions->count, sizeof(*out->question_rows));
	if (!out->question_rows)
		return -ENOMEM;
	while ((state = rows_next(rows, &row)) > 0)
		out->question_rows[row.question - 1]++;
	return state ? state : rows_rewind(rows);
}

/* The sources of an answer whose rows had to be collected. */
static int top_of_rows(struct scan *s)
{
	struct found_row row;
	int state = 0;

	while (!state && (state = rows_next(s->rows, &row)) > 0)
		state = spool_add(s->top, &(struct top_source){ .src = row.record.src, .rows = 1 });
	return state ? state : rows_rewind(s->rows);
}

static int finish_rows(struct scan *s)
{
	struct search_result *out = s->out;
	const struct query *q = s->q;
	int error = rows_finish(s->rows);

	if (!error && !scan_only_counts(q))
		out->count = rows_count(s->rows);
	out->any_close = rows_any_close(s->rows);
	if (!error && q->questions)
		error = count_questions(out, q, s->rows);
	if (!error && q->want == QUERY_TOP && !scan_only_counts(q))
		error = top_of_rows(s);
	if (!error && q->want == QUERY_TOP)
		error = top_take(s->top, q->top, &out->top, &out->top_count, &out->source_count);
	return error;
}

static int collect(struct scan *s)
{
	int error = rows_new(s->q, s->store->root, &s->rows);

	if (!error)
		rows_count_tenants(s->rows, s->out->tenant_rows, s->out->tenant_count);
	if (!error && s->q->want == QUERY_TOP)
		error = top_new(s->q, s->store->root, &s->top);
	if (!error)
		error = work_through(s);
	if (!error)
		error = finish_rows(s);
	spool_free(s->top);
	return error;
}

/* Once through, for the number of rows, which has to be known before the first is shown. */
static int count_stream(struct scan *s, struct stream *stream)
{
	int64_t begun = boot_now_ns();
	struct found_row row;
	int state;

	while ((state = stream_next(stream, &row)) > 0) {
		s->out->count++;
		s->out->tenant_rows[row.record.tenant]++;
	}
	s->out->any_close = stream_any_close(stream);
	add_explain(&s->out->explain, stream_did(stream));
	s->out->explain.threads = 1;
	s->out->explain.scan_ns += boot_now_ns() - begun;
	return state ? state : stream_rewind(stream);
}

static int answer(struct scan *s, struct store_rows *rows)
{
	int state = 0;

	if (s->q->by_source && s->q->want == QUERY_ROWS && !s->q->questions)
		state = stream_open(s, &rows->stream);
	if (state < 0)
		return state;
	if (state)
		return count_stream(s, rows->stream);
	state = collect(s);
	rows->rows = s->rows;
	return state;
}

static int next_row(struct row_source *source, struct found_row *ret_row)
{
	struct store_rows *rows = (struct store_rows *)source;

	return rows->stream ? stream_next(rows->stream, ret_row) : rows_next(rows->rows, ret_row);
}

static int rewind_rows(struct row_source *source)
{
	struct store_rows *rows = (struct store_rows *)source;

	return rows->stream ? stream_rewind(rows->stream) : rows_rewind(rows->rows);
}

static void free_rows(struct row_source *source)
{
	struct store_rows *rows = (struct store_rows *)source;

	stream_close(rows->stream);
	rows_free(rows->rows);
	free(rows->scan.items);
	free(rows->scan.sections);
	free(rows->scan.catalogs);
	pthread_mutex_destroy(&rows->scan.lock);
	free(rows);
}

int search_run(const struct store_dir *store, const struct query *q,
	       struct search_result *ret_result, struct problem *p)
{
	struct store_rows *rows = calloc(1, sizeof(*rows));
	struct search_result out = {};
	struct scan *s = &rows->scan;
	int64_t begun = boot_now_ns();
	int error;

	p->text[0] = '\0';
	if (!rows)
		return problem(p, -ENOMEM, "out of memory");
	rows->source = (struct row_source){ next_row, rewind_rows, free_rows };
	out.rows = &rows->source;
	*s = (struct scan){ .store = store, .q = q, .out = &out, .p = p };
	pthread_mutex_init(&s->lock, NULL);
	error = scan_open_journals(s);
	if (!error)
		error = scan_plan(s);
	out.explain.plan_ns = boot_now_ns() - begun;
	if (!error && !(out.tenant_rows = calloc(out.tenant_count + 1, sizeof(*out.tenant_rows))))
		error = -ENOMEM;
	if (!error)
		error = answer(s, rows);
	scan_close_journals(s);
	if (error) {
		search_result_done(&out);
		return p->text[0] ? error : problem(p, error, "search failed: %s", strerror(-error));
	}
	merge_gaps(&out.gaps);
	join_gaps(&out.gaps);
	*ret_result = out;
	s->out = &rows->late;
	return 0;
}

int search_next(struct search_result *r, struct found_row *ret_row)
{
	return r->rows ? r->rows->next(r->rows, ret_row) : 0;
}

int search_rewind(struct search_result *r)
{
	return r->rows ? r->rows->rewind(r->rows) : 0;
}

void search_result_done(struct search_result *r)
{
	if (!r)
		return;
	if (r->rows)
		r->rows->free(r->rows);
	free(r->tenants);
	free(r->tenant_rows);
	gaps_done(&r->gaps);
	free(r->top);
	free(r->question_rows);
	memset(r, 0, sizeof(*r));
}
