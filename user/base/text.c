// SPDX-License-Identifier: BSD-2-Clause
/* Checking UTF-8 (RFC 3629 section 4). */
#include <stdint.h>
#include "text.h"

/* The code point at s, and how many of the n bytes it takes; 0: no UTF-8. */
static size_t decode(const uint8_t *s, size_t n, uint32_t *ret_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
			s[0] < 0xf8 ? 4 : 0;
	uint32_t point = length > 1 ? s[0] & (0x7fu >> length) : s[0];

	if (!length || length > n)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return 0;
	*ret_point = point;
	return length;
}

bool text_is_plain(const void *bytes, size_t size)
{
	const uint8_t *s = bytes;

	for (size_t at = 0; at < size;) {
		uint32_t point = 0;
		size_t length = decode(s + at, size - at, &point);

		if (!length || point < 0x20 || (point >= 0x7f && point <= 0x9f))
			return false;
		at += length;
	}
	return true;
}
