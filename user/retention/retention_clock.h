/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time that retention goes by: certainly not ahead of the real one, since what is deleted too early is lost.
 *
 * A clock that the kernel knows to be synchronised (STA_UNSYNC is clear) is believed. Any other is believed no further
 * than CLOCK_BOOTTIME has run since the time that was believed before: so a clock that jumps ahead makes nothing
 * expire, and one that jumps back merely delays it. What was believed is kept in the state directory, so this holds
 * across restarts; time that the machine was off does not count then, until its clock is synchronised once. Where
 * nothing is kept yet, the newest line of the ledgers is believed; an unsynchronised clock that is behind it is not.
 */
#ifndef SEKISHO_RETENTION_CLOCK_H
#define SEKISHO_RETENTION_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/store_dir.h"

#define RETENTION_CLOCK_FILE "retention.clock"
#define RETENTION_BOOT_ID 37 /* text of the kernel's boot_id and its NUL */

struct retention_sample {
	int64_t utc_ns;
	uint64_t boot_ns; /* CLOCK_BOOTTIME */
	char boot_id[RETENTION_BOOT_ID];
	bool synchronised;
};
void retention_clock_sample(struct retention_sample *ret_sample);

/*
 * The time to go by, and keeps it. *note says in words when the clock runs ahead of it ("" otherwise). 0; -ETIME and
 * *p: no time is certain; else what keeping or reading it met: then nothing may expire.
 */
int retention_clock_now(const struct store_dir *store, const struct retention_sample *sample, int64_t *ret_now_ns,
			struct problem *note, struct problem *p);

#endif
