// SPDX-License-Identifier: BSD-2-Clause
/* Rows of a section and records. */
#include <string.h>
#include "base/rtt.h"
#include "row.h"

void row_to_record(const struct row *r, const struct endpoint *e, uint32_t tenant,
		   struct record *ret_record)
{
	*ret_record = (struct record){
		.time_ns = r->time_ns,
		.lasted_ns = r->lasted_ns,
		.src = r->src,
		.dst = e->dst,
		.orig_dst = e->orig_dst,
		.tenant = tenant,
		.consent = e->consent,
		.rtt_us = rtt_value_us(r->rtt),
		.flags = e->flags,
		.src_port = r->src_port,
		.dst_port = e->dst_port,
		.orig_dst_port = e->orig_dst_port,
		.kind = e->kind,
		.protocol = e->protocol,
	};
}
