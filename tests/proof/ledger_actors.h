/* SPDX-License-Identifier: BSD-2-Clause */
/* Single acts of the ledgers, for the fault shim to disturb. */
#ifndef SEKISHO_PROOF_LEDGER_ACTORS_H
#define SEKISHO_PROOF_LEDGER_ACTORS_H

#include "base/store_dir.h"

/*
 * `actor ACT DIR ACKS` carries out one act on a store; ACKS gets "done" or the error's text, which is what its caller
 * would be told. Exit status: 0 done, 1 not.
 */
int ledger_actor(const char *act, const char *path, const char *acks);

/* What all acts but the first are carried out on: a grant of t1, a sealed day that is over, an import's file. */
void ledger_world_make(const char *path);
/* Whether the act is there: 1 wholly, 0 not at all, -1 half or twice. */
int ledger_act_stands(const char *act, const struct store_dir *store);
/* What comes next: one line for each chain, none of which is such an act, and the end of the day. 0 or negative errno and *p. */
int ledger_act_next(const struct store_dir *store, struct problem *p);

#endif
