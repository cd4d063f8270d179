/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Made-up connections to a hosting company's web servers, from a seed: browsers
 * (62 % of connections), proxies and health checks (18 %), bots (12 %), scanners
 * (8 %), spread over the tenants by Zipf's law and over the day by its cycle. One
 * day at a time, so that memory is bounded by the busiest day.
 */
#ifndef SEKISHO_MIX_H
#define SEKISHO_MIX_H

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

struct mix_options {
	uint64_t seed, records;
	uint32_t days, tenants;
	int32_t first_day; /* days since 1970-01-01 */
};

struct mix_row {
	int64_t time_ns; /* UTC */
	struct addr src, dst;
	uint32_t tenant; /* 1.. */
	uint32_t rtt_us;
	uint16_t src_port, dst_port;
};

struct mix;

struct mix *mix_new(const struct mix_options *o); /* NULL: no memory */
void mix_free(struct mix *m);
/* The rows of the next day in the order of time, valid until the next call; 0 after the last day. */
size_t mix_next_day(struct mix *m, const struct mix_row **ret_rows);

#endif
