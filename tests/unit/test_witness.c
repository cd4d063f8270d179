/* SPDX-License-Identifier: BSD-2-Clause */
/* Two counters that go on: what is a miss, and what only was between them. */
#include "capture/witness.h"

#include "unit.h"

#define MS 1000000ULL
#define START (5000 * MS)

static void a_difference_that_stays_is_a_miss(void)
{
	struct witness w = { 0 };

	CHECK_INT(witness_look(&w, 100, 100, START), 0);
	for (unsigned int i = 1; i < 20; i++)
		CHECK_INT(witness_look(&w, 100 + 50 * i, 100 + 50 * i - 7, START + 100 * MS * i) != 0 &&
			  i < 10, 0);
	CHECK_INT(witness_look(&w, 1100, 1093, START + 2000 * MS), 7);
	/* It is counted once, and does not go back. */
	CHECK_INT(witness_look(&w, 1100, 1093, START + 4000 * MS), 7);
	CHECK_INT(witness_look(&w, 1200, 1200, START + 6000 * MS), 7);
	CHECK_INT(witness_look(&w, 1200, 1200, START + 8000 * MS), 7);
	CHECK_INT(witness_look(&w, 1300, 1288, START + 8500 * MS), 7);
	CHECK_INT(witness_look(&w, 1400, 1388, START + 9000 * MS), 7);
	CHECK_INT(witness_look(&w, 1400, 1388, START + 9600 * MS), 7);
	CHECK_INT(witness_look(&w, 1400, 1388, START + 10700 * MS), 12);
}

static void what_is_between_the_hooks_is_none(void)
{
	struct witness w = { 0 };

	/* Two connections are always on their way, but one look in a second finds none. */
	for (unsigned int i = 0; i < 100; i++)
		CHECK_INT(witness_look(&w, 100 + 50 * i, 100 + 50 * i - (i % 10 == 5 ? 0 : 2),
				       START + 100 * MS * i), 0);
	/* The hook is ahead: it was read later. */
	for (unsigned int i = 0; i < 30; i++)
		CHECK_INT(witness_look(&w, 9000, 9003, START + 10000 * MS + 100 * MS * i), 0);
}

UNIT_SUITE(witness, TEST(a_difference_that_stays_is_a_miss), TEST(what_is_between_the_hooks_is_none));
