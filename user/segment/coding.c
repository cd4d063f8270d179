// SPDX-License-Identifier: BSD-2-Clause
/* Code lengths in a section header, and those that need not stand there. */
#include <errno.h>
#include <string.h>
#include "base/rtt.h"
#include "coding.h"

const uint16_t coding_symbols[CODING_TABLES] = {
	[CODING_COUNT] = 80, 80,
	[CODING_V4] = 64,
	[CODING_V6_NET] = 128,
	[CODING_V6_HOST_NEXT] = 128,
	[CODING_V6_HOST] = 128,
	[CODING_FIRST_TIME] = 1 << CODING_FIRST_TIME_BITS,
	[CODING_TIME] = 184, 184, 184, 184,
	[CODING_FIRST_PORT] = 65536 >> CODING_FIRST_PORT_SHIFT,
	[CODING_PORT] = CODING_PORT_SYMBOLS, CODING_PORT_SYMBOLS, CODING_PORT_SYMBOLS,
	CODING_PORT_SYMBOLS, CODING_PORT_SYMBOLS, CODING_PORT_SYMBOLS,
	[CODING_UNIFORM] = 208, 208,
	[CODING_ENDPOINT] = 208, 208, 208, 208, 208,
	[CODING_FIRST_RTT] = RTT_CODES,
	[CODING_RTT] = 156,
	[CODING_CLOSE] = 40,
	[CODING_LASTED] = 248,
	[CODING_CLOSE_RTT] = RTT_CODES,
};

unsigned int coding_first_time_shift(uint64_t span_ns)
{
	unsigned int bits = span_ns ? 64 - (unsigned int)__builtin_clzll(span_ns) : 0;

	return bits > CODING_FIRST_TIME_BITS ? bits - CODING_FIRST_TIME_BITS : 0;
}

/* Where the symbols of a table are buckets: their mantissa bits. */
static int mantissa_bits(unsigned int table)
{
	static const int8_t m[CODING_TABLES] = {
		[CODING_COUNT] = CODING_COUNT_M, CODING_COUNT_M,
		[CODING_V4] = CODING_V4_M,
		[CODING_V6_NET] = CODING_V6_M, CODING_V6_M, CODING_V6_M,
		[CODING_FIRST_TIME] = -1,
		[CODING_TIME] = CODING_TIME_M, CODING_TIME_M, CODING_TIME_M, CODING_TIME_M,
		[CODING_FIRST_PORT] = -1,
		[CODING_PORT] = -1, -1, -1, -1, -1, -1,
		[CODING_UNIFORM] = CODING_ENDPOINT_M, CODING_ENDPOINT_M,
		[CODING_ENDPOINT] = CODING_ENDPOINT_M, CODING_ENDPOINT_M, CODING_ENDPOINT_M, CODING_ENDPOINT_M,
		CODING_ENDPOINT_M,
		[CODING_FIRST_RTT] = -1,
		[CODING_RTT] = CODING_RTT_M,
		[CODING_CLOSE] = CODING_CLOSE_M,
		[CODING_LASTED] = CODING_LASTED_M,
		[CODING_CLOSE_RTT] = -1,
	};

	return m[table];
}

unsigned int coding_plain_bits(unsigned int table, unsigned int symbol, unsigned int first_time_shift)
{
	if (table < CODING_V4)
		symbol /= 2; /* the lowest bit tells of endpoints */
	if (mantissa_bits(table) >= 0)
		return bucket_extra_bits(symbol, (unsigned int)mantissa_bits(table));
	if (table == CODING_FIRST_TIME)
		return first_time_shift;
	if (table == CODING_FIRST_PORT)
		return CODING_FIRST_PORT_SHIFT;
	if (table < CODING_PORT || table >= CODING_UNIFORM || symbol < CODING_PORT_NEAR)
		return 0;
	if (symbol == CODING_PORT_SET)
		return 8;
	if (symbol >= CODING_PORT_PLAIN)
		return 12;
	return bucket_extra_bits(symbol - CODING_PORT_BUCKET + CODING_PORT_BUCKET_LEAST, 1);
}

struct nibbles {
	struct buffer *out;
	bool half;
};

static void put_nibble(struct nibbles *n, unsigned int v)
{
	if (n->half && buffer_ok(n->out))
		n->out->data[n->out->size - 1] |= (uint8_t)(v << 4);
	else
		buffer_u8(n->out, (uint8_t)v);
	n->half = !n->half;
}

void coding_write_lengths(const uint8_t *lengths, unsigned int symbols, unsigned int constant,
			  struct buffer *out)
{
	struct nibbles n = { .out = out };
	unsigned int listed = symbols, run;

	while (listed && !lengths[listed - 1])
		listed--;
	buffer_u8(out, (uint8_t)listed);
	if (!listed)
		buffer_u8(out, (uint8_t)constant);
	for (unsigned int s = 0; s < listed; s += run) {
		run = 1;
		put_nibble(&n, lengths[s]);
		if (lengths[s])
			continue;
		while (run < 16 && !lengths[s + run])
			run++;
		put_nibble(&n, run - 1);
	}
}

struct nibble_reader {
	struct cursor *c;
	unsigned int byte;
	bool half;
};

static unsigned int get_nibble(struct nibble_reader *n)
{
	n->half = !n->half;
	if (!n->half)
		return n->byte >> 4;
	n->byte = cursor_u8(n->c);
	return n->byte & 15;
}

int coding_read_lengths(struct cursor *c, unsigned int symbols, uint8_t *ret_lengths,
			int *ret_constant)
{
	struct nibble_reader n = { .c = c };
	unsigned int listed = cursor_u8(c), constant = listed ? 0 : cursor_u8(c), run, s;
	uint8_t lengths[HUFFMAN_SYMBOLS_MAX] = {};

	if (!cursor_ok(c) || listed > symbols || constant >= symbols)
		return -EBADMSG;
	for (s = 0; s < listed; s += run) {
		run = 1;
		lengths[s] = (uint8_t)get_nibble(&n);
		if (!lengths[s])
			run = get_nibble(&n) + 1;
	}
	if (!cursor_ok(c) || s != listed || (listed && !huffman_complete(lengths, symbols)))
		return -EBADMSG;
	memcpy(ret_lengths, lengths, symbols);
	*ret_constant = listed ? -1 : (int)constant;
	return 0;
}
