/* SPDX-License-Identifier: BSD-2-Clause */
/* Deleting what is due of one UTC day: tombstones, files, then the day's catalog. */
#ifndef SEKISHO_RETENTION_DAY_H
#define SEKISHO_RETENTION_DAY_H

#include "due.h"
#include "ledger/holds.h"

/* A file that custody calls deleted. */
struct tombstone {
	uint64_t file_id;
	uint8_t hash[LEDGER_HASH_BYTES];
};
struct tombstones {
	struct tombstone *list;
	size_t count, capacity;
};

struct retention_job {
	const struct store_dir *store;
	const struct retention_request *request;
	struct holds holds;
	struct tombstones tombstones; /* ascending file_id */
	struct retention_result *result;
	int first_error;
	struct problem *p; /* of the first error */
};

/* -ENOMEM or as deletions_walk(). Freed with the job's list. */
int tombstones_load(const struct store_dir *store, struct tombstones *ret_tombstones, struct problem *p);

/* The time for holds: without a clock none has ended. */
int64_t retention_hold_time(const struct retention_request *request);
/* Keeps the first error of a job, and its text. */
void retention_fail(struct retention_job *job, int error, const struct problem *why);

/* The due days of one UTC day, count of them. Failures are noted in the job. */
void retention_day_run(struct retention_job *job, const struct due_day *due, size_t count);

#endif
