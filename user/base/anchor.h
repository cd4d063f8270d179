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
	uint64_t max_error_ns; /* of UTC, as long as the anchor counts; 0 = not stated */
	uint32_t status; /* adjtimex status bits (STA_UNSYNC, ...) */
};

struct anchors {
	struct anchor *list; /* ascending boot_ns */
	size_t count, capacity;
};

/* How long the bound of an anchor holds; the next is to be taken until then. */
#define ANCHOR_LIFE_NS UINT64_C(20000000000)

/* Takes the two clocks back to back (the best of a few tries) and adjtimex: maxerror, what it grows in
 * ANCHOR_LIFE_NS, rounded up by anchor_error_bound(). */
void anchor_sample(struct anchor *ret_anchor);
/* How much a clock that nobody corrects may go wrong in a time: 500 ppm, as the kernel reckons (ntp.c, MAXFREQ). */
uint64_t anchor_growth_ns(uint64_t elapsed_ns);
/* The next power of two. The kernel's bound grows with every second; rounded up it stays a bound and
 * changes seldom, so that a day's clock takes a few bytes (clock_piece.h). */
uint64_t anchor_error_bound(uint64_t max_error_ns);
bool anchor_synchronised(const struct anchor *a);

/* By how much the clock was set between two anchors of one boot, in nanoseconds: slewing does not count, as boot
 * time is slewed alike. */
int64_t anchor_step_ns(const struct anchor *before, const struct anchor *after);
/* Where none was taken for longer than ANCHOR_LIFE_NS (no collector, or a stopped one): the anchor that counts
 * from the end of it until `after`. False: there is no such time. */
bool anchor_outlived(const struct anchor *before, const struct anchor *after, struct anchor *ret_late);

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
