// SPDX-License-Identifier: BSD-2-Clause
/* Sets of ports as text. */
#include "base/port_set.h"

#include <errno.h>
#include <string.h>
#include "unit.h"

static unsigned int count(const struct port_set *s)
{
	unsigned int n = 0;

	for (unsigned int port = 0; port < 65536; port++)
		n += port_set_has(s, (uint16_t)port);
	return n;
}

static void ports_and_ranges(void)
{
	static const struct {
		const char *text;
		unsigned int count;
		uint16_t in, out;
	} table[] = {
		{ "443", 1, 443, 444 }, { "1", 1, 1, 0 }, { "65535", 1, 65535, 65534 },
		{ "1-65535", 65535, 40000, 0 }, { "1024-1039,5120-5135", 32, 5135, 1040 },
		{ "7,7,7-7", 1, 7, 8 }, { "64-127", 64, 127, 63 }, { "10-20,15-30", 21, 30, 9 },
	};
	struct port_set s;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CHECK_ROW(port_set_parse(table[i].text, &s) == 0, "%s", table[i].text);
		CHECK_ROW(count(&s) == table[i].count, "%s: %u", table[i].text, count(&s));
		CHECK_ROW(port_set_has(&s, table[i].in) && !port_set_has(&s, table[i].out), "%s",
			  table[i].text);
	}
}

static void what_is_no_set_is_refused_and_changes_nothing(void)
{
	static const char *const bad[] = { "", ",", "443,", ",443", "0", "65536", "1-", "-1", "5-4", "1-2-3",
					   "http", "443 ", " 443", "+443", "1,,2", "00000000000443" };
	struct port_set s;

	CHECK_INT(port_set_parse("99", &s), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_ROW(port_set_parse(bad[i], &s) == -EINVAL, "\"%s\"", bad[i]);
	CHECK_INT(count(&s), 1);
	CHECK(port_set_has(&s, 99));
}

UNIT_SUITE(port_set, TEST(ports_and_ranges), TEST(what_is_no_set_is_refused_and_changes_nothing));
