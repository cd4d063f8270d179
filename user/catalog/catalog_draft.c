// SPDX-License-Identifier: BSD-2-Clause
/* From sections to a chunk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/array.h"
#include "catalog_draft.h"
#include "catalog_file.h"
#include "catalog_lists.h"

int catalog_draft_init(struct catalog_draft *d, int32_t day)
{
	*d = (struct catalog_draft){ .lists = { .day = day, .fd = -1 } };
	return getrandom(&d->seed, sizeof(d->seed), 0) == sizeof(d->seed) ? 0 : -EIO;
}

void catalog_draft_done(struct catalog_draft *d)
{
	catalog_lists_done(&d->lists);
	free(d->flags);
	free(d->pairs);
	d->flags = NULL;
	d->pairs = NULL;
	d->flags_capacity = d->pair_count = d->pair_capacity = 0;
}

bool catalog_draft_has_room(const struct catalog_draft *d, size_t keys)
{
	return keys <= CATALOG_PAIRS_MAX - d->pair_count &&
	       d->lists.section_count < CATALOG_SECTIONS_MAX;
}

/* A gap of another number than 0 is this tenant's. */
static int add_origin(struct catalog_draft *d, const struct section_reader *s, uint32_t tenant,
		      uint32_t *ret_index)
{
	const struct section *facts = &s->facts;
	const struct catalog_origin said = {
		.rung = facts->rung,
		.imported = facts->imported,
		.span_from_ns = facts->span_from_ns,
		.span_to_ns = facts->span_to_ns,
		.clock = s->clock,
	};
	struct catalog_origin *o;

	if (catalog_lists_origin(&d->lists, facts->journal_id, ret_index))
		return -ENOMEM;
	o = &d->lists.origins[*ret_index];
	for (size_t i = 0; i < s->gaps.count; i++) {
		struct gap g = s->gaps.list[i];

		g.tenant = g.tenant ? tenant : CATALOG_EVERY_TENANT;
		if (gaps_add(&o->gaps, &g))
			return -ENOMEM;
	}
	return catalog_lists_add_origin(o, &said, NULL);
}

/* *ret_index: its number in the draft. */
static int add_section(struct catalog_draft *d, const struct segment_reader *r,
		       const struct section_reader *s, uint8_t flags, uint32_t *ret_index)
{
	const struct section *facts = &s->facts;
	struct catalog_segment segment = { .part = r->part, .file_id = r->file_id };
	struct catalog_section section = {
		.run = facts->run,
		.rows = facts->rows,
		.header_bytes = facts->header_bytes,
		.offset = facts->offset,
		.bytes = facts->bytes,
		.first_utc_ns = facts->first_utc_ns,
		.last_utc_ns = facts->last_utc_ns,
		.opened_utc_ns = facts->opened_utc_ns,
		.has_close = facts->has_close,
	};
	int error = catalog_lists_tenant(&d->lists, r->tenant_id, &segment.tenant);

	if (!error)
		error = catalog_lists_segment(&d->lists, &segment, &section.segment);
	if (!error)
		error = add_origin(d, s, segment.tenant, &section.origin);
	if (!error)
		error = catalog_lists_section(&d->lists, &section, ret_index);
	while (!error && d->flags_capacity < d->lists.section_count)
		error = ARRAY_RESERVE(d->flags, d->flags_capacity, d->flags_capacity);
	if (!error)
		d->flags[*ret_index] = flags | (facts->has_close ? CATALOG_SECTION_CLOSE : 0);
	return error;
}

static int add_key(struct catalog_draft *d, uint64_t key, uint32_t section)
{
	if (ARRAY_RESERVE(d->pairs, d->pair_count, d->pair_capacity))
		return -ENOMEM;
	d->pairs[d->pair_count++] = catalog_pack(catalog_hash(key, d->seed), section);
	return 0;
}

int catalog_draft_add_rows(struct catalog_draft *d, const struct segment_reader *r,
			   const struct section_reader *s, const struct row *rows, size_t count)
{
	uint32_t index;
	uint64_t before = 0;
	int error = add_section(d, r, s, 0, &index);

	for (size_t i = 0; i < count && !error; i++) {
		uint64_t key = catalog_key(&rows[i].src);

		if (!i || key != before)
			error = add_key(d, key, index);
		before = key;
	}
	return error;
}

/* Keys of the blocks as pairs of section `index`. -EBADMSG: not all of them. */
static int add_block_keys(struct catalog_draft *d, struct segment_reader *r,
			  const struct section_reader *s, uint32_t index)
{
	struct block_rows *b = malloc(sizeof(*b));
	uint64_t before = 0;
	int error = b ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < s->block_count && !error; i++) {
		error = section_read_block(r, s, i, BLOCK_SOURCES, b);
		for (uint32_t k = 0; !error && k < b->sources; k++) {
			uint64_t key = catalog_key(&b->source[k]);

			if ((!i && !k) || key != before)
				error = add_key(d, key, index);
			before = key;
		}
	}
	free(b);
	return error == -ENODATA ? -EBADMSG : error;
}

int catalog_draft_add_blocks(struct catalog_draft *d, struct segment_reader *r,
			     const struct section_reader *s, bool or_not, bool *ret_whole)
{
	size_t pairs = d->pair_count;
	uint32_t index = (uint32_t)d->lists.section_count, taken;
	int error = add_block_keys(d, r, s, index);
	bool whole = !error;

	if (error && error != -EBADMSG)
		return error;
	if (!whole)
		d->pair_count = pairs;
	*ret_whole = whole;
	if (!whole && or_not)
		return 0;
	error = add_section(d, r, s, whole ? 0 : CATALOG_SECTION_ALWAYS, &taken);
	/* Listed before, in another part: then these are that one's keys. */
	for (size_t i = pairs; !error && taken != index && i < d->pair_count; i++)
		d->pairs[i] = catalog_pack(d->pairs[i] >> 24, taken);
	return error;
}

static int compare_segments(const void *a, const void *b, void *lists)
{
	const struct catalog *c = lists;
	const struct catalog_segment *x = &c->segments[*(const uint32_t *)a];
	const struct catalog_segment *y = &c->segments[*(const uint32_t *)b];

	if (x->tenant != y->tenant)
		return x->tenant < y->tenant ? -1 : 1;
	return x->part < y->part ? -1 : x->part > y->part;
}

static int compare_sections(const void *a, const void *b, void *lists)
{
	const struct catalog *c = lists;
	const struct catalog_section *x = &c->sections[*(const uint32_t *)a];
	const struct catalog_section *y = &c->sections[*(const uint32_t *)b];

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* 0, 1, ... count - 1 in this order, and in *ret_place where each of them stands then. */
static int order(struct catalog *c, size_t count, int (*compare)(const void *, const void *, void *),
		 uint32_t **ret_list, uint32_t **ret_place)
{
	uint32_t *list = malloc((count + 1) * sizeof(*list)), *place = malloc((count + 1) * sizeof(*place));

	if (!list || !place) {
		free(list);
		free(place);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		list[i] = i;
	qsort_r(list, count, sizeof(*list), compare, c);
	for (uint32_t i = 0; i < count; i++)
		place[list[i]] = i;
	*ret_list = list;
	*ret_place = place;
	return 0;
}

static int order_segments(struct catalog *c)
{
	struct catalog_segment *sorted = malloc((c->segment_count + 1) * sizeof(*sorted));
	uint32_t *list, *place;

	if (!sorted || order(c, c->segment_count, compare_segments, &list, &place)) {
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < c->segment_count; i++)
		sorted[i] = c->segments[list[i]];
	for (size_t i = 0; i < c->section_count; i++)
		c->sections[i].segment = place[c->sections[i].segment];
	free(c->segments);
	c->segments = sorted;
	c->segment_capacity = c->segment_count + 1;
	free(list);
	free(place);
	return 0;
}

static int order_sections(struct catalog_draft *d)
{
	struct catalog *c = &d->lists;
	struct catalog_section *sorted = malloc((c->section_count + 1) * sizeof(*sorted));
	uint8_t *flags = malloc(c->section_count + 1);
	uint32_t *list = NULL, *place = NULL;
	int error = sorted && flags ? order(c, c->section_count, compare_sections, &list, &place) : -ENOMEM;

	if (error) {
		free(sorted);
		free(flags);
		return error;
	}
	for (size_t i = 0; i < c->section_count; i++) {
		sorted[i] = c->sections[list[i]];
		flags[i] = d->flags[list[i]];
	}
	for (size_t i = 0; i < d->pair_count; i++)
		d->pairs[i] = catalog_pack(d->pairs[i] >> 24, place[d->pairs[i] & 0xffffff]);
	free(c->sections);
	free(d->flags);
	c->sections = sorted;
	c->section_capacity = d->flags_capacity = c->section_count + 1;
	d->flags = flags;
	free(list);
	free(place);
	return 0;
}

/* Pairs name the first of a segment's sections, which stand in order. */
static int share_codes(struct catalog_draft *d)
{
	const struct catalog_section *s = d->lists.sections;
	size_t count = d->lists.section_count;
	uint32_t *first = malloc((count + 1) * sizeof(*first));

	if (!first)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		first[i] = i && s[i].segment == s[i - 1].segment ? first[i - 1] : i;
	for (size_t i = 0; i < d->pair_count; i++)
		d->pairs[i] = catalog_pack(d->pairs[i] >> 24, first[d->pairs[i] & 0xffffff]);
	free(first);
	return 0;
}

int catalog_draft_write(struct catalog_draft *d, bool shared, int spread,
			uint64_t file_id, uint64_t offset, struct buffer *out)
{
	struct catalog_filter filter = {};
	int error = order_segments(&d->lists);

	if (!error)
		error = order_sections(d);
	if (!error && shared)
		error = share_codes(d);
	for (size_t i = 0; i < d->lists.origin_count; i++)
		catalog_lists_settle(&d->lists.origins[i]);
	if (!error)
		error = catalog_filter_make(d->pairs, d->pair_count, d->lists.section_count, spread,
					    &filter);
	if (!error)
		error = catalog_chunk_write(&d->lists, d->flags, &filter, d->seed, file_id, offset, out);
	catalog_filter_done(&filter);
	catalog_draft_done(d);
	return error;
}
