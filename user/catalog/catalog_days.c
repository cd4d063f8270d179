// SPDX-License-Identifier: BSD-2-Clause
/* Opening all segments of a day. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "catalog_days.h"

static int add_part(struct catalog_parts *parts, const char *name, struct problem *p)
{
	struct segment_reader *r;
	struct problem why;
	int error;

	if (ARRAY_RESERVE(parts->list, parts->count, parts->capacity))
		return problem(p, -ENOMEM, "out of memory");
	r = &parts->list[parts->count];
	error = segment_reader_open(parts->dir_fd, name, r, &why);
	if (error == -ENOENT)
		return 0; /* erased meanwhile */
	if (error)
		return problem(p, error == -ENODATA ? -EBADMSG : error, "segments/%s/%s", parts->tenant,
			       why.text);
	parts->count++;
	if (strcmp(r->tenant_id, parts->tenant) != 0)
		return problem(p, -EBADMSG, "segments/%s/%s: of another tenant than its directory says",
			       parts->tenant, name);
	if (r->damaged_bytes)
		return problem(p, -EBADMSG, "segments/%s/%s: damaged (offset %llu)", parts->tenant, name,
			       (unsigned long long)r->damaged_at);
	return 0;
}

/* Whether the append that was cut off there was repeated: in another part that is there. */
static bool torn_is_elsewhere(const struct catalog_parts *parts, const struct segment_reader *torn)
{
	for (size_t i = 0; i < parts->count; i++) {
		const struct segment_reader *r = &parts->list[i];

		if (!torn->torn_journal_id && r->part > torn->part)
			return true;
		for (size_t k = 0; k < r->section_count; k++)
			if (r->sections[k].journal_id == torn->torn_journal_id &&
			    r->sections[k].run == torn->torn_run)
				return true;
	}
	return false;
}

static int check_torn(const struct catalog_parts *parts, struct problem *p)
{
	for (size_t i = 0; i < parts->count; i++) {
		const struct segment_reader *r = &parts->list[i];

		if (r->torn && !torn_is_elsewhere(parts, r))
			return problem(p, -EBADMSG, "segments/%s/%s: ends inside a section (offset %llu)",
				       parts->tenant, r->name, (unsigned long long)r->torn_at);
	}
	return 0;
}

static int compare_parts(const void *a, const void *b)
{
	const struct segment_reader *x = a, *y = b;

	return x->part < y->part ? -1 : x->part > y->part;
}

static int open_parts(struct catalog_parts *parts, int32_t day, struct problem *p)
{
	char text[DAY_TEXT_MAX];
	size_t length = strlen(day_format(day, text)), count;
	char **names;
	int error = fs_list(parts->dir_fd, SEGMENT_SUFFIX, &names, &count);

	if (error)
		return problem(p, error, "cannot list segments/%s: %s", parts->tenant, strerror(-error));
	for (size_t i = 0; i < count && !error; i++)
		if (strncmp(names[i], text, length) == 0 && names[i][length] == '.')
			error = add_part(parts, names[i], p);
	fs_free_names(names, count);
	if (!error && parts->count)
		qsort(parts->list, parts->count, sizeof(*parts->list), compare_parts);
	return error ? error : check_torn(parts, p);
}

static int each_tenant(const struct store_dir *store, const char *tenant, int32_t day,
		       int (*fn)(void *ctx, struct catalog_parts *parts, struct problem *p), void *ctx,
		       struct problem *p)
{
	struct catalog_parts parts = { .tenant = tenant };
	int error;

	parts.dir_fd = fs_open_dir(store->segments, tenant, 0);
	if (parts.dir_fd == -ENOENT)
		return 0;
	if (parts.dir_fd < 0)
		return problem(p, parts.dir_fd, "cannot open segments/%s: %s", tenant,
			       strerror(-parts.dir_fd));
	error = open_parts(&parts, day, p);
	if (!error && parts.count)
		error = fn(ctx, &parts, p);
	for (size_t i = 0; i < parts.count; i++)
		segment_reader_close(&parts.list[i]);
	free(parts.list);
	close(parts.dir_fd);
	return error;
}

int catalog_days_each(const struct store_dir *store, int32_t day,
		      int (*fn)(void *ctx, struct catalog_parts *parts, struct problem *p), void *ctx,
		      struct problem *p)
{
	char **tenants;
	size_t count;
	int error = fs_list_dirs(store->segments, &tenants, &count);

	if (error)
		return problem(p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < count && !error; i++)
		error = each_tenant(store, tenants[i], day, fn, ctx, p);
	fs_free_names(tenants, count);
	return error;
}
