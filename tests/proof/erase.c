// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every write, fsync, rename, unlink and creation of a deletion failing, half done or the last one before SIGKILL, in
 * turn; and what a power loss at that instant leaves (AC-07, AC-32, AC-36). At each instant what must stay is found,
 * each row that is missing has its tombstone, and nothing else is wrong; after the next run ledger, files and catalogs
 * agree, and what was to go is gone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "actors.h"
#include "consent_lines.h"
#include "base/fs.h"
#include "catalog/catalog.h"
#include "fixture.h"
#include "forge.h"
#include "ledger/deletions.h"
#include "ledger/holds.h"
#include "schema/journal.h"
#include "seal/seal.h"
#include "shadow.h"
#include "world.h"

#define STRIDE 5
#define GRANTS LINE_GRANT_ONE(1, "t1", "2026-03-09T00:00:00Z", "2027-03-01T00:00:00Z", 30) \
	       LINE_GRANT_ONE(2, "t2", "2026-03-09T00:00:00Z", "2027-03-01T00:00:00Z", 30)
/* t1 erases all up to noon of the second day; its first day is held. Of t2 the first day expires. */
#define WITHDRAWAL LINE_WITHDRAW(3, "t1", "2026-03-11T12:00:00Z", "STOP_AND_ERASE")

static const char *const modes[] = { "eio", "enospc", "short", "half-kill", "kill-before", "kill-after", "eio-on" };

struct erase {
	char whole[PATH_MAX], run[PATH_MAX], shadow[PATH_MAX], lost[PATH_MAX], log[PATH_MAX];
	struct conns all, stay; /* every row; those that must not go */
	unsigned long at;
	const char *mode;
	char call[160]; /* that the fault happened to */
	unsigned int fired, calls, trials, states;
};

#define WHERE "call %lu (%s) %s, %s"
#define HERE(e, state) (e)->at, (e)->call, (e)->mode, state

/* --- Running --- */

static int run_actor(struct erase *e, bool fault)
{
	char self[PATH_MAX], shim[PATH_MAX], at[32];
	pid_t child;
	int status = 0;

	snprintf(self, sizeof(self), "%s", proof_beside("proof"));
	snprintf(shim, sizeof(shim), "%s", proof_beside("fault.so"));
	snprintf(at, sizeof(at), "%lu", fault ? e->at : 0);
	(void)unlink(e->log);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		setenv("FAULT_DIR", e->run, 1);
		setenv("FAULT_AT", at, 1);
		setenv("FAULT_MODE", e->mode, 1);
		setenv("FAULT_LOG", e->log, 1);
		setenv("FAULT_SHADOW", e->shadow, 1);
		setenv("LD_PRELOAD", shim, 1);
		execl(self, self, "actor", "erase", e->run, (char *)NULL);
		_exit(127);
	}
	REQUIRE(waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void read_log(struct erase *e)
{
	FILE *log = fopen(e->log, "re");
	char line[512];

	e->fired = e->calls = 0;
	e->call[0] = '\0';
	while (log && fgets(line, sizeof(line), log)) {
		if (strncmp(line, "call ", 5) == 0)
			e->calls++;
		else if (e->fired++ == 0)
			snprintf(e->call, sizeof(e->call), "%.*s", (int)strcspn(line, "\n"), line);
	}
	if (log)
		fclose(log);
}

/* --- What must hold --- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conn));
}

static bool has(const struct conns *c, const struct conn *conn)
{
	return c->count && bsearch(conn, c->list, c->count, sizeof(*conn), compare);
}

/* Days that custody calls gone: of t1 and t2, from DAY_NUMBER on. */
struct stated {
	bool days[2][4];
};

static int take(void *ctx, uint64_t seq, const struct deletion *d)
{
	struct stated *s = ctx;
	int tenant = strcmp(d->tenant_id, "t2") == 0, day = d->day - DAY_NUMBER;

	(void)seq;
	if (day >= 0 && day < 4)
		s->days[tenant][day] = true;
	return 0;
}

static void check_rows(const struct erase *e, const struct store_dir *store, const struct conns *got, bool done,
		       const char *state)
{
	struct stated stated = {};
	struct problem p = { "" };

	CHECK_ROW(deletions_walk(store, take, &stated, &p) == 0, WHERE ": %s", HERE(e, state), p.text);
	for (size_t i = 0; i < got->count; i++) {
		CHECK_ROW(i == 0 || compare(&got->list[i - 1], &got->list[i]) != 0, WHERE ": a row twice",
			  HERE(e, state));
		CHECK_ROW(has(&e->all, &got->list[i]), WHERE ": a row that was never written", HERE(e, state));
	}
	for (size_t i = 0; i < e->all.count; i++) {
		const struct conn *c = &e->all.list[i];
		int day = utc_day(c->record.time_ns) - DAY_NUMBER;
		bool there = has(got, c), must = has(&e->stay, c);

		CHECK_ROW(there || !must, WHERE ": %s day %d is lost", HERE(e, state), c->tenant, day);
		CHECK_ROW(there || stated.days[strcmp(c->tenant, "t2") == 0][day],
			  WHERE ": %s day %d is gone without a tombstone", HERE(e, state), c->tenant, day);
		CHECK_ROW(!done || there == must, WHERE ": %s day %d is still there", HERE(e, state), c->tenant, day);
	}
}

static void check_store(const struct erase *e, const struct store_dir *store, bool done, const char *state)
{
	struct found found;
	struct verdict v;

	found_all(store, &found);
	check_rows(e, store, &found.conns, done, state);
	CHECK_ROW(found.damaged == 0, WHERE ": %s", HERE(e, state), found.damage);
	found_done(&found);
	verdict_of(store, &v);
	CHECK_ROW(v.bad == 0 || (!done && strstr(v.first_bad, "was deleted, and is there")), WHERE ": %s",
		  HERE(e, state), v.first_bad);
	if (done) {
		CHECK_ROW(count_files(store->journal, JOURNAL_SUFFIX) == 0, WHERE, HERE(e, state));
		CHECK_ROW(count_files(store->catalog, ".skc") == 2, WHERE ": %zu catalogs", HERE(e, state),
			  count_files(store->catalog, ".skc"));
	}
}

/* What the look over all days does with catalogs that a killed run left out. */
static void mend(const struct store_dir *store)
{
	struct problem p;

	for (int32_t day = DAY_NUMBER; day < DAY_NUMBER + 2; day++)
		CHECK_INT(catalog_mend(store, day, &p), 0);
}

/* As it is, and after the next run. */
static void check_state(struct erase *e, const char *root, const char *state)
{
	struct store_dir store;
	struct problem p;

	e->states++;
	REQUIRE(store_open(root, 1, &store, &p) == 0);
	check_store(e, &store, false, state);
	CHECK_ROW(actor_erase(&store) == 0, WHERE, HERE(e, state));
	mend(&store);
	check_store(e, &store, true, state);
	store_close(&store);
}

static void check_losses(struct erase *e, const char *what)
{
	static const char *const kinds[LOSS_KINDS] = { "all lost", "bytes lost", "names lost", "zeroes" };

	for (int kind = 0; kind < LOSS_KINDS; kind++) {
		char state[64];

		snprintf(state, sizeof(state), "%s, power loss: %s", what, kinds[kind]);
		proof_remove(e->lost);
		REQUIRE(shadow_lose(e->shadow, e->run, (enum shadow_loss)kind, e->lost) == 0);
		check_state(e, e->lost, state);
	}
}

/* --- Trials --- */

static void begin_trial(struct erase *e, unsigned long at, const char *mode)
{
	e->at = at;
	e->mode = mode;
	proof_remove(e->run);
	proof_remove(e->shadow);
	proof_copy(e->whole, e->run);
	REQUIRE(shadow_begin(e->shadow, e->run) == 0);
}

static void trial(struct erase *e)
{
	int status = run_actor(e, true);

	read_log(e);
	if (!e->fired)
		return; /* this kind of fault does not come to this call */
	e->trials++;
	if (strstr(e->mode, "kill"))
		CHECK_ROW(status == 128 + 9, WHERE ": status %d", HERE(e, "ended"), status);
	else
		CHECK_ROW(status == 0 || status == 1, WHERE ": status %d", HERE(e, "ended"), status);
	check_losses(e, "after the fault");
	check_state(e, e->run, "after the fault");
}

static void put(struct erase *e, struct journal *j, unsigned int first, uint32_t tenant, int64_t time_ns, bool stays)
{
	struct record rows[8];

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i] = world_row(first + i, tenant, time_ns + i * MS);
		conns_add(&e->all, tenant == 1 ? "t1" : "t2", &rows[i]);
		if (stays)
			conns_add(&e->stay, tenant == 1 ? "t1" : "t2", &rows[i]);
	}
	put_rows(j, rows, ARRAY_SIZE(rows), 2000 + first);
}

/* Both days of both tenants; the same once more, not sealed. */
static void add_journal(struct erase *e, const struct store_dir *store, unsigned int first)
{
	struct journal *j = a_journal(store->journal);
	char name[64];

	put(e, j, first, 1, DAY_NS + first * NS_PER_SEC, true);
	put(e, j, first + 20, 1, DAY_NS + NS_PER_DAY + first * NS_PER_SEC, false);
	put(e, j, first + 40, 2, DAY_NS + first * NS_PER_SEC, false);
	put(e, j, first + 60, 2, DAY_NS + NS_PER_DAY + first * NS_PER_SEC, true);
	end_journal(store->journal, j, name);
}

static void make_store(struct erase *e)
{
	const struct hold_act hold = { .number = "1", .tenant_id = "t1", .first_day = DAY_NUMBER,
				       .last_day = DAY_NUMBER, .until_ns = utc_now_ns() + NS_PER_DAY };
	struct seal_result result = {};
	struct store_dir store;
	struct problem p = { "" };

	REQUIRE(store_open(e->whole, 1, &store, &p) == 0);
	CHECK_ROW(forge_chain(&store, LEDGER_CONSENT, GRANTS, &p) == 0, "%s", p.text);
	add_journal(e, &store, 0);
	CHECK_ROW(seal_all(&store, NULL, &result, &p) == 0, "%s", p.text);
	CHECK_INT(result.rows, 32);
	add_journal(e, &store, 100);
	CHECK_ROW(forge_chain(&store, LEDGER_CONSENT, GRANTS WITHDRAWAL, &p) == 0, "%s", p.text);
	CHECK_ROW(hold_set(&store, &hold, NULL, &p) == 0, "%s", p.text);
	store_close(&store);
	conns_settle(&e->all);
	conns_settle(&e->stay);
	CHECK_INT(e->all.count, 64);
	CHECK_INT(e->stay.count, 32);
}

static void faults_while_deleting(void)
{
	unsigned int stride = proof_stride(STRIDE), turn = 0, calls;
	struct erase e = { .mode = "none" };

	proof_path(e.whole, "whole");
	proof_path(e.run, "run");
	proof_path(e.shadow, "shadow");
	proof_path(e.lost, "lost");
	proof_path(e.log, "log");
	make_store(&e);
	begin_trial(&e, 0, "none");
	CHECK_INT(run_actor(&e, false), 0);
	read_log(&e);
	calls = e.calls;
	CHECK(calls > 40);
	check_losses(&e, "undisturbed");
	check_state(&e, e.run, "undisturbed");
	for (unsigned long at = 1; at <= calls; at++)
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++, turn++) {
			if (turn % stride)
				continue;
			begin_trial(&e, at, modes[m]);
			trial(&e);
		}
	CHECK(e.trials >= calls * 3 / stride);
	printf("# erase: %u calls, %u faults, %u states after them\n", calls, e.trials, e.states);
	conns_done(&e.all);
	conns_done(&e.stay);
}

const struct proof_test erase_tests[] = {
	{ "AC-36_faults_while_deleting", faults_while_deleting },
	{},
};
