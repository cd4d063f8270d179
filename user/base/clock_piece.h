/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a section keeps of the clock: stretches of CLOCK_BOOTTIME over which UTC
 * stood at one distance from it. That distance changes only when the clock is set
 * (a slewed clock slews both), so many anchors make one piece; converting through
 * it differs from the anchors by half a microsecond at most (AC-25).
 */
#ifndef SEKISHO_CLOCK_PIECE_H
#define SEKISHO_CLOCK_PIECE_H

#include <stddef.h>
#include <stdint.h>
#include "anchor.h"

struct clock_piece {
	uint64_t boot_from, boot_to; /* both included */
	int64_t utc_from; /* UTC at boot_from */
	uint64_t max_error_ns; /* greatest bound of the anchors it stands for */
	uint32_t status; /* adjtimex status */
};

struct clock_pieces {
	struct clock_piece *list; /* in the order of boot time */
	size_t count, capacity;
};

/* Pieces for boot times from `first` to `last`, from the anchors that count for them. 0 or -ENOMEM. */
int clock_pieces_fit(const struct anchors *anchors, uint64_t first_boot_ns, uint64_t last_boot_ns,
		     struct clock_pieces *ret_pieces);
void clock_pieces_done(struct clock_pieces *pieces);

/* UTC at the end of a piece; bent inwards at the far end of time. */
int64_t clock_piece_utc_to(const struct clock_piece *piece);
/* The piece that counts for a UTC time: the last one that begins at or before it, else the first;
 * NULL if none. */
const struct clock_piece *clock_pieces_find(const struct clock_pieces *pieces, int64_t utc_ns);

#endif
