/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round-trip times are kept in eight steps an octave; below 16 us they are exact.
 * More would tell clients apart without telling an abuse desk anything. They are
 * quantised when taken from the ring (or imported), so that an answer is the same
 * before and after sealing.
 */
#ifndef SEKISHO_RTT_H
#define SEKISHO_RTT_H

#include <stdint.h>

/* 0 (unknown) is 0; ascends with the value; RTT_CODES codes in all. */
uint8_t rtt_code(uint32_t rtt_us);
/* The middle of the code's step, so that rtt_code(rtt_value_us(c)) == c; 0 for what is no code. */
uint32_t rtt_value_us(uint8_t code);
uint32_t rtt_quantise(uint32_t rtt_us);

#define RTT_CODES 240

#endif
