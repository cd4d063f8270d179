/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bit streams, least significant bit first: what is put first stands in the low
 * bits of the first byte. A reader never leaves its bytes: past the end it gives
 * zero bits and bits_ok() turns false, for good.
 */
#ifndef SEKISHO_BITS_H
#define SEKISHO_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "bits are moved eight bytes at a time");

/* The most that one put or get takes: what eight bytes hold beside seven bits of a byte begun. */
#define BITS_MAX 57
/* Readers and writers touch up to this many bytes behind the last one in use. */
#define BITS_PADDING 8

struct bit_writer {
	uint8_t *at; /* the caller has room for all it puts, and BITS_PADDING */
	uint64_t pending;
	unsigned int count; /* of pending bits, 0..7 between calls */
};

/* The lowest n (0..BITS_MAX) bits of v; the others are zero. */
static inline void bits_put(struct bit_writer *w, uint64_t v, unsigned int n)
{
	w->pending |= v << w->count;
	w->count += n;
	memcpy(w->at, &w->pending, sizeof(w->pending));
	w->at += w->count >> 3;
	w->pending = w->count >= 64 ? 0 : w->pending >> (w->count & 56u);
	w->count &= 7;
}

/* Fills the last byte with zeroes. */
static inline void bits_end(struct bit_writer *w)
{
	if (w->count)
		*w->at++ = (uint8_t)w->pending;
	w->pending = 0;
	w->count = 0;
}

struct bit_reader {
	const uint8_t *data; /* BITS_PADDING readable bytes behind its end */
	size_t at, end; /* in bits */
	bool failed;
};

/* At least BITS_MAX bits from here on, in the low end; zero behind the end. */
static inline uint64_t bits_peek(struct bit_reader *r)
{
	uint64_t v;

	if (__builtin_expect(r->at > r->end, 0)) {
		r->at = r->end;
		r->failed = true;
	}
	memcpy(&v, r->data + (r->at >> 3), sizeof(v));
	return v >> (r->at & 7);
}

static inline uint64_t bits_get(struct bit_reader *r, unsigned int n)
{
	uint64_t v;

	if (n > BITS_MAX) {
		v = bits_peek(r) & 0xffffffffu;
		r->at += 32;
		return v | bits_get(r, n - 32) << 32;
	}
	v = bits_peek(r) & ((UINT64_C(1) << n) - 1);
	r->at += n;
	return v;
}

static inline bool bits_ok(const struct bit_reader *r)
{
	return !r->failed && r->at <= r->end;
}

#endif
