// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every bit of a small journal and of small segments flipped in turn, and every
 * length they can be cut to (AC-31, AC-33): detected, named, and everything that
 * is not damaged is found, with never a wrong row.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "seal/seal.h"
#include "world.h"

enum { JOURNAL = 0, CLOSED = 1, OPEN = 2, SECOND_PART = 3 }; /* files of the world */

/* No divisors of 8: each bit number comes. */
#define BITS 7
#define LENGTHS 5

/* --- Any file, any check --- */

typedef void (*bit_check)(void *ctx, uint64_t at, unsigned int bit);

/* Flips each `stride`-th bit of a file in place, asks, and puts it back. Returns how many. */
static unsigned int flip_bits(int dir, const char *name, unsigned int stride, bit_check check, void *ctx)
{
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC);
	long long size = size_of(dir, name);
	unsigned int flips = 0;
	uint8_t byte, now;

	REQUIRE(fd >= 0 && size > 0);
	for (uint64_t i = 0; i < (uint64_t)size * 8; i += stride, flips++) {
		unsigned int bit = i % 8;

		REQUIRE(fs_pread_all(fd, &byte, 1, (off_t)(i / 8)) == 0);
		now = byte ^ (uint8_t)(1 << bit);
		REQUIRE(fs_pwrite_all(fd, &now, 1, (off_t)(i / 8)) == 0);
		check(ctx, i / 8, bit);
		REQUIRE(fs_pwrite_all(fd, &byte, 1, (off_t)(i / 8)) == 0);
	}
	close(fd);
	return flips;
}

/* --- Flips in the store --- */

struct flip_trial {
	const struct world *w;
	const struct model *m;
	size_t object; /* of `want`; count + 1: none yet */
	struct conns want;
};

static size_t object_at(const struct model *m, uint64_t at)
{
	size_t i = 0;

	while (i + 1 < m->count && at >= m->objects[i + 1].at)
		i++;
	return i;
}

/* The rows that the object at this place takes with it are gone, and no others. */
static void expect_without(struct flip_trial *t, uint64_t at)
{
	size_t object = object_at(t->m, at);
	bool *lost;

	if (object == t->object)
		return;
	lost = calloc(t->m->count, sizeof(*lost));
	REQUIRE(lost != NULL);
	lost[object] = true;
	conns_done(&t->want);
	world_without(t->w, t->m, lost, &t->want);
	t->object = object;
	free(lost);
}

static void check_flip(void *ctx, uint64_t at, unsigned int bit)
{
	struct flip_trial *t = ctx;
	struct verdict v;
	struct found found;
	char text[DIFFERENCE_MAX];

	expect_without(t, at);
	verdict_of(&t->w->store, &v);
	CHECK_ROW(v.bad > 0, "%s byte %llu bit %u", t->m->said, (unsigned long long)at, bit);
	CHECK_ROW(v.torn == 0, "%s byte %llu bit %u: %s", t->m->said, (unsigned long long)at, bit,
		  v.first_torn);
	CHECK_ROW(strstr(v.first_bad, t->m->said) == v.first_bad, "%s byte %llu bit %u: %s", t->m->said,
		  (unsigned long long)at, bit, v.first_bad);
	found_all(&t->w->store, &found);
	CHECK_ROW(conns_same(&found.conns, &t->want, text, sizeof(text)), "%s byte %llu bit %u object %zu: %s", t->m->said,
		  (unsigned long long)at, bit, t->object, text);
	CHECK_ROW(found.damaged > 0 && strstr(found.damage, t->m->name), "%s byte %llu bit %u: %s",
		  t->m->said, (unsigned long long)at, bit, found.damage);
	found_done(&found);
}

static void flip_file(size_t file, unsigned int stride)
{
	struct flip_trial t;
	struct world w;
	struct verdict v;
	uint8_t *after;
	size_t size;
	unsigned int flips;

	world_make(&w);
	t = (struct flip_trial){ .w = &w, .m = &w.files[file], .object = SIZE_MAX };
	flips = flip_bits(t.m->dir, t.m->name, stride, check_flip, &t);
	CHECK_INT(flips, (t.m->size * 8 + stride - 1) / stride);
	printf("# %u bits of %zu bytes in %zu objects flipped\n", flips, t.m->size, t.m->count);
	/* The file is what it was, and is found good again. */
	after = read_file(t.m->dir, t.m->name, &size);
	CHECK(size == t.m->size && memcmp(after, t.m->bytes, size) == 0);
	free(after);
	verdict_of(&w.store, &v);
	CHECK_INT(v.bad + v.torn, 0);
	conns_done(&t.want);
	world_free(&w);
}

static void flips_of_a_journal(void) { flip_file(JOURNAL, proof_stride(BITS)); }
static void flips_of_a_closed_part(void) { flip_file(CLOSED, proof_stride(BITS)); }
static void flips_of_an_open_segment(void) { flip_file(OPEN, proof_stride(BITS)); }
static void flips_of_a_second_part(void) { flip_file(SECOND_PART, proof_stride(BITS)); }

/* --- Day catalogs: derived, so that all rows are found without them too --- */

static void check_catalog(void *ctx, uint64_t at, unsigned int bit)
{
	const struct flip_trial *t = ctx;
	char text[DIFFERENCE_MAX];
	struct verdict v;
	struct found found;

	verdict_of(&t->w->store, &v);
	CHECK_ROW(v.bad > 0 && strstr(v.first_bad, "catalog/"), "byte %llu bit %u: %s", (unsigned long long)at,
		  bit, v.first_bad);
	found_all(&t->w->store, &found);
	CHECK_ROW(conns_same(&found.conns, &t->want, text, sizeof(text)), "byte %llu bit %u: %s",
		  (unsigned long long)at, bit, text);
	found_done(&found);
}

static void flips_of_day_catalogs(void)
{
	struct seal_result result = {};
	struct flip_trial t;
	struct world w;
	struct problem p;
	char **names;
	size_t count;
	int dir;

	world_make(&w);
	t = (struct flip_trial){ .w = &w };
	world_without(&w, NULL, NULL, &t.want);
	REQUIRE(seal_all(&w.store, NULL, &result, &p) == 0);
	dir = fs_open_dir(w.store.root, "catalog", 0);
	if (dir < 0) {
		conns_done(&t.want);
		world_free(&w);
		SKIP("no day catalog is made");
	}
	REQUIRE(fs_list(dir, ".skc", &names, &count) == 0 && count > 0);
	for (size_t i = 0; i < count; i++)
		CHECK(flip_bits(dir, names[i], proof_stride(BITS), check_catalog, &t) > 0);
	fs_free_names(names, count);
	conns_done(&t.want);
	close(dir);
	world_free(&w);
}

/* --- Cut at every length --- */

struct cut {
	bool refused, torn; /* else it looks whole */
};

/* What FORMAT.md 4 says of a file of which only the first `length` bytes are left. */
static struct cut cut_of(const struct model *m, uint64_t length)
{
	size_t i = object_at(m, length);
	const struct object *o = &m->objects[i];

	if (length < m->objects[0].bytes)
		return (struct cut){ .refused = true };
	/* Between objects nothing shows it; but blocks are a part of their section. */
	if (o->at == length && o->kind != OBJECT_BLOCK)
		return (struct cut){};
	return (struct cut){ .torn = true };
}

/* Whatever does not lie in what is left; a section that is cut takes all of its blocks along. */
static void lose_behind(const struct model *m, uint64_t length, bool *lost)
{
	size_t section = 0;

	for (size_t i = 0; i < m->count; i++) {
		if (m->objects[i].kind == OBJECT_SECTION)
			section = i;
		lost[i] = m->objects[i].at + m->objects[i].bytes > length;
		if (lost[i] && m->objects[i].kind == OBJECT_BLOCK)
			lost[section] = true;
	}
}

/* What was to be a trailer is told from what was to be a section. */
static void check_torn_trailer(const struct model *m, uint64_t length)
{
	const struct object *o = &m->objects[object_at(m, length)];
	struct segment_reader r;
	struct problem p;

	if (m->objects[1].kind != OBJECT_SECTION || segment_reader_open(m->dir, m->name, &r, &p))
		return;
	CHECK_ROW(r.torn_trailer == (o->kind == OBJECT_TRAILER && length > o->at + 2), "%s cut to %llu",
		  m->said, (unsigned long long)length);
	segment_reader_close(&r);
}

static void check_cut(const struct world *w, const struct model *m, uint64_t length)
{
	const struct cut cut = cut_of(m, length);
	bool *lost = calloc(m->count, sizeof(*lost));
	struct conns want;
	struct verdict v;
	struct found found;
	char text[DIFFERENCE_MAX];

	REQUIRE(lost != NULL);
	lose_behind(m, length, lost);
	world_without(w, m, lost, &want);
	free(lost);
	check_torn_trailer(m, length);
	verdict_of(&w->store, &v);
	CHECK_ROW(v.bad == cut.refused, "%s cut to %llu: %s", m->said, (unsigned long long)length,
		  v.first_bad);
	CHECK_ROW(v.torn == cut.torn, "%s cut to %llu: %llu torn", m->said, (unsigned long long)length,
		  v.torn);
	CHECK_ROW(!cut.refused || strstr(v.first_bad, m->said), "%s: %s", m->said, v.first_bad);
	CHECK_ROW(!cut.torn || strstr(v.first_torn, m->said), "%s: %s", m->said, v.first_torn);
	found_all(&w->store, &found);
	CHECK_ROW(conns_same(&found.conns, &want, text, sizeof(text)), "%s cut to %llu: %s", m->said,
		  (unsigned long long)length, text);
	CHECK_ROW(!cut.refused || found.damaged, "%s cut to %llu", m->said, (unsigned long long)length);
	conns_done(&want);
	found_done(&found);
}

static void cut_file(size_t file, unsigned int stride)
{
	const struct model *m;
	struct world w;
	unsigned int cuts = 0;

	world_make(&w);
	m = &w.files[file];
	/* From the end, so that the file is cut again and again. */
	for (size_t length = m->size; length-- > 0;) {
		bool edge = m->objects[object_at(m, length)].at == length;

		if (length % stride && !edge)
			continue;
		write_file(m->dir, m->name, m->bytes, length);
		check_cut(&w, m, length);
		cuts++;
	}
	CHECK(cuts >= m->size / stride);
	printf("# %s cut to %u lengths\n", m->said, cuts);
	world_free(&w);
}

static void cuts_of_a_journal(void) { cut_file(JOURNAL, proof_stride(LENGTHS)); }
static void cuts_of_a_closed_part(void) { cut_file(CLOSED, proof_stride(LENGTHS)); }
static void cuts_of_an_open_segment(void) { cut_file(OPEN, proof_stride(LENGTHS)); }

/* --- The command itself --- */

/* Its exit status; what it said on stdout goes to `said`. */
static int run_verify(char *said, size_t size)
{
	char path[512];
	int out[2], status = 0;
	size_t used = 0;
	ssize_t n;
	pid_t child;

	snprintf(path, sizeof(path), "%s", proof_beside("sekisho"));
	REQUIRE(pipe(out) == 0);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execl(path, path, "--store", unit_temp_path(), "verify", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	while ((n = read(out[0], said + used, size - 1 - used)) > 0)
		used += (size_t)n;
	said[used] = '\0';
	close(out[0]);
	REQUIRE(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void check_command(void *ctx, uint64_t at, unsigned int bit)
{
	const struct model *m = ctx;
	char said[2000];
	int status = run_verify(said, sizeof(said));

	CHECK_ROW(status == 5, "byte %llu bit %u: status %d", (unsigned long long)at, bit, status);
	CHECK_ROW(strstr(said, m->said) != NULL, "byte %llu bit %u: %s", (unsigned long long)at, bit, said);
}

static void command_names_the_segment(void)
{
	struct world w;
	char said[2000];

	world_make(&w);
	CHECK_INT(run_verify(said, sizeof(said)), 0);
	CHECK(strstr(said, "all match") != NULL);
	CHECK(flip_bits(w.t1, w.files[CLOSED].name, proof_stride(509), check_command,
			&w.files[CLOSED]) > 0);
	CHECK_INT(run_verify(said, sizeof(said)), 0);
	world_free(&w);
}

const struct proof_test damage_tests[] = {
	{ "AC-31_every_bit_of_a_journal", flips_of_a_journal },
	{ "AC-31_every_bit_of_a_closed_segment", flips_of_a_closed_part },
	{ "AC-31_every_bit_of_an_open_segment", flips_of_an_open_segment },
	{ "AC-31_every_bit_of_a_second_part", flips_of_a_second_part },
	{ "AC-31_every_bit_of_day_catalogs", flips_of_day_catalogs },
	{ "AC-31_the_command_names_the_segment", command_names_the_segment },
	{ "AC-33_a_journal_cut_at_every_length", cuts_of_a_journal },
	{ "AC-33_a_closed_segment_cut_at_every_length", cuts_of_a_closed_part },
	{ "AC-33_an_open_segment_cut_at_every_length", cuts_of_an_open_segment },
	{},
};
