// SPDX-License-Identifier: BSD-2-Clause
/* What catalogs list and the store does not have: a segment that was taken away is not "no record". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/dir_scan.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "scan.h"

static bool is_asked_for(const void *ctx, const char *tenant_id)
{
	return scan_wants_tenant(ctx, tenant_id);
}

static int stop(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return 1;
}

static int note(void *ctx, const char *path)
{
	scan_note_damage(ctx, false, path, "stands in the day's catalog and not in the store");
	return 0;
}

int scan_note_missing(struct scan *s, int32_t day)
{
	struct problem ignored;
	int result;

	if (day > utc_day(s->q->to_ns - 1))
		return 0; /* behind the window closes may be missing */
	result = catalog_each_missing(s->store, day, is_asked_for, stop, s, &ignored);
	/* Again, from a file that is opened after one was missing: it may have been deleted meanwhile. */
	if (result == 1)
		result = catalog_each_missing(s->store, day, is_asked_for, note, s, &ignored);
	/* A catalog that cannot be read tells nothing: it is derived, and verify names it. */
	return result == -ENOMEM ? -ENOMEM : 0;
}

static int compare_days(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

struct day_list {
	struct scan *s;
	int32_t *days;
	size_t count, capacity;
};

static int take_day(void *ctx, const char *name)
{
	struct day_list *l = ctx;
	const struct query *q = l->s->q;
	char text[DAY_TEXT_MAX] = "", expected[CATALOG_NAME_MAX];
	int32_t day;

	strncpy(text, name, 10);
	if (day_parse(text, &day))
		return 0;
	catalog_name(day, expected);
	if (strcmp(name, expected) != 0 || day < utc_day(q->from_ns) || day > utc_day(q->to_ns - 1))
		return 0;
	if (l->s->catalog_count && bsearch(&day, l->s->catalogs, l->s->catalog_count, sizeof(day), compare_days))
		return 0;
	if (ARRAY_RESERVE(l->days, l->count, l->capacity))
		return -ENOMEM;
	l->days[l->count++] = day;
	return 0;
}

int scan_plan_missing(struct scan *s)
{
	struct day_list l = { .s = s };
	int error;

	if (s->store->catalog < 0)
		return 0;
	error = dir_scan(s->store->catalog, ".", CATALOG_SUFFIX, take_day, &l);
	if (l.count)
		qsort(l.days, l.count, sizeof(*l.days), compare_days);
	for (size_t i = 0; i < l.count && !error; i++)
		error = scan_note_missing(s, l.days[i]);
	free(l.days);
	return error ? problem(s->p, error, "cannot look into catalog/: %s", strerror(-error)) : 0;
}
