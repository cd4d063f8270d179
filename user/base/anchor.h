/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clock anchors: what CLOCK_BOOTTIME and UTC were at one instant, and what the
 * kernel said of its clock (adjtimex(2)). Events carry boot time; their UTC
 * comes from the last anchor at or before them, never from today's offset, so
 * anyone holding the anchors gets the same result.
 */
#ifndef SEKISHO_ANCHOR_H
#define SEKISHO_ANCHOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cursor.h"

struct anchor {
	uint64_t boot_ns;
	int64_t utc_ns;
	uint64_t max_error_ns; /* adjtimex maxerror, rounded up by anchor_error_bound() */
	uint32_t status; /* adjtimex status bits (STA_UNSYNC, ...) */
};

struct anchors {
	struct anchor *list; /* ascending boot_ns */
	size_t count, capacity;
};

/* Takes the two clocks back to back (the best of a few tries) and adjtimex. */
void anchor_sample(struct anchor *ret_anchor);
/* The next power of two. The kernel's bound grows with every second; rounded up it stays a bound and
 * changes seldom, so that a day's clock takes a few bytes (clock_piece.h). */
uint64_t anchor_error_bound(uint64_t max_error_ns);
bool anchor_synchronised(const struct anchor *a);

/* Inserts in order of boot time; an identical anchor is kept once. 0 or -ENOMEM. */
int anchors_add(struct anchors *list, const struct anchor *a);
void anchors_done(struct anchors *list);
/* The anchor that counts for this boot time: the last one at or before it, else the first; NULL if none. */
const struct anchor *anchors_find(const struct anchors *list, uint64_t boot_ns);
/* UTC of a boot time by that anchor; 0 when there is no anchor at all. */
int64_t anchors_utc(const struct anchors *list, uint64_t boot_ns);

/* The least and greatest UTC that boot times from first to last can have: a clock step between them
 * may put either end anywhere. */
void anchors_utc_range(const struct anchors *list, uint64_t first_boot_ns, uint64_t last_boot_ns,
		       int64_t *ret_least, int64_t *ret_greatest);

/* STORE_ANCHOR_BYTES each. */
void anchor_write(const struct anchor *a, struct buffer *out);
void anchor_read(struct cursor *c, struct anchor *ret_anchor);

#endif
