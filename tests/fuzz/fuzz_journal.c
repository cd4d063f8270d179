// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a journal file (AC-63): as they are, and again with every checksum made right, so that what
 * stands behind the checksums is reached. Whatever the bytes are: the index and the facts agree with the
 * file, rows lie in the time that their frame states, and a frame decodes or is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "base/clock_piece.h"
#include "base/parse.h"
#include "fuzz.h"
#include "journal/journal_reader.h"
#include "schema/journal.h"

#define NAME "fuzz.skj"

/* What the header's and every frame's checksums would have to be. */
static void fix_checksums(uint8_t *file, size_t size)
{
	uint64_t file_id;
	uint8_t *at = file + JOURNAL_HEADER_BYTES, *end = file + size;

	if (size < JOURNAL_HEADER_BYTES)
		return;
	file_id = get_le64(file + JOURNAL_AT_FILE_ID);
	put_le32(file + JOURNAL_AT_CRC, block_crc(file_id, 0, file, JOURNAL_AT_CRC, NULL, 0));
	while ((at = memmem(at, (size_t)(end - at), "SKFR", 4)) && end - at >= FRAME_HEADER_BYTES) {
		uint64_t offset = (uint64_t)(at - file);
		uint32_t stored = get_le32(at + FRAME_AT_STORED_BYTES);

		if (stored <= (size_t)(end - at) - FRAME_HEADER_BYTES)
			put_le32(at + FRAME_AT_CRC, block_crc(file_id, offset + FRAME_HEADER_BYTES, NULL, 0,
							      at + FRAME_HEADER_BYTES, stored));
		else
			stored = 0;
		put_le32(at + FRAME_AT_HEADER_CRC,
			 block_crc(file_id, offset, at, FRAME_AT_HEADER_CRC, NULL, 0));
		at += FRAME_HEADER_BYTES + stored;
	}
}

static void check_clock(const struct journal_reader *r)
{
	struct clock_pieces pieces = {};

	for (size_t i = 1; i < r->anchors.count; i++)
		FUZZ_ASSERT(r->anchors.list[i - 1].boot_ns <= r->anchors.list[i].boot_ns);
	for (size_t i = 0; i < r->frame_count; i++) {
		const struct journal_row_frame *f = &r->frames[i];

		if (!r->anchors.count || f->first_boot_ns > f->last_boot_ns)
			continue;
		FUZZ_ASSERT(clock_pieces_fit(&r->anchors, f->first_boot_ns, f->last_boot_ns, &pieces) == 0);
		for (size_t k = 0; k < pieces.count; k++) {
			FUZZ_ASSERT(pieces.list[k].boot_from <= pieces.list[k].boot_to);
			FUZZ_ASSERT(!k || pieces.list[k - 1].boot_to <= pieces.list[k].boot_from);
			clock_piece_utc_to(&pieces.list[k]);
		}
		clock_pieces_done(&pieces);
	}
}

static void check_tenants(const struct journal_reader *r)
{
	for (size_t i = 0; i < r->tenant_count; i++) {
		const struct journal_tenant *t = &r->tenants[i];

		FUZZ_ASSERT(t->number && parse_tenant_id(t->id) == 0);
		FUZZ_ASSERT(journal_reader_tenant(r, t->number));
		for (size_t k = 0; k < i; k++)
			FUZZ_ASSERT(r->tenants[k].number != t->number || r->tenants[k].consent != t->consent);
	}
}

static void check_rows(struct journal_reader *r, size_t i)
{
	const struct journal_row_frame *f = &r->frames[i];
	struct record *rows = malloc(f->rows * sizeof(*rows) + 1);
	int64_t least, greatest;
	int error = journal_reader_rows(r, i, rows);

	FUZZ_ASSERT(error == 0 || error == -EBADMSG);
	anchors_utc_range(&r->anchors, f->first_boot_ns, f->last_boot_ns, &least, &greatest);
	for (uint32_t k = 0; k < f->rows && !error; k++) {
		uint64_t boot = (uint64_t)rows[k].time_ns;
		int64_t utc = anchors_utc(&r->anchors, boot);

		/* What a search passes over by the frame's header holds no row of its window. */
		FUZZ_ASSERT(boot >= f->first_boot_ns && boot <= f->last_boot_ns);
		FUZZ_ASSERT(!r->anchors.count || (utc >= least && utc <= greatest));
		fuzz_rows++;
	}
	free(rows);
}

static void check_reader(struct journal_reader *r, size_t size)
{
	uint64_t end = JOURNAL_HEADER_BYTES, rows = 0;

	FUZZ_ASSERT(r->size == size && r->damaged_bytes <= size - JOURNAL_HEADER_BYTES);
	FUZZ_ASSERT(!r->damaged_bytes ||
		    (r->damaged_at >= JOURNAL_HEADER_BYTES && r->damaged_at < size));
	FUZZ_ASSERT(!r->torn || (r->torn_at >= JOURNAL_HEADER_BYTES && r->torn_at < size));
	for (size_t i = 0; i < r->frame_count; i++) {
		FUZZ_ASSERT(r->frames[i].offset >= end && r->frames[i].rows <= JOURNAL_FRAME_ROWS_MAX);
		end = r->frames[i].offset + FRAME_HEADER_BYTES;
		rows += r->frames[i].rows;
		check_rows(r, i);
	}
	FUZZ_ASSERT(end <= size && rows == r->rows);
	check_clock(r);
	check_tenants(r);
}

static void check_file(const uint8_t *data, size_t size)
{
	struct journal_reader r;
	struct problem p = {};
	int error;

	fuzz_file(NAME, data, size);
	error = journal_reader_open(fuzz_dir(), NAME, &r, &p);
	if (error) {
		FUZZ_ASSERT(error == -EBADMSG || error == -ENODATA || error == -ENOTSUP);
		FUZZ_ASSERT(strncmp(p.text, "journal/" NAME ": ", 18) == 0 && !strchr(p.text, '\n'));
	} else {
		check_reader(&r, size);
		journal_reader_close(&r);
	}
	fuzz_file_gone(NAME);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_twice(data, size, check_file, fix_checksums);
}
