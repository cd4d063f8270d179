// SPDX-License-Identifier: BSD-2-Clause
/* From a due day to a tombstone and no files. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "ledger/custody.h"
#include "retention_day.h"
#include "seal/day_closer.h"
#include "segment/segment_reader.h"

/* --- Tombstones --- */

static int compare_tombstones(const void *a, const void *b)
{
	const struct tombstone *x = a, *y = b;

	return (x->file_id > y->file_id) - (x->file_id < y->file_id);
}

static int take_tombstones(void *ctx, uint64_t seq, const struct deletion *d)
{
	struct tombstones *t = ctx;

	(void)seq;
	for (size_t i = 0; i < d->part_count; i++) {
		if (ARRAY_RESERVE(t->list, t->count, t->capacity))
			return -ENOMEM;
		t->list[t->count].file_id = d->parts[i].file_id;
		memcpy(t->list[t->count++].hash, d->parts[i].hash, LEDGER_HASH_BYTES);
	}
	return 0;
}

int tombstones_load(const struct store_dir *store, struct tombstones *ret_tombstones, struct problem *p)
{
	struct tombstones t = {};
	int error = deletions_walk(store, take_tombstones, &t, p);

	if (error) {
		free(t.list);
		return error;
	}
	if (t.count)
		qsort(t.list, t.count, sizeof(*t.list), compare_tombstones);
	*ret_tombstones = t;
	return 0;
}

static bool is_stated(const struct tombstones *t, const struct deletion_part *part)
{
	struct tombstone key = { .file_id = part->file_id }, *found;

	if (!t->count)
		return false;
	found = bsearch(&key, t->list, t->count, sizeof(key), compare_tombstones);
	if (!found)
		return false;
	while (found > t->list && found[-1].file_id == part->file_id)
		found--;
	for (; found < t->list + t->count && found->file_id == part->file_id; found++)
		if (memcmp(found->hash, part->hash, LEDGER_HASH_BYTES) == 0)
			return true;
	return false;
}

int64_t retention_hold_time(const struct retention_request *request)
{
	return request->clock_trusted ? request->now_ns : HOLDS_NO_CLOCK;
}

void retention_fail(struct retention_job *job, int error, const struct problem *why)
{
	if (job->first_error)
		return;
	job->first_error = error;
	*job->p = *why;
}

/* --- The files of a tenant's day --- */

struct doomed {
	const struct due_day *due;
	int dir; /* segments/<tenant> */
	struct deletion_part *parts;
	size_t count, capacity;
	bool open; /* a part that is to go has no trailer yet: more could be appended to it */
	struct problem *why;
};

/* The number of a part by its file's name; 0: the name is none of a part. */
static uint32_t part_of(const char *name, int32_t day)
{
	char want[SEGMENT_NAME_MAX], digits[SEGMENT_NAME_MAX];
	const char *dot = strchr(name, '.');
	uint64_t part = 1;
	size_t n;

	if (!dot)
		return 0;
	n = strcspn(dot + 1, ".");
	if (dot[1 + n] == '.' && n < sizeof(digits)) {
		memcpy(digits, dot + 1, n);
		digits[n] = '\0';
		if (parse_u64(digits, 2, UINT32_MAX, &part))
			return 0;
	}
	segment_part_name(day, (uint32_t)part, want);
	return strcmp(want, name) == 0 ? (uint32_t)part : 0;
}

/* What the file says of itself; a file that nobody can read is to go with its day, whatever it holds. 1: it is to go. */
static int look_at(struct doomed *d, const char *name, struct deletion_part *part)
{
	struct segment_reader r;
	struct problem ignored;
	int64_t first = INT64_MAX;
	int error = segment_reader_open(d->dir, name, &r, &ignored);
	bool closed;

	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP)
		return 1;
	if (error)
		return error == -ENOENT ? 0 : error;
	part->file_id = r.file_id;
	for (size_t i = 0; i < r.section_count; i++) {
		part->rows += r.sections[i].rows;
		if (r.sections[i].rows && r.sections[i].first_utc_ns < first)
			first = r.sections[i].first_utc_ns;
	}
	closed = r.closed;
	segment_reader_close(&r);
	if (d->due->before_ns != INT64_MAX && first >= d->due->before_ns)
		return 0;
	d->open |= !closed;
	return 1;
}

static int hash_file(int dir, const char *name, struct deletion_part *part)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), error;
	struct stat st;

	if (fd < 0)
		return -errno;
	error = fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -EINVAL;
	if (!error) {
		part->bytes = (uint64_t)st.st_size;
		error = custody_hash(fd, 0, part->bytes, part->hash);
	}
	close(fd);
	return error;
}

static int take_file(struct doomed *d, const char *name)
{
	struct deletion_part part = { .part = part_of(name, d->due->day) };
	int state = part.part ? look_at(d, name, &part) : 0, error = state < 0 ? state : 0;

	if (!state)
		return 0;
	if (!error)
		error = hash_file(d->dir, name, &part);
	if (!error)
		error = ARRAY_RESERVE(d->parts, d->count, d->capacity);
	if (error)
		return problem(d->why, error, "cannot delete segments/%s/%s: %s", d->due->tenant_id, name,
			       strerror(-error));
	d->parts[d->count++] = part;
	return 0;
}

static int list_files(struct doomed *d)
{
	char **names, day[DAY_TEXT_MAX];
	size_t count;
	int error = fs_list(d->dir, SEGMENT_SUFFIX, &names, &count);

	if (error)
		return problem(d->why, error, "cannot list segments/%s: %s", d->due->tenant_id, strerror(-error));
	day_format(d->due->day, day);
	for (size_t i = 0; i < count && !error; i++)
		if (strncmp(names[i], day, strlen(day)) == 0)
			error = take_file(d, names[i]);
	fs_free_names(names, count);
	return error;
}

/* --- Deleting --- */

static uint64_t rows_of(const struct doomed *d)
{
	uint64_t rows = 0;

	for (size_t i = 0; i < d->count; i++)
		rows += d->parts[i].rows;
	return rows;
}

/* Nothing to say when an earlier run said it and was cut off. */
static int state(struct retention_job *job, struct ledger_writer *w, const struct doomed *d)
{
	const struct deletion tombstone = { .tenant_id = d->due->tenant_id, .day = d->due->day,
					    .reason = d->due->reason, .because = d->due->because,
					    .parts = d->parts, .part_count = d->count, .rows = rows_of(d) };
	bool stated = true;
	int error;

	for (size_t i = 0; i < d->count && stated; i++)
		stated = is_stated(&job->tombstones, &d->parts[i]);
	if (stated)
		return 0;
	error = deletion_append(w, &tombstone, utc_now_ns(), d->why);
	return error ? error : holds_skip_own(job->store, &job->holds, d->why);
}

/* What a killed run was about to publish holds rows as well; nobody writes here now. */
static int unlink_unpublished(const struct doomed *d)
{
	char **names;
	size_t count;
	int error = fs_list_hidden(d->dir, ".publish-", ".tmp", &names, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++)
		if (unlinkat(d->dir, names[i], 0) < 0 && errno != ENOENT)
			error = -errno;
	fs_free_names(names, count);
	return error;
}

static int unlink_files(struct retention_job *job, const struct doomed *d)
{
	char name[SEGMENT_NAME_MAX] = "";
	int error = unlink_unpublished(d);

	for (size_t i = 0; i < d->count && !error; i++) {
		segment_part_name(d->due->day, d->parts[i].part, name);
		if (unlinkat(d->dir, name, 0) < 0 && errno != ENOENT) {
			error = -errno;
			break;
		}
		job->result->files++;
		job->result->bytes += d->parts[i].bytes;
		job->result->rows += d->parts[i].rows;
	}
	if (!error && fsync(d->dir) < 0)
		error = -errno;
	return error ? problem(d->why, error, "cannot delete segments/%s/%s: %s", d->due->tenant_id, name,
			       strerror(-error)) : 0;
}

/* The last file went: the tenant's name goes as well. Left there it would do no harm. */
static void remove_directory(const struct retention_job *job, const struct doomed *d)
{
	if (unlinkat(job->store->segments, d->due->tenant_id, AT_REMOVEDIR) == 0)
		(void)fsync(job->store->segments);
}

static bool is_held(const struct retention_job *job, const struct due_day *due)
{
	return holds_find(&job->holds, due->tenant_id, due->day, retention_hold_time(job->request)) != NULL;
}

/* The ledgers' lock is held from the last look at the holds to the last unlink: no hold is set between them. */
static int delete_locked(struct retention_job *job, struct ledger_writer *w, const struct doomed *d)
{
	int error = holds_refresh(job->store, &job->holds, d->why);

	if (error)
		return error;
	if (is_held(job, d->due)) {
		job->result->held_days++;
		return 0;
	}
	error = state(job, w, d);
	if (!error)
		error = unlink_files(job, d);
	if (error)
		return error;
	job->result->expired_days += d->due->reason == DELETION_EXPIRED;
	job->result->erased_days += d->due->reason == DELETION_ERASED;
	return 0;
}

/* No catalog is there while files go: one that lists what is gone would be an index of it. */
static int delete_files(struct retention_job *job, const struct doomed *d)
{
	struct ledger_writer *w;
	int error = catalog_drop(job->store, d->due->day);

	if (error)
		return problem(d->why, error, "cannot remove a catalog: %s", strerror(-error));
	error = ledger_writer_open(job->store, &w, d->why);
	if (error)
		return error;
	error = delete_locked(job, w, d);
	ledger_writer_close(w);
	if (!error)
		remove_directory(job, d);
	return error;
}

/* A part that is to go, and does not yet, since it is held or since it could not be deleted: what comes later goes to a
 * part of its own, so that it can stay. */
static int part_from_later(struct retention_job *job, const struct doomed *d, struct problem *why)
{
	struct seal_result ignored = {};
	struct problem note = {};

	return d->open && d->due->before_ns != INT64_MAX ?
	       day_close(job->store, d->due->day, &ignored, &note, why) : 0;
}

/* *dropped: the day's catalog went. */
static int run_due(struct retention_job *job, const struct due_day *due, bool *dropped, struct problem *why)
{
	struct doomed d = { .due = due, .why = why };
	struct problem later;
	int error;

	d.dir = fs_open_dir(job->store->segments, due->tenant_id, 0);
	if (d.dir == -ENOENT)
		return 0;
	if (d.dir < 0)
		return problem(why, d.dir, "cannot open segments/%s: %s", due->tenant_id, strerror(-d.dir));
	error = list_files(&d);
	if (!error && d.count && is_held(job, due)) {
		job->result->held_days++;
		error = part_from_later(job, &d, why);
	} else if (!error && d.count) {
		*dropped = true;
		error = delete_files(job, &d);
		if (error)
			(void)part_from_later(job, &d, &later);
	}
	free(d.parts);
	close(d.dir);
	return error;
}

void retention_day_run(struct retention_job *job, const struct due_day *due, size_t count)
{
	bool dropped = false;
	struct problem why = {};

	for (size_t i = 0; i < count; i++) {
		int error = run_due(job, &due[i], &dropped, &why);

		if (error)
			retention_fail(job, error, &why);
	}
	/* Searches do without; the next look over all days tries again. */
	if (dropped && catalog_rebuild(job->store, due->day, &why))
		job->result->days_without_catalog++;
}
