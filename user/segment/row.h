/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows as segments hold them: what repeats (destination, consent, kind, ...) is
 * one entry of the section's endpoint table, a row names it by index. 40 bytes a
 * row, so that sealing keeps millions of them in little memory.
 */
#ifndef SEKISHO_ROW_H
#define SEKISHO_ROW_H

#include <stdint.h>
#include "base/addr.h"
#include "base/record.h"
#include "base/rtt.h"

struct endpoint {
	struct addr dst, orig_dst; /* orig_dst all zero = none */
	uint32_t consent, flags;
	uint16_t dst_port, orig_dst_port;
	uint8_t kind, protocol; /* enum sekisho_kind, IP protocol number */
	uint8_t zero[2]; /* so that memcmp() compares endpoints */
};

struct row {
	int64_t time_ns; /* UTC */
	int64_t lasted_ns; /* kind CLOSE: how long it was open; else 0 */
	struct addr src;
	uint32_t endpoint; /* index */
	uint16_t src_port;
	uint8_t rtt; /* code of base/rtt.h; 0 = none */
	uint8_t zero;
};

/* Both directions; a record's tenant is not part of a row. rtt_us must be one of rtt.h's values. */
void row_to_record(const struct row *r, const struct endpoint *e, uint32_t tenant,
		   struct record *ret_record);
static inline void row_from_record(const struct record *record, uint32_t endpoint, struct row *ret_row,
				   struct endpoint *ret_endpoint)
{
	*ret_row = (struct row){
		.time_ns = record->time_ns,
		.lasted_ns = record->lasted_ns,
		.src = record->src,
		.endpoint = endpoint,
		.src_port = record->src_port,
		.rtt = rtt_code(record->rtt_us),
	};
	*ret_endpoint = (struct endpoint){
		.dst = record->dst,
		.orig_dst = record->orig_dst,
		.consent = record->consent,
		.flags = record->flags,
		.dst_port = record->dst_port,
		.orig_dst_port = record->orig_dst_port,
		.kind = record->kind,
		.protocol = record->protocol,
	};
}

/* Whether it is this endpoint: from the fields, which may have been written just before. */
static inline bool endpoint_is_of(const struct endpoint *e, const struct record *record)
{
	return !memcmp(&e->dst, &record->dst, sizeof(e->dst)) && e->dst_port == record->dst_port &&
	       e->consent == record->consent && e->flags == record->flags && e->kind == record->kind &&
	       e->protocol == record->protocol && e->orig_dst_port == record->orig_dst_port &&
	       !memcmp(&e->orig_dst, &record->orig_dst, sizeof(e->orig_dst));
}

#endif
