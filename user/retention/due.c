// SPDX-License-Identifier: BSD-2-Clause
/* What is due. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "due.h"
#include "segment/segment.h"

#define DAY_CHARACTERS 10 /* "YYYY-MM-DD" */
/* So much before the last row has had its days the whole day goes: an hourly run then is in time for the first. */
#define EARLY_NS (3600 * NS_PER_SEC)

static bool overlaps(const struct consent *g, int32_t day)
{
	return g->from_ns < g->until_ns && utc_day(g->from_ns) <= day && day <= utc_day(g->until_ns - 1);
}

uint32_t due_retention_days(const struct consents *c, const char *tenant_id, int32_t day, uint32_t *ret_because)
{
	const struct consent *shortest = NULL, *last = NULL;

	for (size_t i = 0; i < c->count; i++) {
		const struct consent *g = &c->list[i];

		if (strcmp(g->tenant_id, tenant_id) != 0)
			continue;
		last = g;
		if (overlaps(g, day) && (!shortest || g->retention_days < shortest->retention_days))
			shortest = g;
	}
	/* Recorded elsewhere and imported: nobody promised anything for this day, but perhaps for later ones. */
	if (!shortest && last && last->retention_days < RETENTION_DEFAULT_DAYS)
		shortest = last;
	*ret_because = shortest ? shortest->seq : 0;
	if (!shortest)
		return RETENTION_DEFAULT_DAYS;
	return shortest->retention_days < RETENTION_MAX_DAYS ? shortest->retention_days : RETENTION_MAX_DAYS;
}

int64_t due_instant(int32_t day, uint32_t retention_days)
{
	int64_t end;

	if (__builtin_mul_overflow((int64_t)day + 1 + retention_days, NS_PER_DAY, &end))
		return day < 0 ? INT64_MIN : INT64_MAX;
	return end - EARLY_NS;
}

static bool is_expired(const struct consents *c, const struct retention_request *request, const char *tenant_id,
		       int32_t day, uint32_t *ret_because)
{
	if (!request->clock_trusted || request->erase_only)
		return false;
	return due_instant(day, due_retention_days(c, tenant_id, day, ret_because)) <= request->now_ns;
}

bool due_find(const struct consents *c, const struct retention_request *request, const char *tenant_id, int32_t day,
	      struct due_day *ret_due)
{
	struct due_day due = { .day = day, .reason = DELETION_ERASED };
	uint32_t because = 0;
	int64_t before = consents_erase_before(c, tenant_id, &due.because);
	bool erased = before != INT64_MIN && day <= utc_day(before);

	snprintf(due.tenant_id, sizeof(due.tenant_id), "%s", tenant_id);
	due.before_ns = erased && day == utc_day(before) ? before : INT64_MAX;
	/* What expired goes whole, also when a part of it would have gone before. */
	if ((!erased || due.before_ns != INT64_MAX) && is_expired(c, request, tenant_id, day, &because)) {
		due.reason = DELETION_EXPIRED;
		due.because = because;
		due.before_ns = INT64_MAX;
	} else if (!erased) {
		return false;
	}
	*ret_due = due;
	return true;
}

static int take_tenant(struct due_list *list, const struct consents *c, const struct retention_request *request,
		       const char *tenant_id, int dir)
{
	char **names, text[DAY_CHARACTERS + 1];
	int32_t day, last = 0;
	bool any = false;
	size_t count;
	int error = fs_list(dir, SEGMENT_SUFFIX, &names, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		struct due_day due;

		snprintf(text, sizeof(text), "%s", names[i]);
		/* The names of a day's parts stand one after the other. */
		if (day_parse(text, &day) || (any && day == last))
			continue;
		any = true;
		last = day;
		if (!due_find(c, request, tenant_id, day, &due))
			continue;
		error = ARRAY_RESERVE(list->list, list->count, list->capacity);
		if (!error)
			list->list[list->count++] = due;
	}
	fs_free_names(names, count);
	return error;
}

static int compare_due(const void *a, const void *b)
{
	const struct due_day *x = a, *y = b;

	return x->day != y->day ? (x->day > y->day) - (x->day < y->day) : strcmp(x->tenant_id, y->tenant_id);
}

int due_list_make(const struct store_dir *store, const struct consents *c, const struct retention_request *request,
		  struct due_list *ret_list, struct problem *p)
{
	struct due_list list = {};
	char **tenants;
	size_t count;
	int error = fs_list_dirs(store->segments, &tenants, &count);

	if (error)
		return problem(p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < count; i++) {
		int dir, one;

		if (parse_tenant_id(tenants[i]))
			continue;
		dir = fs_open_dir(store->segments, tenants[i], 0);
		one = dir < 0 ? dir : take_tenant(&list, c, request, tenants[i], dir);
		if (dir >= 0)
			close(dir);
		if (one && !error)
			error = problem(p, one, "cannot list segments/%s: %s", tenants[i], strerror(-one));
	}
	fs_free_names(tenants, count);
	if (list.count)
		qsort(list.list, list.count, sizeof(*list.list), compare_due);
	*ret_list = list;
	return error;
}

void due_list_done(struct due_list *list)
{
	free(list->list);
	memset(list, 0, sizeof(*list));
}
