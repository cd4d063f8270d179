/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a section brings a code of its own for a table, or takes the usual one. */
#ifndef SEKISHO_CODING_CHOICE_H
#define SEKISHO_CODING_CHOICE_H

#include "coding.h"

/*
 * The code for symbols that occur so often: its own, whose lengths are appended to `lists`, if that is
 * the smaller, lengths included (true); else the usual one. ret_code is
 * set for symbols that occur.
 * *ret_bits: what the symbols take with it.
 */
bool coding_choice(unsigned int table, const uint32_t counts[static HUFFMAN_SYMBOLS_MAX], struct buffer *lists,
		   struct huffman_code *ret_code, uint64_t *ret_bits);

#endif
