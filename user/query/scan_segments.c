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
#include "segment/section_reader.h"

/* A section as it is being searched. */
struct visit {
	struct scan *s;
	struct segment_reader *r;
	struct section_reader *section;
	uint32_t tenant_index;
};

/* The least and greatest source that a prefix can mean. */
static void source_bounds(const struct prefix *p, struct addr *low, struct addr *high)
{
	*low = *high = p->addr;
	for (unsigned int bit = p->bits; bit < 128; bit++)
		high->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

static bool block_has_source(const struct query *q, const struct block_rows *b)
{
	for (uint32_t i = 0; i < b->sources; i++)
		if (prefix_contains(&q->src, &b->source[i]))
			return true;
	return false;
}

static bool block_has_time(const struct visit *v, const struct block_rows *b)
{
	const struct query *q = v->s->q;

	for (uint32_t i = 0; i < b->rows; i++)
		if (b->time_ns[i] >= q->from_ns &&
		    (b->time_ns[i] < q->to_ns || v->section->facts.has_close))
			return true;
	return false;
}

static int take_rows(struct visit *v, const struct block_rows *b)
{
	const struct query *q = v->s->q;
	uint32_t row = 0;
	int error = 0;

	for (uint32_t i = 0; i < b->sources && !error; i++) {
		if (q->by_src && !prefix_contains(&q->src, &b->source[i])) {
			row = b->source_end[i];
			continue;
		}
		for (; row < b->source_end[i] && !error; row++) {
			const struct clock_piece *clock;
			struct record record;

			section_record(v->section, b, row, &record);
			if (!scan_wants(q, &record))
				continue;
			clock = clock_pieces_find(&v->section->clock, record.time_ns);
			error = scan_add_row(v->s, &record, v->tenant_index,
					     clock ? clock->max_error_ns : 0);
		}
	}
	return error;
}

/* Sources, then times, then the rest: each only if the one before leaves anything to find. */
static int search_block(struct visit *v, uint32_t i)
{
	const struct query *q = v->s->q;
	struct block_rows *b = v->s->block;
	int error = section_read_block(v->r, v->section, i, BLOCK_SOURCES, b);

	if (error || (q->by_src && !block_has_source(q, b)))
		return error;
	error = section_decode_more(v->section, BLOCK_TIMES, b);
	if (error || !block_has_time(v, b))
		return error;
	error = section_decode_more(v->section, BLOCK_ALL, b);
	return error ? error : take_rows(v, b);
}

static int search_blocks(struct visit *v)
{
	const struct query *q = v->s->q;
	uint32_t first = 0, end = v->section->block_count;
	struct addr low, high;
	int error = 0, damaged = 0;

	if (q->by_src) {
		source_bounds(&q->src, &low, &high);
		section_find(v->section, &low, &high, &first, &end);
	}
	if (!v->s->block)
		v->s->block = malloc(sizeof(*v->s->block));
	if (!v->s->block)
		return -ENOMEM;
	for (uint32_t i = first; i < end && !error; i++) {
		size_t rows_before = v->s->out->count;

		error = search_block(v, i);
		if (error != -EBADMSG && error != -ENODATA)
			continue;
		/* A bad block takes none of the others with it. */
		v->s->out->count = rows_before;
		damaged = error;
		error = 0;
	}
	return error ? error : damaged;
}

static void note_pieces(struct scan *s, const struct clock_pieces *clock)
{
	for (size_t i = 0; i < clock->count; i++)
		if (scan_overlaps(s->q, clock->list[i].utc_from, clock_piece_utc_to(&clock->list[i])))
			scan_note_clock(s, clock->list[i].status, clock->list[i].max_error_ns);
}

/* Whether rows of the section can be openings of the window, or close some. */
static bool section_touches(const struct query *q, const struct section *f)
{
	if (!f->rows || f->last_utc_ns < q->from_ns)
		return false;
	return f->first_utc_ns < q->to_ns ||
	       (f->has_close && f->opened_utc_ns - lifetime_tolerance(f->last_utc_ns - f->opened_utc_ns) <
					q->to_ns);
}

static int search_section(struct scan *s, struct segment_reader *r, const struct section *facts)
{
	struct visit v = { .s = s, .r = r };
	int error = section_open(r, facts->offset, &v.section);

	if (error)
		return error;
	error = scan_tenant_index(s, r->tenant_id, &v.tenant_index);
	if (!error)
		error = scan_note_gaps(s, &v.section->gaps, facts->tenant, v.tenant_index);
	if (!error && scan_overlaps(s->q, facts->span_from_ns, facts->span_to_ns)) {
		s->out->rungs |= 1u << (facts->rung & 31);
		note_pieces(s, &v.section->clock);
	}
	if (!error && section_touches(s->q, facts))
		error = search_blocks(&v);
	section_close(v.section);
	return error;
}

/* Whether anything of the section can matter: rows, or what it says of the window. */
static bool section_counts(const struct query *q, const struct section *f)
{
	return section_touches(q, f) || scan_overlaps(q, f->span_from_ns, f->span_to_ns) ||
	       (utc_day(f->first_utc_ns) >= utc_day(q->from_ns) &&
		utc_day(f->first_utc_ns) <= utc_day(q->to_ns - 1));
}

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

static int search_segment(struct scan *s, int dir, const char *tenant, const char *name)
{
	struct segment_reader r;
	struct problem why;
	int error = segment_reader_open(dir, name, &r, &why);

	if (error == -ENOENT)
		return 0;
	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP) {
		scan_note_damage(s, name, why.text);
		return 0;
	}
	if (error)
		return problem(s->p, error, "%s", why.text);
	if (strcmp(r.tenant_id, tenant) != 0) {
		scan_note_damage(s, name, "names another tenant than its directory");
		segment_reader_close(&r);
		return 0;
	}
	if (r.damaged_bytes)
		scan_note_damage(s, name, "a section fails its checksum");
	if (r.torn && !cut_off_is_elsewhere(s, dir, &r))
		scan_note_damage(s, name, "cut off inside a section whose journal is gone");
	for (size_t i = 0; i < r.section_count && !error; i++) {
		const struct section *facts = &r.sections[i];

		if (scan_from_open_journal(s, facts->journal_id) || !section_counts(s->q, facts) ||
		    (in_parts(dir, &r) && stands_elsewhere(dir, &r, facts)))
			continue;
		error = search_section(s, &r, facts);
		if (error == -EBADMSG || error == -ENODATA) {
			error = 0;
			if (!section_superseded(dir, &r, facts))
				scan_note_damage(s, name, "a section fails its checksum");
		}
	}
	segment_reader_close(&r);
	return error ? problem(s->p, error, "%s: %s", name, strerror(-error)) : 0;
}

/* "YYYY-MM-DD[.N].sks" of a day that the window touches; *ret_behind: of one that can only hold the closes
 * of its connections. */
static bool wanted_day(const struct query *q, const char *name, bool *ret_behind)
{
	char day_text[DAY_TEXT_MAX] = "";
	int32_t day, last = utc_day(q->to_ns - 1);

	*ret_behind = false;
	strncpy(day_text, name, 10);
	if (day_parse(day_text, &day))
		return true; /* not our name: let the header decide */
	*ret_behind = day > last;
	return day >= utc_day(q->from_ns) && day - last <= LIFETIME_DAYS;
}

static int search_tenant(struct scan *s, const char *id)
{
	char **names;
	size_t count;
	int dir = fs_open_dir(s->store->segments, id, 0), error;

	if (dir < 0)
		return dir == -ENOENT ? 0 : problem(s->p, dir, "cannot open segments/%s: %s", id,
						    strerror(-dir));
	error = fs_list(dir, SEGMENT_SUFFIX, &names, &count);
	if (error) {
		close(dir);
		return problem(s->p, error, "cannot list segments/%s: %s", id, strerror(-error));
	}
	for (size_t i = 0; i < count && !error; i++)
		if (wanted_day(s->q, names[i], &s->behind))
			error = search_segment(s, dir, id, names[i]);
	s->behind = false;
	fs_free_names(names, count);
	close(dir);
	return error;
}

int scan_segments(struct scan *s)
{
	char **names;
	size_t count;
	int error;

	if (s->q->tenant)
		return search_tenant(s, s->q->tenant);
	error = fs_list_dirs(s->store->segments, &names, &count);
	if (error)
		return problem(s->p, error, "cannot list segments/: %s", strerror(-error));
	for (size_t i = 0; i < count && !error; i++)
		if (parse_tenant_id(names[i]) == 0)
			error = search_tenant(s, names[i]);
	fs_free_names(names, count);
	return error;
}
