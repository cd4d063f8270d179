/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits, codes and buckets: what a block is made of. */
#include "segment/coding.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "segment/bits.h"
#include "unit.h"

static void bits_round_trip(void)
{
	enum { COUNT = 3000 };
	struct rng rng = { 1 };
	uint64_t values[COUNT];
	unsigned int widths[COUNT];
	uint8_t *bytes = calloc(1, COUNT * 8 + 16);
	struct bit_writer w = { .at = bytes };
	struct bit_reader r = { .data = bytes };

	for (size_t i = 0; i < COUNT; i++) {
		widths[i] = (unsigned int)rng_below(&rng, BITS_MAX + 1);
		values[i] = rng_next(&rng) & ((UINT64_C(1) << widths[i]) - 1);
		bits_put(&w, values[i], widths[i]);
	}
	bits_end(&w);
	r.end = (size_t)(w.at - bytes) * 8;
	for (size_t i = 0; i < COUNT; i++)
		CHECK_ROW(bits_get(&r, widths[i]) == values[i], "%zu", i);
	CHECK(bits_ok(&r));
	CHECK(r.end - r.at < 8);
	/* Past the end: zeroes, and not ok for good. */
	for (int i = 0; i < 100; i++)
		(void)bits_get(&r, 64);
	CHECK(!bits_ok(&r));
	free(bytes);
}

static void buckets_round_trip(void)
{
	struct rng rng = { 2 };
	size_t checked = 0;

	for (unsigned int m = 0; m <= 5; m++) {
		unsigned int before = 0;

		for (uint64_t v = 0; v < 100000; v++, checked++) {
			struct bucket b = bucket_of(v, m);

			REQUIRE(b.extra_bits == bucket_extra_bits(b.symbol, m));
			REQUIRE(bucket_base(b.symbol, m) + (v & ((UINT64_C(1) << b.extra_bits) - 1)) == v);
			REQUIRE(b.symbol == before || b.symbol == before + 1);
			before = b.symbol;
		}
		for (int i = 0; i < 1000; i++) {
			uint64_t v = rng_next(&rng) >> rng_below(&rng, 64);
			struct bucket b = bucket_of(v, m);

			CHECK(bucket_base(b.symbol, m) + (v & ((UINT64_C(1) << b.extra_bits) - 1)) == v);
		}
	}
	CHECK_INT(checked, 600000);
	/* The alphabets hold the greatest values there are. */
	CHECK(bucket_of(UINT32_MAX, CODING_V4_M).symbol < coding_symbols[CODING_V4]);
	CHECK(bucket_of(UINT64_MAX, CODING_V6_M).symbol < coding_symbols[CODING_V6_HOST]);
	CHECK(bucket_of(UINT64_C(86400000000000) - 1, CODING_TIME_M).symbol < coding_symbols[CODING_TIME]);
	CHECK(bucket_of(65535, CODING_ENDPOINT_M).symbol < coding_symbols[CODING_ENDPOINT]);
	CHECK(bucket_of(INT64_MAX, CODING_LASTED_M).symbol < coding_symbols[CODING_LASTED]);
	CHECK(bucket_of(2047, CODING_CLOSE_M).symbol < coding_symbols[CODING_CLOSE]);
	CHECK(2 * bucket_of(2047, CODING_COUNT_M).symbol + 1 < coding_symbols[CODING_COUNT]);
	for (unsigned int p = 0; p < 65536; p += 7)
		for (unsigned int q = 0; q < 65536; q += 4999)
			REQUIRE(unzigzag16((uint16_t)p, zigzag16((uint16_t)p, (uint16_t)q)) == q);
}

static double entropy_bits(const uint32_t *counts, unsigned int n)
{
	double total = 0, bits = 0;

	for (unsigned int s = 0; s < n; s++)
		total += counts[s];
	for (unsigned int s = 0; s < n; s++)
		if (counts[s])
			bits -= counts[s] * log2(counts[s] / total);
	return bits;
}

/* Complete, no longer than allowed, and close to what entropy says, for counts of all kinds. */
static void codes_are_complete_and_short(void)
{
	struct rng rng = { 3 };
	size_t limited = 0;

	for (int round = 0; round < 2000; round++) {
		uint32_t counts[HUFFMAN_SYMBOLS_MAX] = { 0 };
		uint8_t lengths[HUFFMAN_SYMBOLS_MAX];
		unsigned int symbols = 2 + (unsigned int)rng_below(&rng, 255), used = 0;
		uint64_t bits = 0, total = 0;

		for (unsigned int s = 0; s < symbols; s++) {
			if (rng_below(&rng, 3) == 0)
				continue;
			counts[s] = 1 + (uint32_t)(rng_next(&rng) >> (34 + rng_below(&rng, 30)));
			used++;
		}
		huffman_lengths(counts, symbols, lengths);
		if (used < 2) {
			for (unsigned int s = 0; s < symbols; s++)
				CHECK_INT(lengths[s], 0);
			continue;
		}
		CHECK_ROW(huffman_complete(lengths, symbols), "round %d", round);
		for (unsigned int s = 0; s < symbols; s++) {
			CHECK_ROW((lengths[s] > 0) == (counts[s] > 0), "round %d symbol %u", round, s);
			limited += lengths[s] == HUFFMAN_LENGTH_MAX;
			bits += (uint64_t)counts[s] * lengths[s];
			total += counts[s];
		}
		CHECK_ROW((double)bits <= entropy_bits(counts, symbols) + (double)total * 1.0, "round %d", round);
	}
	CHECK_ROW(limited > 100, "%zu", limited);
}

static void symbols_round_trip(void)
{
	struct rng rng = { 4 };

	for (int round = 0; round < 100; round++) {
		uint32_t counts[HUFFMAN_SYMBOLS_MAX] = { 0 };
		uint8_t lengths[HUFFMAN_SYMBOLS_MAX], bytes[2000 * 2 + 16] = { 0 }, list[2000];
		unsigned int symbols = 2 + (unsigned int)rng_below(&rng, 255);
		struct bit_writer w = { .at = bytes };
		struct bit_reader r = { .data = bytes };
		static struct huffman_decoder d;
		static struct huffman_code code;

		for (size_t i = 0; i < 2000; i++) {
			list[i] = (uint8_t)(rng_below(&rng, symbols) & rng_below(&rng, symbols));
			counts[list[i]]++;
		}
		huffman_lengths(counts, symbols, lengths);
		if (!huffman_complete(lengths, symbols))
			continue; /* one symbol alone */
		huffman_encoder(lengths, symbols, &code);
		huffman_decoder(lengths, symbols, &d);
		for (size_t i = 0; i < 2000; i++)
			bits_put(&w, code.entry[list[i]] & 0xffff, code.entry[list[i]] >> HUFFMAN_ENTRY_SHIFT);
		bits_end(&w);
		r.end = (size_t)(w.at - bytes) * 8;
		for (size_t i = 0; i < 2000; i++) {
			unsigned int entry = d.entry[bits_peek(&r) & ((1 << HUFFMAN_LENGTH_MAX) - 1)];

			REQUIRE(entry >> 4 == list[i]);
			r.at += entry & 15;
		}
		CHECK(bits_ok(&r));
	}
}

static void lengths_round_trip_and_lies_are_refused(void)
{
	struct rng rng = { 5 };
	size_t refused = 0;

	for (int round = 0; round < 500; round++) {
		uint32_t counts[HUFFMAN_SYMBOLS_MAX] = { 0 };
		uint8_t lengths[HUFFMAN_SYMBOLS_MAX], got[HUFFMAN_SYMBOLS_MAX];
		unsigned int symbols = 2 + (unsigned int)rng_below(&rng, 247), last = 0;
		struct buffer out = {};
		struct cursor c;
		int constant = 0;

		for (int i = 0; i < 1 + round / 5; i++) {
			last = (unsigned int)rng_below(&rng, symbols);
			counts[last]++;
		}
		huffman_lengths(counts, symbols, lengths);
		coding_write_lengths(lengths, symbols, last, &out);
		cursor_init(&c, out.data, out.size);
		CHECK_INT(coding_read_lengths(&c, symbols, got, &constant), 0);
		CHECK_INT(cursor_left(&c), 0);
		if (constant >= 0)
			CHECK_INT(constant, last);
		else
			CHECK(memcmp(got, lengths, symbols) == 0);
		for (size_t cut = 0; cut < out.size; cut++) {
			cursor_init(&c, out.data, cut);
			CHECK_INT(coding_read_lengths(&c, symbols, got, &constant), -EBADMSG);
		}
		out.data[out.size - 1] ^= 1;
		cursor_init(&c, out.data, out.size);
		refused += coding_read_lengths(&c, symbols, got, &constant) == -EBADMSG;
		buffer_done(&out);
	}
	CHECK_ROW(refused > 200, "%zu", refused);
}

static void the_usual_codes_have_every_symbol(void)
{
	for (unsigned int t = 0; t < CODING_TABLES; t++) {
		const uint8_t *lengths = coding_default_lengths(t);

		CHECK_ROW(huffman_complete(lengths, coding_symbols[t]), "table %u", t);
		for (unsigned int s = 0; s < coding_symbols[t]; s++)
			CHECK_ROW(lengths[s] > 0, "table %u symbol %u", t, s);
	}
}

UNIT_SUITE(coding, TEST(bits_round_trip), TEST(buckets_round_trip),
	   TEST(codes_are_complete_and_short), TEST(symbols_round_trip),
	   TEST(lengths_round_trip_and_lies_are_refused), TEST(the_usual_codes_have_every_symbol));
