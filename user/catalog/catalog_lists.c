// SPDX-License-Identifier: BSD-2-Clause
/* Tenants, segments, origins and sections, each once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "catalog_lists.h"

/* Statements of an origin that may wait before equal ones are taken out. */
#define SETTLE_AFTER 4096

enum kind { TENANT, SEGMENT, ORIGIN, SECTION, KINDS };

/* Hash tables with open addressing: 1 + index, 0 free. */
struct catalog_index {
	uint32_t *slots[KINDS];
	size_t slot_count[KINDS]; /* a power of two */
	size_t used[KINDS];
};

/* What is looked for. */
struct wanted {
	enum kind kind;
	const char *tenant_id; /* TENANT */
	uint32_t tenant, number; /* SEGMENT: part; SECTION: run */
	uint64_t id; /* SEGMENT: file id; ORIGIN, SECTION: journal id */
};

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static uint64_t hash_of(const struct wanted *w)
{
	uint64_t h = w->id + UINT64_C(0x9e3779b97f4a7c15);

	for (const char *s = w->kind == TENANT ? w->tenant_id : ""; *s; s++)
		h = (h ^ (uint8_t)*s) * UINT64_C(0x100000001b3);
	return mix(h ^ mix((uint64_t)w->tenant << 32 | w->number));
}

static struct wanted describe(const struct catalog *c, enum kind kind, uint32_t i)
{
	struct wanted w = { .kind = kind };

	switch (kind) {
	case TENANT:
		w.tenant_id = c->tenants[i];
		break;
	case SEGMENT:
		w.tenant = c->segments[i].tenant;
		w.number = c->segments[i].part;
		w.id = c->segments[i].file_id;
		break;
	case ORIGIN:
		w.id = c->origins[i].journal_id;
		break;
	default:
		w.tenant = c->segments[c->sections[i].segment].tenant;
		w.number = c->sections[i].run;
		w.id = c->origins[c->sections[i].origin].journal_id;
	}
	return w;
}

static bool is_it(const struct catalog *c, uint32_t i, const struct wanted *w)
{
	const struct wanted is = describe(c, w->kind, i);

	if (w->kind == TENANT)
		return strcmp(is.tenant_id, w->tenant_id) == 0;
	return is.id == w->id && is.tenant == w->tenant && is.number == w->number;
}

static size_t count_of(const struct catalog *c, enum kind kind)
{
	const size_t counts[] = { c->tenant_count, c->segment_count, c->origin_count, c->section_count };

	return counts[kind];
}

static void put(struct catalog_index *x, enum kind kind, uint64_t hash, uint32_t i)
{
	size_t mask = x->slot_count[kind] - 1, at = hash & mask;

	while (x->slots[kind][at])
		at = (at + 1) & mask;
	x->slots[kind][at] = i + 1;
	x->used[kind]++;
}

/* A table with room for one more, of all that is listed. */
static int make_table(struct catalog *c, enum kind kind)
{
	struct catalog_index *x = c->index;
	size_t count = count_of(c, kind), size = x ? x->slot_count[kind] : 0;
	uint32_t *slots;

	if (x && x->slots[kind] && x->used[kind] == count && (count + 1) * 2 <= size)
		return 0;
	if (!x) {
		x = c->index = calloc(1, sizeof(*x));
		if (!x)
			return -ENOMEM;
	}
	size = 64;
	while (size < (count + 1) * 4)
		size *= 2;
	slots = calloc(size, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(x->slots[kind]);
	x->slots[kind] = slots;
	x->slot_count[kind] = size;
	x->used[kind] = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct wanted w = describe(c, kind, i);

		put(x, kind, hash_of(&w), i);
	}
	return 0;
}

static int look(struct catalog *c, const struct wanted *w, uint32_t *ret_index)
{
	struct catalog_index *x;
	size_t mask, at;

	if (make_table(c, w->kind))
		return -ENOMEM;
	x = c->index;
	mask = x->slot_count[w->kind] - 1;
	for (at = hash_of(w) & mask; x->slots[w->kind][at]; at = (at + 1) & mask)
		if (is_it(c, x->slots[w->kind][at] - 1, w)) {
			*ret_index = x->slots[w->kind][at] - 1;
			return 0;
		}
	*ret_index = UINT32_MAX;
	return 0;
}

/* After look() found none: the new last entry. */
static void note(struct catalog *c, const struct wanted *w, uint32_t *ret_index)
{
	*ret_index = (uint32_t)count_of(c, w->kind) - 1;
	put(c->index, w->kind, hash_of(w), *ret_index);
}

int catalog_lists_tenant(struct catalog *c, const char *id, uint32_t *ret_index)
{
	const struct wanted w = { .kind = TENANT, .tenant_id = id };

	if (look(c, &w, ret_index))
		return -ENOMEM;
	if (*ret_index != UINT32_MAX)
		return 0;
	if (ARRAY_RESERVE(c->tenants, c->tenant_count, c->tenant_capacity))
		return -ENOMEM;
	memset(c->tenants[c->tenant_count], 0, sizeof(c->tenants[0]));
	strncpy(c->tenants[c->tenant_count++], id, sizeof(c->tenants[0]) - 1);
	note(c, &w, ret_index);
	return 0;
}

int catalog_lists_segment(struct catalog *c, const struct catalog_segment *s, uint32_t *ret_index)
{
	const struct wanted w = { .kind = SEGMENT, .tenant = s->tenant, .number = s->part,
				  .id = s->file_id };

	if (look(c, &w, ret_index))
		return -ENOMEM;
	if (*ret_index != UINT32_MAX)
		return 0;
	if (ARRAY_RESERVE(c->segments, c->segment_count, c->segment_capacity))
		return -ENOMEM;
	c->segments[c->segment_count++] = *s;
	note(c, &w, ret_index);
	return 0;
}

int catalog_lists_origin(struct catalog *c, uint64_t journal_id, uint32_t *ret_index)
{
	const struct wanted w = { .kind = ORIGIN, .id = journal_id };

	if (look(c, &w, ret_index))
		return -ENOMEM;
	if (*ret_index != UINT32_MAX)
		return 0;
	if (ARRAY_RESERVE(c->origins, c->origin_count, c->origin_capacity))
		return -ENOMEM;
	c->origins[c->origin_count++] = (struct catalog_origin){ .journal_id = journal_id };
	note(c, &w, ret_index);
	return 0;
}

int catalog_lists_section(struct catalog *c, const struct catalog_section *s, uint32_t *ret_index)
{
	const struct wanted w = {
		.kind = SECTION,
		.tenant = c->segments[s->segment].tenant,
		.number = s->run,
		.id = c->origins[s->origin].journal_id,
	};

	if (look(c, &w, ret_index))
		return -ENOMEM;
	if (*ret_index != UINT32_MAX) {
		c->sections[*ret_index] = *s;
		return 0;
	}
	if (ARRAY_RESERVE(c->sections, c->section_count, c->section_capacity))
		return -ENOMEM;
	c->sections[c->section_count++] = *s;
	note(c, &w, ret_index);
	return 0;
}

int catalog_lists_find_tenant(struct catalog *c, const char *id, uint32_t *ret_index)
{
	const struct wanted w = { .kind = TENANT, .tenant_id = id };

	return look(c, &w, ret_index);
}

int catalog_lists_find_segment(struct catalog *c, const struct catalog *other, uint32_t segment,
			       uint32_t *ret_index)
{
	const struct catalog_segment *s = &other->segments[segment];
	struct wanted tenant = { .kind = TENANT, .tenant_id = other->tenants[s->tenant] };
	struct wanted w = { .kind = SEGMENT, .number = s->part, .id = s->file_id };

	if (look(c, &tenant, &w.tenant))
		return -ENOMEM;
	if (w.tenant == UINT32_MAX) {
		*ret_index = UINT32_MAX;
		return 0;
	}
	return look(c, &w, ret_index);
}

int catalog_lists_find_section(struct catalog *c, const struct catalog *other, uint32_t section,
			       uint32_t *ret_index)
{
	const struct catalog_section *s = &other->sections[section];
	struct wanted tenant = { .kind = TENANT,
				 .tenant_id = other->tenants[other->segments[s->segment].tenant] };
	struct wanted w = { .kind = SECTION, .number = s->run,
			    .id = other->origins[s->origin].journal_id };

	if (look(c, &tenant, &w.tenant))
		return -ENOMEM;
	if (w.tenant == UINT32_MAX) {
		*ret_index = UINT32_MAX;
		return 0;
	}
	return look(c, &w, ret_index);
}

#define ORDER(x, y)                                                                               \
	do {                                                                                      \
		if ((x) != (y))                                                                   \
			return (x) < (y) ? -1 : 1;                                                \
	} while (0)

static int compare_gaps(const void *a, const void *b)
{
	const struct gap *x = a, *y = b;

	ORDER(x->first_utc_ns, y->first_utc_ns);
	ORDER(x->last_utc_ns, y->last_utc_ns);
	ORDER(x->tenant, y->tenant);
	ORDER(x->reason, y->reason);
	ORDER(x->count, y->count);
	ORDER(x->total, y->total);
	return 0;
}

static int compare_pieces(const void *a, const void *b)
{
	const struct clock_piece *x = a, *y = b;

	ORDER(x->boot_from, y->boot_from);
	ORDER(x->boot_to, y->boot_to);
	ORDER(x->utc_from, y->utc_from);
	ORDER(x->max_error_ns, y->max_error_ns);
	ORDER(x->status, y->status);
	return 0;
}

/* Sorts and returns how many are left when equal ones are taken once. */
static size_t sort_unique(void *list, size_t count, size_t size,
			  int (*compare)(const void *, const void *))
{
	char *at = list;
	size_t kept = 0;

	if (count)
		qsort(list, count, size, compare);
	for (size_t i = 0; i < count; i++) {
		if (kept && compare(at + (kept - 1) * size, at + i * size) == 0)
			continue;
		if (kept != i)
			memcpy(at + kept * size, at + i * size, size);
		kept++;
	}
	return kept;
}

/* UTC, bound and status that one piece goes on with the other's? */
static bool same_line(const struct clock_piece *x, const struct clock_piece *y)
{
	return (uint64_t)x->utc_from - x->boot_from == (uint64_t)y->utc_from - y->boot_from &&
	       x->max_error_ns == y->max_error_ns && x->status == y->status;
}

/* Sections cut the journal's pieces to their rows: neighbours on one line are one. Returns how many are left. */
static size_t join_pieces(struct clock_piece *list, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(list, count, sizeof(*list), compare_pieces);
	for (size_t i = 0; i < count; i++) {
		if (!kept || !same_line(&list[kept - 1], &list[i]))
			list[kept++] = list[i];
		else if (list[i].boot_to > list[kept - 1].boot_to)
			list[kept - 1].boot_to = list[i].boot_to;
	}
	return kept;
}

void catalog_lists_settle(struct catalog_origin *o)
{
	o->clock.count = join_pieces(o->clock.list, o->clock.count);
	o->gaps.count = sort_unique(o->gaps.list, o->gaps.count, sizeof(*o->gaps.list), compare_gaps);
	o->settled = o->gaps.count + o->clock.count;
}

int catalog_lists_add_origin(struct catalog_origin *to, const struct catalog_origin *from,
			     const uint32_t *tenant_map)
{
	if (!to->stated || from->span_from_ns < to->span_from_ns)
		to->span_from_ns = from->span_from_ns;
	if (!to->stated || from->span_to_ns > to->span_to_ns)
		to->span_to_ns = from->span_to_ns;
	to->stated = true;
	to->rung = from->rung;
	to->imported |= from->imported;
	for (size_t i = 0; i < from->clock.count; i++) {
		if (ARRAY_RESERVE(to->clock.list, to->clock.count, to->clock.capacity))
			return -ENOMEM;
		to->clock.list[to->clock.count++] = from->clock.list[i];
	}
	for (size_t i = 0; i < from->gaps.count; i++) {
		struct gap g = from->gaps.list[i];

		if (g.tenant != CATALOG_EVERY_TENANT)
			g.tenant = tenant_map[g.tenant];
		if (gaps_add(&to->gaps, &g))
			return -ENOMEM;
	}
	/* All sections of a journal say the same: memory stays in proportion to what is different. */
	if (to->gaps.count + to->clock.count > 2 * to->settled + SETTLE_AFTER)
		catalog_lists_settle(to);
	return 0;
}

int catalog_lists_join(struct catalog *c, const struct catalog *from, uint32_t *ret_sections)
{
	size_t room = from->tenant_count + from->segment_count + from->origin_count + 1;
	uint32_t *tenants = malloc(room * sizeof(*tenants)), *segments, *origins;
	int error = tenants ? 0 : -ENOMEM;

	segments = tenants + from->tenant_count;
	origins = segments + from->segment_count;
	for (size_t i = 0; i < from->tenant_count && !error; i++)
		error = catalog_lists_tenant(c, from->tenants[i], &tenants[i]);
	for (size_t i = 0; i < from->segment_count && !error; i++) {
		struct catalog_segment s = from->segments[i];

		s.tenant = tenants[s.tenant];
		error = catalog_lists_segment(c, &s, &segments[i]);
	}
	for (size_t i = 0; i < from->origin_count && !error; i++) {
		error = catalog_lists_origin(c, from->origins[i].journal_id, &origins[i]);
		if (!error)
			error = catalog_lists_add_origin(&c->origins[origins[i]], &from->origins[i],
							 tenants);
	}
	for (size_t i = 0; i < from->section_count && !error; i++) {
		struct catalog_section s = from->sections[i];

		s.segment = segments[s.segment];
		s.origin = origins[s.origin];
		error = catalog_lists_section(c, &s, &ret_sections[i]);
	}
	free(tenants);
	return error;
}

void catalog_lists_done(struct catalog *c)
{
	for (size_t i = 0; i < c->origin_count; i++) {
		clock_pieces_done(&c->origins[i].clock);
		gaps_done(&c->origins[i].gaps);
	}
	for (int kind = 0; c->index && kind < KINDS; kind++)
		free(c->index->slots[kind]);
	free(c->index);
	free(c->tenants);
	free(c->origins);
	free(c->segments);
	free(c->sections);
	c->index = NULL;
	c->tenants = NULL;
	c->origins = NULL;
	c->segments = NULL;
	c->sections = NULL;
	c->tenant_count = c->origin_count = c->segment_count = c->section_count = 0;
	c->tenant_capacity = c->origin_capacity = c->segment_capacity = c->section_capacity = 0;
}
