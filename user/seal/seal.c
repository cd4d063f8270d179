// SPDX-License-Identifier: BSD-2-Clause
/* From a finished journal to sections per tenant and day. */
#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "schema/segment.h"
#include "seal_job.h"
#include "segment/section_reader.h"
#include "segment/segment.h"

#define RUN_LATER (SECTION_RUN_MAX / 2 + 1) /* the first section behind a withdrawal: leave_out_split() */

/* The clock over the time of all rows, and the journal's span: an import was not there when they happened,
 * it speaks of its rows alone. */
static int load_clock(struct seal_job *job)
{
	const struct journal_reader *r = &job->reader;
	uint64_t first = UINT64_MAX, last = 0;

	for (size_t i = 0; i < r->frame_count; i++) {
		if (r->frames[i].first_boot_ns < first)
			first = r->frames[i].first_boot_ns;
		if (r->frames[i].last_boot_ns > last)
			last = r->frames[i].last_boot_ns;
	}
	job->span_from_ns = r->created_utc_ns;
	job->span_to_ns = r->last_utc_ns;
	if (seal_job_is_import(r) && r->frame_count)
		anchors_utc_range(&r->anchors, first, last, &job->span_from_ns, &job->span_to_ns);
	return clock_pieces_fit(&r->anchors, first, last, &job->clock);
}

/* Its name becomes durable with those of all others: see make_durable(). */
static int open_tenant_dir(const struct seal_job *job, const char *tenant_id)
{
	int fd = fs_open_dir(job->store->segments, tenant_id, 0);

	if (fd == -ENOENT) {
		fd = fs_make_dir(job->store->segments, tenant_id);
		if (!fd || fd == -EEXIST)
			fd = fs_open_dir(job->store->segments, tenant_id, 0);
	}
	if (fd < 0)
		return problem(job->p, fd, "cannot open segments/%s: %s", tenant_id, strerror(-fd));
	return fd;
}

/* All sections so far, and the names of their directories: a killed run may have made some without a sync. */
static int make_durable(void *ctx, struct problem *p)
{
	struct seal_job *job = ctx;
	int error = segment_batch_sync(job->batch, p);

	if (error)
		return error;
	return fsync(job->store->segments) < 0 ? problem(p, -errno, "cannot sync segments/: %s",
							 strerror(errno)) : 0;
}

static void note_day(struct seal_result *to, int32_t day)
{
	for (uint32_t i = 0; i < to->day_count; i++)
		if (to->days[i] == day)
			return;
	if (to->day_count < SEAL_DAYS_MAX)
		to->days[to->day_count++] = day;
	else
		to->more_days = true;
}

/* What stands there now, whoever wrote it: the bytes that custody vouches for. */
static int note_bytes(struct seal_job *job, int fd, const struct segment_section *s,
		      const struct segment_place *place)
{
	struct custody_section c = { .tenant_id = s->tenant_id, .day = s->day, .part = place->part,
				     .file_id = place->file_id, .offset = place->offset,
				     .bytes = place->bytes, .rows = (uint32_t)s->row_count };
	int error = 0;

	if (place->data)
		custody_hash_data(place->data, place->bytes, c.hash);
	else
		error = custody_hash(fd, place->offset, place->bytes, c.hash);
	return error ? error : custody_sealing_add(&job->custody, &c);
}

static int note_custody(struct seal_job *job, int dir, const struct segment_section *s,
			const struct segment_place *place)
{
	char name[SEGMENT_NAME_MAX];
	int fd = place->fd, error;

	segment_part_name(s->day, place->part, name);
	if (fd < 0 && !place->data)
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	error = fd < 0 && !place->data ? -errno : note_bytes(job, fd, s, place);
	if (fd >= 0 && fd != place->fd)
		close(fd);
	return error ? problem(job->p, error, "segments/%s/%s offset %llu: %s", s->tenant_id, name,
			       (unsigned long long)place->offset, strerror(-error)) : 0;
}

/* Appends one section; the first one of a tenant's day, and the first after its withdrawal, carries its gaps. */
static int append_section(struct seal_job *job, int dir, struct segment_section *s)
{
	struct segment_place place;
	struct gaps gaps = {};
	int appended, error = s->run % RUN_LATER ? 0 : seal_gaps_clip(job, s->tenant, s->day, &gaps);

	s->gaps = &gaps;
	if (error)
		appended = problem(job->p, error, "out of memory");
	else if (!s->row_count && !gaps.count)
		appended = 0;
	else
		appended = segment_batch_append(job->batch, dir, s, &place, job->p);
	if (appended >= 0 && (s->row_count || gaps.count)) {
		error = catalog_add_section(job->catalog, dir, s, &place, appended > 0, job->p);
		if (!error)
			error = note_custody(job, dir, s, &place);
		appended = error ? error : appended;
	}
	if (appended >= 0) {
		if (s->row_count || gaps.count)
			note_day(&job->done, s->day);
		job->done.sections += appended > 0;
		job->done.bytes += appended > 0 ? place.bytes : 0;
		job->done.skipped_sections += !appended && (s->row_count || gaps.count);
		job->done.rows += s->row_count;
		job->done.gaps += gaps.count;
	}
	gaps_done(&gaps);
	return appended < 0 ? appended : 0;
}

static struct segment_section section_of(const struct seal_job *job, uint32_t tenant, int32_t day)
{
	const struct journal_reader *r = &job->reader;

	return (struct segment_section){
		.tenant_id = journal_reader_tenant(r, tenant),
		.tenant = tenant,
		.day = day,
		.journal_id = r->file_id,
		.rung = r->rung,
		.span_from_ns = job->span_from_ns,
		.span_to_ns = job->span_to_ns,
		.clock = &job->clock,
		.custody = r->custody,
	};
}

/* The rows that the present range has of a group, in as many sections as the limits ask for. */
static int seal_group(struct seal_job *job, size_t i)
{
	struct harvest_group *g = harvest_group(job->harvest, i);
	struct segment_section s = section_of(job, g->tenant, g->day);
	int dir = open_tenant_dir(job, s.tenant_id), error = dir < 0 ? dir : 0;
	uint32_t count;

	s.endpoints = harvest_endpoints(job->harvest, &s.endpoint_count);
	for (uint32_t at = 0; at < g->rows && !error; at += count) {
		count = 0;
		error = g->runs == RUN_LATER ? -EFBIG : harvest_rows(job->harvest, i, at, &s.rows, &count);
		if (error) {
			problem(job->p, error, "journal/%s: %s", job->reader.name, strerror(-error));
			break;
		}
		s.row_count = count;
		s.run = g->runs++ + (g->later ? RUN_LATER : 0);
		error = append_section(job, dir, &s);
	}
	if (dir >= 0)
		close(dir);
	return error;
}

int seal_job_gaps_alone(struct seal_job *job, uint32_t tenant, int32_t day)
{
	struct segment_section s = section_of(job, tenant, day);
	int dir = open_tenant_dir(job, s.tenant_id), error;

	if (dir < 0)
		return dir;
	error = append_section(job, dir, &s);
	close(dir);
	return error;
}

static int seal_range(struct seal_job *job)
{
	uint32_t *list;
	size_t count;
	int error = harvest_list(job->harvest, &list, &count);

	if (error)
		return problem(job->p, error, "journal/%s: out of memory", job->reader.name);
	for (size_t i = 0; i < count && !error; i++)
		error = seal_group(job, list[i]);
	free(list);
	return error;
}

static int seal_rows(struct seal_job *job)
{
	int error;

	do {
		error = harvest_load(job->harvest, job->p);
		if (error > 0)
			error = seal_range(job);
		else
			return error;
	} while (!error);
	return error;
}

/* The ledger is told what the journal held and no segment has. */
static int state_left_out(struct seal_job *job)
{
	size_t groups = harvest_group_count(job->harvest), count = 0;
	struct leave_out_day *days = calloc(groups + 1, sizeof(*days));
	int error;

	if (!days)
		return problem(job->p, -ENOMEM, "out of memory");
	for (size_t i = 0; i < groups; i++) {
		const struct harvest_group *g = harvest_group(job->harvest, i);

		if (g->left_out)
			days[count++] = (struct leave_out_day){
				.tenant_id = journal_reader_tenant(&job->reader, g->tenant), .day = g->day,
				.rows = g->left_out,
			};
	}
	error = leave_out_state(&job->leave_out, job->store, job->reader.file_id, days, count, job->p);
	free(days);
	return error;
}

/* The journal goes: unlinked, or set aside when some of its bytes could not be read. */
static int retire(struct seal_job *job)
{
	const struct journal_reader *r = &job->reader;
	int dir = job->store->journal, aside, error = 0;

	if (!r->damaged_bytes) {
		if (unlinkat(dir, r->name, 0) < 0)
			error = -errno;
	} else {
		aside = fs_open_dir(dir, "damaged", 1);
		if (aside < 0)
			return aside;
		if (renameat(dir, r->name, aside, r->name) < 0 || fsync(aside) < 0)
			error = -errno;
		close(aside);
		job->done.damaged_bytes += r->damaged_bytes;
	}
	if (!error && fsync(dir) < 0)
		error = -errno;
	return error;
}

static int seal_opened(struct seal_job *job)
{
	int error = load_clock(job);

	if (job->harvest)
		harvest_begin(job->harvest, &job->reader, 0);
	else
		job->harvest = harvest_new(&job->reader, 0);
	job->catalog = catalog_add_new(job->store, 0);
	if (!error)
		error = job->harvest && job->catalog ? seal_gaps_load(job) : -ENOMEM;
	if (error)
		return problem(job->p, error, "journal/%s: out of memory", job->reader.name);
	leave_out_open(job->store, &job->leave_out);
	harvest_leave_out(job->harvest, &job->leave_out);
	catalog_add_before_commit(job->catalog, make_durable, job);
	error = seal_rows(job);
	if (!error)
		error = seal_gaps_rest(job);
	if (!error)
		error = make_durable(job, job->p);
	/* What the catalogs do not list must still be found in the journal. */
	if (!error)
		error = catalog_add_commit(job->catalog, &job->done.days_without_catalog, job->p);
	/* A tenant's directory may be one that a killed run made and did not sync. */
	if (!error && fsync(job->store->segments) < 0)
		error = problem(job->p, -errno, "cannot sync segments/: %s", strerror(errno));
	/* All sections are durable; the journal goes only when custody has them too. */
	if (!error)
		error = custody_sealing_write(&job->custody, job->store, job->reader.file_id, job->p);
	if (!error)
		error = state_left_out(job);
	if (error)
		return error;
	error = retire(job);
	return error ? problem(job->p, error, "cannot remove journal/%s: %s", job->reader.name,
			       strerror(-error)) : 0;
}

/* *harvest, which may be NULL, is the room of the journal before, and the next one's afterwards. */
static int seal_one(const struct store_dir *store, struct segment_batch *batch, struct harvest **harvest,
		    const char *name, bool only_import, struct seal_result *result, struct problem *p)
{
	struct seal_job job = { .store = store, .batch = batch, .harvest = *harvest, .p = p };
	int error = journal_reader_open(store->journal, name, &job.reader, p);

	if (only_import && (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP))
		return 0; /* nobody knows whose it is */
	if (error)
		return error;
	if (only_import && !seal_job_is_import(&job.reader)) {
		journal_reader_close(&job.reader);
		return 0;
	}
	error = seal_opened(&job);
	if (!error) {
		result->journals++;
		result->rows += job.done.rows;
		result->sections += job.done.sections;
		result->skipped_sections += job.done.skipped_sections;
		result->gaps += job.done.gaps;
		result->damaged_bytes += job.done.damaged_bytes;
		result->days_without_catalog += job.done.days_without_catalog;
		result->bytes += job.done.bytes;
	}
	/* Also when it failed: what it appended is there. */
	for (uint32_t i = 0; i < job.done.day_count; i++)
		note_day(result, job.done.days[i]);
	result->more_days |= job.done.more_days;
	*harvest = job.harvest;
	catalog_add_free(job.catalog);
	segment_batch_drop(batch);
	custody_sealing_done(&job.custody);
	leave_out_close(&job.leave_out);
	clock_pieces_done(&job.clock);
	gaps_done(&job.gaps);
	journal_reader_close(&job.reader);
	return error;
}

int seal_journal(const struct store_dir *store, struct segment_batch *batch, const char *name,
		 struct seal_result *result, struct problem *p)
{
	struct segment_batch *own = batch ? NULL : segment_batch_new();
	struct harvest *harvest = NULL;
	int error = batch || own ? seal_one(store, batch ? batch : own, &harvest, name, false, result, p) :
				   problem(p, -ENOMEM, "out of memory");

	harvest_free(harvest);
	segment_batch_free(own);
	return error;
}

static int seal_each(const struct store_dir *store, const char *live_name, bool only_imports,
		     struct seal_result *result, struct problem *p)
{
	struct segment_batch *batch;
	struct harvest *harvest = NULL;
	struct problem later;
	char **names;
	size_t count;
	int error = fs_list(store->journal, JOURNAL_SUFFIX, &names, &count), first = 0;

	if (error)
		return problem(p, error, "cannot list journal/: %s", strerror(-error));
	batch = segment_batch_new();
	if (!batch)
		first = problem(p, -ENOMEM, "out of memory");
	for (size_t i = 0; i < count && batch; i++) {
		if (live_name && strcmp(names[i], live_name) == 0)
			continue;
		error = seal_one(store, batch, &harvest, names[i], only_imports, result, first ? &later : p);
		if (error && !first)
			first = error;
	}
	harvest_free(harvest);
	segment_batch_free(batch);
	fs_free_names(names, count);
	return first;
}

int seal_all(const struct store_dir *store, const char *live_name, struct seal_result *result, struct problem *p)
{
	return seal_each(store, live_name, false, result, p);
}

int seal_imports(const struct store_dir *store, struct seal_result *result, struct problem *p)
{
	return seal_each(store, NULL, true, result, p);
}
