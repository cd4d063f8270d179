// SPDX-License-Identifier: BSD-2-Clause
/* Which days can be closed, and closing them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/cursor.h"
#include "base/fs.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "day_closer.h"
#include "journal/journal_reader.h"
#include "schema/journal.h"
#include "segment/segment.h"
#include "segment/segment_end.h"
#include "segment/segment_reader.h"

#define DAY_CHARACTERS 10 /* "YYYY-MM-DD" */

void day_closer_done(struct day_closer *c)
{
	free(c->days);
	custody_ids_done(&c->stated);
	memset(c, 0, sizeof(*c));
}

/* Where the day stands or would stand. */
static size_t place_of(const struct day_closer *c, int32_t day)
{
	size_t at = c->count;

	/* Mostly the newest. */
	while (at > 0 && c->days[at - 1] >= day)
		at--;
	return at;
}

static int add(struct day_closer *c, int32_t day)
{
	size_t at = place_of(c, day);

	if (at < c->count && c->days[at] == day)
		return 0;
	if (ARRAY_RESERVE(c->days, c->count, c->capacity))
		return -ENOMEM;
	memmove(&c->days[at + 1], &c->days[at], (c->count - at) * sizeof(*c->days));
	c->days[at] = day;
	c->count++;
	return 0;
}

void day_closer_note(struct day_closer *c, const struct seal_result *touched)
{
	/* What is not remembered is found by looking. */
	if (touched->more_days)
		c->swept = false;
	for (uint32_t i = 0; i < touched->day_count; i++)
		if (add(c, touched->days[i]))
			c->swept = false;
}

/* Which closed segments custody knows: read once, since nobody else closes any meanwhile. */
static int know_stated(struct day_closer *c, const struct store_dir *store, struct problem *p)
{
	int error = 0;

	if (!c->stated_known)
		error = custody_closed_ids(store, &c->stated, p);
	if (error)
		custody_ids_done(&c->stated);
	else
		c->stated_known = true;
	return error;
}

/* Looking over all segments: days that lack a trailer or its statement, and all days. */
struct sweep {
	struct day_closer *open, all;
};

/* What a killed run was writing: nobody else publishes here while this thread does. */
static int drop_unpublished(int dir)
{
	char **names;
	size_t count;
	int error = fs_list_hidden(dir, ".publish-", ".tmp", &names, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++)
		if (unlinkat(dir, names[i], 0) < 0 && errno != ENOENT)
			error = -errno;
	fs_free_names(names, count);
	return error;
}

static int sweep_tenant(struct sweep *s, int dir)
{
	char **names, text[DAY_CHARACTERS + 1];
	size_t count;
	int32_t day;
	int error = drop_unpublished(dir);

	if (!error)
		error = fs_list(dir, SEGMENT_SUFFIX, &names, &count);
	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		struct segment_end end;
		int closed;

		snprintf(text, sizeof(text), "%s", names[i]);
		if (day_parse(text, &day))
			continue;
		error = add(&s->all, day);
		closed = segment_end_read(dir, names[i], &end);
		if (!error && (closed == 0 || (closed == 1 && !custody_ids_have(&s->open->stated, end.file_id))))
			error = add(s->open, day);
		else if (closed < 0 && closed != -ENOENT)
			error = closed;
	}
	fs_free_names(names, count);
	return error;
}

/* Calls fn for each tenant's directory, past failures: the first one is returned. */
static int for_tenants(const struct store_dir *store,
		       int (*fn)(void *ctx, int dir, const char *tenant, struct problem *p), void *ctx,
		       struct problem *p)
{
	struct problem later;
	char **tenants;
	size_t count;
	int error = fs_list_dirs(store->segments, &tenants, &count), first = 0;

	if (error)
		return problem(p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < count; i++) {
		struct problem *why = first ? &later : p;
		int dir = fs_open_dir(store->segments, tenants[i], 0);

		if (dir == -ENOENT)
			continue; /* erased meanwhile */
		error = dir < 0 ? problem(why, dir, "cannot open segments/%s: %s", tenants[i], strerror(-dir)) :
				  fn(ctx, dir, tenants[i], why);
		if (dir >= 0)
			close(dir);
		if (!first)
			first = error;
	}
	fs_free_names(tenants, count);
	return first;
}

static int sweep_one(void *ctx, int dir, const char *tenant, struct problem *p)
{
	int error = sweep_tenant(ctx, dir);

	return error ? problem(p, error, "cannot look over segments/%s: %s", tenant, strerror(-error)) : 0;
}

struct closing {
	int32_t day;
	uint64_t files, open;
	struct problem *note;
	struct day_closer *closer;
	struct custody_closed *list; /* to be stated */
	size_t count, capacity;
};

static int note_end(struct closing *c, const char *tenant, uint32_t part, const struct segment_end *end)
{
	struct custody_closed *s;

	if (custody_ids_have(&c->closer->stated, end->file_id))
		return 0;
	if (ARRAY_RESERVE(c->list, c->count, c->capacity))
		return -ENOMEM;
	s = &c->list[c->count++];
	*s = (struct custody_closed){ .day = c->day, .part = part, .sections = end->sections,
				      .file_id = end->file_id, .bytes = end->bytes, .rows = end->rows };
	snprintf(s->tenant_id, sizeof(s->tenant_id), "%s", tenant);
	ledger_hash_bytes(end->trailer, sizeof(end->trailer), s->hash);
	return 0;
}

/* The parts of the day that are closed, now or before a kill, and that custody does not know. */
static int note_parts(struct closing *c, int dir, const char *tenant)
{
	char name[SEGMENT_NAME_MAX];
	struct segment_end end;
	uint32_t last = 0;
	int state = segment_last_part(dir, c->day, &last);

	for (uint32_t part = 1; part <= last && state >= 0; part++) {
		segment_part_name(c->day, part, name);
		state = segment_end_read(dir, name, &end);
		if (state == 1)
			state = note_end(c, tenant, part, &end);
		else if (state == -ENOENT)
			state = 0; /* erased, and what came after it was not */
	}
	return state < 0 ? state : 0;
}

static int close_one(void *ctx, int dir, const char *tenant, struct problem *p)
{
	struct closing *c = ctx;
	struct problem why;
	int result = segment_close_day(dir, c->day, &why), error = note_parts(c, dir, tenant);

	if (error)
		return problem(p, error, "segments/%s: cannot read the end of a file: %s", tenant, strerror(-error));
	if (result == -EUCLEAN) {
		if (!c->note->text[0])
			problem(c->note, 0, "segments/%s/%s", tenant, why.text);
		c->open++;
		return 0;
	}
	if (result < 0)
		return problem(p, result, "segments/%s: %s", tenant, why.text);
	c->files += (uint64_t)result;
	return 0;
}

/* Nothing more comes: one chunk is searched faster than one for each sealing run. Where that cannot be made
 * (a damaged segment, no space), the old one stands. */
static int compact_catalog(const struct store_dir *store, int32_t day, struct problem *p)
{
	struct problem why;

	return catalog_rebuild(store, day, &why) == -ENOMEM ? problem(p, -ENOMEM, "out of memory") : 0;
}

/* The trailers are durable: now custody may say so. */
static int state_closed(struct closing *c, const struct store_dir *store, struct problem *p)
{
	int error = custody_closed_write(store, c->list, c->count, p);

	for (size_t i = 0; i < c->count && !error; i++)
		/* What is not remembered is stated twice. */
		(void)custody_ids_add(&c->closer->stated, c->list[i].file_id);
	custody_ids_sort(&c->closer->stated);
	return error;
}

static int close_day(struct day_closer *closer, const struct store_dir *store, int32_t day,
		     struct seal_result *result, struct problem *note, struct problem *p)
{
	struct closing c = { .day = day, .note = note, .closer = closer };
	struct problem later;
	int error = know_stated(closer, store, p), state_error;

	if (error)
		return error;
	error = for_tenants(store, close_one, &c, p);
	state_error = state_closed(&c, store, error ? &later : p);
	free(c.list);
	if (!error)
		error = state_error;
	if (!error && c.files)
		error = compact_catalog(store, day, p);
	result->closed_files += c.files;
	result->open_files += c.open;
	result->closed_days += c.files != 0;
	return error;
}

int day_close(const struct store_dir *store, int32_t day, struct seal_result *result, struct problem *note,
	      struct problem *p)
{
	struct day_closer closer = {};
	int error = close_day(&closer, store, day, result, note, p);

	day_closer_done(&closer);
	return error;
}

/* When the oldest readable journal was created; INT64_MAX without one. */
static int oldest_journal(const struct store_dir *store, int64_t *ret_created_ns)
{
	char **names;
	size_t count;
	int error = fs_list(store->journal, JOURNAL_SUFFIX, &names, &count);

	*ret_created_ns = INT64_MAX;
	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		int64_t created;

		error = journal_created(store->journal, names[i], &created);
		/* Sealed meanwhile, or of no use to any sealing run: nothing waits for it. */
		if (error == -ENOENT || error == -EBADMSG || error == -ENODATA || error == -ENOTSUP)
			error = 0;
		else if (!error && created < *ret_created_ns)
			*ret_created_ns = created;
	}
	fs_free_names(names, count);
	return error;
}

/* The first instant that is not of the day; bent inwards at the end of time. */
static int64_t end_of(int32_t day)
{
	int64_t end;

	return __builtin_mul_overflow((int64_t)day + 1, NS_PER_DAY, &end) ? (day < 0 ? INT64_MIN : INT64_MAX) :
									   end;
}

static bool is_over(int32_t day, int64_t now_ns)
{
	return end_of(day) <= now_ns - DAY_GRACE_NS;
}

static int look_over(struct day_closer *c, const struct store_dir *store, int64_t now_ns, struct problem *p)
{
	struct sweep sweep = { .open = c };
	int32_t today = utc_day(now_ns);
	int error;

	if (c->swept && c->swept_on == today)
		return 0;
	error = know_stated(c, store, p);
	if (!error)
		error = for_tenants(store, sweep_one, &sweep, p);
	/* What a power loss or a hand left of the catalogs. */
	for (size_t i = 0; i < sweep.all.count && !error; i++)
		error = catalog_mend(store, sweep.all.days[i], p);
	day_closer_done(&sweep.all);
	if (!error) {
		c->swept = true;
		c->swept_on = today;
	}
	return error;
}

int day_closer_run(struct day_closer *c, const struct store_dir *store, int64_t now_ns,
		   struct seal_result *result, struct problem *note, struct problem *p)
{
	struct problem later;
	int64_t oldest;
	size_t kept = 0;
	int first = look_over(c, store, now_ns, p), error;

	note->text[0] = '\0';
	if (!c->count || !is_over(c->days[0], now_ns))
		return first;
	error = oldest_journal(store, &oldest);
	if (error)
		return problem(p, error, "cannot look at journal/: %s", strerror(-error));
	for (size_t i = 0; i < c->count; i++) {
		bool due = is_over(c->days[i], now_ns) && oldest >= end_of(c->days[i]);

		error = due ? close_day(c, store, c->days[i], result, note, first ? &later : p) : 0;
		if (!due || error)
			c->days[kept++] = c->days[i];
		if (!first)
			first = error;
	}
	c->count = kept;
	return first;
}
