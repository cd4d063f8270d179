/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a section keeps of the clock: stretches over which UTC ran straight along
 * CLOCK_BOOTTIME, fitted to the journal's anchors so that converting through a
 * piece differs from the stored UTC by less than 1 us (AC-25).
 * utc(b) = utc_from + (b - boot_from) + drift_ns * (b - boot_from) / (boot_to - boot_from)
 */
#ifndef SEKISHO_CLOCK_PIECE_H
#define SEKISHO_CLOCK_PIECE_H

#include <stddef.h>
#include <stdint.h>

struct clock_piece {
	uint64_t boot_from, boot_to; /* both included; boot_to >= boot_from */
	int64_t utc_from;
	int64_t drift_ns; /* how much UTC moved against boot time between the two */
	uint64_t max_error_ns; /* greatest bound of the anchors it stands for */
	uint32_t status; /* adjtimex status */
};

struct clock_pieces {
	struct clock_piece *list; /* in the order of boot time */
	size_t count, capacity;
};

#endif
