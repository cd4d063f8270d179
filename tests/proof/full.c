// SPDX-License-Identifier: BSD-2-Clause
/*
 * A disk that is really full, and files that really cannot be written (AC-33, AC-34,
 * AC-35 for the store): sealing fails cleanly and goes on when there is room again;
 * a closed segment is never opened for writing.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "actors.h"
#include "base/fs.h"
#include "fixture.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "seal/seal.h"
#include "world.h"

#define DISK "size=512k,mode=700"
#define ROWS 50 /* of a frame */
#define SEALED_ROWS 4000 /* of a journal, so that its sections take some pages */

/* --- Full --- */

static void fill_journal(const struct store_dir *store, unsigned int first, struct conns *all)
{
	struct record rows[SEALED_ROWS];
	struct journal *j = a_journal(store->journal);
	char name[64];

	for (unsigned int i = 0; i < SEALED_ROWS; i++) {
		rows[i] = world_row(first + i, 1 + i % 2, DAY_NS + (first + i) * MS);
		conns_add(all, i % 2 ? "t2" : "t1", &rows[i]);
	}
	put_rows(j, rows, SEALED_ROWS, 2000);
	end_journal(store->journal, j, name);
}

static void expect(const struct store_dir *store, const struct conns *want, unsigned long long torn,
		   const char *when, unsigned int room)
{
	char text[DIFFERENCE_MAX];
	struct found found;
	struct verdict v;

	found_all(store, &found);
	CHECK_ROW(conns_same(&found.conns, want, text, sizeof(text)), "%s, room %u: %s", when, room, text);
	CHECK_ROW(found.damaged == 0, "%s, room %u: %s", when, room, found.damage);
	verdict_of(store, &v);
	CHECK_ROW(v.bad == 0 && v.torn <= torn, "%s, room %u: %s", when, room, v.first_bad);
	found_done(&found);
}

/* A file that leaves so many pages of the disk. */
static void take_room(const char *disk, const char *filler, unsigned int pages)
{
	struct statvfs st;
	int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && statvfs(disk, &st) == 0 && st.f_bavail > pages);
	REQUIRE(posix_fallocate(fd, 0, (off_t)(st.f_bavail - pages) * (off_t)st.f_frsize) == 0);
	close(fd);
	REQUIRE(statvfs(disk, &st) == 0 && st.f_bavail == pages);
}

/* Sealing one journal into what is there, with room for so many pages. Returns whether it failed. */
static bool seal_with_room(const char *disk, unsigned int pages)
{
	char root[PATH_MAX], filler[PATH_MAX];
	struct seal_result result = {};
	struct conns all = {};
	struct store_dir store;
	struct problem p;
	bool failed;

	proof_path(root, "disk/store");
	proof_path(filler, "disk/filler");
	REQUIRE(store_open(root, 1, &store, &p) == 0);
	fill_journal(&store, 0, &all);
	REQUIRE(seal_all(&store, NULL, &result, &p) == 0);
	fill_journal(&store, 5000, &all);
	fill_journal(&store, 10000, &all);
	conns_settle(&all);
	take_room(disk, filler, pages);
	failed = seal_all(&store, NULL, &result, &p) != 0;
	CHECK_ROW(!failed || strstr(p.text, strerror(ENOSPC)), "room %u: %s", pages, p.text);
	CHECK_ROW(!failed || count_files(store.journal, JOURNAL_SUFFIX) > 0, "room %u", pages);
	expect(&store, &all, 0, failed ? "full" : "sealed", pages);
	REQUIRE(unlink(filler) == 0);
	CHECK_ROW(seal_all(&store, NULL, &result, &p) == 0, "room %u: %s", pages, p.text);
	CHECK_INT(count_files(store.journal, JOURNAL_SUFFIX), 0);
	expect(&store, &all, 0, "room again", pages);
	conns_done(&all);
	store_close(&store);
	proof_remove(root);
	return failed;
}

static void sealing_on_a_full_disk(void)
{
	char disk[PATH_MAX];
	unsigned int failed = 0, sealed = 0;

	proof_path(disk, "disk");
	REQUIRE(mkdir(disk, 0700) == 0);
	if (mount("none", disk, "tmpfs", 0, DISK) < 0)
		SKIP("cannot mount a tmpfs: %s", strerror(errno));
	for (unsigned int pages = 0; pages < 32; pages += 2) {
		bool full = seal_with_room(disk, pages);

		failed += full;
		sealed += !full;
	}
	REQUIRE(umount(disk) == 0);
	printf("# %u times too little room, %u times enough\n", failed, sealed);
	CHECK(failed > 0 && sealed > 0);
}

/* Appends until the disk is full; all that was acknowledged is there, and goes on in the same file. */
static void journal_on_a_full_disk(void)
{
	char disk[PATH_MAX], root[PATH_MAX], filler[PATH_MAX];
	unsigned int first = 0, refused = 0;
	struct conns all = {};
	struct store_dir store;
	struct journal *j;
	struct problem p;

	proof_path(disk, "disk");
	proof_path(root, "disk/store");
	proof_path(filler, "disk/filler");
	REQUIRE(mkdir(disk, 0700) == 0);
	if (mount("none", disk, "tmpfs", 0, DISK) < 0)
		SKIP("cannot mount a tmpfs: %s", strerror(errno));
	REQUIRE(store_open(root, 1, &store, &p) == 0);
	j = a_journal(store.journal);
	take_room(disk, filler, 3);
	for (int i = 0; i < 60; i++) {
		struct record rows[ROWS];
		uint64_t size = journal_size(j);
		int r;

		for (unsigned int k = 0; k < ROWS; k++) {
			rows[k] = world_row(first + k, 1, DAY_NS + (first + k) * MS);
			rows[k].time_ns += (int64_t)BOOT_NS - DAY_NS;
		}
		r = journal_append_rows(j, rows, ROWS, 2000 + first);
		CHECK(r == 0 || r == -ENOSPC);
		CHECK_INT(size_of(store.journal, journal_name(j)), r == 0 ? journal_size(j) : size);
		refused += r != 0;
		if (refused == 3) /* room again, for the same rows */
			(void)unlink(filler);
		for (unsigned int k = 0; r == 0 && k < ROWS; k++) {
			rows[k].time_ns -= (int64_t)BOOT_NS - DAY_NS;
			conns_add(&all, "t1", &rows[k]);
		}
		first += r == 0 ? ROWS : 0;
	}
	CHECK_INT(refused, 3);
	conns_settle(&all);
	expect(&store, &all, 0, "journal", 3);
	journal_close(j);
	conns_done(&all);
	store_close(&store);
	REQUIRE(umount(disk) == 0);
}

/* --- Closed segments --- */

/* Makes what is at `path` read-only in place. */
static bool bind_read_only(const char *path)
{
	return mount(path, path, NULL, MS_BIND, NULL) == 0 &&
	       mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0;
}

static void read_only_store(void)
{
	char text[DIFFERENCE_MAX], root[PATH_MAX];
	struct store_dir store;
	struct conns want;
	struct found found;
	struct verdict v;
	struct problem p;
	struct world w;

	world_make(&w);
	snprintf(root, sizeof(root), "%s", unit_temp_path());
	if (!bind_read_only(root)) {
		world_free(&w);
		SKIP("cannot bind %s: %s", root, strerror(errno));
	}
	REQUIRE(store_open(root, 0, &store, &p) == 0);
	/* The control: nothing can be written there. */
	CHECK_INT(openat(store.journal, "x", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
	CHECK_INT(errno, EROFS);
	found_all(&store, &found);
	world_without(&w, NULL, NULL, &want);
	CHECK_ROW(conns_same(&found.conns, &want, text, sizeof(text)), "%s", text);
	CHECK_INT(found.damaged, 0);
	verdict_of(&store, &v);
	CHECK_INT(v.bad + v.torn, 0);
	conns_done(&want);
	found_done(&found);
	store_close(&store);
	CHECK_INT(umount(root), 0);
	world_free(&w);
}

/* New rows of a closed day, whose files cannot be opened for writing. */
static void seal_behind_read_only_segments(const struct world *w)
{
	struct seal_result result = {};
	struct problem p;
	char name[64];

	only_name(w->store.journal, JOURNAL_SUFFIX, name);
	CHECK_ROW(seal_journal(&w->store, NULL, name, &result, &p) == 0, "%s", p.text);
	forget_custody(&w->store); /* the world's other sections were not sealed */
	CHECK_INT(count_files(w->store.journal, JOURNAL_SUFFIX), 0);
	segment_part_name(DAY_NUMBER, 3, name);
	CHECK(size_of(w->t1, name) > 0);
	segment_part_name(DAY_NUMBER, 2, name);
	CHECK(size_of(w->t2, name) > 0);
}

static void same_bytes(const struct model *m)
{
	size_t size;
	uint8_t *bytes = read_file(m->dir, m->name, &size);

	CHECK_ROW(size == m->size && memcmp(bytes, m->bytes, size) == 0, "%s", m->said);
	free(bytes);
}

static void closed_segments_are_not_opened_for_writing(void)
{
	char path[4][PATH_MAX], text[DIFFERENCE_MAX];
	struct conns want;
	struct found found;
	struct verdict v;
	struct problem p;
	struct world w;
	size_t bound = 0;

	world_make(&w);
	REQUIRE(segment_close_day(w.t1, DAY_NUMBER, &p) == 1);
	REQUIRE(segment_close_day(w.t2, DAY_NUMBER, &p) == 1);
	for (size_t f = 1; f < w.file_count; f++) {
		struct model *m = &w.files[f];

		free(m->bytes);
		m->bytes = read_file(m->dir, m->name, &m->size); /* now with their trailers */
		proof_path(path[f], m->said);
		bound += bind_read_only(path[f]);
		CHECK_INT(openat(m->dir, m->name, O_WRONLY | O_APPEND | O_CLOEXEC), -1);
		CHECK_INT(errno, EROFS);
	}
	CHECK_INT(bound, 3);
	seal_behind_read_only_segments(&w);
	for (size_t f = 1; f < w.file_count; f++)
		same_bytes(&w.files[f]);
	found_all(&w.store, &found);
	world_without(&w, NULL, NULL, &want);
	CHECK_ROW(conns_same(&found.conns, &want, text, sizeof(text)), "%s", text);
	CHECK_INT(found.damaged, 0);
	verdict_of(&w.store, &v);
	CHECK_ROW(v.bad + v.torn == 0, "%s", v.first_bad);
	CHECK_INT(segment_close_day(w.t1, DAY_NUMBER, &p), 1); /* part 3; 1 and 2 stay as they are */
	CHECK_INT(segment_close_day(w.t1, DAY_NUMBER, &p), 0);
	for (size_t f = 1; f < w.file_count; f++)
		CHECK_ROW(umount(path[f]) == 0, "%s", path[f]);
	conns_done(&want);
	found_done(&found);
	world_free(&w);
}

const struct proof_test full_tests[] = {
	{ "AC-35_sealing_on_a_full_disk", sealing_on_a_full_disk },
	{ "AC-35_a_journal_on_a_full_disk", journal_on_a_full_disk },
	{ "AC-34_a_read_only_store_is_read", read_only_store },
	{ "AC-34_closed_segments_are_not_opened_for_writing", closed_segments_are_not_opened_for_writing },
	{},
};
