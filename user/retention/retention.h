/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Retention and erasure: whole tenant-days go when their time is over or when the tenant withdrew with
 * STOP_AND_ERASE, but for holds. What goes is stated in custody (DELETED, with the hash of each file) before the first
 * unlink; a run that was cut off is finished by the next one. FORMAT.md 5 has the rules.
 *
 * A day D is due at D + 1 + days - 1 h: no row is kept for 24 h beyond its days, none goes more than an hour early.
 * "days" is what the tenant was promised for that day: the grant in force on it; of several the shortest, since longer
 * would break a promise and shorter breaks none; without one (imported rows) 180, or less if the tenant's last grant
 * says less. Never more than 366.
 */
#ifndef SEKISHO_RETENTION_H
#define SEKISHO_RETENTION_H

#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/store_dir.h"

#define RETENTION_DEFAULT_DAYS 180
#define RETENTION_MAX_DAYS 366

struct retention_request {
	/* A time that is certainly not ahead of the real one (retention_clock.h); without one nothing expires and no
	 * hold ends, but what a tenant wants erased still goes. */
	bool clock_trusted;
	int64_t now_ns; /* UTC */
	bool erase_only; /* only what withdrawals ask for: before sealing */
};

struct retention_result {
	uint64_t expired_days, erased_days; /* tenant-days that were deleted */
	uint64_t files, rows, bytes; /* of these */
	uint64_t held_days; /* tenant-days that would have gone but for a hold */
	uint64_t days_without_catalog; /* it could not be made again; searches are slower there */
};

/*
 * The caller holds the store's lock and no sealing runs. Adds to *result. 0, or negative errno and *p: consent or
 * custody does not read (then nothing is deleted), or the first day or file that failed (the others were tried).
 */
int retention_run(const struct store_dir *store, const struct retention_request *request,
		  struct retention_result *result, struct problem *p);

#endif
