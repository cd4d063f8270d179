/* SPDX-License-Identifier: BSD-2-Clause */
/* A journal that can be read alone: tenants, the clock and the counters as far as they are stated come first. */
#ifndef SEKISHO_FRESH_JOURNAL_H
#define SEKISHO_FRESH_JOURNAL_H

#include "clock_watch.h"
#include "journal/journal.h"
#include "recovery.h"
#include "roster.h"

struct fresh_journal {
	struct journal_origin origin;
	const struct roster *roster;
	const struct recovery *stated;
	const struct anchor *newest; /* of the journal before, or NULL */
	struct clock_watch *clock; /* or NULL */
};

/* ret_now: the anchor that was taken for it. 0, or negative errno and *p: then no file is left. */
int fresh_journal(int journal_fd, const struct fresh_journal *f, struct journal **ret_journal,
		  struct anchor *ret_now, struct problem *p);

#endif
