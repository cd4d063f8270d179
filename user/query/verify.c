// SPDX-License-Identifier: BSD-2-Clause
/* Checking every file of a store, by as many threads as it is worth. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "journal/journal_reader.h"
#include "ledger/consent.h"
#include "ledger/ledger.h"
#include "schema/journal.h"
#include "segment/section_reader.h"
#include "verify.h"
#include "verify_catalog.h"
#include "verify_closed.h"
#include "verify_consent.h"
#include "verify_custody.h"
#include "verify_full.h"

#define THREADS_MAX 8
/* Below these sizes threads would cost more than they save. */
#define WORTH_THREADS (16u << 20)
#define FULL_WORTH_THREADS (1u << 20)

struct file {
	char *name;
	const char *tenant; /* NULL: a journal */
	uint64_t bytes;
};

/* All that is to be checked, in the order in which the first bad object counts. */
struct plan {
	const struct store_dir *store;
	const struct verify_request *request;
	char **tenants;
	size_t tenant_count;
	struct file *files;
	size_t file_count, file_capacity;

	pthread_mutex_t lock; /* for what follows */
	size_t next;
	struct verify_progress at;
	int error; /* of the file `error_at`, the first one that cannot be read */
	size_t error_at;
	struct problem problem;
	struct verify_custody custody; /* has a lock of its own */
	struct verify_closed closed; /* likewise */
};

/* One thread: what it found. Its files ascend, so that its first bad object is the least of its own. */
struct worker {
	struct plan *plan;
	pthread_t thread;
	struct verify_room room;
	struct verify_consent consent;
	struct verify_facts facts;
	size_t file, bad_file, torn_file, uncovered_file; /* at work; of the first of each */
	char path[160]; /* of the file at work, below the state directory */
	uint64_t told; /* bytes of it */
};

/* Damage that is a fact of the file, as opposed to not being able to read it. */
static bool is_damage(int error)
{
	return error == -EBADMSG || error == -ENODATA || error == -ENOTSUP || error == -EFBIG;
}

/* The file at work is checked up to `bytes` of it; `done`: it is no longer at work. */
static void tell(struct worker *w, uint64_t bytes, bool done)
{
	struct plan *plan = w->plan;

	pthread_mutex_lock(&plan->lock);
	plan->at.files += done;
	plan->at.bytes += bytes - w->told;
	plan->at.file = w->path;
	if (plan->request->progress && !done)
		plan->request->progress(plan->request->ctx, &plan->at);
	pthread_mutex_unlock(&plan->lock);
	w->told = bytes;
}

/* Counts a damaged object; whether it is this worker's first, which is to be named. */
static bool first_bad(struct worker *w)
{
	if (w->facts.bad++)
		return false;
	w->bad_file = w->file;
	return true;
}

static void bad_at(struct worker *w, uint64_t offset, const char *why)
{
	if (first_bad(w))
		problem(&w->facts.first_bad, 0, "%s offset %llu: %s", w->path, (unsigned long long)offset, why);
}

static void torn_at(struct worker *w, uint64_t offset)
{
	if (w->facts.torn++)
		return;
	w->torn_file = w->file;
	problem(&w->facts.first_torn, 0, "%s offset %llu", w->path, (unsigned long long)offset);
}

/* --- Files --- */

static int check_journal(struct worker *w, const char *name, struct problem *p)
{
	struct verify_finding finding;
	struct journal_reader r;
	struct problem why;
	int error = journal_reader_open(w->plan->store->journal, name, &r, &why);

	if (error == -ENOENT)
		return 0; /* sealed meanwhile */
	w->facts.journals++;
	if (is_damage(error)) {
		if (first_bad(w))
			w->facts.first_bad = why;
		return 0;
	}
	if (error)
		return problem(p, error, "%s", why.text);
	w->facts.journal_frames_rows += r.frame_count;
	w->facts.journal_rows += r.rows;
	w->facts.bytes += r.size;
	if (r.torn)
		torn_at(w, r.torn_at);
	if (r.damaged_bytes)
		bad_at(w, r.damaged_at, "frame fails its checksum");
	if (w->plan->request->full) {
		error = verify_full_journal(&r, &w->room, &finding);
		if (error == -EBADMSG)
			bad_at(w, finding.offset, finding.what.text);
	}
	if (!error || error == -EBADMSG)
		error = verify_closed_see_journal(&w->plan->closed, &r);
	journal_reader_close(&r);
	return !error || error == -EBADMSG ? 0 : problem(p, error, "%s: %s", w->path, strerror(-error));
}

static int check_rows(struct worker *w, struct segment_reader *r, const struct section *s)
{
	struct verify_finding finding;
	int error = verify_full_section(r, s, &w->room, &finding);

	w->facts.sources += w->room.source_count;
	if (!error)
		w->facts.roots++;
	if (error == -EBADMSG)
		bad_at(w, finding.offset, finding.what.text);
	return error == -EBADMSG ? 0 : error;
}

static int check_section(struct worker *w, int dir, struct segment_reader *r, const struct section *s)
{
	uint32_t blocks = 0;
	uint64_t at = s->offset;
	int error = section_check(r, s, &blocks, &at);

	w->facts.sections++;
	w->facts.section_rows += s->rows;
	w->facts.blocks += blocks;
	if (is_damage(error)) {
		error = 0;
		if (section_superseded(dir, r, s))
			torn_at(w, s->offset);
		else
			bad_at(w, at, "block fails its checksum");
	} else if (!error) {
		error = verify_custody_see(&w->plan->custody, w->plan->files[w->file].tenant, r, s);
		if (!error)
			error = w->plan->request->full ? check_rows(w, r, s) :
							 verify_consent_section(&w->consent, r, s);
	}
	tell(w, s->offset + s->bytes, false);
	return error;
}

static int check_opened(struct worker *w, int dir, struct segment_reader *r)
{
	int error = 0;

	if (strcmp(r->tenant_id, w->plan->files[w->file].tenant) != 0)
		bad_at(w, SEGMENT_AT_TENANT, "names another tenant than its directory");
	if (r->damaged_bytes)
		bad_at(w, r->damaged_at, "section fails its checksum");
	if (r->torn)
		torn_at(w, r->torn_at);
	for (size_t i = 0; i < r->section_count && !error; i++)
		error = check_section(w, dir, r, &r->sections[i]);
	if (!error && r->closed) {
		error = segment_reader_check_trailer(r);
		if (is_damage(error)) {
			error = 0;
			bad_at(w, r->trailer_at, "the trailer is not that of what stands before it");
		}
	}
	return error;
}

static int check_segment(struct worker *w, const struct file *f, struct problem *p)
{
	int dir = fs_open_dir(w->plan->store->segments, f->tenant, 0), error;
	struct segment_reader r;
	struct problem why;
	uint64_t bad = w->facts.bad;

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return problem(p, dir, "cannot open segments/%s: %s", f->tenant, strerror(-dir));
	error = segment_reader_open(dir, f->name, &r, &why);
	if (error && error != -ENOENT) {
		w->facts.segments++;
		if (!is_damage(error))
			error = problem(p, error, "segments/%s/%s", f->tenant, why.text);
		else if (first_bad(w))
			problem(&w->facts.first_bad, 0, "segments/%s/%s", f->tenant, why.text);
	} else if (!error) {
		w->facts.segments++;
		w->facts.bytes += r.size;
		w->facts.closed += r.closed;
		w->facts.open += !r.closed;
		error = check_opened(w, dir, &r);
		if (!error && w->facts.bad == bad)
			error = verify_closed_see(&w->plan->closed, f->tenant, &r);
		if (error)
			problem(p, error, "%s: %s", w->path, strerror(-error));
		segment_reader_close(&r);
	}
	close(dir);
	return error == -ENOENT || is_damage(error) ? 0 : error;
}

/* --- Threads --- */

static bool take_file(struct worker *w)
{
	struct plan *plan = w->plan;
	bool any;

	pthread_mutex_lock(&plan->lock);
	any = !plan->error && plan->next < plan->file_count;
	if (any)
		w->file = plan->next++;
	pthread_mutex_unlock(&plan->lock);
	return any;
}

static void check_file(struct worker *w)
{
	struct plan *plan = w->plan;
	const struct file *f = &plan->files[w->file];
	struct problem p;
	uint64_t bad = w->facts.bad, uncovered = w->consent.uncovered;
	int error;

	if (f->tenant)
		snprintf(w->path, sizeof(w->path), "segments/%s/%s", f->tenant, f->name);
	else
		snprintf(w->path, sizeof(w->path), "journal/%s", f->name);
	w->told = 0;
	tell(w, 0, false);
	w->consent.path = w->path;
	w->consent.tenant = f->tenant;
	error = f->tenant ? check_segment(w, f, &p) : check_journal(w, f->name, &p);
	if (!error && f->tenant && w->facts.bad > bad && verify_custody_skip(&plan->custody, w->path))
		error = problem(&p, -ENOMEM, "out of memory");
	if (!uncovered && w->consent.uncovered)
		w->uncovered_file = w->file;
	tell(w, f->bytes, true);
	if (!error)
		return;
	pthread_mutex_lock(&plan->lock);
	if (!plan->error || w->file < plan->error_at) {
		plan->error = error;
		plan->error_at = w->file;
		plan->problem = p;
	}
	pthread_mutex_unlock(&plan->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (take_file(w))
		check_file(w);
	return NULL;
}

/* Beside others, at the lowest priority: PRIO_PROCESS with 0 means the calling thread. */
static void *work_nicely(void *arg)
{
	(void)setpriority(PRIO_PROCESS, 0, 19);
	return work(arg);
}

static unsigned int threads_for(const struct plan *plan)
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
static void run_workers(struct worker *workers, unsigned int n)
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
static void merge(struct worker *workers, unsigned int n, struct verify_facts *facts)
{
	size_t bad_file = SIZE_MAX, torn_file = SIZE_MAX, uncovered_file = SIZE_MAX;

	for (unsigned int i = 0; i < n; i++) {
		struct worker *w = &workers[i];

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

static int check_files(struct plan *plan, struct verify_facts *facts, struct problem *p)
{
	unsigned int n = threads_for(plan);
	struct worker *workers = calloc(n, sizeof(*workers));

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

static int plan_files(struct plan *plan, int dir, const char *suffix, const char *tenant)
{
	char **names;
	size_t count;
	int error = fs_list(dir, suffix, &names, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		struct file f = { .tenant = tenant };
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

static int plan_store(struct plan *plan, struct problem *p)
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

static void plan_done(struct plan *plan)
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
static int check_ledger(struct plan *plan, struct verify_facts *facts, struct problem *p)
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
	if (is_damage(error)) {
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
	struct plan plan = { .store = store, .request = request };
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
