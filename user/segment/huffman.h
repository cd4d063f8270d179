/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Canonical prefix codes (Huffman, limited in length by package-merge: Larmore
 * and Hirschberg 1990), given by code lengths alone. As in DEFLATE (RFC 1951,
 * 3.2.2) codes of one length ascend with the symbol; they stand in the stream
 * with their first bit lowest, so that a reader looks the next bits up.
 */
#ifndef SEKISHO_HUFFMAN_H
#define SEKISHO_HUFFMAN_H

#include <stdbool.h>
#include <stdint.h>

#define HUFFMAN_SYMBOLS_MAX 256
#define HUFFMAN_LENGTH_MAX 11

/* Lengths of an optimal code for these counts; 0 = symbol does not occur. With one symbol that
 * occurs, all lengths are 0: such a code needs no bits (see huffman_constant()). */
void huffman_lengths(const uint32_t *counts, unsigned int symbols, uint8_t *ret_lengths);

/* Whether the lengths are those of a complete code: each sequence of bits means something. */
bool huffman_complete(const uint8_t *lengths, unsigned int symbols);

/* Of each symbol its bits, the first one lowest, and above them how many. */
#define HUFFMAN_ENTRY_SHIFT 16
struct huffman_code {
	uint32_t entry[HUFFMAN_SYMBOLS_MAX];
};

/* lengths: complete, or all 0. */
void huffman_encoder(const uint8_t *lengths, unsigned int symbols, struct huffman_code *ret_code);

/* Entry for the next HUFFMAN_LENGTH_MAX bits: symbol << 4 | length. */
struct huffman_decoder {
	uint16_t entry[1 << HUFFMAN_LENGTH_MAX];
};

/* lengths: complete. */
void huffman_decoder(const uint8_t *lengths, unsigned int symbols,
		     struct huffman_decoder *ret_decoder);
/* The code of one symbol, which takes no bits. */
void huffman_decoder_constant(unsigned int symbol, struct huffman_decoder *ret_decoder);

#endif
