/* SPDX-License-Identifier: BSD-2-Clause */
/* Retention on the sealer's thread, where a deletion never meets an append: when it runs, and what it did. */
#ifndef SEKISHO_KEEPER_H
#define SEKISHO_KEEPER_H

#include "base/problem.h"
#include "base/store_dir.h"
#include "retention/retention.h"

struct keeper_state {
	struct retention_result total; /* since the start; held_days: of the last run */
	int64_t last_run_ns; /* UTC; 0: none yet */
	struct problem failure; /* why the last run deleted less than it should have; "" = it did all */
	struct problem clock; /* what keeps days from expiring; "" = nothing */
};

/* Zero-initialise. Belongs to one thread; keeper_state is copied to others. */
struct keeper {
	struct keeper_state state;
	int64_t ran_boot_ns; /* 0: never */
};

/* What withdrawals with erasure ask for: before sealing, so that nothing is appended to what is to go. */
void keeper_erase(struct keeper *k, const struct store_dir *store);
/* All that is due. Says in the log what was deleted and what failed. */
void keeper_run(struct keeper *k, const struct store_dir *store);
/* Whether an hour has passed since. */
bool keeper_is_due(const struct keeper *k);

#endif
