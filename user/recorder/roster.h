/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The roster: who is recorded now. A pure function of configuration, consent
 * ledger and time: a tenant of the configuration with a grant in force, for those
 * of its selectors that the grant was given for.
 */
#ifndef SEKISHO_ROSTER_H
#define SEKISHO_ROSTER_H

#include <stddef.h>
#include <stdint.h>
#include "base/conf.h"
#include "capture/capture.h"
#include "journal/journal.h"
#include "ledger/consent.h"

struct roster {
	struct capture_tenant *live; /* for the kernel; until_boot_ns follows the clock */
	int64_t *until_utc_ns; /* the same end in UTC, by index of live */
	size_t live_count;
	struct selector *selectors; /* what live points into */
	/* Configured selectors that no grant covers, those that reach a shared listener, and such listeners
	 * themselves: what they match is nobody's. */
	struct selector *closed;
	size_t closed_count;
	struct journal_tenant *names; /* every tenant that ever consented; consent 0 = not now */
	size_t name_count;
	size_t uncovered; /* selectors of live tenants that their grant does not cover */
};

int roster_make(const struct conf *conf, const struct consents *consents, int64_t utc_now,
		int64_t boot_now, struct roster *ret_roster); /* 0 or -ENOMEM */
void roster_done(struct roster *r);
/* Recomputes the kernel's end times after the clock was set. */
void roster_retime(struct roster *r, int64_t utc_now, int64_t boot_now);
/* Drops one tenant from the live list (the kernel is told separately). */
void roster_drop(struct roster *r, uint32_t tenant);

#endif
