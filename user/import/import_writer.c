// SPDX-License-Identifier: BSD-2-Clause
/* A ring of batches between the parsing thread and the one that packs and writes. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include "import_writer.h"
#include "schema/event.h"
#include "schema/journal.h"

#define BATCHES 3
/* The last frames, which are the final anchor and one of rows and tenants, surely fit in. */
#define RESERVE_BYTES (16u << 20)

struct import_writer {
	pthread_t thread;
	bool started;
	pthread_mutex_t lock;
	pthread_cond_t filled, emptied;
	struct import_batch batches[BATCHES];
	unsigned int put, taken; /* numbers of batches, ever */
	bool end;
	int error;
	struct problem problem;
	struct journal *journal; /* the thread's until it has ended */
	uint64_t max_bytes;
	int64_t last_ns;
};

/* Imported times are UTC already, so boot time is made the same; nobody knows how good their clock was. */
static int append_anchor(struct import_writer *w, int64_t at_ns)
{
	const struct anchor a = { .boot_ns = (uint64_t)at_ns, .utc_ns = at_ns, .status = STA_UNSYNC };
	int error = journal_append_anchor(w->journal, &a);

	return error ? problem(&w->problem, error, "cannot write journal/%s: %s",
			       journal_name(w->journal), strerror(-error)) : 0;
}

static int write_batch(struct import_writer *w, const struct import_batch *b)
{
	int error = 0;

	if (journal_size(w->journal) + RESERVE_BYTES > w->max_bytes)
		return problem(&w->problem, -EFBIG,
			       "more than fits one import (%llu rows so far, %llu bytes): split the file",
			       (unsigned long long)journal_rows(w->journal),
			       (unsigned long long)journal_size(w->journal));
	if (b->tenant_count)
		error = journal_append_tenants(w->journal, b->tenants, b->tenant_count);
	if (!error)
		error = journal_append_rows(w->journal, b->rows, b->count, 0);
	for (size_t i = 0; i < b->count; i++)
		if (b->rows[i].time_ns > w->last_ns)
			w->last_ns = b->rows[i].time_ns;
	return error ? problem(&w->problem, error, "cannot write journal/%s: %s",
			       journal_name(w->journal), strerror(-error)) : 0;
}

static void *run(void *arg)
{
	struct import_writer *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->error) {
		const struct import_batch *b = &w->batches[w->taken % BATCHES];
		int error;

		if (w->taken == w->put) {
			if (w->end)
				break;
			pthread_cond_wait(&w->filled, &w->lock);
			continue;
		}
		pthread_mutex_unlock(&w->lock);
		error = write_batch(w, b);
		pthread_mutex_lock(&w->lock);
		w->error = error;
		w->taken++;
		pthread_cond_signal(&w->emptied);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static int begin_journal(struct import_writer *w, int dir_fd, const char *reason, struct problem *p)
{
	const struct journal_origin origin = { .rung = SEKISHO_RUNG_NONE };
	int error = journal_create_hidden(dir_fd, &origin, &w->journal, p);

	if (error)
		return error;
	error = journal_append_custody(w->journal, reason);
	if (error)
		return problem(p, error, "cannot write journal/%s: %s", journal_name(w->journal),
			       strerror(-error));
	error = append_anchor(w, 0);
	*p = w->problem;
	return error;
}

int import_writer_start(int dir_fd, const char *reason, uint64_t max_bytes,
			struct import_writer **ret_writer, struct problem *p)
{
	struct import_writer *w = calloc(1, sizeof(*w));
	int error;

	if (!w)
		return problem(p, -ENOMEM, "out of memory");
	w->max_bytes = max_bytes;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->filled, NULL);
	pthread_cond_init(&w->emptied, NULL);
	error = begin_journal(w, dir_fd, reason, p);
	for (unsigned int i = 0; i < BATCHES && !error; i++) {
		w->batches[i].rows = malloc(IMPORT_BATCH_ROWS * sizeof(struct record));
		if (!w->batches[i].rows)
			error = problem(p, -ENOMEM, "out of memory");
	}
	if (!error) {
		error = -pthread_create(&w->thread, NULL, run, w);
		w->started = !error;
		if (error)
			problem(p, error, "cannot start a thread: %s", strerror(-error));
	}
	if (error) {
		import_writer_stop(w);
		return error;
	}
	*ret_writer = w;
	return 0;
}

struct import_batch *import_writer_batch(struct import_writer *w)
{
	struct import_batch *b = NULL;

	pthread_mutex_lock(&w->lock);
	while (w->put - w->taken == BATCHES && !w->error)
		pthread_cond_wait(&w->emptied, &w->lock);
	if (!w->error)
		b = &w->batches[w->put % BATCHES];
	pthread_mutex_unlock(&w->lock);
	if (b) {
		b->count = b->tenant_count = 0;
		b->tenants = NULL;
	}
	return b;
}

void import_writer_put(struct import_writer *w, struct import_batch *batch)
{
	(void)batch; /* there is one at a time */
	pthread_mutex_lock(&w->lock);
	w->put++;
	pthread_cond_signal(&w->filled);
	pthread_mutex_unlock(&w->lock);
}

static void join(struct import_writer *w)
{
	if (!w->started)
		return;
	pthread_mutex_lock(&w->lock);
	w->end = true;
	pthread_cond_signal(&w->filled);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	w->started = false;
}

int import_writer_settle(struct import_writer *w, uint64_t *ret_journal_id, struct problem *p)
{
	join(w);
	if (!w->error)
		w->error = append_anchor(w, w->last_ns);
	if (!w->error)
		w->error = journal_settle(w->journal, &w->problem);
	if (w->error) {
		*p = w->problem;
		return w->error;
	}
	*ret_journal_id = journal_file_id(w->journal);
	return 0;
}

void import_writer_keep(struct import_writer *w, bool keep)
{
	journal_keep(w->journal, keep);
}

int import_writer_publish(struct import_writer *w, char ret_name[static 64], uint64_t *ret_bytes,
			  struct problem *p)
{
	snprintf(ret_name, 64, "%s", journal_name(w->journal));
	*ret_bytes = journal_size(w->journal);
	return journal_publish(w->journal, p);
}

void import_writer_stop(struct import_writer *w)
{
	if (!w)
		return;
	join(w);
	journal_close(w->journal);
	for (unsigned int i = 0; i < BATCHES; i++)
		free(w->batches[i].rows);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->filled);
	pthread_cond_destroy(&w->emptied);
	free(w);
}
