// SPDX-License-Identifier: BSD-2-Clause
/* Columns of a record, and the orders in which records are kept and shown. */
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

/* Rows that are taken apart at a time: planes of thousands of rows lie a power of two apart, and writing to
 * all of them in turn would have each byte push the others out of the cache. */
#define STRIP_ROWS 64

/* With a width that the compiler knows, most of the loops are gone. */
static inline __attribute__((always_inline)) void encode_planes(const uint8_t *bytes, size_t width,
								 size_t count, uint64_t base,
								 uint8_t *planes)
{
	uint8_t strip[16][STRIP_ROWS];

	for (size_t at = 0; at < count; at += STRIP_ROWS) {
		size_t n = count - at < STRIP_ROWS ? count - at : STRIP_ROWS;

		for (size_t i = 0; i < n; i++, bytes += sizeof(struct record)) {
			uint64_t word = 0;

			memcpy(&word, bytes, width < 8 ? width : 8);
			word -= base;
			for (size_t b = 0; b < width && b < 8; b++)
				strip[b][i] = (uint8_t)(word >> 8 * b);
			for (size_t b = 8; b < width; b++)
				strip[b][i] = bytes[b];
		}
		for (size_t b = 0; b < width; b++)
			memcpy(planes + b * count + at, strip[b], n);
	}
}

/* Whether some row is other than zero (the time column: than the base). */
static bool has_values(const uint8_t *bytes, size_t width, size_t count, int64_t base)
{
	static const uint8_t zero[16];
	uint8_t none[16];

	memcpy(none, zero, sizeof(none));
	memcpy(none, &base, sizeof(base));
	for (size_t i = 0; i < count; i++, bytes += sizeof(struct record))
		if (memcmp(bytes, none, width) != 0)
			return true;
	return false;
}

static uint8_t *field(const struct record_column *c, const struct record *row)
{
	return (uint8_t *)row + c->offset;
}

int record_encode(const struct record_column *c, const struct record *rows, size_t count,
		  int64_t base, struct buffer *out)
{
	const uint8_t *bytes = field(c, rows);
	uint64_t subtract = c->id == STORE_COLUMN_TIME ? (uint64_t)base : 0;
	uint8_t *planes = buffer_extend(out, count * c->width);

	if (!planes || !has_values(bytes, c->width, count, (int64_t)subtract))
		return 0;
	switch (c->width) {
	case 1:
		encode_planes(bytes, 1, count, subtract, planes);
		break;
	case 2:
		encode_planes(bytes, 2, count, subtract, planes);
		break;
	case 4:
		encode_planes(bytes, 4, count, subtract, planes);
		break;
	case 8:
		encode_planes(bytes, 8, count, subtract, planes);
		break;
	default:
		encode_planes(bytes, 16, count, subtract, planes);
	}
	return 1;
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
