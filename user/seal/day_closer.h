/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Closing days: when a UTC day is over and no journal can hold rows of it any
 * more, each of its segments gets its trailer. Days that a sealing run touched are
 * remembered until then; once a day all segments are looked over (their last bytes
 * only), so that a day left open by a stop is closed by a later start, and day
 * catalogs that are missing or damaged are made again. When the trailers of a day are
 * durable, custody states them (CLOSED); what a kill left unstated the next look finds. Runs on the
 * thread that seals: a trailer never meets an append.
 */
#ifndef SEKISHO_DAY_CLOSER_H
#define SEKISHO_DAY_CLOSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "ledger/custody_files.h"
#include "seal.h"

/* A day is over this long after its last instant: what still waits in the ring comes first. */
#define DAY_GRACE_NS (600 * NS_PER_SEC)

/* Zero-initialise. */
struct day_closer {
	int32_t *days; /* that may lack a trailer, ascending */
	size_t count, capacity;
	bool swept; /* ... on that day */
	int32_t swept_on;
	struct custody_ids stated; /* segments that custody knows to be closed */
	bool stated_known;
};
void day_closer_done(struct day_closer *c);

/* Remembers the days that a sealing run touched. */
void day_closer_note(struct day_closer *c, const struct seal_result *touched);

/*
 * Closes what can be closed at `now_ns`. Adds to result->closed_days, closed_files and open_files; *note
 * is the first file that stays open for good because it is torn or damaged ("" if none). 0, or negative
 * errno and *p: those days are tried again with the next call.
 */
int day_closer_run(struct day_closer *c, const struct store_dir *store, int64_t now_ns,
		   struct seal_result *result, struct problem *note, struct problem *p);

/* One day of all tenants, whatever the time is; the same results. */
int day_close(const struct store_dir *store, int32_t day, struct seal_result *result, struct problem *note,
	      struct problem *p);

#endif
