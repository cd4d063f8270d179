/* SPDX-License-Identifier: BSD-2-Clause */
/* A journal of seven frames, for the tests of reading it. */
#include "journal_sample.h"

#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "unit.h"

const struct row_frame row_frames[ROW_FRAMES] = { { 2, 0, 3 }, { 4, 3, 4 }, { 6, 7, 5 } };

struct sample make_sample(uint64_t seed)
{
	const struct gap gap = { .first_utc_ns = DAY_NS + 1, .last_utc_ns = DAY_NS + 2, .count = 3,
				 .total = 3, .tenant = 1, .reason = STORE_GAP_RING_FULL };
	const struct anchor late = { .boot_ns = BOOT_NS + 60 * (uint64_t)NS_PER_SEC,
				     .utc_ns = DAY_NS + 60 * NS_PER_SEC };
	struct rng rng = { seed };
	struct sample s = { .at = { JOURNAL_HEADER_BYTES } };
	struct journal *j = a_journal(unit_temp_dir());

	random_rows(&rng, s.rows, ROWS, (int64_t)BOOT_NS, 100 * NS_PER_SEC);
	/* a_journal() wrote two frames; the first ends where the anchor's (plain, 56 + 32) begins. */
	s.at[2] = journal_size(j);
	s.at[1] = s.at[2] - FRAME_HEADER_BYTES - 32;
	REQUIRE(journal_append_rows(j, s.rows, 3, 2000) == 0);
	s.at[3] = journal_size(j);
	REQUIRE(journal_append_gaps(j, &gap, 1) == 0);
	s.at[4] = journal_size(j);
	REQUIRE(journal_append_rows(j, s.rows + 3, 4, 3000) == 0);
	s.at[5] = journal_size(j);
	REQUIRE(journal_append_anchor(j, &late) == 0);
	s.at[6] = journal_size(j);
	REQUIRE(journal_append_rows(j, s.rows + 7, 5, 4000) == 0);
	s.at[7] = journal_size(j);
	end_journal(unit_temp_dir(), j, s.name);
	s.bytes = read_file(unit_temp_dir(), s.name, &s.size);
	s.file_id = get_le64(s.bytes + JOURNAL_AT_FILE_ID);
	REQUIRE(s.size == s.at[FRAMES]);
	for (size_t i = 0; i < FRAMES; i++)
		REQUIRE(get_le32(s.bytes + s.at[i] + FRAME_AT_MAGIC) == JOURNAL_FRAME_MAGIC);
	return s;
}

int open_sample(const struct sample *s, struct journal_reader *r)
{
	struct problem p;

	return journal_reader_open(unit_temp_dir(), s->name, r, &p);
}

void open_with_tail(const struct sample *s, const void *tail, size_t size, struct journal_reader *r)
{
	uint8_t *file = malloc(s->size + size);

	REQUIRE(file != NULL);
	memcpy(file, s->bytes, s->size);
	memcpy(file + s->size, tail, size);
	write_file(unit_temp_dir(), s->name, file, s->size + size);
	free(file);
	REQUIRE(open_sample(s, r) == 0);
}

bool others_are_intact(struct journal_reader *r, const struct sample *s, size_t lost)
{
	struct record got[ROWS];
	size_t k = 0;

	for (size_t i = 0; i < ROW_FRAMES; i++) {
		if (row_frames[i].frame == lost)
			continue;
		if (k >= r->frame_count || r->frames[k].offset != s->at[row_frames[i].frame] ||
		    r->frames[k].rows != row_frames[i].count || journal_reader_rows(r, k, got) ||
		    !same_rows(got, s->rows + row_frames[i].first_row, row_frames[i].count))
			return false;
		k++;
	}
	return k == r->frame_count && r->tenant_count == (lost == 0 ? 0u : 2u) &&
	       r->anchors.count == (lost == 1 || lost == 5 ? 1u : 2u) &&
	       r->gaps.count == (lost == 3 ? 0u : 1u);
}
