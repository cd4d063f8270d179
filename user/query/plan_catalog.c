// SPDX-License-Identifier: BSD-2-Clause
/* Planning by day catalogs: which sections of which segments can matter, without opening them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "scan.h"
#include "schema/event.h"

/* Of fewer segments than this the catalog tells nothing faster than they do themselves. */
#define WORTH_SEGMENTS 8
/* A prefix of more addresses (or IPv6 /64) than this is not looked up one by one. */
#define LOOKUPS_MAX 256

/* One day of the plan: its items, by tenant and part, and its catalog. */
struct day_plan {
	struct scan *s;
	struct catalog *c;
	int32_t day;
	size_t first, end; /* items */
	bool *wanted; /* by section of the catalog */
	uint32_t *tenants; /* of the catalog: index in the answer; UINT32_MAX: not in the store, or not asked for */
	size_t *items; /* of the catalog's segments: item, or SIZE_MAX */
};

static void set_be64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

static uint64_t be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

/* Sections that can hold a source of the prefix. 1: looked up; 0: too many sources, all are wanted. */
static int find_prefix(struct day_plan *d, const struct prefix *p)
{
	bool v4 = p->bits >= 96 && addr_is_v4(&p->addr);
	unsigned int key_bits = v4 ? 128 : 64;
	unsigned int free_bits = p->bits < key_bits ? key_bits - p->bits : 0;
	uint8_t *word;
	struct addr key = p->addr;

	if (1u << (free_bits < 31 ? free_bits : 31) > LOOKUPS_MAX)
		return 0;
	word = v4 ? key.bytes + 8 : key.bytes;
	for (unsigned int i = 0; i < 1u << free_bits; i++) {
		/* A bucket that cannot be read marks all of its sections: nothing is missed. */
		(void)catalog_find(d->c, &key, d->wanted);
		set_be64(word, be64(word) + 1);
	}
	return 1;
}

static void find_questions(struct day_plan *d, const struct questions *asked)
{
	int64_t from = (int64_t)d->day * NS_PER_DAY, to = from + NS_PER_DAY;

	for (size_t i = 0; i < asked->count; i++) {
		const struct question *q = &asked->list[i];

		/* A close may lie days behind. */
		if (q->from_ns < to && q->to_ns >= from - LIFETIME_DAYS * NS_PER_DAY)
			(void)catalog_find(d->c, &q->src, d->wanted);
	}
}

static void find_sources(struct day_plan *d)
{
	const struct query *q = d->s->q;

	if (q->questions)
		find_questions(d, q->questions);
	else if (!q->by_src || !find_prefix(d, &q->src))
		memset(d->wanted, true, d->c->section_count);
}

/* --- Facts, which stand in the catalog for all its sections --- */

static int note_origin(struct day_plan *d, const struct catalog_origin *o)
{
	struct scan *s = d->s;
	int error = 0;

	if (scan_from_open_journal(s, o->journal_id))
		return 0;
	if (scan_overlaps(s->q, o->span_from_ns, o->span_to_ns)) {
		scan_note_hook(s, o->rung);
		scan_note_pieces(s, &o->clock);
	}
	for (size_t i = 0; i < o->gaps.count && !error; i++) {
		struct gap g = o->gaps.list[i];
		struct gaps one = { .list = &g, .count = 1 };
		uint32_t index = g.tenant < d->c->tenant_count ? d->tenants[g.tenant] : EVERY_TENANT;

		if (g.tenant != CATALOG_EVERY_TENANT && index == EVERY_TENANT)
			continue; /* of a tenant that is not in the store any more */
		g.tenant = index != EVERY_TENANT;
		error = scan_note_gaps(s, &one, g.tenant, index);
	}
	return error;
}

/* --- Which segments, and which of their sections --- */

static uint32_t part_of(const char *name)
{
	uint64_t part;
	char digits[16] = "";
	const char *dot = strchr(name, '.');

	if (!dot || strcmp(dot, SEGMENT_SUFFIX) == 0)
		return 1;
	strncpy(digits, dot + 1, sizeof(digits) - 1);
	digits[strcspn(digits, ".")] = '\0';
	return parse_u64(digits, 2, UINT32_MAX, &part) ? 0 : (uint32_t)part;
}

/* The day's items are in the order of the tenants. */
static size_t item_of(const struct day_plan *d, const struct catalog_segment *segment)
{
	uint32_t tenant = d->tenants[segment->tenant];
	size_t low = d->first, high = d->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (d->s->items[middle].tenant < tenant)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < d->end && d->s->items[low].tenant == tenant; low++)
		if (part_of(d->s->items[low].name) == segment->part)
			return low;
	return SIZE_MAX;
}

static int match_segments(struct day_plan *d)
{
	bool missing = false;

	for (size_t i = 0; i < d->c->segment_count; i++) {
		const struct catalog_segment *segment = &d->c->segments[i];
		struct scan_item *item;

		uint32_t tenant = d->tenants[segment->tenant];

		d->items[i] = tenant == UINT32_MAX ? SIZE_MAX : item_of(d, segment);
		if (d->items[i] == SIZE_MAX) {
			/* Segments of tenants that are not asked for were not listed. */
			missing |= tenant != UINT32_MAX || scan_wants_tenant(d->s, d->c->tenants[segment->tenant]);
			continue;
		}
		item = &d->s->items[d->items[i]];
		item->known = true;
		item->file_id = segment->file_id;
		item->first = item->end = 0;
	}
	/* It may have come, or been deleted, since the directories were listed. */
	return missing ? scan_note_missing(d->s, d->day) : 0;
}

static bool section_wanted(const struct day_plan *d, size_t i)
{
	const struct catalog_section *section = &d->c->sections[i];

	return section->rows && d->wanted[i] &&
	       scan_touches(d->s->q, section->first_utc_ns, section->last_utc_ns, section->has_close,
			    section->opened_utc_ns);
}

static int add_section(struct day_plan *d, const struct catalog_section *section)
{
	struct scan *s = d->s;

	if (ARRAY_RESERVE(s->sections, s->section_count, s->section_capacity))
		return -ENOMEM;
	s->sections[s->section_count++] = (struct scan_section){
		.offset = section->offset,
		.journal_id = d->c->origins[section->origin].journal_id,
		.run = section->run,
		.next = 0,
	};
	return 0;
}

/* Sections of one segment are chained, newest first: the catalog lists them by journal. */
static int take_sections(struct day_plan *d)
{
	struct search_explain *e = &d->s->out->explain;
	int error = 0;

	for (size_t i = 0; i < d->c->section_count && !error; i++) {
		const struct catalog_section *section = &d->c->sections[i];
		size_t at = d->items[section->segment];

		if (at == SIZE_MAX ||
		    scan_from_open_journal(d->s, d->c->origins[section->origin].journal_id))
			continue;
		if (!section_wanted(d, i)) {
			e->sections++;
			e->sections_skipped_catalog++;
			continue;
		}
		if (d->c->origins[section->origin].imported)
			scan_note_hook(d->s, SEKISHO_RUNG_NONE);
		error = add_section(d, section);
		d->s->sections[d->s->section_count - 1].next = d->s->items[at].first;
		d->s->items[at].first = (uint32_t)d->s->section_count; /* 1 + index */
	}
	return error;
}

/* A catalog mostly lists tenants in the order of their ids: the next one is tried first. */
static void map_tenants(struct day_plan *d)
{
	const struct search_result *out = d->s->out;
	uint32_t next = 0;

	for (size_t i = 0; i < d->c->tenant_count; i++) {
		const char *id = d->c->tenants[i];

		if (next >= out->tenant_count || strcmp(out->tenants[next], id) != 0)
			next = scan_tenant_index(d->s, id);
		d->tenants[i] = next;
		next = next == UINT32_MAX ? 0 : next + 1;
	}
}

static int plan_by_catalog(struct day_plan *d)
{
	int error = 0;

	d->wanted = calloc(d->c->section_count + 1, sizeof(*d->wanted));
	d->tenants = calloc(d->c->tenant_count + 1, sizeof(*d->tenants));
	d->items = calloc(d->c->segment_count + 1, sizeof(*d->items));
	if (!d->wanted || !d->tenants || !d->items)
		return -ENOMEM;
	map_tenants(d);
	find_sources(d);
	error = match_segments(d);
	for (size_t i = 0; i < d->c->origin_count && !error; i++)
		error = note_origin(d, &d->c->origins[i]);
	return error ? error : take_sections(d);
}

/* Without a catalog, or with one that cannot be read, the segments themselves are asked. */
static int plan_day(struct scan *s, int32_t day, size_t first, size_t end)
{
	struct day_plan d = { .s = s, .day = day, .first = first, .end = end };
	struct problem ignored;
	int error = catalog_open(s->store->catalog, day, &d.c, &ignored);

	if (error)
		return error == -ENOMEM ? error : 0;
	s->out->explain.catalogs++;
	if (ARRAY_RESERVE(s->catalogs, s->catalog_count, s->catalog_capacity)) {
		catalog_close(d.c);
		return -ENOMEM;
	}
	s->catalogs[s->catalog_count++] = day;
	error = plan_by_catalog(&d);
	catalog_close(d.c);
	free(d.wanted);
	free(d.tenants);
	free(d.items);
	return error;
}

/* By day, and within it as they come: by tenant. Items without a day come first. */
static int sort_by_day(struct scan *s, size_t first)
{
	size_t count = s->item_count - first, days;
	int32_t least = INT32_MAX, greatest = INT32_MIN;
	struct scan_item *items = s->items + first, *sorted;
	size_t *starts;

	for (size_t i = 0; i < count; i++) {
		if (items[i].day == SCAN_NO_DAY)
			continue;
		least = items[i].day < least ? items[i].day : least;
		greatest = items[i].day > greatest ? items[i].day : greatest;
	}
	if (greatest < least)
		return 0;
	/* Days that names can tell are few thousands. */
	days = (size_t)((int64_t)greatest - least) + 2;
	starts = calloc(days + 1, sizeof(*starts));
	sorted = malloc(count * sizeof(*sorted));
	if (!starts || !sorted) {
		free(starts);
		free(sorted);
		return -ENOMEM;
	}
#define PLACE(day_) ((day_) == SCAN_NO_DAY ? 0 : (size_t)((day_) - least) + 1)
	for (size_t i = 0; i < count; i++)
		starts[PLACE(items[i].day) + 1]++;
	for (size_t i = 0; i < days; i++)
		starts[i + 1] += starts[i];
	for (size_t i = 0; i < count; i++)
		sorted[starts[PLACE(items[i].day)]++] = items[i];
#undef PLACE
	memcpy(items, sorted, count * sizeof(*items));
	free(starts);
	free(sorted);
	return 0;
}

/* Known segments without a section that can matter are not opened. */
static void drop_idle(struct scan *s, size_t first)
{
	size_t kept = first;

	for (size_t i = first; i < s->item_count; i++)
		if (!s->items[i].known || s->items[i].first)
			s->items[kept++] = s->items[i];
	s->item_count = kept;
}

int scan_plan_catalogs(struct scan *s, size_t first)
{
	size_t end;
	int error = sort_by_day(s, first);

	for (size_t i = first; i < s->item_count && !error; i = end) {
		for (end = i; end < s->item_count && s->items[end].day == s->items[i].day;)
			end++;
		if (end - i >= WORTH_SEGMENTS && s->items[i].day != SCAN_NO_DAY)
			error = plan_day(s, s->items[i].day, i, end);
	}
	if (!error)
		drop_idle(s, first);
	return error;
}
