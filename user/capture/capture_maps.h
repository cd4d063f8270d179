/* SPDX-License-Identifier: BSD-2-Clause */
/* The tenant and loss maps: bringing them to a wanted state, reading counters. */
#ifndef SEKISHO_CAPTURE_MAPS_H
#define SEKISHO_CAPTURE_MAPS_H

#include <stddef.h>
#include "capture.h"
#include "shares.h"

struct capture_maps {
	/* descriptors or -1 */
	int events, selectors, places, grants, shares, losses, control, opens, baselines, seen;
	struct shares *of_ring; /* borrowed: "shares" as it is mapped */
};

void capture_maps_close(struct capture_maps *m);
/* See capture_set_tenants(). */
int capture_maps_set(const struct capture_maps *m, const struct capture_wanted *wanted);
/* See capture_set_places(), capture_places(). */
int capture_maps_set_places(const struct capture_maps *m, const struct capture_place *places,
			    size_t count);
int capture_maps_places(const struct capture_maps *m, struct capture_place **ret_places,
			size_t *ret_count);
/* See capture_losses(). */
int capture_maps_losses(const struct capture_maps *m, struct capture_loss **ret_losses,
			size_t *ret_count);
/* See capture_count_loss(). */
int capture_maps_count_loss(const struct capture_maps *m, const struct capture_loss *more, uint64_t stated);
/* One counter of "seen" (enum sekisho_seen), summed over the CPUs; 0 when it cannot be read. */
uint64_t capture_maps_seen(const struct capture_maps *m, uint32_t index);

#endif
