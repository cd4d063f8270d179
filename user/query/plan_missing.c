// SPDX-License-Identifier: BSD-2-Clause
/* What catalogs list and the store does not have: a segment that was taken away is not "no record". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/array.h"
#include "base/dir_scan.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "scan.h"

struct day_look {
	struct scan *s;
	int32_t day;
	bool note;
	bool found; /* one that is missing */
};

static int look_at_segment(void *ctx, const char *tenant_id, uint32_t part)
{
	struct day_look *l = ctx;
	char name[SEGMENT_NAME_MAX], path[TENANT_ID_MAX + SEGMENT_NAME_MAX + 2];
	struct stat st;

	if (!scan_wants_tenant(l->s, tenant_id))
		return 0;
	segment_part_name(l->day, part, name);
	snprintf(path, sizeof(path), "%s/%s", tenant_id, name);
	if (fstatat(l->s->store->segments, path, &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT)
		return 0; /* whatever it is, it is read, or that fails */
	l->found = true;
	if (!l->note)
		return 1;
	scan_note_damage(l->s, l->day > utc_day(l->s->q->to_ns - 1), path, "stands in the day's catalog and not in the store");
	return 0;
}

/* A catalog that cannot be read tells nothing: it is derived, and verify names it. */
static int look(struct day_look *l)
{
	struct problem ignored;

	l->found = false;
	return catalog_each_segment(l->s->store->catalog, l->day, look_at_segment, l, &ignored) == -ENOMEM ? -ENOMEM : 0;
}

int scan_note_missing(struct scan *s, int32_t day)
{
	struct day_look l = { .s = s, .day = day };
	int error = look(&l);

	if (error || !l.found)
		return error;
	/* Whoever deletes a day removes its catalog first: what is listed still, after it was missing, was not deleted. */
	l.note = true;
	return look(&l);
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
	char text[DAY_TEXT_MAX] = "";
	int32_t day;

	strncpy(text, name, 10);
	if (day_parse(text, &day) || day < utc_day(q->from_ns) || (int64_t)day - utc_day(q->to_ns - 1) > LIFETIME_DAYS)
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
