/* SPDX-License-Identifier: BSD-2-Clause */
/* The maps behind reconciliation: what the programs count by network namespace, and the baselines. */
#ifndef SEKISHO_OPENS_H
#define SEKISHO_OPENS_H

#include <stddef.h>
#include "capture_maps.h"

/* Has the programs count a namespace from now on (cookie 0: all others together); one that is counted already goes
 * on. 0 or negative errno. */
int opens_watch(const struct capture_maps *m, uint64_t cookie);
/* Its counts and its baseline go, the latter first: it says nothing of counts that begin anew. */
void opens_forget(const struct capture_maps *m, uint64_t cookie);
/* The cookies of all that are counted or have a baseline, some perhaps twice, into an array the caller frees. */
int opens_list(const struct capture_maps *m, uint64_t **ret_cookies, size_t *ret_count);

/* The sum over all CPUs. While openings go on it lies between what it was at the call and at the return. -ENOENT */
int opens_read(const struct capture_maps *m, uint64_t cookie, struct sekisho_opens *ret_sum);
uint64_t opens_left(const struct sekisho_opens *o); /* of whatever outcome */

/* No namespace has this cookie: under it is the baseline of the witness (witness.h), which is never forgotten. */
#define OPENS_OF_WITNESS 0

int opens_baseline(const struct capture_maps *m, uint64_t cookie, struct sekisho_baseline *ret_baseline);
int opens_set_baseline(const struct capture_maps *m, uint64_t cookie, const struct sekisho_baseline *b);

#endif
