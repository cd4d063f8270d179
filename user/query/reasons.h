/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why an answer may lack records: reason codes (DOMAIN 4.4) from the consent ledger, from what custody says of
 * deletions, and from the gaps and clock of the answer. An answer without records has at least one.
 */
#ifndef SEKISHO_REASONS_H
#define SEKISHO_REASONS_H

#include "search.h"

/* Bits of search_result.reasons. */
enum query_reason {
	/* Some of the time, no consent; without --tenant always: others on this node may not have consented. */
	REASON_NO_CONSENT = 1,
	REASON_WITHDRAWN = 2, /* some of the time, a consent had been withdrawn */
	REASON_GAP = 4, /* events were lost, or nothing recorded */
	REASON_EXPIRED = 8, /* days of the window were deleted when their retention was over */
	REASON_ERASED = 16, /* ... since the tenant withdrew with STOP_AND_ERASE */
	REASON_CLOCK = 32, /* the clock was not synchronised: the time may have been another one */
	REASON_DAMAGED = 64, /* something that the answer needs could not be read */
	REASON_TRUE_NONE = 128, /* no record, and none of the above */
};
#define REASONS 8

/*
 * Completes result->reasons. `now_ns`: what lies after it explains nothing. 0 or negative errno and *p: a ledger does
 * not read; then reasons are those that need none.
 */
int reasons_find(const struct store_dir *store, const struct query *q, int64_t now_ns, struct search_result *result,
		 struct problem *p);

#endif
