/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing arrays. */
#include "base/array.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "unit.h"

struct big {
	uint64_t words[5];
};

static void elements_survive_growing(void)
{
	struct big *list = NULL;
	size_t capacity = 0, grown = 0;

	for (size_t count = 0; count < 1000; count++) {
		size_t before = capacity;

		REQUIRE(ARRAY_RESERVE(list, count, capacity) == 0);
		CHECK(capacity > count);
		grown += capacity != before;
		list[count] = (struct big){ { count, 0, 0, 0, ~count } };
	}
	for (size_t i = 0; i < 1000; i++)
		CHECK(list[i].words[0] == i && list[i].words[4] == ~i);
	CHECK_ROW(grown < 20, "grown %zu times", grown);
	free(list);
}

static void no_memory_changes_nothing(void)
{
	struct big *list = NULL, *before;
	size_t capacity = 0;

	REQUIRE(ARRAY_RESERVE(list, 0, capacity) == 0);
	before = list;
	capacity = SIZE_MAX / sizeof(*list) / 2 + 1; /* twice that is more than there can be */
	CHECK_INT(ARRAY_RESERVE(list, capacity, capacity), -ENOMEM);
	CHECK(list == before);
	CHECK(capacity == SIZE_MAX / sizeof(*list) / 2 + 1);
	free(list);
}

UNIT_SUITE(array, TEST(elements_survive_growing), TEST(no_memory_changes_nothing));
