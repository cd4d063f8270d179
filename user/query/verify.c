// SPDX-License-Identifier: BSD-2-Clause
/* Checking every file of a store, by as many threads as it is worth. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "ledger/consent.h"
#include "ledger/ledger.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "verify.h"
#include "verify_catalog.h"
#include "verify_worker.h"

#define THREADS_MAX 8
/* Below these sizes threads would cost more than they save. */
#define WORTH_THREADS (16u << 20)
#define FULL_WORTH_THREADS (1u << 20)

/* --- Threads --- */

static bool take_file(struct verify_worker *w)
{
	struct verify_plan *plan = w->plan;
	bool any;

	pthread_mutex_lock(&plan->lock);
	any = !plan->error && plan->next < plan->file_count;
	if (any)
		w->file = plan->next++;
	pthread_mutex_unlock(&plan->lock);
	return any;
}

static void *work(void *arg)
{
	struct verify_worker *w = arg;

	while (take_file(w))
		verify_worker_check(w);
	return NULL;
}

/* Beside others, at the lowest priority: PRIO_PROCESS with 0 means the calling thread. */
static void *work_nicely(void *arg)
{
	(void)setpriority(PRIO_PROCESS, 0, 19);
	return work(arg);
}

static unsigned int threads_for(const struct verify_plan *plan)
{
	uint64_t worth = plan->request->full ? FULL_WORTH_THREADS : WORTH_THREADS;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = plan->request->threads;

	if (!n)
		n = plan->at.bytes_total < worth || cores < 1 ? 1 : (size_t)cores;
	n = n > plan->file_count ? plan->file_count : n;
	return n > THREADS_MAX ? THREADS_MAX : n ? (unsigned int)n : 1;
}

/* One worker: here; more: each in a thread, or here if there is no thread to be had. */
static void run_workers(struct verify_worker *workers, unsigned int n)
{
	bool started[THREADS_MAX] = {};

	for (unsigned int i = 0; i < n && n > 1; i++)
		started[i] = pthread_create(&workers[i].thread, NULL, work_nicely, &workers[i]) == 0;
	if (!started[0])
		work(&workers[0]);
	for (unsigned int i = 0; i < n; i++)
		if (started[i])
			pthread_join(workers[i].thread, NULL);
}

static void add(struct verify_facts *to, const struct verify_facts *f)
{
	to->journals += f->journals;
	to->journal_frames_rows += f->journal_frames_rows;
	to->journal_rows += f->journal_rows;
	to->segments += f->segments;
	to->sections += f->sections;
	to->blocks += f->blocks;
	to->section_rows += f->section_rows;
	to->closed += f->closed;
	to->open += f->open;
	to->bytes += f->bytes;
	to->roots += f->roots;
	to->sources += f->sources;
	to->torn += f->torn;
	to->bad += f->bad;
}

/* Sums; the first torn and bad objects are those of the least file. */
static void merge(struct verify_worker *workers, unsigned int n, struct verify_facts *facts)
{
	size_t bad_file = SIZE_MAX, torn_file = SIZE_MAX, uncovered_file = SIZE_MAX;

	for (unsigned int i = 0; i < n; i++) {
		struct verify_worker *w = &workers[i];

		add(facts, &w->facts);
		facts->decoded_rows += w->room.rows;
		facts->lookups += w->room.lookups;
		facts->covered += w->consent.covered;
		facts->imported += w->consent.imported;
		facts->uncovered += w->consent.uncovered;
		facts->no_consents |= w->consent.unknown;
		if (w->facts.bad && w->bad_file < bad_file) {
			bad_file = w->bad_file;
			facts->first_bad = w->facts.first_bad;
		}
		if (w->facts.torn && w->torn_file < torn_file) {
			torn_file = w->torn_file;
			facts->first_torn = w->facts.first_torn;
		}
		if (w->consent.uncovered && w->uncovered_file < uncovered_file) {
			uncovered_file = w->uncovered_file;
			facts->first_uncovered = w->consent.first;
		}
	}
}

static int check_files(struct verify_plan *plan, struct verify_facts *facts, struct problem *p)
{
	unsigned int n = threads_for(plan);
	struct verify_worker *workers = calloc(n, sizeof(*workers));

	if (!workers)
		return problem(p, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < n; i++) {
		workers[i].plan = plan;
		workers[i].consent.store = plan->store;
		workers[i].room.consent = &workers[i].consent;
	}
	run_workers(workers, n);
	merge(workers, n, facts);
	for (unsigned int i = 0; i < n; i++) {
		verify_room_done(&workers[i].room);
		verify_consent_done(&workers[i].consent);
	}
	free(workers);
	if (plan->error)
		*p = plan->problem;
	return plan->error;
}

/* --- What there is --- */

static int plan_files(struct verify_plan *plan, int dir, const char *suffix, const char *tenant)
{
	char **names;
	size_t count;
	int error = fs_list(dir, suffix, &names, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		struct verify_entry f = { .tenant = tenant };
		struct stat st;

		if (fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
			f.bytes = (uint64_t)st.st_size;
		if (ARRAY_RESERVE(plan->files, plan->file_count, plan->file_capacity)) {
			error = -ENOMEM;
			break;
		}
		f.name = names[i];
		names[i] = NULL;
		plan->files[plan->file_count++] = f;
		plan->at.files_total++;
		plan->at.bytes_total += f.bytes;
	}
	fs_free_names(names, count);
	return error;
}

static int plan_store(struct verify_plan *plan, struct problem *p)
{
	int error = plan_files(plan, plan->store->journal, JOURNAL_SUFFIX, NULL);

	if (error)
		return problem(p, error, "cannot list the store: %s", strerror(-error));
	error = fs_list_dirs(plan->store->segments, &plan->tenants, &plan->tenant_count);
	if (error)
		return problem(p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < plan->tenant_count; i++) {
		int dir = fs_open_dir(plan->store->segments, plan->tenants[i], 0);

		if (dir == -ENOENT)
			continue;
		if (dir < 0)
			return problem(p, dir, "cannot open segments/%s: %s", plan->tenants[i], strerror(-dir));
		error = plan_files(plan, dir, SEGMENT_SUFFIX, plan->tenants[i]);
		close(dir);
		if (error)
			return problem(p, error, "cannot list the store: %s", strerror(-error));
	}
	return 0;
}

static void plan_done(struct verify_plan *plan)
{
	for (size_t i = 0; i < plan->file_count; i++)
		free(plan->files[i].name);
	free(plan->files);
	if (plan->tenants)
		fs_free_names(plan->tenants, plan->tenant_count);
	verify_custody_done(&plan->custody);
	verify_closed_done(&plan->closed);
	pthread_mutex_destroy(&plan->lock);
}

static void note_torn(const struct ledger_facts *ledger, struct verify_facts *facts)
{
	for (int i = 0; i < LEDGER_CHAINS; i++)
		if (ledger->ends[i].torn && facts->torn++ == 0)
			problem(&facts->first_torn, 0, "ledger/%s offset %llu", chain_file_name(i),
				(unsigned long long)ledger->ends[i].bytes);
}

/* Behind the files: what is bad here is named only if no file is. */
static int check_ledger(struct verify_plan *plan, struct verify_facts *facts, struct problem *p)
{
	struct consents c = {};
	struct ledger_facts ledger;
	struct problem why;
	int error = ledger_verify(plan->store, plan->request->full ? CHAIN_FULL : CHAIN_QUICK, NULL, &ledger, &why);

	if (!error)
		error = verify_custody_check(&plan->custody, plan->store, facts, &why);
	if (!error)
		error = verify_closed_check(&plan->closed, plan->store, plan->custody.from_seq, facts, &why);
	if (!error)
		error = consents_load(plan->store, &c, &why);
	consents_done(&c);
	plan->at.file = "ledger/" CONSENT_FILE;
	if (plan->request->progress)
		plan->request->progress(plan->request->ctx, &plan->at);
	if (verify_is_damage(error)) {
		if (facts->bad++ == 0)
			facts->first_bad = why;
		return 0;
	}
	if (error)
		return problem(p, error, "%s", why.text);
	note_torn(&ledger, facts);
	return 0;
}

int verify_run(const struct store_dir *store, const struct verify_request *request,
	       struct verify_facts *ret_facts, struct problem *p)
{
	struct verify_plan plan = { .store = store, .request = request };
	struct verify_facts facts = {};
	int error;

	pthread_mutex_init(&plan.lock, NULL);
	verify_closed_init(&plan.closed);
	error = verify_custody_begin(&plan.custody, store, p);
	if (!error)
		error = plan_store(&plan, p);
	if (!error)
		error = check_files(&plan, &facts, p);
	/* What is derived from the files comes after them, and what speaks of them last. */
	if (!error)
		error = verify_catalogs(store, request, &facts, p);
	if (!error)
		error = check_ledger(&plan, &facts, p);
	plan_done(&plan);
	if (!error)
		*ret_facts = facts;
	return error;
}
