// SPDX-License-Identifier: BSD-2-Clause
/*
 * The programs that the faults happen to: one seals a store as sekishod does, one
 * writes journals as its recorder does, and says what it was told is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "actors.h"
#include "base/fs.h"
#include "fixture.h"
#include "journal/journal.h"
#include "schema/event.h"
#include "schema/store.h"
#include "ledger_actors.h"
#include "recorder/syncer.h"
#include "retention/retention.h"
#include "seal/seal.h"
#include "world.h"

#define TRIES 3

int actor_close_days(const struct store_dir *store)
{
	struct problem p;
	char **names;
	size_t count;
	int error = fs_list_dirs(store->segments, &names, &count);

	for (size_t i = 0; !error && i < count; i++) {
		int dir = fs_open_dir(store->segments, names[i], 0);
		int r = dir < 0 ? dir : segment_close_day(dir, DAY_NUMBER, &p);

		if (r < 0)
			error = r;
		if (dir >= 0)
			close(dir);
	}
	if (!error)
		fs_free_names(names, count);
	return error;
}

static int seal(const char *path)
{
	struct seal_result result = {};
	struct store_dir store;
	struct problem p;
	int error = store_open(path, 1, &store, &p);

	if (error)
		return 1;
	error = seal_all(&store, NULL, &result, &p);
	if (!error)
		error = actor_close_days(&store);
	store_close(&store);
	return error ? 1 : 0;
}

/* --- Deletions --- */

int actor_erase(const struct store_dir *store)
{
	struct retention_request request = { .erase_only = true, .clock_trusted = true,
					     .now_ns = DAY_NS + 31 * NS_PER_DAY };
	struct retention_result result = {};
	struct seal_result sealed = {};
	struct problem p;
	int error = retention_run(store, &request, &result, &p), later;

	later = seal_all(store, NULL, &sealed, &p);
	request.erase_only = false;
	/* A run that failed is repeated; what failed before is not made good by this one's success. */
	return retention_run(store, &request, &result, &p) || error || later;
}

static int erase(const char *path)
{
	struct store_dir store;
	struct problem p;
	int failed;

	if (store_open(path, 1, &store, &p))
		return 1;
	failed = actor_erase(&store);
	store_close(&store);
	return failed;
}

/* --- Journals --- */

struct writer {
	struct store_dir store;
	struct journal *journal;
	int acks;
	unsigned int next; /* serial */
	bool unsynced; /* some earlier file could not be synced */
};

static void say(struct writer *w, char what)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%c %u\n", what, w->next);

	(void)!write(w->acks, line, (size_t)n);
}

static int begin(struct writer *w)
{
	const struct journal_origin origin = { .ring_id = 7, .rung = SEKISHO_RUNG_SET_STATE };
	const struct journal_tenant tenants[] = { { .number = 1, .consent = 1, .id = "t1" },
						  { .number = 2, .consent = 2, .id = "t2" } };
	const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS, .max_error_ns = 262144 };
	struct problem p;
	struct journal *j;
	int error = journal_create(w->store.journal, &origin, &j, &p);

	if (error)
		return error;
	error = journal_append_tenants(j, tenants, ARRAY_SIZE(tenants));
	if (!error)
		error = journal_append_anchor(j, &anchor);
	if (error) {
		journal_close(j);
		return error;
	}
	journal_close(w->journal);
	w->journal = j;
	return 0;
}

static int sync_file(struct writer *w)
{
	int fd = journal_dup_fd(w->journal), error;

	if (fd < 0)
		return fd;
	error = fdatasync(fd) < 0 ? -errno : 0;
	close(fd);
	return error;
}

static int append_once(struct writer *w, const struct record *rows)
{
	int error = journal_append_rows(w->journal, rows, ACTOR_FRAME_ROWS, 100 + w->next);

	/* What could not be taken back makes the file one for reading only. */
	if (error == -EPIPE) {
		w->unsynced |= sync_file(w) != 0;
		error = begin(w);
		if (!error)
			error = journal_append_rows(w->journal, rows, ACTOR_FRAME_ROWS, 100 + w->next);
	}
	return error;
}

static int append_rows(struct writer *w)
{
	struct record rows[ACTOR_FRAME_ROWS];
	int error = -EIO;

	say(w, 't');
	for (unsigned int i = 0; i < ACTOR_FRAME_ROWS; i++) {
		rows[i] = actor_row(w->next + i);
		rows[i].time_ns += (int64_t)BOOT_NS - DAY_NS;
	}
	for (int i = 0; error && i < TRIES; i++)
		error = append_once(w, rows);
	if (error)
		return error;
	w->next += ACTOR_FRAME_ROWS;
	say(w, 'a');
	return 0;
}

/* What fails is tried again with the next rows. */
static void sync_rows(struct writer *w)
{
	if (sync_file(w) == 0 && !w->unsynced)
		say(w, 's');
}

static int append_rest(struct writer *w, unsigned int step)
{
	const struct anchor anchor = { .boot_ns = BOOT_NS + step * (uint64_t)NS_PER_SEC,
				       .utc_ns = DAY_NS + step * NS_PER_SEC, .max_error_ns = 262144 };
	const struct gap gap = { .first_utc_ns = DAY_NS + step, .last_utc_ns = DAY_NS + step + 1, .count = step,
				 .tenant = 1, .reason = STORE_GAP_RING_FULL };
	int error = -EIO;

	for (int i = 0; error && i < TRIES; i++)
		error = step % 4 == 2 ? journal_append_anchor(w->journal, &anchor) :
			step % 4 == 3 ? journal_append_gaps(w->journal, &gap, 1) : 0;
	return error == -EPIPE ? 0 : error; /* the next rows begin a new file */
}

static void rotate(struct writer *w)
{
	int error = -EIO;

	for (int i = 0; error && i < TRIES; i++)
		error = sync_file(w);
	w->unsynced |= error != 0;
	for (int i = 0; i < TRIES; i++)
		if (begin(w) == 0)
			break;
}

static int run_steps(struct writer *w)
{
	int error = 0;

	for (unsigned int step = 1; step <= ACTOR_FRAMES && !error; step++) {
		error = append_rows(w);
		if (!error)
			error = append_rest(w, step);
		if (!error && step % 2 == 0)
			sync_rows(w);
		if (!error && step == ACTOR_FRAMES / 2)
			rotate(w);
	}
	return error;
}

static int write_journals(const char *path, const char *acks)
{
	struct writer w = { .acks = open(acks, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) };
	struct problem p;
	int error = store_open(path, 1, &w.store, &p);

	if (error || w.acks < 0)
		return 1;
	error = -EIO;
	for (int i = 0; error && i < TRIES; i++)
		error = fs_append_line(w.store.ledger, ACTOR_LEDGER, "{}");
	if (error)
		return 1;
	for (int i = 0; i < TRIES && !w.journal; i++)
		error = begin(&w);
	if (w.journal)
		error = run_steps(&w);
	journal_close(w.journal);
	store_close(&w.store);
	return error ? 1 : 0;
}

/* With the syncer, which sekishod has: killed two intervals after the rotation. */
static int rotate_with_syncer(const char *path)
{
	struct writer w = { .acks = -1 };
	struct syncer *syncer;
	struct problem p;

	if (store_open(path, 1, &w.store, &p) || begin(&w) || syncer_start(20 * (uint64_t)MS, &syncer, &p))
		return 1;
	for (unsigned int step = 0; step < ACTOR_FRAMES; step++) {
		syncer_set_file(syncer, journal_dup_fd(w.journal));
		if (append_rows(&w))
			return 1;
		syncer_touch(syncer);
		if (step + 1 < ACTOR_FRAMES && begin(&w))
			return 1;
	}
	usleep(200000);
	(void)raise(SIGKILL);
	return 1;
}

struct record actor_row(unsigned int serial)
{
	return world_row(serial, 1 + serial / ACTOR_FRAME_ROWS % 2, DAY_NS + serial * MS);
}

int actor_main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "seal") == 0)
		return seal(argv[2]);
	if (argc == 4 && strcmp(argv[1], "journal") == 0)
		return write_journals(argv[2], argv[3]);
	if (argc == 3 && strcmp(argv[1], "rotate") == 0)
		return rotate_with_syncer(argv[2]);
	if (argc == 3 && strcmp(argv[1], "erase") == 0)
		return erase(argv[2]);
	if (argc == 4)
		return ledger_actor(argv[1], argv[2], argv[3]);
	return 2;
}
