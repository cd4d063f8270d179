/* SPDX-License-Identifier: BSD-2-Clause */
/* What may stand in a text that is kept and shown (AC-63 in part). */
#include "base/text.h"

#include <string.h>
#include "unit.h"

struct text {
	const char *bytes;
	size_t size;
	bool plain;
};
#define TEXT(bytes_, plain_) { bytes_, sizeof(bytes_) - 1, plain_ }

static void one_line_of_utf8(void)
{
	static const struct text table[] = {
		TEXT("", true), TEXT("plain ~", true), TEXT("a\nb", false), TEXT("a\0b", false), TEXT("\x7f", false),
		TEXT("\x1b[0m", false), TEXT("\t", false),
		TEXT("\xc2\x80", false), TEXT("\xc2\x9f", false), TEXT("\xc2\xa0", true), /* C1 */
		TEXT("\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80", true),
		TEXT("\xc1\x81", false), TEXT("\xe0\x9f\xbf", false), TEXT("\xf0\x8f\xbf\xbf", false), /* not shortest */
		TEXT("\xc2", false), TEXT("\xe6\x97", false), TEXT("\xf0\x9f\x98", false), TEXT("\xc2z", false),
		TEXT("\x80", false), TEXT("\xbf", false), TEXT("\xff", false), TEXT("\xfe", false),
		TEXT("\xed\x9f\xbf", true), TEXT("\xed\xa0\x80", false), TEXT("\xed\xbf\xbf", false), /* surrogates */
		TEXT("\xee\x80\x80", true), TEXT("\xf4\x8f\xbf\xbf", true), TEXT("\xf4\x90\x80\x80", false),
		TEXT("\xf8\x88\x80\x80\x80", false),
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		CHECK_ROW(text_is_plain(table[i].bytes, table[i].size) == table[i].plain, "row %zu", i);
}

UNIT_SUITE(text, TEST(one_line_of_utf8));
