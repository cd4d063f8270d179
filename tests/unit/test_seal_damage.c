/* SPDX-License-Identifier: BSD-2-Clause */
/* A damaged journal is sealed as far as it can be, and is set aside, never removed. */
#include "seal/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "sealing.h"
#include "unit.h"

/* A frame in the middle fails its checksum: its rows are a gap, the others are sealed. */
static void a_damaged_journal_is_set_aside(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[6];
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	uint64_t lost, first_at, second_at;
	char name[64], aside[80];

	for (unsigned int i = 0; i < 6; i++)
		rows[i] = plain_row(DAY_NS + i * NS_PER_SEC, i);
	put_rows(j, rows, 2, 2000);
	first_at = journal_size(j);
	put_rows(j, rows + 2, 2, 3000);
	second_at = journal_size(j);
	put_rows(j, rows + 4, 2, 4000);
	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	copy.bytes[first_at + FRAME_AT_RING_END] ^= 1;
	put_back(&store, &copy);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.rows, 4);
	CHECK_INT(result.damaged_bytes, second_at - first_at);
	CHECK_INT(size_of(store.journal, name), -1);
	snprintf(aside, sizeof(aside), "damaged/%s", name);
	CHECK_INT(size_of(store.journal, aside), copy.size);
	CHECK_INT(mode_of_file(store.journal, "damaged"), 0700);
	CHECK_INT(mode_of_file(store.journal, aside), 0600);
	rows[2] = rows[4];
	rows[3] = rows[5];
	c = read_store(&store);
	CHECK(holds_exactly(c, rows, 4));
	CHECK_INT(gaps_of(c, STORE_GAP_DAMAGED, &lost), 1 + 1); /* both tenants were recorded */
	CHECK_INT(lost, 0);
	CHECK_INT(c->gaps.list[0].first_utc_ns, DAY_NS);
	CHECK_INT(c->gaps.list[0].last_utc_ns, DAY_NS + 5 * NS_PER_SEC);
	free_contents(c);
	/* Nothing is sealed from what was set aside. */
	memset(&result, 0, sizeof(result));
	CHECK_INT(seal_all(&store, NULL, &result, &(struct problem){ "" }), 0);
	CHECK_INT(result.journals, 0);
	free(copy.bytes);
	store_close(&store);
}

/* Whichever frame of a journal is damaged, what can be sealed is, and the file goes aside. */
static void damage_in_any_frame_does_not_stop_sealing(void)
{
	struct record rows[4] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1),
				  plain_row(DAY_NS + 2, 2), plain_row(DAY_NS + 3, 3) };
	static const char *const frames[] = { "tenants", "anchor", "rows", "more rows" };
	/* Without a name rows go nowhere; without an anchor the file's header stands in for it. */
	static const uint64_t rows_left[] = { 0, 4, 2, 2 };

	for (size_t n = 0; n < ARRAY_SIZE(frames); n++) {
		struct store_dir store = a_store();
		struct journal *j = a_journal(store.journal);
		uint64_t at[4] = { JOURNAL_HEADER_BYTES, journal_size(j) - FRAME_HEADER_BYTES - 32,
				   journal_size(j) };
		struct seal_result result = { 0 };
		struct problem p = { "" };
		struct copy copy;
		char name[64];
		int error;

		put_rows(j, rows, 2, 2000);
		at[3] = journal_size(j);
		put_rows(j, rows + 2, 2, 3000);
		end_journal(store.journal, j, name);
		copy = copy_journal(&store);
		copy.bytes[at[n] + FRAME_AT_RING_END] ^= 1;
		put_back(&store, &copy);
		error = seal_journal(&store, NULL, name, &result, &p);
		CHECK_ROW(error == 0, "damage in %s: %s", frames[n], p.text);
		CHECK_ROW(size_of(store.journal, name) == -1, "damage in %s", frames[n]);
		CHECK_ROW(result.damaged_bytes > 0, "damage in %s", frames[n]);
		CHECK_ROW(result.rows == rows_left[n], "damage in %s: %llu rows", frames[n],
			  (unsigned long long)result.rows);
		(void)unlinkat(store.journal, name, 0);
		free(copy.bytes);
		store_close(&store);
	}
}

UNIT_SUITE(seal_damage, TEST(a_damaged_journal_is_set_aside), TEST(damage_in_any_frame_does_not_stop_sealing));
