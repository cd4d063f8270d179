// SPDX-License-Identifier: BSD-2-Clause
/* Decoding, converting, interning and grouping the rows of a journal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/utc.h"
#include "harvest.h"
#include "row_sort.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/segment.h"

/* A range ends before its endpoints could outgrow their memory: whatever a frame holds fits in. */
#define ENDPOINTS_MAX (1u << 20)
/* Rows of a group stand in chunks of so many, so that they are read as they are written: one after the other. */
#define CHUNK_ROWS 16u
#define CHUNK_BYTES (CHUNK_ROWS * sizeof(struct row) + sizeof(uint32_t))
#define NO_CHUNK UINT32_MAX
/* Few endpoints are usual: a small table stays in the cache. */
#define SLOTS_FIRST 4096u
/* Rows of a frame that are decoded at a time: they stay in the first cache. */
#define ROWS_AT_ONCE 256u

struct harvest {
	struct journal_reader *reader;
	const struct leave_out *leave_out; /* may be NULL */
	size_t chunks_max, next_frame;
	struct journal_frame frame;
	struct row *rows; /* CHUNK_ROWS of each chunk */
	uint32_t *next_chunk; /* of the same group */
	size_t chunk_count, chunk_capacity;
	uint32_t *order; /* rows of the section that is being made */
	struct harvest_group *groups;
	size_t group_count, group_capacity;
	uint32_t *group_slots, group_slot_count; /* hash table: 1 + index of a group */
	struct endpoint *endpoints;
	size_t endpoint_count, endpoint_capacity;
	uint32_t *slots, slot_count; /* hash table: 1 + index of an endpoint */
	uint32_t *seen; /* by endpoint: stamp of the section that has it */
	uint32_t stamp;
	struct row_sorter sorter;
	struct row *sorted;
	/* The row before: its neighbours are mostly alike. */
	uint32_t last_group;
	size_t anchor; /* that counted for it */
	int64_t day_from_ns; /* the day it lies in */
	int32_t day;
};

/* From the journal alone, so that a repeated run makes the same ranges. */
static size_t rows_for(const struct journal_reader *r)
{
	size_t index = r->frame_count * sizeof(*r->frames) / CHUNK_BYTES * CHUNK_ROWS;

	return index < HARVEST_ROWS_MAX - HARVEST_ROWS_MIN ? HARVEST_ROWS_MAX - index : HARVEST_ROWS_MIN;
}

struct harvest *harvest_new(struct journal_reader *r, size_t rows_max)
{
	struct harvest *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->slot_count = SLOTS_FIRST;
	h->slots = calloc(h->slot_count, sizeof(*h->slots));
	if (!h->slots) {
		harvest_free(h);
		return NULL;
	}
	harvest_begin(h, r, rows_max);
	return h;
}

/* Ranges must not depend on what was harvested before: only room stays. */
void harvest_begin(struct harvest *h, struct journal_reader *r, size_t rows_max)
{
	h->reader = r;
	h->leave_out = NULL;
	h->chunks_max = (rows_max ? rows_max : rows_for(r)) / CHUNK_ROWS;
	h->next_frame = h->chunk_count = h->group_count = h->endpoint_count = 0;
	if (h->group_slots)
		memset(h->group_slots, 0, h->group_slot_count * sizeof(*h->group_slots));
	memset(h->slots, 0, h->slot_count * sizeof(*h->slots));
	h->last_group = 0;
	h->anchor = 0;
	h->day_from_ns = 0;
	h->day = 0;
}

void harvest_leave_out(struct harvest *h, const struct leave_out *leave_out)
{
	h->leave_out = leave_out;
}

void harvest_free(struct harvest *h)
{
	if (!h)
		return;
	journal_frame_done(&h->frame);
	free(h->rows);
	free(h->next_chunk);
	free(h->order);
	free(h->groups);
	free(h->group_slots);
	free(h->endpoints);
	free(h->slots);
	free(h->seen);
	row_sorter_done(&h->sorter);
	free(h->sorted);
	free(h);
}

static uint32_t endpoint_hash(const struct endpoint *e)
{
	static const uint64_t odd[] = {
		0x9e3779b97f4a7c15, 0xbf58476d1ce4e5b9, 0x94d049bb133111eb,
		0xd6e8feb86659fd93, 0xa0761d6478bd642f, 0xe7037ed1a0b428db,
	};
	uint64_t words[sizeof(*e) / 8], hash = 0;

	_Static_assert(sizeof(*e) == sizeof(odd), "endpoints are hashed by words");
	memcpy(words, e, sizeof(*e));
	/* Words are folded one by one, so that none waits for the one before. */
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		hash += (words[i] ^ words[i] >> 32) * odd[i];
	hash = (hash ^ hash >> 29) * odd[0];
	return (uint32_t)(hash >> 32);
}

/* The slot of this endpoint, or the free one where it would be. */
static uint32_t find_slot(const struct harvest *h, const struct endpoint *e)
{
	uint32_t slot = endpoint_hash(e) & (h->slot_count - 1);

	while (h->slots[slot] && memcmp(&h->endpoints[h->slots[slot] - 1], e, sizeof(*e)) != 0)
		slot = (slot + 1) & (h->slot_count - 1);
	return slot;
}

static int grow_slots(struct harvest *h)
{
	uint32_t *slots = calloc((size_t)h->slot_count * 2, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	free(h->slots);
	h->slots = slots;
	h->slot_count *= 2;
	for (size_t i = 0; i < h->endpoint_count; i++)
		h->slots[find_slot(h, &h->endpoints[i])] = (uint32_t)i + 1;
	return 0;
}

/* guess: some endpoint's index. A row's endpoint is put together only when it is another one. */
static int intern(struct harvest *h, const struct record *record, uint32_t guess, uint32_t *ret_index)
{
	struct endpoint e;
	struct row ignored;
	uint32_t slot;

	if (guess < h->endpoint_count && endpoint_is_of(&h->endpoints[guess], record)) {
		*ret_index = guess;
		return 0;
	}
	row_from_record(record, 0, &ignored, &e);
	slot = find_slot(h, &e);
	if (h->slots[slot]) {
		*ret_index = h->slots[slot] - 1;
		return 0;
	}
	if (h->endpoint_count * 2 >= h->slot_count) {
		if (grow_slots(h))
			return -ENOMEM;
		slot = find_slot(h, &e);
	}
	if (ARRAY_RESERVE(h->endpoints, h->endpoint_count, h->endpoint_capacity))
		return -ENOMEM;
	h->endpoints[h->endpoint_count] = e;
	*ret_index = (uint32_t)h->endpoint_count++;
	h->slots[slot] = *ret_index + 1;
	return 0;
}

static uint32_t group_hash(uint32_t tenant, int32_t day)
{
	uint64_t key = (uint64_t)tenant << 32 | (uint32_t)day;

	return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static int grow_group_slots(struct harvest *h)
{
	uint32_t more = h->group_slot_count ? h->group_slot_count * 2 : 1024;
	uint32_t *slots = calloc(more, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < h->group_count; i++) {
		uint32_t at = group_hash(h->groups[i].tenant, h->groups[i].day) & (more - 1);

		while (slots[at])
			at = (at + 1) & (more - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(h->group_slots);
	h->group_slots = slots;
	h->group_slot_count = more;
	return 0;
}

static bool is_of(const struct harvest_group *g, uint32_t tenant, int32_t day, int64_t time_ns)
{
	return g->tenant == tenant && g->day == day && g->first_ns <= time_ns && time_ns <= g->last_ns;
}

static struct harvest_group new_group(const struct harvest *h, uint32_t tenant, int32_t day, int64_t time_ns)
{
	struct harvest_group g = { .tenant = tenant, .day = day, .first_ns = INT64_MIN, .last_ns = INT64_MAX };
	const char *id = journal_reader_tenant(h->reader, tenant);
	int64_t split = h->leave_out ? leave_out_split(h->leave_out, id, day) : INT64_MIN;

	g.leave = h->leave_out && time_ns < leave_out_before(h->leave_out, id, day);
	g.later = split != INT64_MIN && time_ns >= split;
	if (g.later)
		g.first_ns = split;
	else if (split != INT64_MIN)
		g.last_ns = split - 1;
	return g;
}

/* -ENOENT: the journal does not name this tenant. */
static int find_group(struct harvest *h, uint32_t tenant, int32_t day, int64_t time_ns, uint32_t *ret_group)
{
	const struct harvest_group *g = h->group_count ? &h->groups[h->last_group] : NULL;
	uint32_t at;

	if (g && is_of(g, tenant, day, time_ns)) {
		*ret_group = h->last_group;
		return 0;
	}
	if (h->group_count * 2 >= h->group_slot_count && grow_group_slots(h))
		return -ENOMEM;
	at = group_hash(tenant, day) & (h->group_slot_count - 1);
	for (; h->group_slots[at]; at = (at + 1) & (h->group_slot_count - 1)) {
		g = &h->groups[h->group_slots[at] - 1];
		if (is_of(g, tenant, day, time_ns)) {
			*ret_group = h->last_group = h->group_slots[at] - 1;
			return 0;
		}
	}
	if (!journal_reader_tenant(h->reader, tenant))
		return -ENOENT;
	if (ARRAY_RESERVE(h->groups, h->group_count, h->group_capacity))
		return -ENOMEM;
	h->groups[h->group_count] = new_group(h, tenant, day, time_ns);
	*ret_group = h->last_group = (uint32_t)h->group_count++;
	h->group_slots[at] = h->last_group + 1;
	return 0;
}

/* As anchors_utc(), starting from the anchor of the row before. */
static int64_t to_utc(struct harvest *h, uint64_t boot_ns)
{
	const struct anchors *a = &h->reader->anchors;
	size_t i = h->anchor < a->count ? h->anchor : 0;

	if (a->list[i].boot_ns > boot_ns || (i + 1 < a->count && a->list[i + 1].boot_ns <= boot_ns))
		i = (size_t)(anchors_find(a, boot_ns) - a->list);
	h->anchor = i;
	return (int64_t)((uint64_t)a->list[i].utc_ns + (boot_ns - a->list[i].boot_ns));
}

static int grow_chunks(struct harvest *h)
{
	size_t more = h->chunk_capacity ? h->chunk_capacity * 2 : 1024;
	void *rows, *next;

	rows = realloc(h->rows, more * CHUNK_ROWS * sizeof(*h->rows));
	if (rows)
		h->rows = rows;
	next = realloc(h->next_chunk, more * sizeof(*h->next_chunk));
	if (next)
		h->next_chunk = next;
	if (!rows || !next)
		return -ENOMEM;
	h->chunk_capacity = more;
	return 0;
}

/* The place of the group's next row. */
static struct row *add_row(struct harvest *h, struct harvest_group *g)
{
	uint32_t at = g->rows % CHUNK_ROWS;

	if (!at) {
		if (h->chunk_count == h->chunk_capacity && grow_chunks(h))
			return NULL;
		h->next_chunk[h->chunk_count] = NO_CHUNK;
		if (g->rows)
			h->next_chunk[g->last_chunk] = (uint32_t)h->chunk_count;
		else
			g->first_chunk = (uint32_t)h->chunk_count;
		g->last_chunk = (uint32_t)h->chunk_count++;
	}
	g->rows++;
	return &h->rows[(size_t)g->last_chunk * CHUNK_ROWS + at];
}

/* Only a close row lasted. A lasted_ns that reaches before time would have no opening. */
static bool record_is_sound(const struct record *r)
{
	int64_t opened;

	if (!r->lasted_ns)
		return true;
	return r->lasted_ns > 0 && r->kind == SEKISHO_KIND_CLOSE &&
	       !__builtin_sub_overflow(r->time_ns, r->lasted_ns, &opened);
}

static int32_t day_of(struct harvest *h, int64_t utc_ns)
{
	if ((uint64_t)utc_ns - (uint64_t)h->day_from_ns >= (uint64_t)NS_PER_DAY) {
		h->day = utc_day(utc_ns);
		h->day_from_ns = h->day * NS_PER_DAY; /* utc_within_days() */
	}
	return h->day;
}

/* Which of the group's guesses: those to one port of one address have the same. */
static uint32_t *guess_of(struct harvest_group *g, const struct record *r)
{
	return &g->guesses[(r->dst.bytes[15] ^ r->dst_port ^ r->kind) & (HARVEST_GUESSES - 1)];
}

static int take_row(struct harvest *h, struct record *record, struct problem *p)
{
	const struct journal_reader *r = h->reader;
	struct harvest_group *g;
	uint32_t group, *guess;
	struct row *row;
	int error;

	record->time_ns = utc_within_days(to_utc(h, (uint64_t)record->time_ns));
	error = find_group(h, record->tenant, day_of(h, record->time_ns), record->time_ns, &group);
	if (error == -ENOENT && r->damaged_bytes)
		return 0;
	if (error == -ENOENT)
		return problem(p, -EBADMSG, "journal/%s: rows of tenant %u, which it does not name",
			       r->name, record->tenant);
	if (error)
		return problem(p, error, "journal/%s: out of memory", r->name);
	g = &h->groups[group];
	guess = guess_of(g, record);
	error = intern(h, record, *guess, guess);
	row = error ? NULL : add_row(h, g);
	if (!row)
		return problem(p, -ENOMEM, "journal/%s: out of memory", r->name);
	/* What is left out has its place all the same: ranges and sections of others must not depend on it. */
	g->left_out += g->leave;
	row->time_ns = record->time_ns;
	row->lasted_ns = record_is_sound(record) ? record->lasted_ns : 0;
	row->src = record->src;
	row->endpoint = *guess;
	row->src_port = record->src_port;
	row->rtt = rtt_code(record->rtt_us);
	row->zero = 0;
	return 0;
}

static int take_rows(struct harvest *h, uint32_t rows, struct problem *p)
{
	struct record some[ROWS_AT_ONCE];
	int error = 0;

	for (uint32_t at = 0; at < rows && !error; at += ROWS_AT_ONCE) {
		uint32_t n = rows - at < ROWS_AT_ONCE ? rows - at : ROWS_AT_ONCE;

		error = journal_frame_next(&h->frame, n, some);
		if (error)
			return problem(p, error, "journal/%s offset %llu: %s", h->reader->name,
				       (unsigned long long)h->frame.offset, strerror(-error));
		for (uint32_t i = 0; i < n && !error; i++)
			error = take_row(h, &some[i], p);
	}
	return error;
}

static int take_frame(struct harvest *h, struct problem *p)
{
	struct journal_reader *r = h->reader;
	const struct journal_row_frame *f = &r->frames[h->next_frame];
	int error = journal_reader_frame(r, h->next_frame, &h->frame);

	if (error)
		return problem(p, error, "journal/%s offset %llu: %s", r->name,
			       (unsigned long long)f->offset, strerror(-error));
	h->next_frame++;
	return take_rows(h, f->rows, p);
}

/* Whether the next frame's rows fit in, each in a chunk of its own if need be. The first frame always does. */
static bool has_room(const struct harvest *h)
{
	return !h->chunk_count || (h->endpoint_count < ENDPOINTS_MAX &&
				   h->chunk_count + h->reader->frames[h->next_frame].rows <= h->chunks_max);
}

int harvest_load(struct harvest *h, struct problem *p)
{
	struct journal_reader *r = h->reader;
	int error = 0;

	if (h->next_frame == r->frame_count)
		return 0;
	if (!r->anchors.count)
		return problem(p, -EBADMSG, "journal/%s has rows but no clock anchor", r->name);
	h->chunk_count = h->endpoint_count = 0;
	memset(h->slots, 0, h->slot_count * sizeof(*h->slots));
	for (size_t i = 0; i < h->group_count; i++)
		h->groups[i].rows = 0;
	while (!error && h->next_frame < r->frame_count && has_room(h))
		error = take_frame(h, p);
	if (error)
		return error;
	free(h->seen);
	h->seen = calloc(h->endpoint_count + 1, sizeof(*h->seen));
	h->stamp = 0;
	return h->seen ? 1 : problem(p, -ENOMEM, "journal/%s: out of memory", r->name);
}

static int compare_groups(const void *a, const void *b, void *groups)
{
	const struct harvest_group *x = (const struct harvest_group *)groups + *(const uint32_t *)a;
	const struct harvest_group *y = (const struct harvest_group *)groups + *(const uint32_t *)b;

	if (x->tenant != y->tenant)
		return x->tenant < y->tenant ? -1 : 1;
	return x->day != y->day ? (x->day > y->day) - (x->day < y->day) : x->later - y->later;
}

int harvest_list(const struct harvest *h, uint32_t **ret_list, size_t *ret_count)
{
	uint32_t *list = malloc((h->group_count + 1) * sizeof(*list));
	size_t count = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < h->group_count; i++)
		if (h->groups[i].rows && !h->groups[i].leave)
			list[count++] = (uint32_t)i;
	qsort_r(list, count, sizeof(*list), compare_groups, h->groups);
	*ret_list = list;
	*ret_count = count;
	return 0;
}

size_t harvest_group_count(const struct harvest *h)
{
	return h->group_count;
}

struct harvest_group *harvest_group(struct harvest *h, size_t i)
{
	return &h->groups[i];
}

const struct endpoint *harvest_endpoints(const struct harvest *h, size_t *ret_count)
{
	*ret_count = h->endpoint_count;
	return h->endpoints;
}

/* How many of the next rows fit a section. */
static uint32_t section_length(struct harvest *h, const uint32_t *index, uint32_t most)
{
	uint32_t endpoints = 0;

	if (h->endpoint_count <= SECTION_ENDPOINTS_MAX)
		return most;
	h->stamp++;
	for (uint32_t i = 0; i < most; i++) {
		uint32_t *seen = &h->seen[h->rows[index[i]].endpoint];

		if (*seen == h->stamp)
			continue;
		if (endpoints++ == SECTION_ENDPOINTS_MAX)
			return i;
		*seen = h->stamp;
	}
	return most;
}

/* Where the rows of the group stand, from its `from`-th on. */
static void list_rows(struct harvest *h, const struct harvest_group *g, uint32_t from, uint32_t count)
{
	uint32_t chunk = g->first_chunk, at = from % CHUNK_ROWS;

	for (uint32_t skip = from / CHUNK_ROWS; skip; skip--)
		chunk = h->next_chunk[chunk];
	for (uint32_t i = 0; i < count; chunk = h->next_chunk[chunk], at = 0)
		for (; at < CHUNK_ROWS && i < count; at++)
			h->order[i++] = chunk * CHUNK_ROWS + at;
}

int harvest_rows(struct harvest *h, size_t i, uint32_t from, const struct row **ret_rows,
		 uint32_t *ret_count)
{
	const struct harvest_group *g = &h->groups[i];
	uint32_t n = g->rows - from < SECTION_ROWS_MAX ? g->rows - from : SECTION_ROWS_MAX;

	if (!h->sorted)
		h->sorted = malloc(SECTION_ROWS_MAX * sizeof(*h->sorted));
	if (!h->order)
		h->order = malloc(SECTION_ROWS_MAX * sizeof(*h->order));
	if (!h->sorted || !h->order)
		return -ENOMEM;
	list_rows(h, g, from, n);
	n = section_length(h, h->order, n);
	if (row_sort(&h->sorter, h->rows, h->order, n, h->sorted))
		return -ENOMEM;
	*ret_rows = h->sorted;
	*ret_count = n;
	return 0;
}
