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

/*
 * Planes of a large frame lie a power of two apart, where they would push each other out of the cache:
 * rows are turned in tiles of so many, and each plane of a tile moves as a whole.
 */
#define TILE 64
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Whether a column has any byte that is not zero. `width` is a constant where it is inlined. */
ALWAYS_INLINE bool any_byte(const uint8_t *field, size_t count, const size_t width)
{
	uint64_t any = 0, words[2] = {};

	for (size_t i = 0; i < count && !any; i++, field += sizeof(struct record)) {
		memcpy(words, field, width);
		any = words[0] | words[1];
	}
	return any != 0;
}

/* The n lowest bytes of a word, to and from one row of a tile; written out because n is a constant. */
ALWAYS_INLINE void spread(uint8_t (*tile)[TILE], size_t i, uint64_t v, const size_t n)
{
	tile[0][i] = (uint8_t)v;
	if (n > 1)
		tile[1][i] = (uint8_t)(v >> 8);
	if (n > 2) {
		tile[2][i] = (uint8_t)(v >> 16);
		tile[3][i] = (uint8_t)(v >> 24);
	}
	if (n > 4) {
		tile[4][i] = (uint8_t)(v >> 32);
		tile[5][i] = (uint8_t)(v >> 40);
		tile[6][i] = (uint8_t)(v >> 48);
		tile[7][i] = (uint8_t)(v >> 56);
	}
}

/*
 * The way back: rows of a tile are put together 16 at a time, each plane being taken as a vector. Pairs of
 * vectors are interleaved byte by byte until bytes of one row stand together (a perfect shuffle).
 */
#define LANES 16
typedef uint8_t lanes __attribute__((vector_size(LANES)));

ALWAYS_INLINE lanes low_halves(lanes a, lanes b)
{
	return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

ALWAYS_INLINE lanes high_halves(lanes a, lanes b)
{
	return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/* Rows at..at+15 of the tile, one after the other. */
ALWAYS_INLINE void gather(uint8_t (*tile)[TILE], size_t at, const size_t width, uint8_t *out)
{
	lanes v[16], w[16];

	for (size_t b = 0; b < width; b++)
		memcpy(&v[b], tile[b] + at, LANES);
	for (size_t apart = width; apart > 1; apart /= 2) {
		for (size_t b = 0; b < width / 2; b++) {
			w[2 * b] = low_halves(v[b], v[b + width / 2]);
			w[2 * b + 1] = high_halves(v[b], v[b + width / 2]);
		}
		memcpy(v, w, width * LANES);
	}
	memcpy(out, v, width * LANES);
}

ALWAYS_INLINE void to_planes(const uint8_t *field, size_t count, const size_t width, uint64_t base,
			     uint8_t *planes)
{
	for (size_t at = 0; at < count; at += TILE) {
		size_t n = count - at < TILE ? count - at : TILE;
		uint8_t tile[16][TILE];

		for (size_t i = 0; i < n; i++, field += sizeof(struct record)) {
			uint64_t words[2] = {};

			memcpy(words, field, width);
			spread(tile, i, words[0] - base, width < 8 ? width : 8);
			if (width > 8)
				spread(tile + 8, i, words[1], width - 8);
		}
		for (size_t b = 0; b < width; b++)
			memcpy(planes + b * count + at, tile[b], n);
	}
}

/* `apart`: from a plane to the next. */
ALWAYS_INLINE void from_planes(const uint8_t *planes, size_t apart, size_t count, const size_t width,
			       uint64_t base, uint8_t *field)
{
	for (size_t at = 0; at < count; at += TILE) {
		size_t n = count - at < TILE ? count - at : TILE;
		uint8_t tile[16][TILE], rows[16 * TILE];

		for (size_t b = 0; b < width; b++) {
			memcpy(tile[b], planes + b * apart + at, n);
			memset(tile[b] + n, 0, TILE - n);
		}
		for (size_t i = 0; i < TILE; i += LANES)
			gather(tile, i, width, rows + i * width);
		for (size_t i = 0; i < n; i++, field += sizeof(struct record)) {
			uint64_t words[2];

			memcpy(words, rows + i * width, width);
			if (width == 8)
				words[0] += base;
			memcpy(field, words, width);
		}
	}
}

/* One copy of a loop for each width that there is. */
#define FOR_WIDTH(width_, call_) \
	do { \
		switch (width_) { \
		case 1: { enum { W = 1 }; call_; break; } \
		case 2: { enum { W = 2 }; call_; break; } \
		case 4: { enum { W = 4 }; call_; break; } \
		case 8: { enum { W = 8 }; call_; break; } \
		default: { enum { W = 16 }; call_; break; } \
		} \
	} while (0)

int record_encode(const struct record_column *c, const struct record *rows, size_t count,
		  int64_t base, struct buffer *out)
{
	const uint8_t *field = (const uint8_t *)rows + c->offset;
	bool is_time = c->id == STORE_COLUMN_TIME, any = false;
	uint8_t *planes;

	if (is_time)
		for (size_t i = 0; i < count && !any; i++)
			any = rows[i].time_ns != base;
	else
		FOR_WIDTH(c->width, any = any_byte(field, count, W));
	/* A column that is all zero is not stored: no need to turn it. */
	planes = any ? buffer_room(out, count * c->width) : NULL;
	if (planes) {
		FOR_WIDTH(c->width, to_planes(field, count, W, is_time ? (uint64_t)base : 0, planes));
		out->size += count * c->width;
	}
	return planes != NULL;
}

void record_decode(const struct record_column *c, const uint8_t *planes, size_t apart, size_t count,
		   int64_t base, struct record *rows)
{
	uint8_t *field = (uint8_t *)rows + c->offset;
	uint64_t add = c->id == STORE_COLUMN_TIME ? (uint64_t)base : 0;

	FOR_WIDTH(c->width, from_planes(planes, apart, count, W, add, field));
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
