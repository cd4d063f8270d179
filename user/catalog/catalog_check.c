// SPDX-License-Identifier: BSD-2-Clause
/* Checking a day catalog: by itself, and against the segments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/scan.h"
#include "catalog.h"
#include "catalog_days.h"
#include "catalog_file.h"
#include "catalog_lists.h"
#include "segment/section_reader.h"

static void bad(struct catalog_facts *facts, uint64_t at)
{
	if (facts->bad++ == 0)
		facts->bad_at = at;
}

static int check_buckets(const struct catalog_file *f, const struct catalog_chunk *chunk,
			 struct catalog_facts *facts)
{
	struct buffer spare = {};
	uint64_t pairs = 0, bad_before = facts->bad;
	struct catalog_walk w;
	int error = 0, more;

	for (uint32_t i = 0; i < chunk->cells.buckets && !error; i++) {
		error = catalog_chunk_bucket(f->fd, f->file_id, chunk, i, &spare, &w);
		more = 0;
		while (!error && (more = catalog_walk_next(&w)) > 0)
			pairs++;
		if (error == -EBADMSG || error == -ENODATA || more < 0) {
			bad(facts, chunk->buckets_at + chunk->bucket_from[i]);
			error = 0;
		} else if (!error) {
			facts->buckets++;
		}
	}
	buffer_done(&spare);
	if (!error && facts->bad == bad_before && pairs != chunk->pairs)
		bad(facts, chunk->offset);
	facts->pairs += pairs;
	return error;
}

/* Chunk at *at, which moves on behind it; to the end where there is no telling where the next one begins. */
static int check_chunk(const struct catalog_file *f, uint64_t *at, struct catalog_facts *facts)
{
	struct catalog lists = { .day = f->day, .fd = -1 };
	struct catalog_chunk chunk;
	struct buffer spare = {};
	uint64_t bad_at;
	int error = catalog_chunk_read(f, *at, &spare, &lists, &chunk, &bad_at);

	if (!error) {
		facts->chunks++;
		facts->sections += lists.section_count;
		error = check_buckets(f, &chunk, facts);
	} else if (error == -ENODATA || (error == -EBADMSG && scan_is_zero(f->fd, *at, f->size))) {
		/* Cut off, or allocated and never written before power loss. */
		facts->torn = true;
		facts->torn_at = *at;
		chunk.bytes = 0;
		error = 0;
	} else if (error == -EBADMSG) {
		bad(facts, bad_at);
		error = 0;
	}
	*at = chunk.bytes ? *at + chunk.bytes : f->size;
	catalog_lists_done(&lists);
	catalog_chunk_done(&chunk);
	buffer_done(&spare);
	return error;
}

int catalog_check(int catalog_fd, int32_t day, struct catalog_facts *ret_facts, struct problem *p)
{
	struct catalog_facts facts = {};
	struct catalog_file f;
	uint64_t at = CATALOG_HEADER_BYTES;
	char name[CATALOG_NAME_MAX];
	int error = catalog_file_open(catalog_fd, day, &f, p);

	catalog_name(day, name);
	if (error == -EBADMSG) {
		facts.bad = 1; /* the header, at 0 */
		*ret_facts = facts;
		return 0;
	}
	if (error)
		return error;
	if (at == f.size) {
		facts.torn = true; /* no file is published without a chunk */
		facts.torn_at = at;
	}
	while (at < f.size && !error)
		error = check_chunk(&f, &at, &facts);
	catalog_file_close(&f);
	if (error)
		return problem(p, error, "cannot read catalog/%s: %s", name,
			       error == -ENOTSUP ? "it has a chunk of a later version" : strerror(-error));
	*ret_facts = facts;
	return 0;
}

struct compare {
	struct catalog *c;
	bool *seen, *wanted; /* by section */
	bool (*unsealed)(void *ctx, uint64_t journal_id);
	void *ctx;
	const char *name; /* of the catalog */
};

/* Outwards, and by no more than a unit. */
static bool times_fit(const struct catalog_section *is, const struct section *s)
{
	const int64_t unit = INT64_C(1) << CATALOG_TIME_SHIFT;

	return is->first_utc_ns <= s->first_utc_ns && s->first_utc_ns - is->first_utc_ns < unit &&
	       is->last_utc_ns >= s->last_utc_ns && is->last_utc_ns - s->last_utc_ns < unit &&
	       is->opened_utc_ns <= s->opened_utc_ns &&
	       (is->opened_utc_ns == INT64_MIN || s->opened_utc_ns - is->opened_utc_ns < unit);
}

static bool says_the_same(const struct compare *v, const struct catalog_section *is,
			  const struct segment_reader *r, const struct section *s)
{
	const struct catalog_segment *segment = &v->c->segments[is->segment];
	const struct catalog_origin *o = &v->c->origins[is->origin];

	return segment->part == r->part && segment->file_id == r->file_id && is->offset == s->offset &&
	       is->bytes == s->bytes && is->header_bytes == s->header_bytes && is->rows == s->rows &&
	       is->has_close == s->has_close && times_fit(is, s) && o->rung == s->rung &&
	       o->imported >= s->imported && o->span_from_ns <= s->span_from_ns &&
	       o->span_to_ns >= s->span_to_ns;
}

static bool has_piece(const struct clock_pieces *list, const struct clock_piece *want)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct clock_piece *is = &list->list[i];

		if (is->boot_from <= want->boot_from && is->boot_to >= want->boot_to &&
		    (uint64_t)is->utc_from - is->boot_from == (uint64_t)want->utc_from - want->boot_from &&
		    is->max_error_ns == want->max_error_ns && is->status == want->status)
			return true;
	}
	return false;
}

static bool has_gap(const struct gaps *list, const struct gap *want, uint32_t tenant)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct gap *is = &list->list[i];

		if (is->first_utc_ns == want->first_utc_ns && is->last_utc_ns == want->last_utc_ns &&
		    is->count == want->count && is->total == want->total && is->reason == want->reason &&
		    is->tenant == (want->tenant ? tenant : CATALOG_EVERY_TENANT))
			return true;
	}
	return false;
}

static bool origin_has_all(const struct compare *v, const struct catalog_section *is,
			   const struct section_reader *section)
{
	const struct catalog_origin *o = &v->c->origins[is->origin];

	for (size_t i = 0; i < section->clock.count; i++)
		if (!has_piece(&o->clock, &section->clock.list[i]))
			return false;
	for (size_t i = 0; i < section->gaps.count; i++)
		if (!has_gap(&o->gaps, &section->gaps.list[i], v->c->segments[is->segment].tenant))
			return false;
	return true;
}

/* *ret_missing: a source that the catalog does not find in section `index`. */
static int find_sources(struct compare *v, struct segment_reader *r,
			const struct section_reader *section,
			uint32_t index, struct addr *ret_source, bool *ret_missing)
{
	struct block_rows *b = malloc(sizeof(*b));
	int error = b ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < section->block_count && !error && !*ret_missing; i++) {
		error = section_read_block(r, section, i, BLOCK_SOURCES, b);
		if (error == -EBADMSG || error == -ENODATA) {
			error = 0; /* not for the catalog to tell */
			continue;
		}
		for (uint32_t k = 0; !error && k < b->sources && !*ret_missing; k++) {
			v->wanted[index] = false;
			error = catalog_find(v->c, &b->source[k], v->wanted);
			*ret_missing = !error && !v->wanted[index];
			*ret_source = b->source[k];
		}
	}
	free(b);
	return error;
}

/* Whether a section of this name stands where the catalog says: of two that are alike it lists one. */
static bool stands_there(const struct compare *v, const struct catalog_parts *parts,
			 const struct catalog_section *is, const struct section *s)
{
	const struct catalog_segment *segment = &v->c->segments[is->segment];

	for (size_t i = 0; i < parts->count; i++) {
		const struct segment_reader *r = &parts->list[i];

		if (r->part != segment->part || r->file_id != segment->file_id)
			continue;
		for (size_t k = 0; k < r->section_count; k++)
			if (&r->sections[k] != s && r->sections[k].offset == is->offset &&
			    r->sections[k].journal_id == s->journal_id && r->sections[k].run == s->run)
				return true;
	}
	return false;
}

static int compare_section(struct compare *v, const struct catalog_parts *parts,
			   struct segment_reader *r, const struct section *s, struct problem *p)
{
	struct catalog_section name = { .run = s->run };
	struct catalog_origin origin = { .journal_id = s->journal_id };
	struct catalog_segment segment = { .tenant = 0 };
	char tenant[CATALOG_TENANT_BYTES], text[ADDR_TEXT_MAX];
	const struct catalog one = { .tenants = &tenant, .origins = &origin, .segments = &segment,
				     .sections = &name };
	struct section_reader *section;
	struct addr source = {};
	uint32_t index;
	bool missing = false;
	int error;

	strcpy(tenant, r->tenant_id);
	error = catalog_lists_find_section(v->c, &one, 0, &index);
	if (error)
		return problem(p, error, "out of memory");
	if (index == UINT32_MAX) {
		if (v->unsealed && v->unsealed(v->ctx, s->journal_id))
			return 0;
		return problem(p, -EBADMSG, "catalog/%s does not list segments/%s/%s offset %llu", v->name,
			       r->tenant_id, r->name, (unsigned long long)s->offset);
	}
	if (!says_the_same(v, &v->c->sections[index], r, s))
		return stands_there(v, parts, &v->c->sections[index], s) ? 0 :
			problem(p, -EBADMSG, "catalog/%s says something else of segments/%s/%s offset %llu",
				v->name, r->tenant_id, r->name, (unsigned long long)s->offset);
	v->seen[index] = true;
	error = section_open(r, s->offset, &section);
	if (error)
		return problem(p, error, "segments/%s/%s offset %llu: %s", r->tenant_id, r->name,
			       (unsigned long long)s->offset, strerror(-error));
	if (!origin_has_all(v, &v->c->sections[index], section))
		error = problem(p, -EBADMSG,
				"catalog/%s leaves out a gap or the clock of segments/%s/%s offset %llu",
				v->name, r->tenant_id, r->name, (unsigned long long)s->offset);
	else if (find_sources(v, r, section, index, &source, &missing) == -EBADMSG)
		error = problem(p, -EBADMSG, "catalog/%s: a bucket is damaged", v->name);
	if (error && error != -EBADMSG)
		problem(p, error, "segments/%s/%s: %s", r->tenant_id, r->name, strerror(-error));
	if (missing)
		error = problem(p, -EBADMSG, "catalog/%s does not find %s in segments/%s/%s offset %llu",
				v->name, addr_format(&source, text), r->tenant_id, r->name,
				(unsigned long long)s->offset);
	section_close(section);
	return error;
}

static int compare_tenant(void *ctx, struct catalog_parts *parts, struct problem *p)
{
	struct compare *v = ctx;

	for (size_t i = 0; i < parts->count; i++)
		for (size_t k = 0; k < parts->list[i].section_count; k++) {
			int error = compare_section(v, parts, &parts->list[i],
						    &parts->list[i].sections[k], p);

			if (error)
				return error;
		}
	return 0;
}

int catalog_compare(const struct store_dir *store, int32_t day,
		    bool (*unsealed)(void *ctx, uint64_t journal_id), void *ctx, struct problem *p)
{
	struct compare v = { .unsealed = unsealed, .ctx = ctx };
	char name[CATALOG_NAME_MAX];
	int error = catalog_open(store->catalog, day, &v.c, p);

	if (error)
		return error;
	catalog_name(day, name);
	v.name = name;
	v.seen = calloc(v.c->section_count + 1, sizeof(*v.seen));
	v.wanted = calloc(v.c->section_count + 1, sizeof(*v.wanted));
	if (!v.seen || !v.wanted)
		error = problem(p, -ENOMEM, "out of memory");
	else
		error = catalog_days_each(store, day, compare_tenant, &v, p);
	for (size_t i = 0; i < v.c->section_count && !error; i++) {
		const struct catalog_section *s = &v.c->sections[i];
		const struct catalog_segment *segment = &v.c->segments[s->segment];

		if (!v.seen[i])
			error = problem(p, -EBADMSG,
					"catalog/%s lists a section that is not there: %s part %u offset %llu",
					name, v.c->tenants[segment->tenant], segment->part,
					(unsigned long long)s->offset);
	}
	free(v.seen);
	free(v.wanted);
	catalog_close(v.c);
	return error;
}
