/* SPDX-License-Identifier: BSD-2-Clause */
/* Two counters that go on: what is a miss, and what only was between them. */
#include "capture/witness.h"

#include "unit.h"

static struct witness w;
static struct residue_missed missed;
static int64_t now;
static const struct sekisho_baseline zero;

/* How many a look states. */
static uint64_t look(uint64_t hook_before, uint64_t by_witness, uint64_t hook_after)
{
	const struct witness_look l = { ++now, hook_before, by_witness, hook_after };

	return witness_judge(&w, &l, &missed) ? missed.count : 0;
}

/* At rest: as often as it takes, and once more. */
static uint64_t rest(uint64_t by_hook, uint64_t by_witness)
{
	uint64_t sum = 0;

	for (int i = 0; i <= RESIDUE_LOOKS; i++)
		sum += look(by_hook, by_witness, by_hook);
	return sum;
}

static void a_difference_that_stays_is_a_miss(void)
{
	int64_t agreed;

	now = 0;
	witness_begin(&w, 0, &zero);
	CHECK_INT(rest(100, 100), 0);
	agreed = now;
	for (uint64_t i = 1; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(93 + 50 * i, 100 + 50 * i, 93 + 50 * i), 0);
	CHECK_INT(look(393, 400, 393), 7);
	CHECK_INT(missed.first_boot_ns, agreed);
	CHECK_INT(missed.last_boot_ns, agreed + 1);
	/* It is counted once, and does not go back. */
	CHECK_INT(rest(1093, 1100), 0);
	CHECK_INT(rest(1188, 1200), 5);
	CHECK_INT(w.missed, 12);
}

static void what_is_between_the_hooks_is_none(void)
{
	witness_begin(&w, 0, &zero);
	/* Two connections are always on their way, but one look of five finds none. */
	for (uint64_t i = 0; i < 100; i++)
		CHECK_INT(look(100 + 50 * i - (i % 5 == 3 ? 0 : 2), 100 + 50 * i, 100 + 50 * i - (i % 5 == 3 ? 0 : 2)), 0);
	/* The hook went on while the witness's counter was read. */
	for (uint64_t i = 0; i < 30; i++)
		CHECK_INT(look(6000 + i, 6002 + i, 6005 + i), 0);
	CHECK_INT(rest(7000, 7000), 0);
}

/* The hook counted some twice, or the witness was away: that hides nothing that comes later. */
static void what_the_witness_did_not_see_is_forgotten(void)
{
	witness_begin(&w, 0, &zero);
	CHECK_INT(rest(100, 100), 0);
	CHECK_INT(rest(110, 100), 0);
	CHECK_INT(rest(110, 103), 3);
	CHECK_INT(w.missed, 3);
}

/* The counters and the baseline stay as they are over a restart, and so does what was stated. */
static void a_restart_states_nothing_again(void)
{
	/* The hook saw 5 alone. */
	const struct sekisho_baseline kept = { .offset = 65, .agreed_boot_ns = 17 };

	now = 1000;
	witness_begin(&w, 70, &kept);
	CHECK_INT(rest(1000, 1065), 0);
	CHECK_INT(rest(1000, 1067), 2);
	CHECK_INT(w.missed, 72);
	/* A look under load is no less than that. */
	witness_begin(&w, 70, &kept);
	CHECK_INT(look(998, 1064, 1002), 0);
	CHECK_INT(rest(1002, 1067), 0);
	CHECK_INT(w.missed, 70);
	/* Missed while nobody compared: since when they last agreed. */
	witness_begin(&w, 70, &kept);
	CHECK_INT(rest(1000, 1085), 20);
	CHECK_INT(missed.first_boot_ns, 17);
	CHECK_INT(w.missed, 90);
	/* Of counters that nobody compared before. */
	witness_begin(&w, 3, NULL);
	CHECK_INT(rest(1000, 1070), 0);
	CHECK_INT(rest(1000, 1071), 1);
	CHECK_INT(w.missed, 4);
}

UNIT_SUITE(witness, TEST(a_difference_that_stays_is_a_miss), TEST(what_is_between_the_hooks_is_none),
	   TEST(what_the_witness_did_not_see_is_forgotten), TEST(a_restart_states_nothing_again));
