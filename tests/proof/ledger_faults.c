// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every write, fsync, rename, unlink and creation of an act that a ledger records failing, half done or the last one
 * before SIGKILL, in turn, and what a power loss at that instant leaves: the ledgers verify, the act is wholly there
 * or not at all, what was answered is true, and the next act follows (AC-13, AC-35).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fixture.h"
#include "ledger/ledger.h"
#include "ledger_actors.h"
#include "proof.h"
#include "query/verify.h"
#include "shadow.h"

#define STRIDE 3

static const char *const modes[] = { "eio", "enospc", "short", "half-kill",
				     "kill-before", "kill-after", "eio-on", "enospc-on" };

struct trials {
	const char *act;
	char whole[PATH_MAX], run[PATH_MAX], shadow[PATH_MAX], lost[PATH_MAX], log[PATH_MAX], acks[PATH_MAX];
	/* of the trial */
	unsigned long at;
	const char *mode;
	char call[128]; /* that it happened to, and where */
	char said[400];
	unsigned int fired, calls, count, states, standing, undone;
};

#define WHERE "%s call %lu (%s) %s, %s"
#define HERE(t, state) (t)->act, (t)->at, (t)->call, (t)->mode, state

static void set_environment(const struct trials *t, bool fault)
{
	char at[32];

	snprintf(at, sizeof(at), "%lu", fault ? t->at : 0);
	setenv("FAULT_DIR", t->run, 1);
	setenv("FAULT_AT", at, 1);
	setenv("FAULT_MODE", t->mode, 1);
	setenv("FAULT_LOG", t->log, 1);
	setenv("FAULT_SHADOW", t->shadow, 1);
	setenv("LD_PRELOAD", proof_beside("fault.so"), 1);
}

/* Exit status, or 128 and the signal. */
static int run_act(struct trials *t, bool fault)
{
	char self[PATH_MAX];
	int status = 0, dir;
	ssize_t n = 0;
	pid_t child;

	snprintf(self, sizeof(self), "%s", proof_beside("proof"));
	(void)unlink(t->log);
	(void)unlink(t->acks);
	child = fork();
	REQUIRE(child >= 0);
	if (child == 0) {
		set_environment(t, fault);
		execl(self, self, "actor", t->act, t->run, t->acks, (char *)NULL);
		_exit(127);
	}
	REQUIRE(waitpid(child, &status, 0) == child);
	dir = open(t->acks, O_RDONLY | O_CLOEXEC);
	if (dir >= 0) {
		n = read(dir, t->said, sizeof(t->said) - 1);
		close(dir);
	}
	t->said[n > 0 ? n : 0] = '\0';
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void read_log(struct trials *t)
{
	FILE *log = fopen(t->log, "re");
	char line[512];

	t->fired = t->calls = 0;
	t->call[0] = '\0';
	while (log && fgets(line, sizeof(line), log)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "call ", 5) == 0)
			t->calls++;
		else if (t->fired++ == 0)
			snprintf(t->call, sizeof(t->call), "%.120s", line);
	}
	if (log)
		fclose(log);
}

static void begin_trial(struct trials *t, unsigned long at, const char *mode)
{
	t->at = at;
	t->mode = mode;
	proof_remove(t->run);
	proof_remove(t->shadow);
	proof_copy(t->whole, t->run);
	REQUIRE(shadow_begin(t->shadow, t->run) == 0);
}

static void check_verifies(const struct trials *t, const struct store_dir *store, const char *state)
{
	const struct verify_request request = {};
	struct verify_facts verdict = {};
	struct ledger_facts f;
	struct problem p = {};

	CHECK_ROW(ledger_verify(store, CHAIN_QUICK, NULL, &f, &p) == 0, WHERE ": %s", HERE(t, state), p.text);
	CHECK_ROW(ledger_verify(store, CHAIN_FULL, NULL, &f, &p) == 0, WHERE ": %s", HERE(t, state), p.text);
	CHECK_ROW(verify_run(store, &request, &verdict, &p) == 0, WHERE ": %s", HERE(t, state), p.text);
	CHECK_ROW(verdict.bad == 0, WHERE ": %s", HERE(t, state), verdict.first_bad.text);
}

/* As it is, and then with what comes next. */
static int check_state(struct trials *t, const char *root, const char *state)
{
	struct store_dir store;
	struct problem p = {};
	int stands, after;

	t->states++;
	REQUIRE(store_open(root, 1, &store, &p) == 0);
	check_verifies(t, &store, state);
	stands = ledger_act_stands(t->act, &store);
	CHECK_ROW(stands >= 0, WHERE ": half of it is there", HERE(t, state));
	CHECK_ROW(ledger_act_next(&store, &p) == 0, WHERE ": %s", HERE(t, state), p.text);
	check_verifies(t, &store, state);
	after = ledger_act_stands(t->act, &store);
	/* What was not done of a day is done by who comes next. */
	CHECK_ROW(after == (strcmp(t->act, "close-day") == 0 ? 1 : stands), WHERE ": it changes afterwards", HERE(t, state));
	store_close(&store);
	return stands;
}

/* 1: it is told to stand; 0: not to; -1: nobody was told, or that it is not known. */
static int told(const struct trials *t, int status)
{
	if (status > 1)
		return -1;
	return status == 0 ? 1 : strstr(t->said, "nor was it taken back for certain") ||
		       strstr(t->said, "are stored and stated") ? -1 : 0;
}

static void check_told(struct trials *t, int answer, int stands, const char *state)
{
	if (answer == 1)
		CHECK_ROW(stands == 1, WHERE ": done, and not there", HERE(t, state));
	if (answer == 0)
		CHECK_ROW(stands == 0, WHERE ": \"%s\", and it is there", HERE(t, state), t->said);
	t->standing += stands == 1;
	t->undone += stands == 0;
}

static void trial(struct trials *t)
{
	static const char *const kinds[LOSS_KINDS] = { "all lost", "bytes lost", "names lost", "zeroes" };
	int status = run_act(t, true), answer, stands;

	read_log(t);
	if (!t->fired)
		return;
	t->count++;
	CHECK_ROW(strstr(t->mode, "kill") ? status == 128 + 9 : status <= 1, WHERE ": status %d", HERE(t, "ended"), status);
	answer = told(t, status);
	for (int kind = 0; kind < LOSS_KINDS; kind++) {
		proof_remove(t->lost);
		REQUIRE(shadow_lose(t->shadow, t->run, (enum shadow_loss)kind, t->lost) == 0);
		check_told(t, answer, check_state(t, t->lost, kinds[kind]), kinds[kind]);
	}
	stands = check_state(t, t->run, "after the fault");
	check_told(t, answer, stands, "after the fault");
}

static void run_trials(const char *act, bool empty)
{
	unsigned int stride = proof_stride(STRIDE), turn = 0, calls;
	struct trials t = { .act = act, .mode = "none" };

	proof_path(t.whole, "whole");
	proof_path(t.run, "run");
	proof_path(t.shadow, "shadow");
	proof_path(t.lost, "lost");
	proof_path(t.log, "log");
	proof_path(t.acks, "acks");
	if (empty)
		REQUIRE(mkdir(t.whole, 0700) == 0);
	else
		ledger_world_make(t.whole);
	begin_trial(&t, 0, "none");
	CHECK_INT(run_act(&t, false), 0);
	CHECK_STR(t.said, "done");
	read_log(&t);
	calls = t.calls;
	CHECK(calls > 8);
	CHECK_INT(check_state(&t, t.run, "undisturbed"), 1);
	for (unsigned long at = 1; at <= calls; at++)
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++, turn++) {
			if (turn % stride)
				continue;
			begin_trial(&t, at, modes[m]);
			trial(&t);
		}
	CHECK(t.count >= calls * 4 / stride);
	CHECK(t.standing > 0 && t.undone > 0);
	printf("# %s: %u calls, %u faults, %u states after them: %u times there, %u not\n", act, calls, t.count, t.states,
	       t.standing, t.undone);
}

static void first_grant(void)
{
	run_trials("first-grant", true);
}

static void grant(void)
{
	run_trials("grant", false);
}

static void withdrawal(void)
{
	run_trials("withdraw", false);
}

static void key_rotation(void)
{
	run_trials("rotate-key", false);
}

static void search(void)
{
	run_trials("search", false);
}

static void closing(void)
{
	run_trials("close-day", false);
}

static void import(void)
{
	run_trials("import", false);
}

const struct proof_test ledger_fault_tests[] = {
	{ "AC-13,35_faults_in_the_first_grant_of_a_store", first_grant },
	{ "AC-13,35_faults_in_a_grant", grant },
	{ "AC-06,13_faults_in_a_withdrawal", withdrawal },
	{ "AC-13_faults_in_a_hand_over_of_keys", key_rotation },
	{ "AC-13_faults_in_the_line_of_a_search", search },
	{ "AC-13,33_faults_while_a_day_is_closed", closing },
	{ "AC-10,33_faults_in_an_import", import },
	{},
};
