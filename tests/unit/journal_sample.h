/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of reading journals share: a journal of known frames, rows and bytes. */
#ifndef SEKISHO_JOURNAL_SAMPLE_H
#define SEKISHO_JOURNAL_SAMPLE_H

#include "fixture.h"
#include "journal/journal_reader.h"

#define FRAMES 7
#define ROW_FRAMES 3
#define ROWS 12

/* tenants, anchor, 3 rows, gap, 4 rows, anchor, 5 rows; where each frame begins and ends. */
struct sample {
	char name[64];
	size_t size;
	uint8_t *bytes;
	size_t at[FRAMES + 1];
	struct record rows[ROWS];
	uint64_t file_id;
};

struct row_frame {
	size_t frame, first_row, count;
};
extern const struct row_frame row_frames[ROW_FRAMES];

/* Caller frees its bytes. */
struct sample make_sample(uint64_t seed);
int open_sample(const struct sample *s, struct journal_reader *r);
/* Appends bytes to the sample and opens it. */
void open_with_tail(const struct sample *s, const void *tail, size_t size, struct journal_reader *r);
/* Exactly the row frames whose number is not in `lost` are there, with their rows. */
bool others_are_intact(struct journal_reader *r, const struct sample *s, size_t lost);

#endif
