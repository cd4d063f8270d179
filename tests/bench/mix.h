/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Made-up connections to a hosting company's web servers, from a seed; a day at a time, so that memory is
 * bounded by the busiest day. Shares of connections:
 *   62 %  browsers: visits of 1-4 views (think time 3 s + exp 25 s), each of 1-8 connections within 3 s to
 *         one destination. 2 M clients by Zipf's law in 3,000 networks; ports by OS: +1..3, even +2..16, random,
 *         or (12 % of IPv4) inside a MAP-E set of 240. IPv6 clients change their interface id each day.
 *   18 %  ten proxies and health checks, any port;
 *   12 %  bots: 400 addresses in 12 clusters, runs of 1-20 connections;
 *    8 %  scanners: any IPv4 address, one connection, any port.
 * Tenants by Zipf's law (1.0), 1-3 IPv4 addresses each, 70 % also 1-2 IPv6; ports 443 78 %, 80 17 %, else 25, 22, 993.
 * Times to the nanosecond, by a rate that is lowest at night. What such a description leaves open (how often a view
 * goes to another tenant, how many clients have IPv6, Zipf's exponent of the clients) is set so that a source makes
 * about 5 rows per tenant and hour: sizes depend on that most of all.
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
