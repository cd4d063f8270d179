/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One event of the ring to one row of the journal: is it well formed, is it the
 * first of its kind for this socket, does a consent cover it. The second lock: what
 * the kernel let through is judged again by the ledger.
 */
#ifndef SEKISHO_INTAKE_H
#define SEKISHO_INTAKE_H

#include <stdint.h>
#include "base/anchor.h"
#include "base/record.h"
#include "ledger/consent.h"
#include "recent.h"

enum intake {
	INTAKE_ROW, /* to be stored */
	INTAKE_AGAIN, /* the second event of this kind for the socket */
	INTAKE_MALFORMED, /* not an event of this layout */
	INTAKE_CANARY, /* the collector's own; never stored */
	INTAKE_REFUSED, /* no consent covers its instant, or none that includes close times */
};

/* What an event is judged by; all borrowed. */
struct intake_view {
	const struct consents *consents;
	const struct anchors *anchors;
	struct recent *recent; /* remembers the event */
};

/* `data` is `size` bytes, aligned to 8. *ret_row (time: CLOCK_BOOTTIME) is filled for INTAKE_ROW; for INTAKE_CANARY
 * its time alone. */
enum intake intake_event(const struct intake_view *view, const void *data, uint32_t size,
			 struct record *ret_row);

#endif
