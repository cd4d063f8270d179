// SPDX-License-Identifier: BSD-2-Clause
/* Searching segments: of each section the index first, then the blocks it points to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "scan.h"
#include "schema/event.h"

/* The least and greatest source that a prefix can mean. */
static void source_bounds(const struct prefix *p, struct addr *low, struct addr *high)
{
	*low = *high = p->addr;
	for (unsigned int bit = p->bits; bit < 128; bit++)
		high->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

/* --- One section --- */

/* Which endpoints can be wanted; false when none can. */
static bool want_endpoints(const struct query *q, const struct section_reader *s, bool *wanted)
{
	bool any = false;

	for (uint32_t i = 0; i < s->endpoint_count; i++) {
		const struct endpoint *e = &s->endpoints[i];

		wanted[i] = (!q->by_dst || prefix_contains(&q->dst, &e->dst)) &&
			    (!q->dst_ports || port_set_has(q->dst_ports, e->dst_port));
		any |= wanted[i];
	}
	return any;
}

static int reserve_endpoints(struct worker *w, size_t count)
{
	bool *more;

	if (count <= w->endpoint_capacity)
		return 0;
	more = realloc(w->wanted_endpoints, count * sizeof(*more));
	if (!more)
		return -ENOMEM;
	w->wanted_endpoints = more;
	w->endpoint_capacity = count;
	return 0;
}

/* Narrows the blocks by the index; false when nothing is left. */
static bool narrow(struct visit *v)
{
	const struct query *q = v->w->scan->q;
	struct search_explain *did = &v->w->did;
	struct addr low, high;

	v->first = 0;
	v->end = v->section->block_count;
	did->blocks += v->end;
	if (q->by_src) {
		source_bounds(&q->src, &low, &high);
		section_find(v->section, &low, &high, &v->first, &v->end);
	}
	did->blocks_skipped_index += v->section->block_count - (v->end - v->first);
	return v->first < v->end;
}

static bool rows_touch(const struct query *q, const struct section *f)
{
	return f->rows && scan_touches(q, f->first_utc_ns, f->last_utc_ns, f->has_close, f->opened_utc_ns);
}

static int note_section(struct visit *v, const struct section *facts)
{
	struct scan *s = v->w->scan;
	int error;

	v->tenant = scan_tenant_index(s, v->r->tenant_id);
	if (v->tenant == UINT32_MAX)
		return -EBADMSG;
	error = scan_note_gaps(s, &v->section->gaps, facts->tenant, v->tenant);
	/* What was imported spoke of the time of its rows. */
	if (!error && (facts->imported ? rows_touch(s->q, facts) :
					 scan_overlaps(s->q, facts->span_from_ns, facts->span_to_ns))) {
		scan_note_hook(s, facts->rung);
		scan_note_pieces(s, &v->section->clock);
	}
	return error;
}

int visit_begin(struct visit *v, const struct section *facts)
{
	struct search_explain *did = &v->w->did;
	const struct query *q = v->w->scan->q;
	int error = section_open(v->r, facts->offset, &v->section);

	if (error)
		return error;
	facts = &v->section->facts;
	error = note_section(v, facts);
	if (!error)
		error = reserve_endpoints(v->w, v->section->endpoint_count + 1);
	if (!error) {
		if (!rows_touch(q, facts))
			did->sections_skipped_time++;
		else if (!want_endpoints(q, v->section, v->w->wanted_endpoints))
			did->sections_skipped_destination++;
		else if (narrow(v))
			return 1;
	}
	section_close(v->section);
	return error;
}

void visit_end(struct visit *v)
{
	section_close(v->section);
}

static bool has_source(const struct query *q, const struct block_rows *b)
{
	if (!q->by_src && !q->questions)
		return true;
	for (uint32_t i = 0; i < b->sources; i++)
		if (scan_wants_source(q, &b->source[i]))
			return true;
	return false;
}

static bool has_time(const struct visit *v, const struct block_rows *b)
{
	const struct query *q = v->w->scan->q;

	for (uint32_t i = 0; i < b->rows; i++)
		if (b->time_ns[i] >= q->from_ns &&
		    (b->time_ns[i] < q->to_ns || v->section->facts.has_close))
			return true;
	return false;
}

/* Whether the index alone tells that no question is about a source of this block. */
static bool no_question(const struct visit *v, uint32_t i)
{
	const struct questions *asked = v->w->scan->q->questions;
	const struct section_block *b = v->section->blocks;
	size_t next;

	if (!asked)
		return false;
	next = questions_from(asked, &b[i].first);
	return next == asked->count || (i + 1 < v->section->block_count &&
		addr_compare_source(&b[i + 1].first, &asked->list[next].src) < 0);
}

/* Sources, then times, then the rest: each only if the one before leaves anything to find. */
int visit_block(struct visit *v, uint32_t i, struct block_rows *b)
{
	const struct query *q = v->w->scan->q;
	struct search_explain *did = &v->w->did;
	int error;

	if (no_question(v, i)) {
		did->blocks_skipped_index++;
		return 0;
	}
	error = section_read_block(v->r, v->section, i, BLOCK_SOURCES, b);
	if (error)
		return error;
	if (!has_source(q, b)) {
		did->blocks_skipped_source++;
		return 0;
	}
	error = section_decode_more(v->section, BLOCK_TIMES, b);
	if (error)
		return error;
	if (!has_time(v, b)) {
		did->blocks_skipped_time++;
		return 0;
	}
	did->blocks_decoded++;
	did->rows_decoded += b->rows;
	error = section_decode_more(v->section, BLOCK_ALL, b);
	return error ? error : 1;
}

/* What can be told without making a record of the row. */
static bool row_can_match(const struct visit *v, const struct block_rows *b, uint32_t row)
{
	const struct query *q = v->w->scan->q;

	return b->time_ns[row] >= q->from_ns &&
	       (b->time_ns[row] < q->to_ns || v->section->facts.has_close) &&
	       v->w->wanted_endpoints[b->endpoint[row]] &&
	       (!q->src_ports || port_set_has(q->src_ports, b->src_port[row]));
}

int visit_source(struct visit *v, const struct block_rows *b, uint32_t source,
		 int (*take)(void *ctx, const struct record *r, uint32_t tenant, uint64_t clock_error_ns),
		 void *ctx)
{
	uint32_t row = source ? b->source_end[source - 1] : 0;
	int error = 0;

	for (; row < b->source_end[source] && !error; row++) {
		const struct clock_piece *clock;
		struct record record;

		if (!row_can_match(v, b, row))
			continue;
		section_record(v->section, b, row, &record);
		if (!scan_wants(v->w->scan->q, &record))
			continue;
		clock = clock_pieces_find(&v->section->clock, record.time_ns);
		error = take(ctx, &record, v->tenant, clock ? clock->max_error_ns : 0);
	}
	return error;
}

static int take_row(void *ctx, const struct record *r, uint32_t tenant, uint64_t clock_error_ns)
{
	return worker_add(ctx, r, tenant, clock_error_ns);
}

/* The openings of one source, where only their number counts. */
static int count_source(struct visit *v, const struct block_rows *b, uint32_t source)
{
	uint64_t found = 0;

	for (uint32_t row = source ? b->source_end[source - 1] : 0; row < b->source_end[source]; row++)
		found += row_can_match(v, b, row) && b->time_ns[row] < v->w->scan->q->to_ns &&
			 v->section->endpoints[b->endpoint[row]].kind != SEKISHO_KIND_CLOSE;
	return worker_count(v->w, v->tenant, &b->source[source], found);
}

static int take_block(struct visit *v, const struct block_rows *b)
{
	const struct query *q = v->w->scan->q;
	int error = 0;

	for (uint32_t i = 0; i < b->sources && !error; i++) {
		if (!scan_wants_source(q, &b->source[i]))
			continue;
		error = scan_only_counts(q) ? count_source(v, b, i) :
					      visit_source(v, b, i, take_row, v->w);
	}
	return error;
}

static int search_section(struct worker *w, struct segment_reader *r, const struct section *facts)
{
	struct visit v = { .w = w, .r = r };
	int state = visit_begin(&v, facts), damaged = 0;

	if (state <= 0)
		return state;
	for (uint32_t i = v.first; i < v.end && state >= 0; i++) {
		state = visit_block(&v, i, w->block);
		if (state > 0)
			state = take_block(&v, w->block);
		if (state == -EBADMSG || state == -ENODATA) {
			/* A bad block takes none of the others with it. */
			damaged = state;
			state = 0;
		}
	}
	visit_end(&v);
	return state < 0 ? state : damaged;
}

/* --- One segment --- */

/*
 * A segment that ends in an unfinished append misses nothing if what was being sealed is still in a
 * journal, or was sealed again behind it.
 */
static bool cut_off_is_elsewhere(const struct scan *s, int dir, const struct segment_reader *r)
{
	const struct section cut = { .journal_id = r->torn_journal_id, .run = r->torn_run };
	char next[SEGMENT_NAME_MAX];

	if (cut.journal_id)
		return scan_from_open_journal(s, cut.journal_id) || section_superseded(dir, r, &cut);
	/* Not even its header is there: the journal that is still unsealed, or the next part, has it. */
	segment_part_name(r->day, r->part + 1, next);
	if (faccessat(dir, next, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	for (size_t i = 0; i < s->journal_count; i++)
		if (s->journals[i].rows)
			return true;
	return false;
}

static bool in_parts(int dir, const struct segment_reader *r)
{
	char next[SEGMENT_NAME_MAX];

	segment_part_name(r->day, r->part + 1, next);
	return r->part > 1 || faccessat(dir, next, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A section that is not whole, and was sealed again: its good blocks would be answered twice. */
static bool stands_elsewhere(int dir, struct segment_reader *r, const struct section *facts)
{
	uint32_t blocks;
	uint64_t bad;

	return section_check(r, facts, &blocks, &bad) == -EBADMSG && section_superseded(dir, r, facts);
}

/* Whether anything of the section can matter: rows, or what it says of the window. */
static bool says_anything(const struct query *q, const struct section *f)
{
	return rows_touch(q, f) || scan_overlaps(q, f->span_from_ns, f->span_to_ns) ||
	       (utc_day(f->first_utc_ns) >= utc_day(q->from_ns) &&
		utc_day(f->first_utc_ns) <= utc_day(q->to_ns - 1));
}

bool scan_section_counts(struct worker *w, int dir, struct segment_reader *r,
			 const struct section *facts)
{
	w->did.sections++;
	if (scan_from_open_journal(w->scan, facts->journal_id))
		return false;
	if (!says_anything(w->scan->q, facts)) {
		w->did.sections_skipped_time++;
		return false;
	}
	return !in_parts(dir, r) || !stands_elsewhere(dir, r, facts);
}

static int open_reader(struct worker *w, const struct scan_item *item, int dir,
		       struct segment_reader *ret_reader)
{
	struct problem why;
	int error = -ESTALE;

	if (item->known)
		error = segment_reader_open_known(dir, item->name, item->file_id, ret_reader, &why);
	if (error == -ESTALE)
		error = segment_reader_open(dir, item->name, ret_reader, &why);
	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP) {
		scan_note_damage(w->scan, item->behind, item->name, why.text);
		return 0;
	}
	if (error)
		return error == -ENOENT ? 0 : problem(&w->why, error, "%s", why.text);
	return 1;
}

int scan_open_segment(struct worker *w, const struct scan_item *item, struct segment_reader *ret_reader,
		      int *ret_dir)
{
	struct scan *s = w->scan;
	const char *tenant = s->out->tenants[item->tenant];
	int dir = fs_open_dir(s->store->segments, tenant, 0), state;

	if (dir < 0)
		return dir == -ENOENT ? 0 : problem(&w->why, dir, "cannot open segments/%s: %s", tenant,
						    strerror(-dir));
	state = open_reader(w, item, dir, ret_reader);
	if (state > 0 && strcmp(ret_reader->tenant_id, tenant) != 0) {
		scan_note_damage(s, item->behind, item->name, "names another tenant than its directory");
		segment_reader_close(ret_reader);
		state = 0;
	}
	if (state > 0) {
		w->did.segments_opened++;
		if (ret_reader->damaged_bytes)
			scan_note_damage(s, item->behind, item->name, "a section fails its checksum");
		if (ret_reader->torn && !ret_reader->torn_trailer && !cut_off_is_elsewhere(s, dir, ret_reader))
			scan_note_damage(s, item->behind, item->name,
					 "cut off inside a section whose journal is gone");
		*ret_dir = dir;
	} else {
		close(dir);
	}
	return state;
}

/* Damage of a section is a fact, unless it was sealed again. */
static int judge(struct worker *w, const struct scan_item *item, int dir,
		 const struct segment_reader *r, const struct section *facts, int error)
{
	if (error != -EBADMSG && error != -ENODATA)
		return error;
	if (!section_superseded(dir, r, facts))
		scan_note_damage(w->scan, item->behind, item->name, "a section fails its checksum");
	return 0;
}

/* The sections that the catalog lists, without walking the file. */
static int search_listed(struct worker *w, const struct scan_item *item, int dir,
			 struct segment_reader *r)
{
	int error = 0;

	for (uint32_t i = item->first; i && !error; i = w->scan->sections[i - 1].next) {
		const struct scan_section *listed = &w->scan->sections[i - 1];
		const struct section place = { .offset = listed->offset, .journal_id = listed->journal_id,
					       .run = listed->run };

		w->did.sections++;
		error = judge(w, item, dir, r, &place, search_section(w, r, &place));
	}
	return error;
}

static int search_walked(struct worker *w, const struct scan_item *item, int dir,
			 struct segment_reader *r)
{
	int error = 0;

	for (size_t i = 0; i < r->section_count && !error; i++) {
		const struct section *facts = &r->sections[i];

		if (scan_section_counts(w, dir, r, facts))
			error = judge(w, item, dir, r, facts, search_section(w, r, facts));
	}
	return error;
}

int scan_segment(struct worker *w, const struct scan_item *item)
{
	struct segment_reader r;
	int dir, state = scan_open_segment(w, item, &r, &dir), error;

	if (state <= 0)
		return state;
	error = item->known && r.file_id == item->file_id ? search_listed(w, item, dir, &r) :
						  search_walked(w, item, dir, &r);
	segment_reader_close(&r);
	close(dir);
	return error ? problem(&w->why, error, "%s: %s", item->name, strerror(-error)) : 0;
}
