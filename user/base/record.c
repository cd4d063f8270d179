// SPDX-License-Identifier: BSD-2-Clause
/* Columns of a record, and the orders in which records are kept and shown. */
#include <stdbool.h>
#include <string.h>
#include "record.h"
#include "schema/store.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "columns are little-endian and taken from memory as they are");

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

const struct record_column *record_column_find(unsigned int id)
{
	for (const struct record_column *c = record_columns; c->id; c++)
		if (c->id == id)
			return c;
	return NULL;
}

static uint8_t *field(const struct record_column *c, const struct record *row)
{
	return (uint8_t *)row + c->offset;
}

#define GATHER(type) \
	do { \
		for (size_t i = 0; i < count; i++, bytes += sizeof(struct record)) { \
			type value; \
			memcpy(&value, bytes, sizeof(value)); \
			words[i] = value - base; \
		} \
	} while (0)

/* Up to eight bytes of a column, from its byte `at` on, out of each row. */
static void gather(const struct record_column *c, size_t at, const struct record *rows,
		   size_t count, uint64_t base, uint64_t *words)
{
	const uint8_t *bytes = field(c, rows) + at;

	switch (c->width) {
	case 1: GATHER(uint8_t); break;
	case 2: GATHER(uint16_t); break;
	case 4: GATHER(uint32_t); break;
	default: GATHER(uint64_t); break; /* 8 and 16 */
	}
}

/* Bits that are not the same in all words. */
static uint64_t differing(const uint64_t *words, size_t count)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < count; i++)
		bits |= words[i] ^ words[0];
	return bits;
}

/* A few hundred rows at a time, so that the words stay in the first cache. */
#define ENCODE_ROWS 256

/*
 * Most bytes of neighbouring rows are the same: tenant, destination, half of an address. Those planes are
 * set, not copied; this is the recorder's dearest step.
 */
int record_encode(const struct record_column *c, const struct record *rows, size_t count,
		  int64_t base, struct buffer *out)
{
	uint8_t *planes = buffer_extend(out, count * c->width);
	uint64_t words[ENCODE_ROWS], subtracted = c->id == STORE_COLUMN_TIME ? (uint64_t)base : 0;
	uint64_t bits = 0;
	bool any = false;
	size_t n;

	if (!planes)
		return 0;
	for (size_t start = 0; start < count; start += n) {
		n = count - start < ENCODE_ROWS ? count - start : ENCODE_ROWS;
		for (size_t b = 0; b < c->width; b++) {
			uint8_t *plane = planes + b * count + start;
			unsigned int shift = 8 * (b % 8);

			if (!shift) {
				gather(c, b, rows + start, n, subtracted, words);
				bits = differing(words, n);
			}
			if (bits >> shift & 0xff) {
				any = true;
				for (size_t i = 0; i < n; i++)
					plane[i] = (uint8_t)(words[i] >> shift);
				continue;
			}
			memset(plane, (uint8_t)(words[0] >> shift), n);
			any |= (uint8_t)(words[0] >> shift) != 0;
		}
	}
	return any;
}

void record_decode(const struct record_column *c, const uint8_t *planes, size_t count,
		   int64_t base, struct record *rows)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t *bytes = field(c, &rows[i]);

		for (size_t b = 0; b < c->width; b++)
			bytes[b] = planes[b * count + i];
		if (c->id == STORE_COLUMN_TIME)
			rows[i].time_ns = (int64_t)((uint64_t)rows[i].time_ns + (uint64_t)base);
	}
}

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
