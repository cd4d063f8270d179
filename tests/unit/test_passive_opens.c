// SPDX-License-Identifier: BSD-2-Clause
/* AC-82: the kernel's own count of passive openings, out of its text. */
#include <errno.h>
#include <unistd.h>
#include "capture/passive_opens.h"
#include "unit.h"

static void counters_out_of_the_text(void)
{
	static const char text[] = "Ip: Forwarding DefaultTTL\nIp: 1 64\n"
				   "TcpExt: PassiveOpens Other\nTcpExt: 8 9\n"
				   "Tcp: RtoMin MaxConn ActiveOpens PassiveOpens PassiveOpensMore\n"
				   "Tcp: 200 -1 17 18446744073709551615 5\n";
	uint64_t value = 3;

	CHECK_INT(passive_opens_find(text, "Tcp", "PassiveOpens", &value), 0);
	CHECK(value == UINT64_MAX);
	CHECK_INT(passive_opens_find(text, "TcpExt", "PassiveOpens", &value), 0);
	CHECK_INT(value, 8);
	CHECK_INT(passive_opens_find(text, "Tcp", "RtoMin", &value), 0);
	CHECK_INT(value, 200);
	CHECK_INT(passive_opens_find(text, "Tcp", "PassiveOpensMore", &value), 0);
	CHECK_INT(value, 5);
}

static void what_the_kernel_does_not_write_is_refused(void)
{
	static const char *const texts[] = {
		"", "Tcp:", "Tcp: PassiveOpens", "Tcp: PassiveOpens\n", "Tcp: PassiveOpens\nUdp: 1\n",
		"Tcp: PassiveOpens\nTcp:\n", "Tcp: PassiveOpens\nTcp: x\n", "Tcp: PassiveOpens\nTcp: -1\n",
		"Tcp: PassiveOpens\nTcp: 18446744073709551616\n", "Tcp: A PassiveOpens\nTcp: 1\n",
		"Tcp: A  PassiveOpens\nTcp: 1 2\n", "Tcp: Passive Opens\nTcp: 1 2\n", "TcpPassiveOpens 1\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		uint64_t value = 3;
		int error = passive_opens_find(texts[i], "Tcp", "PassiveOpens", &value);

		CHECK_ROW(error == -EBADMSG, "text %zu: %d", i, error);
		CHECK_ROW(value == 3, "text %zu", i);
	}
}

static void this_kernel_is_read(void)
{
	struct passive_opens list[2] = { {}, { .netns = "/nonexistent" } };
	struct passive_counts counts;

	passive_opens_open(NULL, list, 2);
	REQUIRE(list[0].error == 0);
	CHECK(list[0].cookie != 0);
	CHECK_INT(passive_opens_read(&list[0], &counts), 0);
	CHECK_INT(list[1].error, -ENOENT);
	CHECK_INT(list[1].snmp, -1);
	passive_opens_close(list, 2);
	CHECK_INT(list[0].snmp, -1);
}

UNIT_SUITE(passive_opens, TEST(counters_out_of_the_text), TEST(what_the_kernel_does_not_write_is_refused),
	   TEST(this_kernel_is_read));
