/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of the ring each tenant has (struct sekisho_share): the collector's half. The programs count
 * what they emit, this what was released; they compare. Bytes include the kernel's 8-byte headers. One
 * thread only.
 */
#ifndef SEKISHO_SHARES_H
#define SEKISHO_SHARES_H

#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"
#include "ring.h"
#include "schema/event.h"

struct shares;

/* What one tenant may have of a ring: a quarter, less what all processors can emit at once behind the check. */
uint64_t shares_limit(uint64_t ring_bytes, unsigned int cpus);

/* Maps the array; the descriptor stays the caller's. 0 or negative errno and *p. */
int shares_open(int map_fd, struct shares **ret_shares, struct problem *p);
void shares_close(struct shares *s);

/*
 * The slot of a tenant, taken if it has none: a free one, or one of a tenant that has nothing in the ring
 * and is not in `granted(ctx, tenant)`. SEKISHO_TENANTS_MAX when there is none: the tenant has no bound.
 */
uint32_t shares_slot(struct shares *s, uint32_t tenant, bool (*granted)(void *ctx, uint32_t tenant), void *ctx);

/* A record that was read from the ring, `size` bytes without header; more of them until one of the next two. */
void shares_read(struct shares *s, const void *data, uint32_t size);
void shares_released(struct shares *s); /* they are out of the ring */
void shares_kept(struct shares *s); /* they are not: they will be read again */

/*
 * Sets all by what is in the ring, whatever was counted before: a collector may have ended between the
 * release and its count. Exact, also while the programs emit; under such a load that not one of many looks
 * is undisturbed (-EAGAIN) off by what came during the last, until the next recount.
 */
int shares_recount(struct shares *s, const struct ring *ring);

#endif
