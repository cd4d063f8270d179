/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gaps: counted, timed statements that events were lost or not covered. They
 * are stored beside the records and come with every answer they touch.
 */
#ifndef SEKISHO_GAP_H
#define SEKISHO_GAP_H

#include <stddef.h>
#include <stdint.h>
#include "cursor.h"

struct gap {
	int64_t first_utc_ns, last_utc_ns; /* both inclusive */
	uint64_t count; /* lost events (STORE_GAP_CLOSE_LOST: close times); 0 = number unknown */
	uint64_t total; /* the kernel's counter after this gap: a restart subtracts from here */
	uint32_t tenant; /* number; 0 = every tenant of the node */
	uint32_t reason; /* enum store_gap_reason */
};

struct gaps {
	struct gap *list;
	size_t count, capacity;
};

int gaps_add(struct gaps *list, const struct gap *g); /* 0 or -ENOMEM */
void gaps_done(struct gaps *list);

/* "ring full", ...; "reason N" for numbers of a later version. Static or in a thread-local buffer. */
const char *gap_reason_text(uint32_t reason);

/* Whether an answer must say it: a gap that only carries a counter forward (rotation) is no loss. */
int gap_is_loss(const struct gap *g);

/* STORE_GAP_BYTES each. */
void gap_write(const struct gap *g, struct buffer *out);
void gap_read(struct cursor *c, struct gap *ret_gap);

#endif
