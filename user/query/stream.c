// SPDX-License-Identifier: BSD-2-Clause
/* A heap of sections, each at its next source; the rows of one source are joined and sorted at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/heap.h"
#include "stream.h"

/* About 350 KiB each. */
#define SECTIONS_MAX 300
#define UNSEALED_BYTES (32u << 20)

/* One section on its way. */
struct lane {
	struct visit visit;
	struct block_rows *block;
	uint32_t next_block, source; /* source in the block; valid while `alive` */
	bool *endpoints;
	uint32_t file; /* index */
	bool alive, damaged; /* damaged: noted already */
};

struct file {
	struct segment_reader reader;
	const struct scan_item *item;
};

struct stream {
	struct scan *scan;
	struct worker worker; /* counts what was done; its rows are those of journals */
	struct file *files;
	size_t file_count;
	struct lane *lanes;
	size_t lane_count, lane_capacity;
	size_t *heap, heap_count;
	struct spool *unsealed; /* rows of journals, by source */
	struct found_row head; /* of them */
	int have_head;
	struct query group_query; /* the scan's, in the order of time */
	struct rows *group; /* of the present source */
	bool any_close;
};

static const struct addr *source_of(const struct lane *c)
{
	return &c->block->source[c->source];
}

/* The next source that is wanted. 1, 0 at the end of the section, or negative errno. */
static int advance(struct stream *st, struct lane *c)
{
	int state = 1;

	c->source += c->alive;
	for (;;) {
		for (; c->alive && c->source < c->block->sources; c->source++)
			if (scan_wants_source(st->scan->q, source_of(c)))
				return 1;
		if (c->next_block == c->visit.end)
			return c->alive = false;
		st->worker.wanted_endpoints = c->endpoints;
		state = visit_block(&c->visit, c->next_block++, c->block);
		c->alive = state > 0;
		c->source = 0;
		if (state >= 0)
			continue;
		if (state != -EBADMSG && state != -ENODATA)
			return state;
		if (!c->damaged)
			scan_note_damage(st->scan, st->files[c->file].item->behind,
					 st->files[c->file].item->name, "a section fails its checksum");
		c->damaged = true;
	}
}

static int compare_lanes(const void *ctx, size_t a, size_t b)
{
	const struct stream *st = ctx;

	return addr_compare_source(source_of(&st->lanes[a]), source_of(&st->lanes[b]));
}

int stream_rewind(struct stream *st)
{
	int state = 0;

	rows_free(st->group);
	st->group = NULL;
	st->heap_count = 0;
	for (size_t i = 0; i < st->lane_count; i++) {
		struct lane *c = &st->lanes[i];

		c->alive = false;
		c->next_block = c->visit.first;
		state = advance(st, c);
		if (state < 0)
			return state;
		if (state)
			st->heap[st->heap_count++] = i;
	}
	heap_make(st->heap, st->heap_count, compare_lanes, st);
	state = spool_sort(st->unsealed);
	st->have_head = state ? state : spool_next(st->unsealed, &st->head);
	return st->have_head < 0 ? st->have_head : 0;
}

static int take_row(void *ctx, const struct record *r, uint32_t tenant, uint64_t clock_error_ns)
{
	struct found_row found = { .record = *r, .clock_error_ns = clock_error_ns };

	found.record.tenant = tenant;
	return rows_add(ctx, &found);
}

/* The rows of all sections that are at this source. */
static int take_sections(struct stream *st, const struct addr *source)
{
	int error = 0;

	while (!error && st->heap_count) {
		struct lane *c = &st->lanes[st->heap[0]];
		int state;

		if (addr_compare(source_of(c), source) != 0)
			return 0;
		st->worker.wanted_endpoints = c->endpoints;
		error = visit_source(&c->visit, c->block, c->source, take_row, st->group);
		state = error ? error : advance(st, c);
		if (state < 0)
			return state;
		if (!state)
			st->heap[0] = st->heap[--st->heap_count];
		heap_sift(st->heap, st->heap_count, 0, compare_lanes, st);
	}
	return error;
}

static int take_unsealed(struct stream *st, const struct addr *source)
{
	int error = 0;

	while (!error && st->have_head && addr_compare(&st->head.record.src, source) == 0) {
		error = rows_add(st->group, &st->head);
		st->have_head = error ? 0 : spool_next(st->unsealed, &st->head);
		if (st->have_head < 0)
			return st->have_head;
	}
	return error;
}

/* Collects the next source. 1, 0 at the end, or negative errno. */
static int next_group(struct stream *st)
{
	struct addr source;
	int error;

	rows_free(st->group);
	st->group = NULL;
	if (!st->heap_count && !st->have_head)
		return 0;
	if (st->heap_count)
		source = *source_of(&st->lanes[st->heap[0]]);
	if (!st->heap_count ||
	    (st->have_head && addr_compare_source(&st->head.record.src, &source) < 0))
		source = st->head.record.src;
	error = rows_new(&st->group_query, st->scan->store->root, &st->group);
	if (!error)
		error = take_sections(st, &source);
	if (!error)
		error = take_unsealed(st, &source);
	if (!error)
		error = rows_finish(st->group);
	if (!error)
		st->any_close |= rows_any_close(st->group);
	return error ? error : 1;
}

int stream_next(struct stream *st, struct found_row *ret_row)
{
	for (;;) {
		int state = st->group ? rows_next(st->group, ret_row) : 0;

		if (state)
			return state;
		state = next_group(st);
		if (state <= 0)
			return state;
	}
}

bool stream_any_close(const struct stream *st)
{
	return st->any_close;
}

const struct search_explain *stream_did(const struct stream *st)
{
	return &st->worker.did;
}

/* --- Opening --- */

static int add_section(struct stream *st, uint32_t file, const struct section *facts)
{
	struct lane c = { .visit = { .w = &st->worker, .r = &st->files[file].reader }, .file = file };
	int state;

	if (st->lane_count == SECTIONS_MAX)
		return -E2BIG;
	st->worker.wanted_endpoints = NULL;
	st->worker.endpoint_capacity = 0;
	state = visit_begin(&c.visit, facts);
	c.endpoints = st->worker.wanted_endpoints;
	st->worker.wanted_endpoints = NULL;
	if (state > 0)
		c.block = malloc(sizeof(*c.block));
	if (state > 0 && c.block && ARRAY_RESERVE(st->lanes, st->lane_count, st->lane_capacity) == 0) {
		st->lanes[st->lane_count++] = c;
		return 0;
	}
	free(c.endpoints);
	free(c.block);
	if (state > 0) {
		visit_end(&c.visit);
		return -ENOMEM;
	}
	return state;
}

/* A damaged section is a fact, unless it was sealed again. */
static int judge(struct stream *st, int dir, uint32_t file, const struct section *facts, int error)
{
	const struct scan_item *item = st->files[file].item;

	if (error != -EBADMSG && error != -ENODATA)
		return error;
	if (!section_superseded(dir, &st->files[file].reader, facts))
		scan_note_damage(st->scan, item->behind, item->name, "a section fails its checksum");
	return 0;
}

static int open_file(struct stream *st, const struct scan_item *item)
{
	struct scan_item walked = *item;
	uint32_t file = (uint32_t)st->file_count;
	struct file *f = &st->files[file];
	int dir, state, error = 0;

	if (st->file_count == STREAM_SEGMENTS_MAX)
		return -E2BIG;
	walked.known = false;
	state = scan_open_segment(&st->worker, &walked, &f->reader, &dir);
	if (state <= 0)
		return state;
	f->item = item;
	st->file_count++;
	for (size_t i = 0; i < f->reader.section_count && !error; i++) {
		const struct section *facts = &f->reader.sections[i];

		if (scan_section_counts(&st->worker, dir, &f->reader, facts))
			error = judge(st, dir, file, facts, add_section(st, file, facts));
	}
	close(dir);
	return error;
}

static int open_items(struct stream *st)
{
	struct scan *s = st->scan;
	int error = 0;

	for (size_t i = 0; i < s->item_count && !error; i++)
		if (!s->items[i].is_journal)
			error = open_file(st, &s->items[i]);
	return error;
}

/* Rows of journals are few: they go through a sort of their own. */
static int sort_unsealed(struct stream *st)
{
	struct scan *s = st->scan;
	const struct spool_kind kind = {
		.record_bytes = sizeof(struct found_row),
		.memory_bytes = s->q->memory_bytes ? s->q->memory_bytes : UNSEALED_BYTES,
		.compare = rows_compare_source,
	};
	int error = spool_new(&kind, s->store->root, &st->unsealed);

	s->unsealed = st->unsealed;
	for (size_t i = 0; i < s->item_count && !error; i++)
		if (s->items[i].is_journal)
			error = scan_frames(&st->worker, &s->items[i]);
	if (!error)
		error = worker_flush(&st->worker);
	s->unsealed = NULL;
	return error;
}

static int begin(struct stream *st)
{
	int error = worker_init(st->scan, &st->worker);

	if (error)
		return error;
	st->files = calloc(STREAM_SEGMENTS_MAX, sizeof(*st->files));
	if (!st->files)
		return -ENOMEM;
	error = open_items(st);
	if (!error)
		error = sort_unsealed(st);
	st->heap = calloc(st->lane_count + 1, sizeof(*st->heap));
	if (!error)
		error = st->heap ? stream_rewind(st) : -ENOMEM;
	return error;
}

int stream_open(struct scan *s, struct stream **ret_stream)
{
	struct stream *st = calloc(1, sizeof(*st));
	unsigned int damaged = s->out->damaged;
	int error;

	if (!st)
		return -ENOMEM;
	st->scan = s;
	st->group_query = *s->q;
	st->group_query.by_source = false;
	error = begin(st);
	if (error) {
		stream_close(st);
		if (error == -E2BIG)
			s->out->damaged = damaged; /* whoever reads them instead notes it again */
		return error == -E2BIG ? 0 : error;
	}
	*ret_stream = st;
	return 1;
}

void stream_close(struct stream *st)
{
	if (!st)
		return;
	st->worker.wanted_endpoints = NULL;
	for (size_t i = 0; i < st->lane_count; i++) {
		visit_end(&st->lanes[i].visit);
		free(st->lanes[i].block);
		free(st->lanes[i].endpoints);
	}
	for (size_t i = 0; i < st->file_count; i++)
		segment_reader_close(&st->files[i].reader);
	free(st->lanes);
	free(st->files);
	free(st->heap);
	spool_free(st->unsealed);
	rows_free(st->group);
	worker_done(&st->worker);
	free(st);
}
