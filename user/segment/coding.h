/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the values of a block become symbols and plain bits: the part of FORMAT.md
 * (section 3.11) that writer and reader share. A value is cut into a symbol, its
 * magnitude and first bits, which is Huffman coded, and the rest, which is as good
 * as random and stands as it is (cf. STORE.md: bucket symbols).
 */
#ifndef SEKISHO_CODING_H
#define SEKISHO_CODING_H

#include <stdbool.h>
#include <stdint.h>
#include "base/cursor.h"
#include "huffman.h"

/* One code per kind of value and context. The order is that of the section header. */
enum coding_table {
	CODING_COUNT = 0, /* 2: IPv4, IPv6; rows of a source and whether they share one endpoint */
	CODING_V4 = 2, /* distance to the source before */
	CODING_V6_NET = 3, /* distance of the upper 64 bits */
	CODING_V6_HOST_NEXT = 4, /* lower 64 bits in the same network: distance */
	CODING_V6_HOST = 5, /* lower 64 bits in another one */
	CODING_FIRST_TIME = 6,
	CODING_TIME = 7, /* 4 contexts: distance to the row before of that source */
	CODING_FIRST_PORT = 11,
	CODING_PORT = 12, /* 6 contexts */
	CODING_UNIFORM = 18, /* 2: IPv4, IPv6; the endpoint that all rows of a source share */
	CODING_ENDPOINT = 20, /* 5 contexts */
	CODING_FIRST_RTT = 25,
	CODING_RTT = 26,
	CODING_CLOSE = 27, /* how many rows back the close row's opening stands */
	CODING_LASTED = 28,
	CODING_CLOSE_RTT = 29,
	CODING_TABLES = 30,
};

/* Symbols of each table. */
extern const uint16_t coding_symbols[CODING_TABLES];

/*
 * Buckets with m mantissa bits: values below 2^(m+1) are symbols themselves, others share a symbol with
 * those that have the same highest m + 1 bits.
 */
struct bucket {
	unsigned int symbol, extra_bits;
};

static inline struct bucket bucket_of(uint64_t v, unsigned int m)
{
	unsigned int shift;

	if (v < UINT64_C(2) << m)
		return (struct bucket){ (unsigned int)v, 0 };
	shift = 63 - (unsigned int)__builtin_clzll(v) - m;
	return (struct bucket){ (shift << m) + (unsigned int)(v >> shift), shift };
}

static inline unsigned int bucket_extra_bits(unsigned int symbol, unsigned int m)
{
	return symbol < 2u << m ? 0 : (symbol >> m) - 1;
}

static inline uint64_t bucket_base(unsigned int symbol, unsigned int m)
{
	uint64_t top;

	if (symbol < 2u << m)
		return symbol;
	top = (symbol & ((1u << m) - 1)) | 1u << m;
	return top << ((symbol >> m) - 1);
}

/* Mantissa bits of each kind. */
#define CODING_COUNT_M 2
#define CODING_V4_M 1
#define CODING_V6_M 1
#define CODING_TIME_M 2
#define CODING_ENDPOINT_M 4
#define CODING_RTT_M 5
#define CODING_CLOSE_M 2
#define CODING_LASTED_M 2

/* The first time of a source: bits of the section's time span above these make the symbol. */
#define CODING_FIRST_TIME_BITS 6
unsigned int coding_first_time_shift(uint64_t span_ns);
#define CODING_FIRST_PORT_SHIFT 10

/* Symbols of CODING_PORT, by zigzag distance to the port before. */
#define CODING_PORT_NEAR 64 /* below: the distance itself */
#define CODING_PORT_SET 64 /* same bits 4 to 11 (a MAP-E port set keeps them): 8 bits, the others */
#define CODING_PORT_BUCKET 65 /* 64..4095: buckets of m = 1 */
#define CODING_PORT_FAR 4096
#define CODING_PORT_PLAIN 77 /* 16 of them: highest 4 bits; 12 bits follow */
#define CODING_PORT_SYMBOLS 93
#define CODING_PORT_BUCKET_LEAST 12 /* bucket_of(64, 1).symbol */
#define CODING_PORT_SET_MASK 0x0ff0

static inline uint16_t zigzag16(uint16_t from, uint16_t to)
{
	uint16_t d = (uint16_t)(to - from);

	return (uint16_t)(d << 1 ^ (d & 0x8000 ? 0xffff : 0));
}

static inline uint16_t unzigzag16(uint16_t from, uint16_t z)
{
	return (uint16_t)(from + (uint16_t)(z >> 1 ^ (z & 1 ? 0xffff : 0)));
}

/* Context of a source's next port, from the symbol of the one before. */
static inline unsigned int coding_port_context(unsigned int symbol)
{
	if (symbol <= 8)
		return 1;
	if (symbol < CODING_PORT_NEAR)
		return 2;
	if (symbol == CODING_PORT_SET)
		return 3;
	return symbol < CODING_PORT_PLAIN ? 4 : 5;
}

/* Context of a source's next time, from how many rows the source has. */
static inline unsigned int coding_time_context(unsigned int rows)
{
	if (rows <= 2)
		return 0;
	if (rows <= 4)
		return 1;
	return rows <= 16 ? 2 : 3;
}

/* Context of a row's endpoint, from the one before. */
static inline unsigned int coding_endpoint_context(uint32_t before)
{
	return 1 + (before < 3 ? before : 3);
}

/* Plain bits that follow a symbol. first_time_shift: of the section. */
unsigned int coding_plain_bits(unsigned int table, unsigned int symbol, unsigned int first_time_shift);

/* A table in a section header: explicit lengths, see FORMAT.md 3.10. */
void coding_write_lengths(const uint8_t *lengths, unsigned int symbols, unsigned int constant,
			  struct buffer *out);
/* -EBADMSG when it is no complete code. *ret_constant: the symbol, or -1 when lengths count. */
int coding_read_lengths(struct cursor *c, unsigned int symbols, uint8_t *ret_lengths,
			int *ret_constant);

/* The lengths that stand for a table that a section does not give: good for connections to web servers. */
const uint8_t *coding_default_lengths(unsigned int table); /* coding_symbols[table] of them */
const struct huffman_code *coding_default_code(unsigned int table);
const struct huffman_decoder *coding_default_decoder(unsigned int table);

#endif
