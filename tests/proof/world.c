// SPDX-License-Identifier: BSD-2-Clause
/* Making the small store and taking it apart. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>
#include "base/array.h"
#include "base/block.h"
#include "base/fs.h"
#include "base/rtt.h"
#include "fixture.h"
#include "journal/journal_reader.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "world.h"

#define SOURCE_ROWS 3 /* of the first sources */
#define BUSY_SERIALS 60
#define STEP_NS (7 * MS + 123)

struct record world_row(unsigned int serial, uint32_t tenant, int64_t time_ns)
{
	unsigned int source = serial < BUSY_SERIALS ? serial - serial % SOURCE_ROWS : serial;
	bool v6 = source % 5 == 4;
	struct record r = {
		.time_ns = time_ns,
		.src = an_addr(v6 ? "2001:db8::" : "198.51.0.0"),
		.dst = an_addr(v6 ? "2001:db8:ffff::1" : "192.0.2.1"),
		.tenant = tenant,
		.consent = tenant,
		.src_port = (uint16_t)(1024 + serial * 7),
		.dst_port = serial % 4 ? 443 : 80,
		.rtt_us = serial % 3 ? rtt_quantise(100 + serial * 37) : 0,
		.flags = serial % 8 == 3 ? SEKISHO_FLAG_CLOCK_UNSYNC : 0,
		.kind = SEKISHO_KIND_ESTABLISHED,
		.protocol = IPPROTO_TCP,
	};

	if (v6)
		r.src.bytes[7] = (uint8_t)(source % 3);
	r.src.bytes[14] = (uint8_t)(source >> 8);
	r.src.bytes[15] = (uint8_t)source;
	if (serial % 11 == 5) {
		r.orig_dst = an_addr("203.0.113.9");
		r.orig_dst_port = 8443;
	}
	return r;
}

struct record world_close(const struct record *opening, int64_t lasted_ns)
{
	struct record r = *opening;

	r.kind = SEKISHO_KIND_CLOSE;
	r.time_ns += lasted_ns;
	r.lasted_ns = lasted_ns;
	return r;
}

/* --- Making --- */

struct batch {
	struct record rows[512];
	size_t count;
};

/* Rows of `count` connections, every sixth with its end. */
static void fill(struct batch *b, unsigned int first, unsigned int count, uint32_t tenant)
{
	for (unsigned int i = first; i < first + count; i++) {
		struct record r = world_row(i, tenant, DAY_NS + i * STEP_NS);

		b->rows[b->count++] = r;
		if (i % 6 == 0) {
			b->rows[b->count] = world_close(&r, STEP_NS * 3 + i);
			b->count++;
		}
	}
}

static struct segment_section a_section(uint32_t tenant, uint64_t journal_id)
{
	return (struct segment_section){
		.tenant_id = tenant == 1 ? "t1" : "t2",
		.tenant = tenant,
		.day = DAY_NUMBER,
		.journal_id = journal_id,
		.rung = SEKISHO_RUNG_SET_STATE,
		.span_from_ns = DAY_NS,
		.span_to_ns = DAY_NS + NS_PER_DAY - 1,
	};
}

static void put_section(int dir, struct segment_section *s, struct batch *b)
{
	const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS, .max_error_ns = 262144 };
	struct segment_place place;
	struct anchors anchors = {};
	struct clock_pieces clock = {};
	struct problem p;

	REQUIRE(anchors_add(&anchors, &anchor) == 0);
	REQUIRE(clock_pieces_fit(&anchors, BOOT_NS, BOOT_NS + (uint64_t)NS_PER_DAY, &clock) == 0);
	if (b->count)
		qsort(b->rows, b->count, sizeof(*b->rows), record_compare_source);
	set_rows(s, b->rows, b->count);
	s->clock = &clock;
	REQUIRE(segment_append(dir, s, &place, &p) == 1);
	clock_pieces_done(&clock);
	anchors_done(&anchors);
	b->count = 0;
}

static const struct gap some_gaps[] = {
	{ .first_utc_ns = DAY_NS + 1, .last_utc_ns = DAY_NS + NS_PER_SEC, .count = 17, .total = 17,
	  .tenant = 1, .reason = STORE_GAP_RING_FULL },
	{ .first_utc_ns = DAY_NS + 5 * NS_PER_SEC, .last_utc_ns = DAY_NS + 6 * NS_PER_SEC,
	  .reason = STORE_GAP_NOT_ARMED },
};

static void make_segments(struct world *w, struct batch *b)
{
	struct gap list[] = { some_gaps[0], some_gaps[1] };
	struct gaps gaps = { .list = list, .count = ARRAY_SIZE(list) };
	struct segment_section s = a_section(1, 101);
	struct problem p;

	s.gaps = &(struct gaps){};
	fill(b, 0, 260, 1);
	put_section(w->t1, &s, b);
	s = a_section(1, 102);
	s.gaps = &(struct gaps){};
	s.custody = "from the logs of the machine before";
	fill(b, 300, 5, 1);
	put_section(w->t1, &s, b);
	s = a_section(1, 103);
	s.gaps = &gaps;
	put_section(w->t1, &s, b);
	REQUIRE(segment_close_day(w->t1, DAY_NUMBER, &p) == 1);
	s = a_section(1, 104);
	s.gaps = &gaps;
	fill(b, 400, 12, 1);
	put_section(w->t1, &s, b);
	for (unsigned int i = 0; i < 2; i++) {
		s = a_section(2, 105 + i);
		s.gaps = &(struct gaps){};
		fill(b, 500 + 20 * i, 9, 2);
		put_section(w->t2, &s, b);
	}
}

static void put_batch(struct journal *j, struct batch *b)
{
	put_rows(j, b->rows, b->count, 2000 + b->count);
	b->count = 0;
}

static void make_journal(struct world *w, struct batch *b)
{
	const struct journal_origin origin = { .ring_id = 7, .ring_position = 1000,
					       .rung = SEKISHO_RUNG_SET_STATE };
	const struct journal_tenant tenants[] = { { .number = 1, .consent = 1, .id = "t1" },
						  { .number = 2, .consent = 2, .id = "t2" } };
	/* On one line, so that a row's time does not depend on which of them is lost. */
	const struct anchor anchors[] = {
		{ .boot_ns = BOOT_NS, .utc_ns = DAY_NS, .max_error_ns = 262144 },
		{ .boot_ns = BOOT_NS + NS_PER_SEC, .utc_ns = DAY_NS + NS_PER_SEC, .max_error_ns = 524288 },
	};
	struct journal *j;
	struct problem p;
	char name[64];

	REQUIRE(journal_create(w->store.journal, &origin, &j, &p) == 0);
	REQUIRE(journal_append_tenants(j, &tenants[0], 1) == 0);
	REQUIRE(journal_append_tenants(j, &tenants[1], 1) == 0);
	REQUIRE(journal_append_anchor(j, &anchors[0]) == 0);
	fill(b, 600, 14, 1);
	put_batch(j, b);
	REQUIRE(journal_append_gaps(j, some_gaps, ARRAY_SIZE(some_gaps)) == 0);
	fill(b, 620, 8, 2);
	fill(b, 640, 8, 1);
	put_batch(j, b);
	REQUIRE(journal_append_anchor(j, &anchors[1]) == 0);
	fill(b, 660, 30, 2);
	put_batch(j, b);
	end_journal(w->store.journal, j, name);
}

/* --- Taking apart --- */

static size_t add_object(struct model *m, enum object_kind kind, uint64_t at, uint64_t bytes)
{
	REQUIRE(ARRAY_RESERVE(m->objects, m->count, m->capacity) == 0);
	m->objects[m->count] = (struct object){ .kind = kind, .at = at, .bytes = bytes };
	return m->count++;
}

static void add_row(struct world *w, const struct model *m, const char *tenant, const struct record *r,
		    const size_t needs[NEEDS_MAX])
{
	struct held *h;

	REQUIRE(ARRAY_RESERVE(w->rows, w->row_count, w->row_capacity) == 0);
	h = &w->rows[w->row_count++];
	*h = (struct held){ .row = *r, .file = m };
	strncpy(h->tenant, tenant, sizeof(h->tenant) - 1);
	memcpy(h->needs, needs, sizeof(h->needs));
}

static struct model *add_model(struct world *w, int dir, const char *name, const char *place)
{
	struct model *m = &w->files[w->file_count++];

	REQUIRE(w->file_count <= WORLD_FILES_MAX);
	*m = (struct model){ .dir = dir };
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->said, sizeof(m->said), "%s/%s", place, name);
	m->bytes = read_file(dir, name, &m->size);
	return m;
}

static void take_section(struct world *w, struct model *m, struct segment_reader *r, size_t head,
			 const struct section *facts)
{
	size_t section = add_object(m, OBJECT_SECTION, facts->offset, facts->header_bytes);
	struct block_rows *b = malloc(sizeof(*b));
	struct section_reader *s;

	REQUIRE(b && section_open(r, facts->offset, &s) == 0);
	for (uint32_t i = 0; i < s->block_count; i++) {
		size_t block = add_object(m, OBJECT_BLOCK, s->blocks[i].offset, s->blocks[i].bytes);
		const size_t needs[NEEDS_MAX] = { head, section, block };

		REQUIRE(section_read_block(r, s, i, BLOCK_ALL, b) == 0);
		for (uint32_t k = 0; k < b->rows; k++) {
			struct record row;

			section_record(s, b, k, &row);
			add_row(w, m, r->tenant_id, &row, needs);
		}
	}
	section_close(s);
	free(b);
}

static void take_segment(struct world *w, int dir, const char *name, const char *place)
{
	struct model *m = add_model(w, dir, name, place);
	struct segment_reader r;
	struct problem p;
	size_t head;

	REQUIRE(segment_reader_open(dir, name, &r, &p) == 0);
	head = add_object(m, OBJECT_HEAD, 0, r.header_bytes);
	for (size_t i = 0; i < r.section_count; i++)
		take_section(w, m, &r, head, &r.sections[i]);
	if (r.closed)
		add_object(m, OBJECT_TRAILER, r.trailer_at, m->size - r.trailer_at);
	segment_reader_close(&r);
}

static void take_rows(struct world *w, struct model *m, struct journal_reader *r, size_t frame,
		      const size_t names[static 2], size_t object)
{
	struct record *rows = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*rows));

	REQUIRE(rows && journal_reader_rows(r, frame, rows) == 0);
	for (uint32_t i = 0; i < r->frames[frame].rows; i++) {
		const size_t needs[NEEDS_MAX] = { 0, names[rows[i].tenant - 1], object };

		rows[i].time_ns = anchors_utc(&r->anchors, (uint64_t)rows[i].time_ns);
		add_row(w, m, journal_reader_tenant(r, rows[i].tenant), &rows[i], needs);
	}
	free(rows);
}

/* Tenants 1 and 2 are named in the first two frames. */
static void take_journal(struct world *w, const char *name)
{
	struct model *m = add_model(w, w->store.journal, name, "journal");
	struct journal_reader r;
	struct problem p;
	size_t names[2], named = 0, frame = 0;

	REQUIRE(journal_reader_open(w->store.journal, name, &r, &p) == 0);
	add_object(m, OBJECT_HEAD, 0, JOURNAL_HEADER_BYTES);
	for (size_t at = JOURNAL_HEADER_BYTES; at < m->size;) {
		uint64_t bytes = FRAME_HEADER_BYTES + get_le32(m->bytes + at + FRAME_AT_STORED_BYTES);
		uint8_t type = m->bytes[at + FRAME_AT_TYPE];
		size_t i = add_object(m, type == FRAME_TENANTS ? OBJECT_TENANTS :
					 type == FRAME_ROWS ? OBJECT_ROWS : OBJECT_OTHER, at, bytes);

		if (type == FRAME_TENANTS)
			names[named++] = i;
		else if (type == FRAME_ROWS)
			take_rows(w, m, &r, frame++, names, i);
		at += bytes;
	}
	journal_reader_close(&r);
}

static void check_layout(const struct world *w)
{
	for (size_t f = 0; f < w->file_count; f++) {
		const struct model *m = &w->files[f];
		uint64_t at = 0;

		for (size_t i = 0; i < m->count; i++) {
			CHECK_ROW(m->objects[i].at == at, "%s object %zu", m->said, i);
			at += m->objects[i].bytes;
		}
		CHECK_ROW(at == m->size, "%s", m->said);
	}
}

/* The control: undamaged, search and verify know each row of what was put in. */
static void check_whole(const struct world *w, const struct conns *made)
{
	struct conns held;
	struct found found;
	struct verdict v;
	char text[DIFFERENCE_MAX];

	world_without(w, NULL, NULL, &held);
	found_all(&w->store, &found);
	CHECK_ROW(conns_same(&found.conns, made, text, sizeof(text)), "%s", text);
	CHECK_ROW(conns_same(&held, made, text, sizeof(text)), "%s", text);
	CHECK_INT(found.damaged, 0);
	verdict_of(&w->store, &v);
	CHECK_INT(v.bad + v.torn, 0);
	conns_done(&held);
	found_done(&found);
}

static void note_made(struct conns *made, unsigned int first, unsigned int count, uint32_t tenant)
{
	struct batch *b = calloc(1, sizeof(*b));

	REQUIRE(b != NULL);
	fill(b, first, count, tenant);
	for (size_t i = 0; i < b->count; i++)
		conns_add(made, tenant == 1 ? "t1" : "t2", &b->rows[i]);
	free(b);
}

void world_make(struct world *w)
{
	static const unsigned int parts[][3] = { { 0, 260, 1 }, { 300, 5, 1 }, { 400, 12, 1 },
						 { 500, 9, 2 }, { 520, 9, 2 }, { 600, 14, 1 },
						 { 620, 8, 2 }, { 640, 8, 1 }, { 660, 30, 2 } };
	struct batch *b = calloc(1, sizeof(*b));
	struct conns made = {};
	char name[64];

	REQUIRE(b != NULL);
	*w = (struct world){ .store = a_store() };
	w->t1 = fs_open_dir(w->store.segments, "t1", 1);
	w->t2 = fs_open_dir(w->store.segments, "t2", 1);
	REQUIRE(w->t1 >= 0 && w->t2 >= 0);
	make_journal(w, b);
	make_segments(w, b);
	free(b);
	only_name(w->store.journal, JOURNAL_SUFFIX, name);
	take_journal(w, name);
	segment_part_name(DAY_NUMBER, 1, name);
	take_segment(w, w->t1, name, "segments/t1");
	take_segment(w, w->t2, name, "segments/t2");
	segment_part_name(DAY_NUMBER, 2, name);
	take_segment(w, w->t1, name, "segments/t1");
	check_layout(w);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		note_made(&made, parts[i][0], parts[i][1], parts[i][2]);
	conns_settle(&made);
	CHECK_INT(made.count, 260 + 5 + 12 + 9 + 9 + 14 + 8 + 8 + 30);
	check_whole(w, &made);
	conns_done(&made);
}

void world_free(struct world *w)
{
	for (size_t i = 0; i < w->file_count; i++) {
		free(w->files[i].bytes);
		free(w->files[i].objects);
	}
	free(w->rows);
	close(w->t1);
	close(w->t2);
	store_close(&w->store);
}

static bool is_lost(const struct held *h, const struct model *m, const bool *lost)
{
	for (size_t i = 0; h->file == m && i < NEEDS_MAX; i++)
		if (lost[h->needs[i]])
			return true;
	return false;
}

void world_without(const struct world *w, const struct model *m, const bool *lost, struct conns *ret_conns)
{
	struct conns c = {};

	for (size_t i = 0; i < w->row_count; i++)
		if (!is_lost(&w->rows[i], m, lost))
			conns_add(&c, w->rows[i].tenant, &w->rows[i].row);
	conns_settle(&c);
	*ret_conns = c;
}
