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
#include "capture/capture.h"
#include "ledger/consent.h"

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
	enum sekisho_rung rung; /* whose skips are counted */
	uint64_t skips_boot_ns; /* when the journal was begun that they are from */
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

/*
 * Looks at every journal but those of imports, on behalf of a hook. 0 or negative errno and *p. Undo with
 * recovery_done().
 */
int recovery_scan(int journal_fd, uint64_t ring_id, enum sekisho_rung rung, struct recovery *ret_recovery,
		  struct problem *p);
void recovery_done(struct recovery *r);

/* The stated total of a counter, created as 0 when it is new; NULL without memory. */
uint64_t *recovery_stated(struct recovery *r, uint32_t tenant, uint32_t reason);
/* Until when a tenant's selectors were last stated as not evaluated; INT64_MIN: never. */
int64_t recovery_unresolved_until(const struct recovery *r, uint32_t tenant);

/* Releases what journals of this ring hold. -ERANGE: they claim a position that was never written: nothing is. */
int recovery_resume(const struct recovery *r, struct ring *ring);

/*
 * A counter that stands at `total`, and was stated up to *stated: fills in what the gap about the difference says, but
 * for its reason. The kernel knows the first and the last loss ever; after the first statement none was before
 * `looked_utc_ns`, when all was stated. False: there is nothing to state.
 */
bool recovery_new_loss(uint64_t *stated, uint64_t total, int64_t looked_utc_ns, struct gap *g);

/* Whether somebody whose grant is in force had one already when the last journal ended. */
bool recovery_missed_anybody(const struct recovery *r, const struct consents *consents, int64_t utc_now);

/*
 * The time in which nothing was armed before this start, or the programs that went on were armed for nobody although
 * they should have been (`missed`: a ledger did not verify), as a gap that ends now. False: there was none.
 */
bool recovery_start_gap(const struct recovery *r, enum capture_start how, bool missed, int64_t unarmed_from_ns,
			int64_t utc_now, struct gap *ret_gap);

#endif
