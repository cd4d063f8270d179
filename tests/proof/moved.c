// SPDX-License-Identifier: BSD-2-Clause
/*
 * Objects in the wrong place (AC-31, AC-33): frames, sections and blocks exchanged
 * between two files or two places of one, left out, doubled; whole files under
 * another tenant's or another day's name; bytes behind a trailer. All found by
 * verify, and a search gives exactly the rows whose objects stand where they were.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "schema/segment.h"
#include "world.h"

/* A file put together from objects of others. */
struct splice {
	uint8_t *bytes;
	size_t size;
};

static void splice_add(struct splice *s, const struct model *m, size_t object)
{
	const struct object *o = &m->objects[object];

	s->bytes = realloc(s->bytes, s->size + o->bytes);
	REQUIRE(s->bytes != NULL);
	memcpy(s->bytes + s->size, m->bytes + o->at, o->bytes);
	s->size += o->bytes;
}

/* Objects of m that do not stand unchanged at their own place in these bytes. */
static void lose_moved(const struct model *m, const struct splice *s, bool *lost)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct object *o = &m->objects[i];

		lost[i] = o->at + o->bytes > s->size || memcmp(s->bytes + o->at, m->bytes + o->at, o->bytes);
	}
}

/* Bytes of a section with its blocks; of anything else its own. */
static uint64_t whole_bytes(const struct model *m, size_t i)
{
	uint64_t bytes = m->objects[i].bytes;

	if (m->objects[i].kind == OBJECT_SECTION)
		while (++i < m->count && m->objects[i].kind == OBJECT_BLOCK)
			bytes += m->objects[i].bytes;
	return bytes;
}

/*
 * Whether FORMAT.md 4 rule 3 calls these bytes of a segment an append that was cut off: the first object that
 * is not whole begins well and reaches behind the end, or there are too few bytes for any, and nothing that is
 * good stands behind it.
 */
static bool is_torn(const struct model *m, const struct splice *s, const bool *lost)
{
	uint64_t at = m->objects[0].bytes;
	size_t i = 1;

	if (m->objects[0].kind != OBJECT_HEAD || lost[0] || m->objects[1].kind == OBJECT_TENANTS)
		return false;
	for (; i < m->count; i++) {
		if (m->objects[i].kind == OBJECT_BLOCK)
			continue;
		if (lost[i] || at + whole_bytes(m, i) > s->size)
			break;
		if (m->objects[i].kind == OBJECT_TRAILER && at + TRAILER_BYTES != s->size)
			return false;
		at += whole_bytes(m, i);
	}
	for (size_t k = i + 1; k < m->count; k++)
		if (m->objects[k].kind == OBJECT_SECTION && !lost[k])
			return false;
	return s->size > at && (s->size - at < SECTION_LONG_PREFIX_BYTES || (i < m->count && !lost[i]));
}

/* A section that reaches behind the end of the file is cut off: none of it counts. */
static void lose_cut(const struct model *m, const struct splice *s, bool *lost)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->objects[i].kind == OBJECT_SECTION && m->objects[i].at + whole_bytes(m, i) > s->size)
			lost[i] = true;
}

static bool loses_no_row(const struct world *w, const struct model *m, const bool *lost)
{
	struct conns all, left;
	bool same;

	world_without(w, NULL, NULL, &all);
	world_without(w, m, lost, &left);
	same = all.count == left.count;
	conns_done(&all);
	conns_done(&left);
	return same;
}

static void check_splice(const struct world *w, const struct model *m, const struct splice *s,
			 const char *what, size_t i, size_t k)
{
	bool *lost = calloc(m->count, sizeof(*lost)), torn;
	char text[DIFFERENCE_MAX];
	struct conns want;
	struct verdict v;
	struct found found;

	REQUIRE(lost != NULL);
	CHECK_ROW(s->size != m->size || memcmp(s->bytes, m->bytes, s->size) != 0, "%s %zu %zu", what, i, k);
	lose_moved(m, s, lost);
	torn = is_torn(m, s, lost);
	lose_cut(m, s, lost);
	world_without(w, m, lost, &want);
	write_file(m->dir, m->name, s->bytes, s->size);
	verdict_of(&w->store, &v);
	CHECK_ROW(v.torn == torn, "%s %s %zu %zu: %llu torn", m->said, what, i, k, v.torn);
	CHECK_ROW(torn || (v.bad > 0 && strstr(v.first_bad, m->said)), "%s %s %zu %zu: %llu bad, %s", m->said,
		  what, i, k, v.bad, v.first_bad);
	CHECK_ROW(!torn || strstr(v.first_torn, m->said), "%s: %s", m->said, v.first_torn);
	found_all(&w->store, &found);
	CHECK_ROW(conns_same(&found.conns, &want, text, sizeof(text)), "%s %s %zu %zu: %s", m->said, what, i, k,
		  text);
	/* Too few bytes at the end may be an append that never was; nothing is missing then. */
	CHECK_ROW(found.damaged > 0 || (torn && loses_no_row(w, m, lost)), "%s %s %zu %zu", m->said, what, i, k);
	free(lost);
	conns_done(&want);
	found_done(&found);
	write_file(m->dir, m->name, m->bytes, m->size);
}

/* Object i of m becomes object k of `from`. */
static void put_in_place(const struct world *w, const struct model *m, size_t i, const struct model *from,
			 size_t k, const char *what)
{
	struct splice s = {};

	for (size_t at = 0; at < m->count; at++)
		splice_add(&s, at == i ? from : m, at == i ? k : at);
	check_splice(w, m, &s, what, i, k);
	free(s.bytes);
}

/* Objects i and k of a file change places. */
static void exchange(const struct world *w, const struct model *m, size_t i, size_t k)
{
	struct splice s = {};

	for (size_t at = 0; at < m->count; at++)
		splice_add(&s, m, at == i ? k : at == k ? i : at);
	check_splice(w, m, &s, "exchanged", i, k);
	free(s.bytes);
}

static bool same_bytes(const struct model *a, size_t i, const struct model *b, size_t k)
{
	const struct object *x = &a->objects[i], *y = &b->objects[k];

	return x->bytes == y->bytes && memcmp(a->bytes + x->at, b->bytes + y->at, x->bytes) == 0;
}

/* Objects of the same kind from another file of the same kind. */
static void objects_of_another_file(void)
{
	static const unsigned int pairs[][2] = { { 1, 3 }, { 3, 1 }, { 1, 2 }, { 2, 1 } };
	struct world w;
	unsigned int trials = 0;

	world_make(&w);
	for (size_t p = 0; p < ARRAY_SIZE(pairs); p++) {
		const struct model *m = &w.files[pairs[p][0]], *from = &w.files[pairs[p][1]];

		for (size_t i = 0; i < m->count; i++)
			for (size_t k = 0; k < from->count; k++)
				if (m->objects[i].kind == from->objects[k].kind) {
					put_in_place(&w, m, i, from, k, "from another file");
					trials++;
				}
	}
	CHECK(trials > 30);
	world_free(&w);
}

static void objects_of_one_file(size_t file)
{
	const struct model *m;
	struct world w;
	unsigned int trials = 0;

	world_make(&w);
	m = &w.files[file];
	for (size_t i = 1; i < m->count; i++)
		for (size_t k = i + 1; k < m->count; k++)
			if (!same_bytes(m, i, m, k)) {
				exchange(&w, m, i, k);
				put_in_place(&w, m, i, m, k, "instead");
				trials += 2;
			}
	CHECK(trials >= 6);
	world_free(&w);
}

static void frames_change_places(void) { objects_of_one_file(0); }
static void sections_change_places(void) { objects_of_one_file(1); }
static void sections_of_an_open_segment_change_places(void) { objects_of_one_file(2); }

/* One left out: all behind it stands in the wrong place. One doubled, likewise; also at the end. */
static void left_out_and_doubled(void)
{
	struct world w;

	world_make(&w);
	for (size_t f = 0; f < w.file_count; f++) {
		const struct model *m = &w.files[f];

		for (size_t i = 0; i < m->count; i++) {
			struct splice without = {}, doubled = {}, again = {};

			for (size_t at = 0; at < m->count; at++) {
				if (at != i)
					splice_add(&without, m, at);
				splice_add(&doubled, m, at);
				splice_add(&again, m, at);
				if (at == i)
					splice_add(&doubled, m, at);
			}
			splice_add(&again, m, i);
			/* Without its end a file is only shorter: see damage.c. */
			if (i + 1 < m->count)
				check_splice(&w, m, &without, "without", i, 0);
			check_splice(&w, m, &doubled, "doubled", i, 0);
			check_splice(&w, m, &again, "again at the end", i, 0);
			free(without.bytes);
			free(doubled.bytes);
			free(again.bytes);
		}
	}
	world_free(&w);
}

/* Whatever stands behind a trailer, and rubbish longer than any beginning of an object behind all others. */
static void behind_the_end(void)
{
	struct rng rng = { .state = 31 };
	struct world w;

	world_make(&w);
	for (size_t f = 0; f < w.file_count; f++) {
		const struct model *m = &w.files[f];
		bool closed = m->objects[m->count - 1].kind == OBJECT_TRAILER;

		for (size_t n = closed ? 1 : TRAILER_BYTES; n < 200; n++) {
			struct splice s = { .bytes = malloc(m->size + n), .size = m->size + n };

			REQUIRE(s.bytes != NULL);
			memcpy(s.bytes, m->bytes, m->size);
			for (size_t i = 0; i < n; i++)
				s.bytes[m->size + i] = closed && n % 2 ? 0 : (uint8_t)(rng_next(&rng) | 1);
			check_splice(&w, m, &s, "longer by", n, 0);
			free(s.bytes);
		}
	}
	world_free(&w);
}

/* --- Whole files under other names --- */

static void check_misplaced(const struct world *w, const struct model *m, int dir, const char *name,
			    const char *said, bool moved)
{
	bool *lost = calloc(m->count, sizeof(*lost));
	char text[DIFFERENCE_MAX];
	struct conns want;
	struct verdict v;
	struct found found;

	REQUIRE(lost != NULL);
	memset(lost, moved, m->count * sizeof(*lost));
	world_without(w, m, lost, &want);
	free(lost);
	if (moved)
		REQUIRE(unlinkat(m->dir, m->name, 0) == 0);
	write_file(dir, name, m->bytes, m->size);
	verdict_of(&w->store, &v);
	CHECK_ROW(v.bad == 1 && strstr(v.first_bad, said) == v.first_bad, "%s as %s: %s", m->said, said, v.first_bad);
	found_all(&w->store, &found);
	CHECK_ROW(conns_same(&found.conns, &want, text, sizeof(text)), "%s as %s: %s", m->said, said, text);
	CHECK_ROW(found.damaged == 1 && strstr(found.damage, name), "%s as %s: %s", m->said, said, found.damage);
	conns_done(&want);
	found_done(&found);
	REQUIRE(unlinkat(dir, name, 0) == 0);
	write_file(m->dir, m->name, m->bytes, m->size);
}

static void files_under_other_names(void)
{
	struct world w;

	world_make(&w);
	for (int moved = 0; moved < 2; moved++) {
		for (size_t f = 1; f < w.file_count; f++) {
			const struct model *m = &w.files[f];
			const char *tenant = m->dir == w.t1 ? "t1" : "t2";
			char name[SEGMENT_NAME_MAX], said[128];

			segment_part_name(DAY_NUMBER + 1, 1, name);
			snprintf(said, sizeof(said), "segments/%s/%s", tenant, name);
			check_misplaced(&w, m, m->dir, name, said, moved);
			segment_part_name(DAY_NUMBER, 3, name);
			snprintf(said, sizeof(said), "segments/%s/%s", tenant, name);
			check_misplaced(&w, m, m->dir, name, said, moved);
		}
		/* Part 2 of t1 is no part of t2; its name is right there. */
		check_misplaced(&w, &w.files[3], w.t2, w.files[3].name, "segments/t2/2026-03-10.2.sks", moved);
	}
	world_free(&w);
}

const struct proof_test moved_tests[] = {
	{ "AC-31_objects_of_another_file", objects_of_another_file },
	{ "AC-31_frames_that_changed_places", frames_change_places },
	{ "AC-31_sections_and_blocks_that_changed_places", sections_change_places },
	{ "AC-31_sections_of_an_open_segment_that_changed_places", sections_of_an_open_segment_change_places },
	{ "AC-31_objects_left_out_and_doubled", left_out_and_doubled },
	{ "AC-31_bytes_behind_the_end", behind_the_end },
	{ "AC-31_files_under_other_names", files_under_other_names },
	{},
};
