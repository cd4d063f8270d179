// SPDX-License-Identifier: BSD-2-Clause
/* The thread that seals finished journals. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/log.h"
#include "base/utc.h"
#include "base/worker.h"
#include "schema/journal.h"
#include "seal/day_closer.h"
#include "segment/segment.h"
#include "sealer.h"

#define RETRY_SECONDS 60
/* How often an idle thread looks whether a day is over. */
#define CLOSE_SECONDS 300

struct sealer {
	struct worker worker;
	pthread_mutex_t rotation; /* held while a live journal is made, and while a run lists what it may seal; before the worker's lock */
	pthread_cond_t done;
	const struct store_dir *store;
	char live_name[64];
	bool failed;
	uint64_t asked, begun, finished; /* numbers of runs */
	struct day_closer closer; /* of the thread alone, as is the keeper */
	struct keeper keeper;
	struct keeper_state kept; /* of it, for all */
	struct seal_result total, last;
	int last_error;
	struct problem last_problem;
};

static void add(struct seal_result *to, const struct seal_result *r)
{
	to->journals += r->journals;
	to->rows += r->rows;
	to->sections += r->sections;
	to->skipped_sections += r->skipped_sections;
	to->gaps += r->gaps;
	to->damaged_bytes += r->damaged_bytes;
	to->days_without_catalog += r->days_without_catalog;
	to->bytes += r->bytes;
	to->closed_days += r->closed_days;
	to->closed_files += r->closed_files;
	to->open_files += r->open_files;
}

/* Days that are over get their trailers. */
static int close_days(struct sealer *s, struct seal_result *result, struct problem *p)
{
	struct problem note;
	int error = day_closer_run(&s->closer, s->store, utc_now_ns(), result, &note, p);

	if (error)
		log_error("a day cannot be closed: %s", p->text);
	if (result->closed_files)
		log_info("%llu days are over, %llu segments closed", (unsigned long long)result->closed_days,
			 (unsigned long long)result->closed_files);
	if (result->open_files)
		log_warn("%llu segments stay open, the first: %s", (unsigned long long)result->open_files,
			 note.text);
	return error;
}

/* The journals that may be sealed: those that are there, but for the live one. */
static int list_journals(struct sealer *s, char ret_live[static sizeof(s->live_name)], char ***ret_names,
			 size_t *ret_count)
{
	int error;

	pthread_mutex_lock(&s->rotation);
	pthread_mutex_lock(&s->worker.lock);
	memcpy(ret_live, s->live_name, sizeof(s->live_name));
	pthread_mutex_unlock(&s->worker.lock);
	error = fs_list(s->store->journal, JOURNAL_SUFFIX, ret_names, ret_count);
	pthread_mutex_unlock(&s->rotation);
	return error;
}

/* Goes on past failures; the first one's errno and text are returned. */
static int seal_journals(struct sealer *s, struct seal_result *result, struct problem *p)
{
	char live[sizeof(s->live_name)], **names;
	struct segment_batch *batch;
	struct problem later;
	size_t count;
	int error = list_journals(s, live, &names, &count), first = 0;

	if (error)
		return problem(p, error, "cannot list journal/: %s", strerror(-error));
	batch = segment_batch_new(); /* without memory each journal tries for itself */
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], live) == 0)
			continue;
		error = seal_journal(s->store, batch, names[i], result, first ? &later : p);
		if (error && !first)
			first = error;
	}
	segment_batch_free(batch);
	fs_free_names(names, count);
	return first;
}

static void run_once(struct sealer *s)
{
	struct seal_result result = {};
	struct problem p = {}, later;
	uint64_t number = s->begun = s->asked;
	int error, close_error;

	pthread_mutex_unlock(&s->worker.lock);
	keeper_erase(&s->keeper, s->store);
	error = seal_journals(s, &result, &p);
	if (error)
		log_error("sealing failed, the journal stays: %s", p.text);
	if (result.damaged_bytes)
		log_error("%llu damaged bytes in a journal, set aside in journal/damaged/",
			  (unsigned long long)result.damaged_bytes);
	if (result.days_without_catalog)
		log_error("%llu days are left without a catalog (no space, or a damaged segment: see sekisho verify); "
			  "searches over all tenants are slower there",
			  (unsigned long long)result.days_without_catalog);
	day_closer_note(&s->closer, &result);
	close_error = close_days(s, &result, error ? &later : &p);
	if (!error)
		error = close_error;
	keeper_run(&s->keeper, s->store);
	pthread_mutex_lock(&s->worker.lock);
	s->kept = s->keeper.state;
	add(&s->total, &result);
	s->last = result;
	s->last_error = error;
	s->last_problem = p;
	s->failed = error != 0;
	s->finished = number;
	pthread_cond_broadcast(&s->done);
}

/* Nothing was asked for, but the day may be over. */
static void close_while_idle(struct sealer *s)
{
	struct seal_result result = {};
	struct problem p = {};
	int error;

	pthread_mutex_unlock(&s->worker.lock);
	error = close_days(s, &result, &p);
	if (keeper_is_due(&s->keeper))
		keeper_run(&s->keeper, s->store);
	pthread_mutex_lock(&s->worker.lock);
	s->kept = s->keeper.state;
	add(&s->total, &result);
	if (error)
		s->last_problem = p;
	s->failed = error != 0;
}

/* Waits for work; a failed run is repeated after a while. */
static void wait_for_work(struct sealer *s)
{
	bool failed = s->failed;

	if (worker_wait(&s->worker, (failed ? RETRY_SECONDS : CLOSE_SECONDS) * (uint64_t)NS_PER_SEC))
		return;
	if (failed)
		s->asked++;
	else
		close_while_idle(s);
}

static void *run(void *arg)
{
	struct sealer *s = arg;

	(void)pthread_setname_np(pthread_self(), "sealer");
	/* Only this thread: on Linux PRIO_PROCESS with 0 means the calling thread. The I/O priority follows:
	 * the lowest of best effort (ioprio_set(2)). */
	(void)setpriority(PRIO_PROCESS, 0, 19);
	pthread_mutex_lock(&s->worker.lock);
	for (;;) {
		if (s->asked != s->finished)
			run_once(s);
		else if (s->worker.stop)
			break;
		else
			wait_for_work(s);
	}
	pthread_mutex_unlock(&s->worker.lock);
	return NULL;
}

static void destroy(struct sealer *s)
{
	pthread_cond_destroy(&s->done);
	pthread_mutex_destroy(&s->rotation);
	day_closer_done(&s->closer);
	free(s);
}

int sealer_start(const struct store_dir *store, struct sealer **ret_sealer, struct problem *p)
{
	struct sealer *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return problem(p, -ENOMEM, "out of memory");
	s->store = store;
	pthread_mutex_init(&s->rotation, NULL);
	pthread_cond_init(&s->done, NULL);
	error = worker_start(&s->worker, run, s, p);
	if (error) {
		destroy(s);
		return error;
	}
	*ret_sealer = s;
	return 0;
}

void sealer_stop(struct sealer *s)
{
	if (!s)
		return;
	worker_stop(&s->worker);
	destroy(s);
}

void sealer_rotation_begin(struct sealer *s)
{
	pthread_mutex_lock(&s->rotation);
}

void sealer_rotation_end(struct sealer *s, const char *live_name)
{
	if (live_name) {
		pthread_mutex_lock(&s->worker.lock);
		snprintf(s->live_name, sizeof(s->live_name), "%s", live_name);
		pthread_mutex_unlock(&s->worker.lock);
	}
	pthread_mutex_unlock(&s->rotation);
}

void sealer_kick(struct sealer *s, const char *live_name)
{
	pthread_mutex_lock(&s->worker.lock);
	snprintf(s->live_name, sizeof(s->live_name), "%s", live_name);
	s->asked++;
	pthread_cond_signal(&s->worker.wake);
	pthread_mutex_unlock(&s->worker.lock);
}

int sealer_wait(struct sealer *s, struct seal_result *ret_result, struct problem *p)
{
	uint64_t wanted;
	int error;

	pthread_mutex_lock(&s->worker.lock);
	wanted = ++s->asked;
	pthread_cond_signal(&s->worker.wake);
	while (s->finished < wanted)
		pthread_cond_wait(&s->done, &s->worker.lock);
	*ret_result = s->last;
	error = s->last_error;
	*p = s->last_problem;
	pthread_mutex_unlock(&s->worker.lock);
	return error;
}

void sealer_totals(struct sealer *s, struct seal_result *ret_result, struct problem *ret_last)
{
	pthread_mutex_lock(&s->worker.lock);
	*ret_result = s->total;
	*ret_last = s->last_problem;
	pthread_mutex_unlock(&s->worker.lock);
}

void sealer_kept(struct sealer *s, struct keeper_state *ret_state)
{
	pthread_mutex_lock(&s->worker.lock);
	*ret_state = s->kept;
	pthread_mutex_unlock(&s->worker.lock);
}
