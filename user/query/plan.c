// SPDX-License-Identifier: BSD-2-Clause
/* What has to be read: segments by tenant and day, frames of journals. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/dir_scan.h"
#include "base/fs.h"
#include "base/utc.h"
#include "scan.h"

/* "YYYY-MM-DD[.N].sks" of a day that the window touches, or behind it, where only the closes of its
 * connections can be. */
static bool wanted_day(const struct query *q, const char *name, struct scan_item *item)
{
	char day_text[DAY_TEXT_MAX] = "";
	int32_t last = utc_day(q->to_ns - 1);

	strncpy(day_text, name, 10);
	if (day_parse(day_text, &item->day)) {
		item->day = SCAN_NO_DAY;
		return true; /* not our name: let the header decide */
	}
	item->behind = item->day > last;
	return item->day >= utc_day(q->from_ns) && item->day - last <= LIFETIME_DAYS;
}

struct listing {
	struct scan *s;
	uint32_t tenant;
};

static int add_segment(void *ctx, const char *name)
{
	const struct listing *l = ctx;
	struct scan *s = l->s;
	struct scan_item item = { .tenant = l->tenant };

	if (!wanted_day(s->q, name, &item))
		return 0;
	if (strlen(name) >= sizeof(item.name)) {
		scan_note_damage(s, false, name, "not the name of a segment");
		return 0;
	}
	strcpy(item.name, name);
	if (ARRAY_RESERVE(s->items, s->item_count, s->item_capacity))
		return -ENOMEM;
	s->out->explain.segments++;
	s->items[s->item_count++] = item;
	return 0;
}

static int plan_tenant(struct scan *s, uint32_t tenant)
{
	struct listing l = { .s = s, .tenant = tenant };
	const char *id = s->out->tenants[tenant];
	int error = dir_scan(s->store->segments, id, SEGMENT_SUFFIX, add_segment, &l);

	if (!error || error == -ENOENT)
		return 0;
	return problem(s->p, error, "cannot list segments/%s: %s", id, strerror(-error));
}

static int list_asked_tenants(struct scan *s)
{
	int error = 0;

	for (size_t i = 0; i < s->q->tenant_count && !error; i++)
		error = scan_add_tenant(s, s->q->tenants[i]);
	return error;
}

static int list_tenants(struct scan *s)
{
	char **names;
	size_t count;
	int error;

	if (s->q->tenant)
		return scan_add_tenant(s, s->q->tenant);
	if (s->q->tenant_count)
		return list_asked_tenants(s);
	error = fs_list_dirs(s->store->segments, &names, &count);
	if (error)
		return problem(s->p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < count && !error; i++)
		if (parse_tenant_id(names[i]) == 0)
			error = scan_add_tenant(s, names[i]);
	fs_free_names(names, count);
	return error;
}

int scan_plan(struct scan *s)
{
	int error = list_tenants(s);
	size_t first;

	if (error)
		return error;
	scan_sort_tenants(s);
	error = scan_plan_journals(s);
	first = s->item_count;
	for (uint32_t i = 0; i < s->out->tenant_count && !error; i++)
		error = plan_tenant(s, i);
	if (!error && !s->q->tenant)
		error = scan_plan_catalogs(s, first);
	return error ? error : scan_plan_missing(s);
}
