/* SPDX-License-Identifier: BSD-2-Clause */
/* Whose boot time it is, from the text of /proc/PID/timens_offsets. */
#include "capture/time_space.h"

#include <errno.h>
#include <string.h>
#include "unit.h"

static void offsets_of_boot_time_are_refused(void)
{
	static const struct {
		const char *text;
		int want;
	} table[] = {
		{ "monotonic           0         0\nboottime            0         0\n", 0 },
		{ "monotonic       12345         0\nboottime            0         0\n", 0 },
		{ "monotonic           0         0\nboottime           60         0\n", -EXDEV },
		{ "monotonic           0         0\nboottime          -60         0\n", -EXDEV },
		{ "monotonic           0         0\nboottime            0         1\n", -EXDEV },
		{ "boottime 7 0", -EXDEV },
		{ "boottime", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct problem p = { "" };

		CHECK_ROW(time_space_judge(table[i].text, &p) == table[i].want, "row %zu", i);
		CHECK_ROW(!table[i].want == !p.text[0], "row %zu: %s", i, p.text);
	}
}

static void this_process_is_in_none(void)
{
	struct problem p = { "" };

	CHECK_INT(time_space_check(&p), 0);
}

UNIT_SUITE(time_space, TEST(offsets_of_boot_time_are_refused), TEST(this_process_is_in_none));
