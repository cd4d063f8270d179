// SPDX-License-Identifier: BSD-2-Clause
/* Damaged journals: when they are due, and deleting them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aside.h"
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "journal/journal_reader.h"
#include "ledger/custody.h"
#include "schema/journal.h"

#define DIR_NAME "damaged"

static void due_done(struct aside_due *d)
{
	free(d->tenants);
}

void aside_list_done(struct aside_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		due_done(&list->list[i]);
	free(list->list);
	memset(list, 0, sizeof(*list));
}

/* --- What it is about --- */

static int take_tenants(struct aside_due *d, const struct journal_reader *r)
{
	d->tenants = calloc(r->tenant_count + 1, sizeof(*d->tenants));
	if (!d->tenants)
		return -ENOMEM;
	for (size_t i = 0; i < r->tenant_count; i++) {
		const char *id = journal_reader_tenant(r, r->tenants[i].number);

		if (id)
			snprintf(d->tenants[d->tenant_count++], TENANT_ID_MAX + 1, "%s", id);
	}
	return 0;
}

/* An import was made at another time than its rows are of: it may be about any day until its last. */
static int read_journal(int dir, struct aside_due *d)
{
	struct journal_reader r;
	struct problem ignored;
	int error = journal_reader_open(dir, d->name, &r, &ignored);

	if (error)
		return error;
	d->deletion.journal_id = r.file_id;
	d->first_day = r.ring_id ? utc_day(r.created_utc_ns) : 0;
	d->last_day = utc_day(r.last_utc_ns);
	error = take_tenants(d, &r);
	journal_reader_close(&r);
	return error;
}

/* Nobody knows what it holds: it is as old as its last byte. */
static int read_age(int dir, struct aside_due *d)
{
	struct stat st;

	if (fstatat(dir, d->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	d->first_day = 0;
	d->last_day = (int32_t)(st.st_mtime / 86400);
	return 0;
}

/* --- Whether it is due --- */

static void find_erasure(const struct consents *c, struct aside_due *d)
{
	for (size_t i = 0; i < d->tenant_count; i++) {
		uint32_t because;
		int64_t before = consents_erase_before(c, d->tenants[i], &because);

		if (before == INT64_MIN || utc_day(before) < d->first_day)
			continue;
		d->deletion.reason = DELETION_ERASED;
		d->deletion.because = because;
	}
}

static void find_expiry(const struct consents *c, const struct retention_request *request, struct aside_due *d)
{
	uint32_t shortest = d->tenant_count ? UINT32_MAX : RETENTION_DEFAULT_DAYS, because = 0;

	for (size_t i = 0; i < d->tenant_count; i++) {
		uint32_t grant, days = due_retention_days(c, d->tenants[i], d->last_day, &grant);

		if (days >= shortest)
			continue;
		shortest = days;
		because = grant;
	}
	if (due_instant(d->last_day, shortest) > request->now_ns)
		return;
	d->deletion.reason = DELETION_EXPIRED;
	d->deletion.because = because;
}

static int look_at(int dir, const struct consents *c, const struct retention_request *request, struct aside_due *d)
{
	int error = read_journal(dir, d);

	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP)
		error = read_age(dir, d);
	if (error)
		return error;
	find_erasure(c, d);
	if (!d->deletion.reason && request->clock_trusted && !request->erase_only)
		find_expiry(c, request, d);
	return 0;
}

static int take_file(struct aside_list *list, int dir, const char *name, const struct consents *c,
		     const struct retention_request *request)
{
	struct aside_due d = {};
	int error;

	if (strlen(name) >= sizeof(d.name))
		return 0;
	strcpy(d.name, name);
	error = look_at(dir, c, request, &d);
	if (!error && d.deletion.reason) {
		error = ARRAY_RESERVE(list->list, list->count, list->capacity);
		if (!error) {
			list->list[list->count++] = d;
			return 0;
		}
	}
	due_done(&d);
	return error;
}

int aside_list_make(const struct store_dir *store, const struct consents *c, const struct retention_request *request,
		    struct aside_list *ret_list, struct problem *p)
{
	struct aside_list list = {};
	char **names;
	size_t count;
	int dir = fs_open_dir(store->journal, DIR_NAME, 0), error;

	*ret_list = list;
	if (dir == -ENOENT)
		return 0;
	error = dir < 0 ? dir : fs_list(dir, JOURNAL_SUFFIX, &names, &count);
	if (error) {
		if (dir >= 0)
			close(dir);
		return problem(p, error, "cannot list journal/" DIR_NAME ": %s", strerror(-error));
	}
	for (size_t i = 0; i < count; i++) {
		int one = take_file(&list, dir, names[i], c, request);

		if (one && !error)
			error = problem(p, one, "journal/" DIR_NAME "/%s: %s", names[i], strerror(-one));
	}
	fs_free_names(names, count);
	close(dir);
	*ret_list = list;
	return error;
}

/* --- Deleting --- */

static bool is_held(const struct retention_job *job, const struct aside_due *d)
{
	int64_t now = retention_hold_time(job->request);

	for (size_t i = 0; i < job->holds.count; i++) {
		const struct hold *h = &job->holds.list[i];
		bool concerns = !h->tenant_id[0] || !d->tenant_count;

		for (size_t k = 0; k < d->tenant_count && !concerns; k++)
			concerns = strcmp(h->tenant_id, d->tenants[k]) == 0;
		if (concerns && hold_in_force(h, now) && h->first_day <= d->last_day && h->last_day >= d->first_day)
			return true;
	}
	return false;
}

static int hash_file(int dir, struct aside_due *d)
{
	int fd = openat(dir, d->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), error;
	struct stat st;

	if (fd < 0)
		return -errno;
	error = fstat(fd, &st) < 0 ? -errno : 0;
	if (!error) {
		d->deletion.bytes = (uint64_t)st.st_size;
		error = custody_hash(fd, 0, d->deletion.bytes, d->deletion.hash);
	}
	close(fd);
	return error;
}

/* As with segments: the holds are read, the line is written and the file goes under the ledgers' lock. */
static int delete_locked(struct retention_job *job, struct ledger_writer *w, int dir, const struct aside_due *d,
			 struct problem *why)
{
	int error = holds_refresh(job->store, &job->holds, why);

	if (error || is_held(job, d))
		return error;
	error = deletion_append_journal(w, &d->deletion, utc_now_ns(), why);
	if (!error)
		error = holds_skip_own(job->store, &job->holds, why);
	if (error)
		return error;
	if ((unlinkat(dir, d->name, 0) < 0 && errno != ENOENT) || fsync(dir) < 0)
		return problem(why, -errno, "cannot delete journal/" DIR_NAME "/%s: %s", d->name, strerror(errno));
	job->result->files++;
	job->result->bytes += d->deletion.bytes;
	return 0;
}

static int delete_one(struct retention_job *job, int dir, struct aside_due *d, struct problem *why)
{
	struct ledger_writer *w;
	int error;

	if (is_held(job, d))
		return 0;
	error = hash_file(dir, d);
	if (error)
		return problem(why, error, "cannot delete journal/" DIR_NAME "/%s: %s", d->name, strerror(-error));
	error = ledger_writer_open(job->store, &w, why);
	if (error)
		return error;
	error = delete_locked(job, w, dir, d, why);
	ledger_writer_close(w);
	return error;
}

void aside_run(struct retention_job *job, struct aside_list *list)
{
	struct problem why = {};
	int dir = fs_open_dir(job->store->journal, DIR_NAME, 0);

	if (dir < 0) {
		problem(&why, dir, "cannot open journal/" DIR_NAME ": %s", strerror(-dir));
		retention_fail(job, dir, &why);
		return;
	}
	for (size_t i = 0; i < list->count; i++) {
		int error = delete_one(job, dir, &list->list[i], &why);

		if (error)
			retention_fail(job, error, &why);
	}
	close(dir);
}
