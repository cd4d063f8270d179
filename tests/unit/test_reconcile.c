// SPDX-License-Identifier: BSD-2-Clause
/* AC-82: what the kernel counted against what the hook saw. */
#include "recorder/reconcile.h"
#include "unit.h"

#define SECOND 1000000000LL

static struct reconciled n;
static struct not_seen missed;
static int64_t now;

static void begin(void)
{
	n = (struct reconciled){ .cookie = 1, .tenant = 7 };
	missed = (struct not_seen){};
	now = 100 * SECOND;
}

/* What is read before and after the kernel's count. */
struct around {
	uint64_t before, after;
};

/* A look a second later; how many it states. */
static uint64_t look_while(struct around left, uint64_t passive, struct around made, uint64_t fastopens)
{
	const struct reconcile_look l = {
		.boot_ns = now += SECOND,
		.left_before = left.before,
		.left_after = left.after,
		.made_before = made.before,
		.made_after = made.after,
		.passive = passive,
		.fastopens = fastopens,
	};

	return reconcile_judge(&n, &l, &missed) ? missed.count : 0;
}

static uint64_t look(uint64_t before, uint64_t passive, uint64_t after, uint64_t made, uint64_t fastopens)
{
	return look_while((struct around){ before, after }, passive, (struct around){ made, made }, fastopens);
}

/* At rest: as often as it takes, and once more. */
static uint64_t rest(uint64_t left, uint64_t passive)
{
	uint64_t sum = 0;

	for (int i = 0; i <= RESIDUE_LOOKS; i++)
		sum += look(left, passive, left, left, 0);
	return sum;
}

static void what_was_before_is_no_residue(void)
{
	begin();
	CHECK_INT(rest(0, 5000), 0);
	CHECK_INT(n.left.baseline.offset, 5000);
	CHECK_INT(rest(10, 5010), 0);
}

static void a_residue_is_exact_and_has_its_time(void)
{
	uint64_t sum = 0;
	int64_t agreed;

	begin();
	CHECK_INT(rest(1000, 6000), 0);
	agreed = now;
	for (int i = 1; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(1000, 6217, 1000, 1000, 0), 0);
	CHECK_INT(n.left.looks, RESIDUE_LOOKS - 1);
	sum = look(1000, 6217, 1000, 1000, 0);
	CHECK_INT(sum, 217);
	CHECK_INT(missed.first_boot_ns, agreed);
	CHECK_INT(missed.last_boot_ns, agreed + SECOND);
	CHECK_INT(missed.tenant, 7);
	CHECK_INT(rest(1000, 6217), 0);
	CHECK_INT(rest(1000, 6218), 1);
}

/* The kernel counts before we do: a processor that stops in between is not believed at once. */
static void a_moment_is_no_residue(void)
{
	begin();
	(void)rest(0, 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 1; i < RESIDUE_LOOKS; i++)
			CHECK_INT(look(100, 101, 100, 101, 0), 0);
		CHECK_INT(look(101, 101, 101, 101, 0), 0);
		CHECK_INT(n.left.looks, 0);
		(void)rest(0, 0);
		n.left.baseline.offset = 0;
	}
}

/* Of several looks the least is certain; the rest follows. */
static void only_what_all_looks_had_is_stated(void)
{
	uint64_t sum = 0;

	begin();
	(void)rest(0, 0);
	for (int i = 0; i < RESIDUE_LOOKS; i++)
		sum += look(0, 10 + (uint64_t)(i == 2 ? 0 : 5 * i), 0, 0, 0);
	CHECK_INT(sum, 10);
	CHECK_INT(sum + rest(0, 30), 30);
}

/* While openings go on there are two bounds; within them nothing is claimed. */
static void within_the_bounds_it_agrees(void)
{
	begin();
	for (uint64_t i = 0; i < 1000; i++)
		CHECK_INT(look(i * 100, i * 100 + 7 + i % 30, i * 100 + 50, i * 100 + 50, 0), 0);
	/* The tightest upper bound was 7: of 12 that are missed in the middle of it no more than 12 are claimed. */
	CHECK_INT(n.left.baseline.offset, 7);
	CHECK_INT(rest(200000, 200019), 12);
}

/* Nor of the children that go on being made, while one of before has not left. */
static void within_the_bounds_of_the_children_it_agrees(void)
{
	begin();
	(void)rest(10, 10);
	for (uint64_t i = 0; i < 1000; i++)
		CHECK_INT(look_while((struct around){ 10, 10 }, 11 + i * 100 + 7 + i % 30,
				     (struct around){ 11 + i * 100, 11 + i * 100 + 50 }, i + 1), 0);
	CHECK_INT(n.made.baseline.offset, 0);
}

/* Two generations of programs count one opening twice: that hides nothing that comes later. */
static void what_was_counted_twice_is_taken_off(void)
{
	begin();
	(void)rest(100, 100);
	CHECK_INT(rest(120, 110), 0);
	CHECK_INT(n.left.baseline.offset, -10);
	CHECK_INT(rest(120, 113), 3);
}

/* RFC 7413: counted by the kernel when the SYN comes, by us when the handshake ends. */
static void fast_open_children_are_allowed_for(void)
{
	begin();
	(void)rest(50, 50);
	for (int i = 0; i < 60; i++)
		CHECK_INT(look(50, 53, 50, 53, 3), 0);
	CHECK_INT(look(53, 53, 53, 53, 3), 0);
	/* Missed for good: neither made nor left was seen. */
	for (int i = 1; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(53, 57, 53, 53, 3), 0);
	CHECK_INT(look(53, 57, 53, 53, 3), 4);
	/* Long after the last Fast Open no child can be under way any more. */
	now += 400 * SECOND;
	for (int i = 1; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(53, 58, 53, 54, 3), 0);
	CHECK_INT(look(53, 58, 53, 54, 3), 1);
}

/* Children that were under way when the programs were attached left without having been seen made; others were
 * counted twice as made. Neither is a child that is under way. */
static void what_fast_open_allows_for_does_not_drift(void)
{
	begin();
	(void)rest(50, 50);
	for (int i = 0; i < 2 * RESIDUE_LOOKS; i++)
		CHECK_INT(look(60, 60, 60, 57, 0), 0);
	for (int i = 0; i < 2 * RESIDUE_LOOKS; i++)
		CHECK_INT(look(60, 63, 60, 60, 3), 0);
	CHECK_INT(look(63, 63, 63, 60, 3), 0);
	for (int i = 1; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(63, 65, 63, 60, 3), 0);
	CHECK_INT(look(63, 65, 63, 60, 3), 2);

	begin();
	for (int i = 0; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(50, 50, 50, 54, 1), 0);
	for (int i = 1; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(50, 54, 50, 54, 2), 0);
	CHECK_INT(look(50, 54, 50, 54, 2), 4);
	for (int i = 0; i < 2 * RESIDUE_LOOKS; i++)
		CHECK_INT(look(50, 54, 50, 54, 2), 0);
}

/* Seen made, not seen to leave: stated when it can be under way no more, with the time from when it all agreed. */
static void what_fast_open_hid_has_its_time(void)
{
	int64_t agreed;

	begin();
	(void)rest(50, 50);
	agreed = now;
	for (int i = 0; i < 20; i++)
		CHECK_INT(look(50, 51, 50, 51, 1), 0);
	now += 400 * SECOND;
	for (int i = 1; i < RESIDUE_LOOKS; i++)
		CHECK_INT(look(50, 51, 50, 51, 1), 0);
	CHECK_INT(look(50, 51, 50, 51, 1), 1);
	CHECK_INT(missed.first_boot_ns, agreed);
}

static size_t doubted(void)
{
	const struct reconcile r = { .on = true, .list = &n, .count = 1 };
	struct reconcile_status s;

	reconcile_status(&r, &s);
	return s.doubted;
}

/* Whether a child is under way or was missed, nobody knows before Fast Open is over. */
static void what_fast_open_hides_is_doubted(void)
{
	begin();
	(void)rest(50, 50);
	CHECK_INT(doubted(), 0);
	for (int i = 0; i < 2 * RESIDUE_LOOKS; i++) {
		CHECK_INT(look(50, 51, 50, 51, 1), 0);
		CHECK_INT(doubted(), 1);
	}
	CHECK_INT(look(51, 51, 51, 51, 1), 0);
	CHECK_INT(doubted(), 0);
	/* Without Fast Open as long as it is not certain. */
	now += 400 * SECOND;
	for (int i = 1; i < RESIDUE_LOOKS; i++) {
		CHECK_INT(look(51, 53, 51, 51, 1), 0);
		CHECK_INT(doubted(), 1);
	}
	CHECK_INT(look(51, 53, 51, 51, 1), 2);
	CHECK_INT(doubted(), 0);
}

/* While no collector ran: an earlier run's baseline is known, and Fast Open goes on all the time. */
static void what_fast_open_hid_before_a_start_is_stated(void)
{
	uint64_t made[] = { 0, 50, 55 }; /* fewer than left, all, and of the missed some that were seen made */

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		uint64_t sum = 0, under_way = made[i] > 50 ? made[i] - 50 : 0;

		begin();
		n.left.known = true;
		n.left.baseline = (struct sekisho_baseline){ .offset = 1000, .agreed_boot_ns = 9 };
		for (uint64_t t = 1; t <= 2 * RESIDUE_LOOKS; t++)
			sum += look(50, 1000 + 50 + 12, 50, made[i], t);
		CHECK_INT(sum, 12 - under_way);
		CHECK_INT(missed.first_boot_ns, 9);
	}
}

UNIT_SUITE(reconcile, TEST(what_was_before_is_no_residue), TEST(a_residue_is_exact_and_has_its_time),
	   TEST(a_moment_is_no_residue), TEST(only_what_all_looks_had_is_stated), TEST(within_the_bounds_it_agrees),
	   TEST(within_the_bounds_of_the_children_it_agrees),
	   TEST(what_was_counted_twice_is_taken_off), TEST(fast_open_children_are_allowed_for),
	   TEST(what_fast_open_allows_for_does_not_drift), TEST(what_fast_open_hid_has_its_time),
	   TEST(what_fast_open_hides_is_doubted), TEST(what_fast_open_hid_before_a_start_is_stated));
