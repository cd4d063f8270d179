// SPDX-License-Identifier: BSD-2-Clause
/* Appending to the catalogs of the days that a journal touches. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "catalog_add.h"
#include "catalog_draft.h"
#include "catalog_file.h"
#include "catalog_lists.h"

/* The first chunk of a day is mostly the greatest, and finds two sections in vain. Each further one is asked
 * too, so it is made to find less: half a section. */
/* A file of so many chunks is made anew as one. */
#define CHUNKS_MANY 32

struct catalog_add {
	const struct store_dir *store;
	struct catalog_draft **days;
	size_t day_count, day_capacity;
	struct catalog_draft *last;
	size_t pairs_max, pairs; /* of all drafts */
	uint64_t dropped;
	int (*make_durable)(void *ctx, struct problem *p);
	void *ctx;
};

struct catalog_add *catalog_add_new(const struct store_dir *store, size_t pairs_max)
{
	struct catalog_add *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->store = store;
	a->pairs_max = pairs_max ? pairs_max : CATALOG_PAIRS_MAX;
	return a;
}

void catalog_add_before_commit(struct catalog_add *a, int (*make_durable)(void *ctx, struct problem *p),
			       void *ctx)
{
	a->make_durable = make_durable;
	a->ctx = ctx;
}

void catalog_add_free(struct catalog_add *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->day_count; i++) {
		catalog_draft_done(a->days[i]);
		free(a->days[i]);
	}
	free(a->days);
	free(a);
}

static int find_day(struct catalog_add *a, int32_t day)
{
	struct catalog_draft *d;
	int error;

	if (a->last && a->last->lists.day == day)
		return 0;
	for (size_t i = 0; i < a->day_count; i++)
		if (a->days[i]->lists.day == day) {
			a->last = a->days[i];
			return 0;
		}
	if (ARRAY_RESERVE(a->days, a->day_count, a->day_capacity))
		return -ENOMEM;
	d = malloc(sizeof(*d));
	error = d ? catalog_draft_init(d, day) : -ENOMEM;
	if (error) {
		free(d);
		return error;
	}
	a->days[a->day_count++] = a->last = d;
	return 0;
}

/* Whether the catalog has each section of the draft at its very place. */
static int lists_all(struct catalog *old, const struct catalog *draft, bool *ret_all)
{
	for (uint32_t i = 0; i < draft->section_count; i++) {
		const struct catalog_section *s = &draft->sections[i], *is;
		uint32_t at;

		if (catalog_lists_find_section(old, draft, i, &at))
			return -ENOMEM;
		is = at == UINT32_MAX ? NULL : &old->sections[at];
		if (!is || is->offset != s->offset ||
		    old->segments[is->segment].file_id != draft->segments[s->segment].file_id) {
			*ret_all = false;
			return 0;
		}
	}
	*ret_all = true;
	return 0;
}

/* Adds up what `from` lists in segments of the draft, and where the last section there ends. */
static int sum_up(struct catalog *draft, struct catalog *from, uint64_t *sum, uint64_t *end)
{
	for (uint32_t i = 0; i < from->section_count; i++) {
		const struct catalog_section *s = &from->sections[i];
		uint32_t segment, again = UINT32_MAX;

		if (catalog_lists_find_segment(draft, from, s->segment, &segment))
			return -ENOMEM;
		if (segment == UINT32_MAX)
			continue;
		if (from != draft && catalog_lists_find_section(draft, from, i, &again))
			return -ENOMEM;
		if (again != UINT32_MAX && draft->sections[again].segment == segment &&
		    draft->sections[again].offset == s->offset)
			continue;
		sum[segment] += s->bytes;
		if (s->offset + s->bytes > end[segment])
			end[segment] = s->offset + s->bytes;
	}
	return 0;
}

/*
 * Whether old (may be NULL) and draft together list every section up to the last one, in the segments that
 * the draft has been appending to.
 */
static int is_gapless(struct catalog *old, struct catalog *draft, bool *ret_gapless)
{
	uint64_t *sum = calloc(2 * draft->segment_count + 1, sizeof(*sum));
	uint64_t *end = sum + draft->segment_count;
	int error = sum ? sum_up(draft, draft, sum, end) : -ENOMEM;

	if (!error && old)
		error = sum_up(draft, old, sum, end);
	for (size_t i = 0; i < draft->segment_count && !error; i++) {
		size_t header = SEGMENT_HEADER_BYTES +
				strlen(draft->tenants[draft->segments[i].tenant]);

		if (sum[i] + header != end[i])
			*ret_gapless = false;
	}
	free(sum);
	return error;
}

/* Any part of the day: the first ones may have been erased. */
static int has_day(const struct catalog_add *a, const char *tenant, int32_t day, bool *ret_has)
{
	int dir = fs_open_dir(a->store->segments, tenant, 0), error;
	uint32_t last = 0;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	error = segment_last_part(dir, day, &last);
	close(dir);
	if (!error)
		*ret_has = last > 0;
	return error;
}

/* Whether there are segments of the day that the draft does not name. */
static int has_others(const struct catalog_add *a, struct catalog *draft, bool *ret_others)
{
	char **tenants;
	size_t count;
	int error = fs_list_dirs(a->store->segments, &tenants, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !*ret_others && !error; i++) {
		uint32_t index = 0;

		error = catalog_lists_find_tenant(draft, tenants[i], &index);
		if (!error && index == UINT32_MAX)
			error = has_day(a, tenants[i], draft->day, ret_others);
	}
	for (size_t i = 0; i < draft->segment_count; i++)
		*ret_others |= draft->segments[i].part > 1;
	fs_free_names(tenants, count);
	return error;
}

/* The first chunk of a day, if the draft is all there is of it: *ret_done. */
static int begin_file(struct catalog_add *a, struct catalog_draft *d, bool *ret_done)
{
	struct buffer out = {};
	bool others = false, gapless = true;
	char name[CATALOG_NAME_MAX];
	uint64_t file_id;
	int error = has_others(a, &d->lists, &others);

	if (!error)
		error = is_gapless(NULL, &d->lists, &gapless);
	if (error || others || !gapless)
		return error;
	error = catalog_file_header(d->lists.day, &out, &file_id);
	catalog_name(d->lists.day, name);
	if (!error)
		error = catalog_draft_write(d, false, CATALOG_SPREAD_LEAST, file_id, out.size, &out);
	if (!error)
		error = fs_publish(a->store->catalog, name, out.data, out.size);
	buffer_done(&out);
	*ret_done = !error;
	return error;
}

static int append_bytes(int catalog_fd, int32_t day, uint64_t size, const struct buffer *bytes)
{
	char name[CATALOG_NAME_MAX];

	catalog_name(day, name);
	return fs_append_durably(catalog_fd, name, size, bytes->data, bytes->size);
}

/* Behind what is there, if the two together list everything: *ret_done. */
static int extend_file(struct catalog_add *a, struct catalog_draft *d, struct catalog *old,
		       bool *ret_done)
{
	struct buffer out = {};
	bool all = false, gapless = true;
	int error = lists_all(old, &d->lists, &all);

	*ret_done = all;
	if (!error && !all)
		error = is_gapless(old, &d->lists, &gapless);
	if (error || all || !gapless)
		return error;
	error = catalog_draft_write(d, false, CATALOG_SPREAD_MOST, old->file_id, old->size, &out);
	if (!error)
		error = append_bytes(a->store->catalog, d->lists.day, old->size, &out);
	buffer_done(&out);
	*ret_done = !error;
	return error;
}

static int write_day(struct catalog_add *a, struct catalog_draft *d, struct problem *p)
{
	struct catalog *old = NULL;
	bool done = false;
	int error = catalog_open(a->store->catalog, d->lists.day, &old, p);

	if (error == -ENOENT)
		error = begin_file(a, d, &done);
	else if (error == -EBADMSG || error == -ENOTSUP)
		error = 0; /* made anew, from the segments */
	else if (!error && old->chunk_count >= CHUNKS_MANY &&
		 catalog_rebuild(a->store, d->lists.day, p) == 0)
		done = true;
	else if (!error)
		error = extend_file(a, d, old, &done);
	catalog_close(old);
	return error || done ? error : catalog_rebuild(a->store, d->lists.day, p);
}

/* The draft is empty afterwards, unless that fails. */
static int commit_day(struct catalog_add *a, struct catalog_draft *d, struct problem *p)
{
	size_t pairs = d->pair_count;
	struct problem why;
	int error;

	if (!d->lists.section_count)
		return 0;
	error = a->make_durable ? a->make_durable(a->ctx, p) : 0;
	if (error)
		return error;
	error = write_day(a, d, &why);
	if (error == -ENOMEM)
		return problem(p, error, "out of memory");
	if (error) {
		int failed = catalog_drop(a->store, d->lists.day);

		if (failed)
			return problem(p, failed, "cannot remove a day catalog that is not complete: %s",
				       strerror(-failed));
		a->dropped++;
	}
	a->pairs -= pairs;
	catalog_draft_done(d);
	return 0;
}

/* Until so many pairs more fit in: what has gathered most goes first. */
static int make_room(struct catalog_add *a, size_t pairs, struct problem *p)
{
	while (a->pairs + pairs > a->pairs_max) {
		struct catalog_draft *most = NULL;
		int error;

		for (size_t i = 0; i < a->day_count; i++)
			if (!most || a->days[i]->pair_count > most->pair_count)
				most = a->days[i];
		if (!most || !most->pair_count)
			return 0;
		error = commit_day(a, most, p);
		if (error)
			return error;
	}
	return 0;
}

/* Of a file that its writer has open; it may have no name yet. */
static struct segment_reader reader_of(const struct segment_section *s, const struct segment_place *place)
{
	struct segment_reader r = {
		.fd = place->fd,
		.size = place->offset + place->bytes,
		.file_id = place->file_id,
		.day = s->day,
		.part = place->part,
	};

	strncpy(r.tenant_id, s->tenant_id, sizeof(r.tenant_id) - 1);
	return r;
}

static int read_section(struct catalog_add *a, int dir_fd, const struct segment_section *s,
			const struct segment_place *place, bool written, struct problem *p)
{
	struct segment_reader r;
	struct section_reader *section = NULL;
	char name[SEGMENT_NAME_MAX];
	bool whole;
	int error = 0;

	segment_part_name(s->day, place->part, name);
	if (place->fd < 0)
		error = segment_reader_open_known(dir_fd, name, place->file_id, &r, p);
	else
		r = reader_of(s, place);
	if (error)
		return error;
	error = place->data ? section_open_data(&r, place->offset, place->data, place->bytes, &section) :
			      section_open(&r, place->offset, &section);
	if (!error)
		error = written ? catalog_draft_add_rows(a->last, &r, section, s->rows, s->row_count) :
				  catalog_draft_add_blocks(a->last, &r, section, false, &whole);
	if (error)
		problem(p, error, "segments/%s/%s offset %llu: %s", s->tenant_id, name,
			(unsigned long long)place->offset, strerror(-error));
	section_close(section);
	if (place->fd < 0)
		segment_reader_close(&r);
	return error;
}

int catalog_add_section(struct catalog_add *a, int dir_fd, const struct segment_section *s,
			const struct segment_place *place, bool written, struct problem *p)
{
	size_t before;
	int error;

	if (a->store->catalog < 0)
		return 0;
	error = make_room(a, s->row_count, p);
	if (error)
		return error;
	error = find_day(a, s->day);
	if (error)
		return problem(p, error, "cannot add to a day catalog: %s", strerror(-error));
	if (!catalog_draft_has_room(a->last, s->row_count))
		error = commit_day(a, a->last, p);
	if (error)
		return error;
	before = a->last->pair_count;
	error = read_section(a, dir_fd, s, place, written, p);
	a->pairs += a->last->pair_count - before;
	return error;
}

int catalog_add_commit(struct catalog_add *a, uint64_t *ret_dropped, struct problem *p)
{
	int error = 0;

	for (size_t i = 0; i < a->day_count && !error; i++)
		error = commit_day(a, a->days[i], p);
	if (!error)
		*ret_dropped = a->dropped;
	return error;
}
