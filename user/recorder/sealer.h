/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealing in a thread of its own, at the lowest priority: it never disturbs capture. */
#ifndef SEKISHO_SEALER_H
#define SEKISHO_SEALER_H

#include "base/problem.h"
#include "base/store_dir.h"
#include "keeper.h"
#include "seal/seal.h"

struct sealer;

/* `store` is only borrowed and must outlive the sealer. */
int sealer_start(const struct store_dir *store, struct sealer **ret_sealer, struct problem *p);
/* Finishes what was asked for, then ends. */
void sealer_stop(struct sealer *s);

/*
 * Around the making of a journal that becomes the live one (a journal that is not there yet has no name): no run decides
 * between the two what it may seal. live_name NULL: none was made.
 */
void sealer_rotation_begin(struct sealer *s);
void sealer_rotation_end(struct sealer *s, const char *live_name);
/* Everything except this journal may be sealed; starts a run, which also deletes what is due. */
void sealer_kick(struct sealer *s, const char *live_name);
/* Waits until a run begun after this call is over; its result, or negative errno and *p. */
int sealer_wait(struct sealer *s, struct seal_result *ret_result, struct problem *p);
/* What all runs of this process did, and the last failure (empty when the last run was fine). */
void sealer_totals(struct sealer *s, struct seal_result *ret_result, struct problem *ret_last);
/* What was deleted: after each run, and hourly. */
void sealer_kept(struct sealer *s, struct keeper_state *ret_state);

#endif
