// SPDX-License-Identifier: BSD-2-Clause
/* Three bits of mantissa, five of exponent. */
#include "rtt.h"

#define STEPS 8
#define STEP_BITS 3

uint8_t rtt_code(uint32_t rtt_us)
{
	unsigned int exponent;

	if (rtt_us < STEPS)
		return (uint8_t)rtt_us;
	exponent = 31 - (unsigned int)__builtin_clz(rtt_us) - STEP_BITS;
	return (uint8_t)(STEPS * exponent + (rtt_us >> exponent));
}

uint32_t rtt_value_us(uint8_t code)
{
	unsigned int exponent;

	if (code >= RTT_CODES)
		return 0;
	if (code < 2 * STEPS)
		return code;
	exponent = code / STEPS - 1;
	return ((uint32_t)(code % STEPS + STEPS) << exponent) + (1u << exponent) / 2;
}

uint32_t rtt_quantise(uint32_t rtt_us)
{
	return rtt_value_us(rtt_code(rtt_us));
}
