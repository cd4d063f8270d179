/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room on the disk (AC-35): below `min_free` recording stops, so that what else runs on the node keeps that much.
 * Events wait in the ring meanwhile; what it has no room for the kernel counts by tenant. Recording goes on by itself,
 * a little above where it stopped. Ledgers, clock anchors and gaps are written all the same: about a megabyte a day.
 */
#ifndef SEKISHO_ROOM_H
#define SEKISHO_ROOM_H

#include <stdbool.h>
#include <stdint.h>
#include "base/room_limit.h"

struct room {
	int fd; /* on the file system; borrowed */
	struct room_limit limit; /* of nothing: never stops */
	uint64_t free_bytes, keep_bytes; /* as of the last look: for those without privileges, and the limit */
	int64_t stopped_ns; /* UTC; 0: there is room */
};

enum room_change { ROOM_AS_BEFORE, ROOM_STOPPED, ROOM_AGAIN };

/* What a frame, and all that is written until the next look, may take. */
#define ROOM_MARGIN_BYTES (UINT64_C(1) << 20)

/* Looks at the file system; one that does not tell leaves everything as it is. */
enum room_change room_look(struct room *r);
/* The same for numbers. */
enum room_change room_judge(struct room *r, uint64_t free_bytes, uint64_t total_bytes, int64_t utc_now);

/* Whether the largest file that waits in journal/ can be sealed without going below the limit. */
bool room_to_seal(const struct room *r, int journal_fd);

#endif
