// SPDX-License-Identifier: BSD-2-Clause
/* A day's catalog from its segments. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "catalog.h"
#include "catalog_days.h"
#include "catalog_draft.h"
#include "catalog_file.h"
#include "catalog_lists.h"

struct rebuild {
	struct catalog_draft draft;
	uint64_t file_id, sections;
	struct buffer out;
};

/*
 * So that a question finds a dozen sections in vain at most: each segment that it finds has all of its sections
 * looked at. Four a day, the default, are a few more where a journal crosses midnight.
 */
static int spread_for(const struct catalog *c)
{
	int spread = CATALOG_SPREAD_LEAST;

	for (size_t most = 6 * c->segment_count; c->section_count > most && spread < CATALOG_SPREAD_MOST; most *= 2)
		spread++;
	return spread;
}

static int end_chunk(struct rebuild *b)
{
	if (!b->draft.lists.section_count)
		return 0;
	b->sections += b->draft.lists.section_count;
	return catalog_draft_write(&b->draft, true, spread_for(&b->draft.lists), b->file_id, b->out.size, &b->out);
}

/* Whether the same section is listed from a part before: sealed twice, and both are whole. */
static int is_listed(struct rebuild *b, const struct segment_reader *r, const struct section *s,
		     bool *ret_listed)
{
	char tenant[CATALOG_TENANT_BYTES];
	struct catalog_segment segment = { .tenant = 0 };
	struct catalog_origin origin = { .journal_id = s->journal_id };
	struct catalog_section section = { .run = s->run };
	const struct catalog one = { .tenants = &tenant, .origins = &origin, .segments = &segment,
				     .sections = &section };
	uint32_t index;
	int error;

	strcpy(tenant, r->tenant_id);
	error = catalog_lists_find_section(&b->draft.lists, &one, 0, &index);
	*ret_listed = !error && index != UINT32_MAX;
	return error;
}

static int take_section(struct rebuild *b, int dir_fd, struct segment_reader *r,
			const struct section *s)
{
	struct section_reader *section;
	bool listed, whole = false;
	int error = is_listed(b, r, s, &listed);

	if (error || listed)
		return error;
	if (!catalog_draft_has_room(&b->draft, s->rows)) {
		error = end_chunk(b);
		if (error)
			return error;
	}
	error = section_open(r, s->offset, &section);
	if (error)
		return error;
	error = catalog_draft_add_blocks(&b->draft, r, section, true, &whole);
	/* A damaged one is passed over by every reader when it was sealed again; else it can hold anything. */
	if (!error && !whole && !section_superseded(dir_fd, r, s))
		error = catalog_draft_add_blocks(&b->draft, r, section, false, &whole);
	section_close(section);
	return error;
}

static int take_tenant(void *ctx, struct catalog_parts *parts, struct problem *p)
{
	struct rebuild *b = ctx;

	for (size_t i = 0; i < parts->count; i++) {
		struct segment_reader *r = &parts->list[i];

		for (size_t k = 0; k < r->section_count; k++) {
			int error = take_section(b, parts->dir_fd, r, &r->sections[k]);

			if (error)
				return problem(p, error == -ENODATA ? -EBADMSG : error,
					       "segments/%s/%s offset %llu: %s", parts->tenant, r->name,
					       (unsigned long long)r->sections[k].offset,
					       strerror(-error));
		}
	}
	return 0;
}

int catalog_drop(const struct store_dir *store, int32_t day)
{
	char name[CATALOG_NAME_MAX];

	catalog_name(day, name);
	if (store->catalog < 0)
		return 0;
	if (unlinkat(store->catalog, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(store->catalog) < 0 ? -errno : 0;
}

static int publish(const struct store_dir *store, int32_t day, struct rebuild *b, struct problem *p)
{
	char name[CATALOG_NAME_MAX];
	int error;

	catalog_name(day, name);
	error = b->sections ? fs_replace(store->catalog, name, b->out.data, b->out.size) :
			      catalog_drop(store, day);
	return error ? problem(p, error, "cannot write catalog/%s: %s", name, strerror(-error)) : 0;
}

static int refuse(void *ctx, const char *path)
{
	return problem(ctx, 1, "segments/%s: stands in the day's catalog and is not there", path);
}

/* What was taken away is told for as long as the old file lists it. One that does not read tells nothing. */
static int check_listed(const struct store_dir *store, int32_t day, struct problem *p)
{
	struct problem missing;

	if (catalog_each_missing(store, day, NULL, refuse, &missing, p) != 1)
		return 0;
	*p = missing;
	return -EBADMSG;
}

int catalog_rebuild(const struct store_dir *store, int32_t day, struct problem *p)
{
	struct rebuild b = {};
	int error;

	if (store->catalog < 0)
		return problem(p, -ENOENT, "the store has no directory catalog/");
	error = check_listed(store, day, p);
	if (error)
		return error;
	error = catalog_draft_init(&b.draft, day);
	if (!error)
		error = catalog_file_header(day, &b.out, &b.file_id);
	if (error)
		problem(p, error, "cannot make a day catalog: %s", strerror(-error));
	else
		error = catalog_days_each(store, day, take_tenant, &b, p);
	if (!error) {
		error = end_chunk(&b);
		if (error)
			problem(p, error, "cannot make a day catalog: %s", strerror(-error));
	}
	if (!error)
		error = publish(store, day, &b, p);
	catalog_draft_done(&b.draft);
	buffer_done(&b.out);
	return error;
}

int catalog_mend(const struct store_dir *store, int32_t day, struct problem *p)
{
	struct catalog *c;
	int error = catalog_open(store->catalog, day, &c, p);

	if (!error)
		catalog_close(c);
	else if (error == -ENOENT || error == -EBADMSG)
		error = catalog_rebuild(store, day, p);
	return error == -ENOMEM ? error : 0;
}
