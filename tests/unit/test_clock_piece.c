/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of the clock: in order and apart whatever the anchors are (AC-25, AC-63). */
#include "base/clock_piece.h"

#include "fixture.h"
#include "unit.h"

/* Anchors at few instants, so that many share one; pieces convert as the anchors do. */
static void pieces_convert_as_anchors_do(void)
{
	struct rng rng = { 90 };
	size_t shared = 0, pieces_seen = 0;

	for (int round = 0; round < 2000; round++) {
		struct anchors list = { 0 };
		struct clock_pieces pieces;
		uint64_t first = rng_below(&rng, 20), last = first + rng_below(&rng, 20), at = 0;

		for (size_t i = 0, n = 1 + rng_below(&rng, 8); i < n; i++) {
			const struct anchor a = { .boot_ns = rng_below(&rng, 30),
						  .utc_ns = (int64_t)rng_below(&rng, 9) * 1000000 };

			REQUIRE(anchors_add(&list, &a) == 0);
		}
		for (size_t i = 1; i < list.count; i++)
			shared += list.list[i - 1].boot_ns == list.list[i].boot_ns;
		REQUIRE(clock_pieces_fit(&list, first, last, &pieces) == 0);
		for (size_t i = 0; i < pieces.count; i++, pieces_seen++) {
			CHECK_ROW(pieces.list[i].boot_from <= pieces.list[i].boot_to, "%d: piece %zu", round, i);
			CHECK_ROW(!i || pieces.list[i - 1].boot_to + 1 == pieces.list[i].boot_from, "%d: piece %zu",
				  round, i);
		}
		for (uint64_t t = first; t <= last; t++) {
			int64_t want = anchors_utc(&list, t), got;

			while (at + 1 < pieces.count && pieces.list[at].boot_to < t)
				at++;
			got = pieces.list[at].utc_from + (int64_t)(t - pieces.list[at].boot_from);
			CHECK_ROW(got - want <= 500 && want - got <= 500, "%d: %lld for %lld", round, (long long)got,
				  (long long)want);
		}
		clock_pieces_done(&pieces);
		anchors_done(&list);
	}
	CHECK_ROW(shared > 500 && pieces_seen > 3000, "%zu shared, %zu pieces", shared, pieces_seen);
}

static void the_far_end_of_time_is_bent_inwards(void)
{
	const struct clock_piece endless = { .boot_to = UINT64_MAX, .utc_from = 5 };
	const struct clock_piece late = { .boot_to = 10, .utc_from = INT64_MAX - 5 };
	const struct clock_piece plain = { .boot_from = 3, .boot_to = 10, .utc_from = -5 };

	CHECK_INT(clock_piece_utc_to(&endless), INT64_MAX);
	CHECK_INT(clock_piece_utc_to(&late), INT64_MAX);
	CHECK_INT(clock_piece_utc_to(&plain), 2);
}

UNIT_SUITE(clock_piece, TEST(pieces_convert_as_anchors_do), TEST(the_far_end_of_time_is_bent_inwards));
