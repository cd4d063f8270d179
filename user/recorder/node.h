/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One running collector: everything that sekishod holds, put together and taken
 * apart in the right order. Thread-safe after node_start().
 */
#ifndef SEKISHO_NODE_H
#define SEKISHO_NODE_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include "base/conf.h"
#include "base/problem.h"
#include "ground.h"
#include "ledger/consent.h"
#include "seal/seal.h"

struct node;

/*
 * Reads the ledger and starts recording on the ground (borrowed). A version that is not the last one that started is
 * stated in custody. -EBADMSG: the ledger does not read (nothing is recorded); others with *p. The configuration becomes
 * the node's.
 */
int node_start(const char *conf_path, struct conf *conf, struct ground *ground, const char *version,
	       struct node **ret_node, struct problem *p);
/* Drains, seals and ends; the pins stay and the kernel goes on recording into the ring. */
void node_stop(struct node *n);

/*
 * Reads configuration and ledger again. On an error the old state goes on, unless *ret_in_force: then the new
 * configuration is in force, and what the recorder could not do of it (*p) waits for the next reload.
 */
int node_reload(struct node *n, bool *ret_in_force, struct problem *p);
/* Around an act of consent by somebody else, who holds the ledgers' lock: pause, write it, reload, resume what has that
 * number. See recorder_pause(). */
int node_pause(struct node *n, uint64_t *ret_number, struct problem *p);
int node_resume(struct node *n, uint64_t number, struct problem *p);
/* After the clock was set (NODE_SIGNAL_CLOCK arrives): who is recorded depends on the time. */
#define NODE_SIGNAL_CLOCK SIGUSR1
int node_refresh(struct node *n, struct problem *p);
/* Milliseconds until node_refresh() is due because a consent begins (its start lies ahead of a clock that
 * was set back); -1 when none does. */
int node_refresh_due_ms(struct node *n);
int node_drain(struct node *n, struct problem *p);
int node_seal(struct node *n, struct seal_result *ret_result, struct problem *p);
/*
 * Ends a tenant's consent: kernel first, then the ring, then the ledger; the tenant need not be in the configuration
 * any more. With act->erase what waits in the journal is rotated out and a sealing run begins, which erases: not waited
 * for. Errors as consent_withdraw().
 */
int node_withdraw(struct node *n, const struct consent_act *act, int64_t *ret_time_ns, struct problem *p);
/* What `sekisho status` shows. */
json_t *node_status(struct node *n);
/*
 * What selectors (an array of their texts) mean here and now: an array of texts as resolver_format() has them, null for
 * an address; the caller's. -EINVAL: no selectors; others when the warden did not answer; and *p.
 */
int node_resolve(struct node *n, const json_t *selectors, json_t **ret_texts, struct problem *p);

/*
 * sekishod --disarm: takes what waits in the ring into the store, states the stop, removes programs,
 * maps and pins. No daemon may be running (-EBUSY). The configuration becomes the node's.
 * 1: something was armed; 0: nothing; or negative errno and *p.
 */
int node_disarm(struct conf *conf, struct problem *p);

#endif
