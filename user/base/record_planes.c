// SPDX-License-Identifier: BSD-2-Clause
/* From rows to planes and back. */
#include <errno.h>
#include <string.h>
#include "record_planes.h"
#include "schema/store.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "columns are little-endian and taken from memory as they are");

#define ADDR_BYTES 16
#define LOW_BYTES 4 /* of an address: those of IPv4 */
#define HIGH_BYTES 12

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

/* The n lowest bytes of a word to row i of a tile; written out because n is a constant. */
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

/* n bytes, from 0 to TILE, of each plane; what is left of the tile is zero. */
ALWAYS_INLINE void load_tile(uint8_t (*tile)[TILE], const uint8_t *planes, size_t apart, size_t n,
			     const size_t width)
{
	for (size_t b = 0; b < width; b++) {
		memcpy(tile[b], planes + b * apart, n);
		memset(tile[b] + n, 0, TILE - n);
	}
}

ALWAYS_INLINE void store_tile(uint8_t (*tile)[TILE], uint8_t *planes, size_t apart, size_t n, const size_t width)
{
	for (size_t b = 0; b < width; b++)
		memcpy(planes + b * apart, tile[b], n);
}

/* --- Numbers --- */

ALWAYS_INLINE void to_planes(const uint8_t *field, size_t count, const size_t width, uint64_t base,
			     uint8_t *planes)
{
	for (size_t at = 0; at < count; at += TILE) {
		size_t n = count - at < TILE ? count - at : TILE;
		uint8_t tile[8][TILE];

		for (size_t i = 0; i < n; i++, field += sizeof(struct record)) {
			uint64_t word = 0;

			memcpy(&word, field, width);
			spread(tile, i, word - base, width);
		}
		store_tile(tile, planes + at, count, n, width);
	}
}

ALWAYS_INLINE void from_planes(const uint8_t *planes, size_t apart, size_t count, const size_t width,
			       uint64_t base, uint8_t *field)
{
	for (size_t at = 0; at < count; at += TILE) {
		size_t n = count - at < TILE ? count - at : TILE;
		uint8_t tile[8][TILE], rows[8 * TILE];

		load_tile(tile, planes + at, apart, n, width);
		for (size_t i = 0; i < TILE; i += LANES)
			gather(tile, i, width, rows + i * width);
		for (size_t i = 0; i < n; i++, field += sizeof(struct record)) {
			uint64_t word = 0;

			memcpy(&word, rows + i * width, width);
			word += base;
			memcpy(field, &word, width);
		}
	}
}

/* --- Addresses: which are IPv4, their lowest four bytes, the others of those that are not --- */

static struct addr addr_at(const uint8_t *field)
{
	struct addr a;

	memcpy(&a, field, sizeof(a));
	return a;
}

/* Marks and low bytes; returns how many are not IPv4. */
static size_t low_to_planes(const uint8_t *field, size_t count, uint8_t *marks)
{
	uint8_t *low = marks + count;
	size_t others = 0;

	for (size_t at = 0; at < count; at += TILE) {
		size_t n = count - at < TILE ? count - at : TILE;
		uint8_t tile[LOW_BYTES][TILE];

		for (size_t i = 0; i < n; i++, field += sizeof(struct record)) {
			struct addr a = addr_at(field);
			uint32_t word;

			memcpy(&word, a.bytes + HIGH_BYTES, sizeof(word));
			spread(tile, i, word, LOW_BYTES);
			marks[at + i] = addr_is_v4(&a);
			others += !marks[at + i];
		}
		store_tile(tile, low + at, count, n, LOW_BYTES);
	}
	return others;
}

static void high_to_planes(const uint8_t *field, const uint8_t *marks, size_t count, uint8_t *planes,
			   size_t others)
{
	uint8_t tile[HIGH_BYTES][TILE];
	size_t n = 0;

	for (size_t i = 0; i < count; i++, field += sizeof(struct record)) {
		uint64_t word;
		uint32_t rest;

		if (marks[i])
			continue;
		memcpy(&word, field, sizeof(word));
		memcpy(&rest, field + sizeof(word), sizeof(rest));
		spread(tile, n, word, sizeof(word));
		spread(tile + sizeof(word), n, rest, sizeof(rest));
		if (++n == TILE) {
			store_tile(tile, planes, others, n, HIGH_BYTES);
			planes += n;
			n = 0;
		}
	}
	store_tile(tile, planes, others, n, HIGH_BYTES);
}

static void addrs_to_planes(const uint8_t *field, size_t count, struct buffer *out)
{
	uint8_t *marks = buffer_room(out, count * (1 + ADDR_BYTES));
	size_t others;

	if (!marks)
		return;
	others = low_to_planes(field, count, marks);
	high_to_planes(field, marks, count, marks + count * (1 + LOW_BYTES), others);
	out->size += count * (1 + LOW_BYTES) + others * HIGH_BYTES;
}

/* At most a tile. The high bytes are the next ones of those that have some; how many have is returned. */
static size_t addrs_from_planes(const uint8_t *marks, const uint8_t *low, size_t apart, size_t n,
				const uint8_t *high, size_t others, uint8_t *field)
{
	uint8_t tile[ADDR_BYTES][TILE], rows[ADDR_BYTES * TILE], places[TILE];
	size_t taken = 0;

	load_tile(tile, low, apart, n, LOW_BYTES);
	for (size_t i = 0; i < TILE; i += LANES)
		gather(tile, i, LOW_BYTES, rows + i * LOW_BYTES);
	/* All as if they were IPv4, then the upper bytes of those that are not: few branches to foresee. */
	for (size_t i = 0; i < n; i++) {
		const uint64_t zero = 0;
		uint64_t mapped = 0;

		memcpy((uint8_t *)&mapped + LOW_BYTES, rows + i * LOW_BYTES, LOW_BYTES);
		mapped |= UINT64_C(0xffff) << 16;
		memcpy(field + i * sizeof(struct record), &zero, sizeof(zero));
		memcpy(field + i * sizeof(struct record) + sizeof(zero), &mapped, sizeof(mapped));
		places[taken] = (uint8_t)i;
		taken += !marks[i];
	}
	if (!taken)
		return 0;
	load_tile(tile, high, others, taken, HIGH_BYTES);
	memset(tile + HIGH_BYTES, 0, (ADDR_BYTES - HIGH_BYTES) * TILE);
	for (size_t i = 0; i < taken; i += LANES)
		gather(tile, i, ADDR_BYTES, rows + i * ADDR_BYTES);
	for (size_t i = 0; i < taken; i++)
		memcpy(field + places[i] * sizeof(struct record), rows + i * ADDR_BYTES, HIGH_BYTES);
	return taken;
}

/* --- Columns --- */

/* One copy of a loop for each width that numbers have. */
#define FOR_WIDTH(width_, call_) \
	do { \
		switch (width_) { \
		case 1: { enum { W = 1 }; call_; break; } \
		case 2: { enum { W = 2 }; call_; break; } \
		case 4: { enum { W = 4 }; call_; break; } \
		default: { enum { W = 8 }; call_; break; } \
		} \
	} while (0)

static bool is_set(const struct record_column *c, const struct record *rows, size_t count, int64_t base)
{
	const uint8_t *field = (const uint8_t *)rows + c->offset;
	bool any = false;

	if (c->id == STORE_COLUMN_TIME)
		for (size_t i = 0; i < count && !any; i++)
			any = rows[i].time_ns != base;
	else if (c->width == ADDR_BYTES)
		any = any_byte(field, count, ADDR_BYTES);
	else
		FOR_WIDTH(c->width, any = any_byte(field, count, W));
	return any;
}

int record_planes_write(const struct record_column *c, const struct record *rows, size_t count, int64_t base,
			struct buffer *out)
{
	const uint8_t *field = (const uint8_t *)rows + c->offset;
	uint64_t less = c->id == STORE_COLUMN_TIME ? (uint64_t)base : 0;
	uint8_t *planes;

	/* A column that is all zero is not stored: no need to turn it. */
	if (!is_set(c, rows, count, base))
		return 0;
	if (c->width == ADDR_BYTES) {
		addrs_to_planes(field, count, out);
		return buffer_ok(out);
	}
	planes = buffer_room(out, count * c->width);
	if (!planes)
		return 0;
	FOR_WIDTH(c->width, to_planes(field, count, W, less, planes));
	out->size += count * c->width;
	return 1;
}

int record_planes_read(const struct record_column *c, struct cursor *in, size_t rows,
		       struct record_planes *ret_planes)
{
	struct record_planes p = { .column = c, .rows = rows };
	size_t v4 = 0, worst = 0;

	if (c->width != ADDR_BYTES) {
		p.planes = cursor_bytes(in, rows * c->width);
	} else {
		p.planes = cursor_bytes(in, rows * (1 + LOW_BYTES));
		for (size_t i = 0; p.planes && i < rows; i++) {
			v4 += p.planes[i];
			worst |= p.planes[i];
		}
		if (worst > 1)
			return -EBADMSG;
		p.others = rows - v4;
		p.high = cursor_bytes(in, p.others * HIGH_BYTES);
	}
	if (!cursor_ok(in))
		return -EBADMSG;
	*ret_planes = p;
	return 0;
}

void record_planes_next(struct record_planes *p, size_t count, int64_t base, struct record *rows)
{
	uint8_t *field = (uint8_t *)rows + p->column->offset;
	const uint8_t *at = p->planes + p->done;
	uint64_t more = p->column->id == STORE_COLUMN_TIME ? (uint64_t)base : 0;

	p->done += count;
	if (p->column->width != ADDR_BYTES) {
		FOR_WIDTH(p->column->width, from_planes(at, p->rows, count, W, more, field));
		return;
	}
	for (size_t i = 0; i < count; i += TILE) {
		size_t n = count - i < TILE ? count - i : TILE;

		p->others_done += addrs_from_planes(at + i, at + i + p->rows, p->rows, n,
						    p->high + p->others_done, p->others,
						    field + i * sizeof(struct record));
	}
}
