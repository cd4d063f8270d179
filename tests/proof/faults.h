/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A trial of faults.c: an actor that a fault came to. What its store then holds is checked by fault_states.c; each
 * check that fails names the trial (WHERE, HERE) and the state.
 */
#ifndef SEKISHO_PROOF_FAULTS_H
#define SEKISHO_PROOF_FAULTS_H

#include <limits.h>
#include <stdbool.h>
#include "base/store_dir.h"
#include "world.h"

struct faults {
	const char *actor;
	bool damaged; /* a journal of the prepared store is damaged */
	char whole[PATH_MAX], run[PATH_MAX], shadow[PATH_MAX], lost[PATH_MAX], log[PATH_MAX], acks[PATH_MAX];
	struct conns all; /* every row that was tried */
	struct gaps gaps; /* of the store when all is sealed */
	/* of the trial */
	unsigned long at;
	const char *mode;
	char call[32], path[256]; /* that it happened to, below the store */
	unsigned int fired, calls, trials, states;
};

#define WHERE "%s call %lu (%s %s) %s, %s"
#define HERE(f, state) (f)->actor, (f)->at, (f)->call, (f)->path, (f)->mode, state

/* Whether the fault comes to all calls behind the first, too. */
bool faults_go_on(const struct faults *f);
/* Of these rows, in order: all of `must`, nothing but `may`, nothing twice. */
void faults_check_rows(const struct faults *f, const struct conns *got, const struct conns *must,
		       const struct conns *may, const char *state);
/* What a search and verify say of the store. */
void faults_check_answer(const struct faults *f, const struct store_dir *store, const struct conns *must, bool sealed,
			 const char *state);
/* A successor comes to the store at ROOT: the rows are there before it seals and after it. */
void faults_check_state(struct faults *f, const char *root, const struct conns *must, const char *state);
/* The same of what each kind of power loss would have left of f->run. */
void faults_check_losses(struct faults *f, const struct conns *must, const char *what);

#endif
