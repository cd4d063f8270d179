/* SPDX-License-Identifier: BSD-2-Clause */
/* What earlier runs left in journal/: where to go on in the ring, what was counted as lost already. */
#ifndef SEKISHO_RECOVERY_H
#define SEKISHO_RECOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/anchor.h"
#include "base/gap.h"
#include "base/problem.h"

/* A kernel counter as far as it has been stated in a gap. */
struct stated_loss {
	uint32_t tenant, reason;
	uint64_t total;
};

/* The end of the last statement that a selector of a tenant was not evaluated. */
struct stated_end {
	uint32_t tenant;
	int64_t last_utc_ns;
};

struct recovery {
	bool any; /* some journal was there */
	bool same_ring; /* a journal of this ring was there */
	uint64_t ring_end; /* of this ring: events before this position are in journals */
	struct anchor last_anchor; /* of this ring; boot_ns 0 = none */
	int64_t last_utc_ns; /* the latest instant any journal speaks of */
	struct stated_loss *stated; /* of this ring */
	size_t stated_count, stated_capacity;
	struct stated_end *ends; /* one for each tenant that has any */
	size_t end_count, end_capacity;
	unsigned int unreadable; /* journals whose header could not be read */
	unsigned int torn;
};

/* Looks at every journal but those of imports. 0 or negative errno and *p. Undo with recovery_done(). */
int recovery_scan(int journal_fd, uint64_t ring_id, struct recovery *ret_recovery,
		  struct problem *p);
void recovery_done(struct recovery *r);

/* The stated total of a counter, created as 0 when it is new; NULL without memory. */
uint64_t *recovery_stated(struct recovery *r, uint32_t tenant, uint32_t reason);
/* Until when a tenant's selectors were last stated as not evaluated; INT64_MIN: never. */
int64_t recovery_unresolved_until(const struct recovery *r, uint32_t tenant);

#endif
