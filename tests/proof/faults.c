// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every write, fsync, rename, unlink, mkdir, ftruncate and creation of journal and
 * sealing failing, half done or the last one before SIGKILL, in turn; and what a
 * power loss at that instant leaves (AC-33, AC-35). At each instant a search finds
 * each row once; a successor seals the rest, and then everything is in its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "actors.h"
#include "faults.h"
#include "fixture.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "seal/seal.h"
#include "shadow.h"

#define STRIDE 5

static const char *const modes[] = { "eio", "enospc", "short", "half-kill",
				     "kill-before", "kill-after", "eio-on", "enospc-on" };

/* --- Running an actor --- */

static void set_environment(const struct faults *f, bool fault)
{
	char at[32], shim[PATH_MAX];

	snprintf(at, sizeof(at), "%lu", fault ? f->at : 0);
	snprintf(shim, sizeof(shim), "%s", proof_beside("fault.so"));
	setenv("FAULT_DIR", f->run, 1);
	setenv("FAULT_AT", at, 1);
	setenv("FAULT_MODE", f->mode, 1);
	setenv("FAULT_LOG", f->log, 1);
	setenv("FAULT_SHADOW", f->shadow, 1);
	setenv("LD_PRELOAD", shim, 1);
}

/* Exit status, or 128 and the signal. */
static int run_actor(struct faults *f, bool fault)
{
	char self[PATH_MAX];
	pid_t child;
	int status = 0;

	snprintf(self, sizeof(self), "%s", proof_beside("proof"));
	(void)unlink(f->log);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		set_environment(f, fault);
		execl(self, self, "actor", f->actor, f->run, strcmp(f->actor, "journal") ? NULL : f->acks,
		      (char *)NULL);
		_exit(127);
	}
	REQUIRE(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* "NAME PATH\n" */
static void take_call(struct faults *f, const char *text)
{
	size_t n = strcspn(text, " \n");

	snprintf(f->call, sizeof(f->call), "%.*s", (int)n, text);
	text += n + (text[n] == ' ');
	snprintf(f->path, sizeof(f->path), "%.*s", (int)strcspn(text, "\n"), text);
}

/* How many calls there were, how often the fault came, and what it came to. */
static void read_log(struct faults *f)
{
	FILE *log = fopen(f->log, "re");
	char line[512];

	f->fired = f->calls = 0;
	f->call[0] = f->path[0] = '\0';
	while (log && fgets(line, sizeof(line), log)) {
		char *name = strchr(line, ' ');

		name = name ? strchr(name + 1, ' ') : NULL;
		if (strncmp(line, "call ", 5) == 0)
			f->calls++;
		else if (f->fired++ == 0 && name)
			take_call(f, name + 1);
	}
	if (log)
		fclose(log);
}

/* --- Trials --- */

static void begin_trial(struct faults *f, unsigned long at, const char *mode)
{
	f->at = at;
	f->mode = mode;
	proof_remove(f->run);
	proof_remove(f->shadow);
	(void)unlink(f->acks);
	proof_copy(f->whole, f->run);
	REQUIRE(shadow_begin(f->shadow, f->run) == 0);
}

/* The rows below the last N that the actor said behind this letter. */
static void acknowledged(const struct faults *f, char what, struct conns *ret_conns)
{
	FILE *acks = fopen(f->acks, "re");
	struct conns c = {};
	unsigned int n = 0, last = 0;
	char line[32];

	while (acks && fgets(line, sizeof(line), acks)) {
		n = 0;
		for (const char *d = line + 2; *d >= '0' && *d <= '9'; d++)
			n = n * 10 + (unsigned int)(*d - '0');
		if (line[0] == what)
			last = n;
	}
	if (acks)
		fclose(acks);
	for (unsigned int i = 0; i < last; i++) {
		struct record r = actor_row(i);

		conns_add(&c, r.tenant == 1 ? "t1" : "t2", &r);
	}
	conns_settle(&c);
	*ret_conns = c;
}

/* What a one-shot failure or a signal makes of the actor. */
static void check_status(const struct faults *f, int status)
{
	/* A catalog is derived: sealing does without it. */
	bool sealing = strcmp(f->actor, "seal") == 0 && strncmp(f->path, "/catalog", 8) != 0;

	if (strstr(f->mode, "kill"))
		CHECK_ROW(status == 128 + 9, WHERE ": status %d", HERE(f, "ended"), status);
	else if (strcmp(f->mode, "short") == 0 && strncmp(f->path, "/ledger", 7) == 0)
		/* A line is one write: less of it is taken back and said. */
		CHECK_ROW(status == 1, WHERE ": status %d", HERE(f, "ended"), status);
	else if (strcmp(f->mode, "short") == 0)
		CHECK_ROW(status == 0, WHERE ": status %d", HERE(f, "ended"), status);
	else if (sealing && strcmp(f->call, "fsync") == 0 && strcmp(f->path, "/keys") == 0)
		/* Of a head that is in its place: its line is durable, at worst the head is one behind. */
		CHECK_ROW(status == 0 || status == 1, WHERE ": status %d", HERE(f, "ended"), status);
	else if (sealing) /* whatever failed is said */
		CHECK_ROW(status == 1, WHERE ": status %d", HERE(f, "ended"), status);
	else
		CHECK_ROW(status == 0 || status == 1, WHERE ": status %d", HERE(f, "ended"), status);
	CHECK_ROW(faults_go_on(f) ? f->fired > 0 : f->fired == 1, WHERE ": fired %u times",
		  HERE(f, "ended"), f->fired);
}

static void seal_trial(struct faults *f)
{
	struct store_dir store;
	struct problem p;
	int status = run_actor(f, true);

	read_log(f);
	if (!f->fired)
		return; /* this kind of fault does not come to this call */
	f->trials++;
	check_status(f, status);
	faults_check_losses(f, &f->all, "after the fault");
	REQUIRE(store_open(f->run, 0, &store, &p) == 0);
	faults_check_answer(f, &store, &f->all, false, "after the fault");
	store_close(&store);
	/* The successor's own fsyncs have to cover what its predecessor only wrote. */
	CHECK_ROW(run_actor(f, false) == 0, WHERE, HERE(f, "repeated"));
	faults_check_losses(f, &f->all, "repeated");
	faults_check_state(f, f->run, &f->all, "repeated");
}

/* Whether the actor came as far as its first rows. */
static bool tried(const struct faults *f)
{
	struct stat st;

	return stat(f->acks, &st) == 0 && st.st_size > 0;
}

/* A line that was acknowledged is there. */
static void check_ledger(const struct faults *f, enum shadow_loss kind)
{
	char path[PATH_MAX];

	proof_remove(f->lost);
	REQUIRE(shadow_lose(f->shadow, f->run, kind, f->lost) == 0);
	proof_path(path, "lost/ledger/" ACTOR_LEDGER);
	CHECK_ROW(size_of(AT_FDCWD, path) >= 3, WHERE ": the ledger has %lld bytes", HERE(f, "begun again"),
		  size_of(AT_FDCWD, path));
}

/* What a start that was killed had made, the next one takes for durable only when it is. */
static void begin_again(struct faults *f)
{
	struct conns synced;

	CHECK_ROW(run_actor(f, false) == 0, WHERE, HERE(f, "begun again"));
	acknowledged(f, 's', &synced);
	CHECK_ROW(synced.count == ACTOR_FRAMES * ACTOR_FRAME_ROWS, WHERE, HERE(f, "begun again"));
	faults_check_losses(f, &synced, "begun again");
	for (int kind = 0; kind < LOSS_KINDS; kind++)
		check_ledger(f, (enum shadow_loss)kind);
	faults_check_state(f, f->run, &synced, "begun again");
	conns_done(&synced);
}

static void journal_trial(struct faults *f)
{
	struct conns written, synced;
	int status = run_actor(f, true);

	read_log(f);
	if (!f->fired)
		return;
	f->trials++;
	check_status(f, status);
	acknowledged(f, 'a', &written);
	acknowledged(f, 's', &synced);
	if (status == 0)
		CHECK_ROW(written.count == ACTOR_FRAMES * ACTOR_FRAME_ROWS, WHERE, HERE(f, "ended"));
	faults_check_losses(f, &synced, "after the fault");
	if (status == 128 + 9 && !tried(f))
		begin_again(f);
	else
		faults_check_state(f, f->run, &written, "after the fault");
	conns_done(&written);
	conns_done(&synced);
}

static void run_trials(struct faults *f, void (*trial)(struct faults *f))
{
	unsigned int stride = proof_stride(STRIDE), turn = 0, calls;

	begin_trial(f, 0, "none");
	CHECK_INT(run_actor(f, false), 0);
	read_log(f);
	calls = f->calls;
	CHECK_INT(f->fired, 0);
	CHECK(calls > 20);
	for (unsigned long at = 1; at <= calls; at++)
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++, turn++) {
			/* So that each mode comes to each kind of call. */
			if (turn % stride)
				continue;
			begin_trial(f, at, modes[m]);
			trial(f);
		}
	CHECK(f->trials >= calls * 4 / stride);
	printf("# %s: %u calls, %u faults, %u states after them\n", f->actor, calls, f->trials, f->states);
}

/* --- Stores to begin with --- */

static void set_up(struct faults *f, const char *actor)
{
	*f = (struct faults){ .actor = actor, .mode = "none" };
	proof_path(f->whole, "whole");
	proof_path(f->run, "run");
	proof_path(f->shadow, "shadow");
	proof_path(f->lost, "lost");
	proof_path(f->log, "log");
	proof_path(f->acks, "acks");
}

static void put(struct faults *f, struct journal *j, unsigned int first, unsigned int count, uint32_t tenant,
		int64_t time_ns)
{
	struct record rows[64];

	for (unsigned int i = 0; i < count; i++) {
		rows[i] = world_row(first + i, tenant, time_ns + i * MS);
		conns_add(&f->all, tenant == 1 ? "t1" : "t2", &rows[i]);
	}
	put_rows(j, rows, count, 2000 + first);
}

/* Rows of two tenants on both sides of midnight; gaps of one, of all, and on a day without rows. */
static void first_journal(struct faults *f, const struct store_dir *store)
{
	const struct gap gaps[] = {
		{ .first_utc_ns = DAY_NS + 1, .last_utc_ns = DAY_NS + 9, .count = 3, .tenant = 2,
		  .reason = STORE_GAP_RING_FULL },
		{ .first_utc_ns = DAY_NS + NS_PER_DAY + 5, .last_utc_ns = DAY_NS + 2 * NS_PER_DAY + 5,
		  .reason = STORE_GAP_NOT_ARMED },
	};
	struct journal *j = a_journal(store->journal);
	char name[64];

	put(f, j, 0, 20, 1, DAY_NS + NS_PER_SEC);
	put(f, j, 30, 10, 2, DAY_NS + NS_PER_DAY - 5 * MS);
	REQUIRE(journal_append_gaps(j, gaps, ARRAY_SIZE(gaps)) == 0);
	put(f, j, 50, 10, 1, DAY_NS + NS_PER_DAY - 5 * MS);
	end_journal(store->journal, j, name);
}

static void second_journal(struct faults *f, const struct store_dir *store)
{
	struct journal *j = a_journal(store->journal);
	char name[64];

	put(f, j, 100, 10, 1, DAY_NS + 60 * NS_PER_SEC);
	put(f, j, 120, 3, 2, DAY_NS + 60 * NS_PER_SEC);
	end_journal(store->journal, j, name);
}

/* One row frame of two is bad. */
static void damaged_journal(struct faults *f, const struct store_dir *store)
{
	struct journal *j = a_journal(store->journal);
	char name[64];
	uint8_t *bytes;
	size_t size, kept;

	put(f, j, 200, 7, 1, DAY_NS + 90 * NS_PER_SEC);
	kept = f->all.count;
	put(f, j, 220, 7, 1, DAY_NS + 91 * NS_PER_SEC);
	f->all.count = kept;
	put(f, j, 240, 7, 2, DAY_NS + 92 * NS_PER_SEC);
	end_journal(store->journal, j, name);
	bytes = read_file(store->journal, name, &size);
	for (size_t at = size - 1, frames = 0; at > 0 && frames < 2; at--)
		if (memcmp(bytes + at, "SKFR", 4) == 0 && ++frames == 2)
			bytes[at + FRAME_HEADER_BYTES + 3] ^= 4;
	write_file(store->journal, name, bytes, size);
	free(bytes);
	f->damaged = true;
}

/* What a sealing that nothing disturbs leaves is what all others are held to. */
static void note_reference(struct faults *f)
{
	struct seal_result result = {};
	struct store_dir store;
	struct found found;
	struct problem p;

	conns_settle(&f->all);
	proof_copy(f->whole, f->run);
	REQUIRE(store_open(f->run, 0, &store, &p) == 0);
	REQUIRE(seal_all(&store, NULL, &result, &p) == 0);
	found_all(&store, &found);
	faults_check_rows(f, &found.conns, &f->all, &f->all, "reference");
	CHECK_INT(found.conns.count, f->all.count);
	for (size_t i = 0; i < found.gaps.count; i++)
		REQUIRE(gaps_add(&f->gaps, &found.gaps.list[i]) == 0);
	CHECK(f->gaps.count > 0);
	found_done(&found);
	store_close(&store);
}

static void clean_up(struct faults *f)
{
	conns_done(&f->all);
	gaps_done(&f->gaps);
}

static void faults_while_sealing(void)
{
	struct store_dir store;
	struct faults f;
	struct problem p;

	set_up(&f, "seal");
	REQUIRE(store_open(f.whole, 1, &store, &p) == 0);
	first_journal(&f, &store);
	second_journal(&f, &store);
	store_close(&store);
	note_reference(&f);
	run_trials(&f, seal_trial);
	clean_up(&f);
}

static void faults_while_sealing_a_damaged_journal(void)
{
	struct store_dir store;
	struct faults f;
	struct problem p;

	set_up(&f, "seal");
	REQUIRE(store_open(f.whole, 1, &store, &p) == 0);
	damaged_journal(&f, &store);
	store_close(&store);
	note_reference(&f);
	run_trials(&f, seal_trial);
	clean_up(&f);
}

static void prepare_for_rows(struct faults *f, const char *actor)
{
	set_up(f, actor);
	REQUIRE(mkdir(f->whole, 0700) == 0); /* the rest is made on the way */
	for (unsigned int i = 0; i < ACTOR_FRAMES * ACTOR_FRAME_ROWS; i++) {
		struct record r = actor_row(i);

		conns_add(&f->all, r.tenant == 1 ? "t1" : "t2", &r);
	}
	conns_settle(&f->all);
}

static void faults_while_writing_journals(void)
{
	struct faults f;

	prepare_for_rows(&f, "journal");
	run_trials(&f, journal_trial);
	clean_up(&f);
}

/* A journal that was rotated away within the sync interval is made durable all the same. */
static void power_loss_after_rotation(void)
{
	struct faults f;

	prepare_for_rows(&f, "rotate");
	begin_trial(&f, 0, "kill-before");
	CHECK_INT(run_actor(&f, false), 128 + 9);
	read_log(&f);
	CHECK(f.calls > ACTOR_FRAMES * 4);
	faults_check_losses(&f, &f.all, "after the rotation");
	clean_up(&f);
}

const struct proof_test fault_tests[] = {
	{ "AC-33_faults_while_sealing", faults_while_sealing },
	{ "AC-33_faults_while_sealing_a_damaged_journal", faults_while_sealing_a_damaged_journal },
	{ "AC-33_faults_while_writing_journals", faults_while_writing_journals },
	{ "AC-33_power_loss_after_a_rotation", power_loss_after_rotation },
	{},
};
