// SPDX-License-Identifier: BSD-2-Clause
/* Sorting more than fits: order, number and contents are kept whatever the memory (bounds of a search's answer). */
#include "base/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "unit.h"

struct pair {
	uint64_t key, value;
};

static int by_both(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

static int by_key(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static void add_up(void *into, const void *equal)
{
	((struct pair *)into)->value += ((const struct pair *)equal)->value;
}

static struct spool *a_spool(int dir_fd, size_t records, bool sums)
{
	const struct spool_kind kind = { .record_bytes = sizeof(struct pair),
					 .memory_bytes = records * sizeof(struct pair),
					 .compare = sums ? by_key : by_both, .combine = sums ? add_up : NULL };
	struct spool *s;

	REQUIRE(spool_new(&kind, dir_fd, &s) == 0);
	return s;
}

/* All that is read back must be the sorted list. */
static void check_order(struct spool *s, const struct pair *sorted, size_t count)
{
	struct pair got;
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		REQUIRE(spool_next(s, &got) == 1);
		wrong += memcmp(&got, &sorted[i], sizeof(got)) != 0;
	}
	CHECK_INT(wrong, 0);
	CHECK_INT(spool_next(s, &got), 0);
	CHECK_INT(spool_next(s, &got), 0);
}

static void any_memory_gives_the_same_order(void)
{
	static const size_t memory[] = { 1, 7, 64, 1000, 4999, 5000, 100000 };
	struct store_dir store = a_store();
	struct pair *pairs = calloc(5000, sizeof(*pairs));
	struct rng rng = { 3 };

	for (size_t i = 0; i < 5000; i++)
		pairs[i] = (struct pair){ rng_below(&rng, 700), rng_next(&rng) };
	for (size_t m = 0; m < ARRAY_SIZE(memory); m++) {
		struct spool *s = a_spool(store.root, memory[m], false);
		struct pair *sorted = calloc(5000, sizeof(*sorted));

		for (size_t i = 0; i < 5000; i++)
			REQUIRE(spool_add(s, &pairs[i]) == 0);
		memcpy(sorted, pairs, 5000 * sizeof(*pairs));
		qsort(sorted, 5000, sizeof(*sorted), by_both);
		CHECK_INT(spool_sort(s), 0);
		CHECK_INT(spool_count(s), 5000);
		CHECK(spool_spilled(s) == (memory[m] < 5000));
		check_order(s, sorted, 5000);
		CHECK_INT(spool_rewind(s), 0);
		check_order(s, sorted, 5000);
		spool_free(s);
		free(sorted);
	}
	/* Unlinked: nothing is left to be seen. */
	CHECK_INT(count_files(store.root, ".tmp"), 0);
	free(pairs);
	store_close(&store);
}

static void equal_ones_are_combined(void)
{
	static const size_t memory[] = { 2, 30, 100, 10000 };
	struct store_dir store = a_store();

	for (size_t m = 0; m < ARRAY_SIZE(memory); m++) {
		struct spool *s = a_spool(store.root, memory[m], true);
		struct pair got;
		uint64_t keys = 0;

		for (uint64_t i = 0; i < 3000; i++)
			REQUIRE(spool_add(s, &(struct pair){ i % 60, 1 }) == 0);
		CHECK_INT(spool_sort(s), 0);
		CHECK(spool_spilled(s) == (memory[m] < 2 * 60)); /* the sums fill at most half of it */
		while (spool_next(s, &got) == 1) {
			CHECK_INT(got.key, keys);
			CHECK_INT(got.value, 50);
			keys++;
		}
		CHECK_INT(keys, 60);
		spool_free(s);
	}
	store_close(&store);
}

static void nothing_and_one(void)
{
	struct store_dir store = a_store();
	struct spool *s = a_spool(store.root, 10, false);
	struct pair got;

	CHECK_INT(spool_sort(s), 0);
	CHECK_INT(spool_next(s, &got), 0);
	spool_free(s);
	s = a_spool(store.root, 10, true);
	CHECK_INT(spool_add(s, &(struct pair){ 4, 5 }), 0);
	CHECK_INT(spool_sort(s), 0);
	CHECK_INT(spool_next(s, &got), 1);
	CHECK_INT(got.value, 5);
	CHECK_INT(spool_next(s, &got), 0);
	spool_free(s);
	spool_free(NULL);
	store_close(&store);
}

static void a_full_disk_is_an_error_and_no_loss(void)
{
	struct store_dir store = a_store();
	struct spool *s = a_spool(store.root, 100, false);
	struct rlimit before = disk_full_at(1000);
	int error = 0;

	for (uint64_t i = 0; i < 1000 && !error; i++)
		error = spool_add(s, &(struct pair){ i, i });
	disk_has_space(before);
	CHECK(error == -EFBIG || error == -ENOSPC);
	spool_free(s);
	store_close(&store);
}

UNIT_SUITE(spool, TEST(any_memory_gives_the_same_order), TEST(equal_ones_are_combined),
	   TEST(nothing_and_one), TEST(a_full_disk_is_an_error_and_no_loss));
