// SPDX-License-Identifier: BSD-2-Clause
/* Columns of a record, and the orders in which records are kept and shown. */
#include <string.h>
#include "record.h"
#include "schema/store.h"

#define COLUMN(id_, field_) \
	{ .id = (id_), .width = sizeof(((struct record *)0)->field_), \
	  .offset = offsetof(struct record, field_) }

const struct record_column record_columns[] = {
	COLUMN(STORE_COLUMN_TIME, time_ns),
	COLUMN(STORE_COLUMN_SRC_ADDR, src),
	COLUMN(STORE_COLUMN_SRC_PORT, src_port),
	COLUMN(STORE_COLUMN_DST_ADDR, dst),
	COLUMN(STORE_COLUMN_DST_PORT, dst_port),
	COLUMN(STORE_COLUMN_TENANT, tenant),
	COLUMN(STORE_COLUMN_CONSENT, consent),
	COLUMN(STORE_COLUMN_RTT_US, rtt_us),
	COLUMN(STORE_COLUMN_FLAGS, flags),
	COLUMN(STORE_COLUMN_KIND, kind),
	COLUMN(STORE_COLUMN_PROTOCOL, protocol),
	COLUMN(STORE_COLUMN_ORIG_DST_ADDR, orig_dst),
	COLUMN(STORE_COLUMN_ORIG_DST_PORT, orig_dst_port),
	COLUMN(STORE_COLUMN_LASTED, lasted_ns),
	{ .id = 0 },
};

#define ORDER(a, b) \
	do { \
		if ((a) != (b)) \
			return (a) < (b) ? -1 : 1; \
	} while (0)

static int compare_rest(const struct record *x, const struct record *y)
{
	int order = addr_compare(&x->dst, &y->dst);

	if (order)
		return order;
	ORDER(x->src_port, y->src_port);
	ORDER(x->dst_port, y->dst_port);
	ORDER(x->tenant, y->tenant);
	ORDER(x->consent, y->consent);
	ORDER(x->kind, y->kind);
	ORDER(x->rtt_us, y->rtt_us);
	ORDER(x->flags, y->flags);
	ORDER(x->protocol, y->protocol);
	ORDER(x->orig_dst_port, y->orig_dst_port);
	ORDER(x->lasted_ns, y->lasted_ns);
	return addr_compare(&x->orig_dst, &y->orig_dst);
}

int record_compare_source(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int order = addr_compare_source(&x->src, &y->src);

	if (order)
		return order;
	ORDER(x->time_ns, y->time_ns);
	return compare_rest(x, y);
}

int record_compare_time(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	int order;

	ORDER(x->time_ns, y->time_ns);
	order = addr_compare(&x->src, &y->src);
	return order ? order : compare_rest(x, y);
}
