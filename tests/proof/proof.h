/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The proof tests: what a damaged, cut, exchanged or half-written store still
 * answers. They use the checks and fixtures of the unit tests (unit.h, fixture.h)
 * and run in groups, since each of them is thousands of small trials.
 */
#ifndef SEKISHO_PROOF_H
#define SEKISHO_PROOF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/gap.h"
#include "base/record.h"
#include "base/store_dir.h"
#include "unit.h"

/* Every how manieth trial is made: `usual`, 1 with SEKISHO_PROOF=all (make test-long), and with
 * SEKISHO_PROOF=sample (under sanitizers) `usual` and 20 times fewer. */
unsigned int proof_stride(unsigned int usual);

/* The program itself, to be run as an actor, and what is built beside it. */
const char *proof_beside(const char *name);

/* What lies below the directory of the test. */
void proof_path(char path[static PATH_MAX], const char *below);
/* Trees of small files. proof_remove() of what is not there is fine. */
void proof_copy(const char *from, const char *to);
void proof_remove(const char *path);

/* --- What a store answers (found.c): the only place that knows how a search is run --- */

/* A connection as an answer shows it. Without padding, so that memcmp() compares. */
struct conn {
	char tenant[72];
	struct record record; /* tenant is 0 */
	int64_t close_ns;
};

struct conns {
	struct conn *list;
	size_t count, capacity;
};

void conns_add(struct conns *c, const char *tenant, const struct record *r);
/* Closes go to their openings, the rest is put in an order of its own. */
void conns_settle(struct conns *c);
void conns_done(struct conns *c);
/* If not, the text says in what they differ. */
#define DIFFERENCE_MAX 200
bool conns_same(const struct conns *got, const struct conns *want, char *text, size_t size);

struct found {
	struct conns conns;
	struct gaps gaps; /* tenant is 0: of one tenant, UINT32_MAX: of all */
	unsigned int damaged;
	char damage[320]; /* the first */
};

/* Everything of the store, as search answers it. */
void found_all(const struct store_dir *store, struct found *ret_found);
void found_done(struct found *f);

struct verdict {
	unsigned long long bad, torn;
	char first_bad[320], first_torn[320];
};

void verdict_of(const struct store_dir *store, struct verdict *ret_verdict);

/* --- Groups --- */

struct proof_test {
	const char *name;
	void (*run)(void);
};

extern const struct proof_test damage_tests[], moved_tests[], fault_tests[], full_tests[], erase_tests[],
	ledger_fault_tests[];

/* Programs that run under the fault shim; see actors.c. They return the exit status. */
int actor_main(int argc, char **argv);

#endif
