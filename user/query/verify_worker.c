// SPDX-License-Identifier: BSD-2-Clause
/* Checking one file of a store: a journal, or a segment with its sections. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "verify_worker.h"

bool verify_is_damage(int error)
{
	return error == -EBADMSG || error == -ENODATA || error == -ENOTSUP || error == -EFBIG;
}

/* The file at work is checked up to `bytes` of it; `done`: it is no longer at work. */
static void tell(struct verify_worker *w, uint64_t bytes, bool done)
{
	struct verify_plan *plan = w->plan;

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
static bool first_bad(struct verify_worker *w)
{
	if (w->facts.bad++)
		return false;
	w->bad_file = w->file;
	return true;
}

static void bad_at(struct verify_worker *w, uint64_t offset, const char *why)
{
	if (first_bad(w))
		problem(&w->facts.first_bad, 0, "%s offset %llu: %s", w->path, (unsigned long long)offset, why);
}

static void torn_at(struct verify_worker *w, uint64_t offset)
{
	if (w->facts.torn++)
		return;
	w->torn_file = w->file;
	problem(&w->facts.first_torn, 0, "%s offset %llu", w->path, (unsigned long long)offset);
}

static int check_journal(struct verify_worker *w, const char *name, struct problem *p)
{
	struct verify_finding finding;
	struct journal_reader r;
	struct problem why;
	int error = journal_reader_open(w->plan->store->journal, name, &r, &why);

	if (error == -ENOENT)
		return 0; /* sealed meanwhile */
	w->facts.journals++;
	if (verify_is_damage(error)) {
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

static int check_rows(struct verify_worker *w, struct segment_reader *r, const struct section *s)
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

static int check_section(struct verify_worker *w, int dir, struct segment_reader *r, const struct section *s)
{
	uint32_t blocks = 0;
	uint64_t at = s->offset;
	int error = section_check(r, s, &blocks, &at);

	w->facts.sections++;
	w->facts.section_rows += s->rows;
	w->facts.blocks += blocks;
	if (verify_is_damage(error)) {
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

static int check_opened(struct verify_worker *w, int dir, struct segment_reader *r)
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
		if (verify_is_damage(error)) {
			error = 0;
			bad_at(w, r->trailer_at, "the trailer is not that of what stands before it");
		}
	}
	return error;
}

static int check_segment(struct verify_worker *w, const struct verify_entry *f, struct problem *p)
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
		if (!verify_is_damage(error))
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
	return error == -ENOENT || verify_is_damage(error) ? 0 : error;
}

void verify_worker_check(struct verify_worker *w)
{
	struct verify_plan *plan = w->plan;
	const struct verify_entry *f = &plan->files[w->file];
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
