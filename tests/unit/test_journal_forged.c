/* SPDX-License-Identifier: BSD-2-Clause */
/* Journals with frames whose checksums are good and that say what they may not (AC-31 in part, AC-63). */
#include "journal/journal_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "base/cursor.h"
#include "fixture.h"
#include "journal_sample.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "unit.h"

struct forged {
	const char *what;
	uint8_t type, coding;
	uint32_t entries, raw_bytes, stored_bytes, columns;
	const void *payload;
	size_t payload_bytes; /* what really follows */
};

/* A frame with a good checksum and whatever else it says. */
static void open_forged(const struct sample *s, const struct forged *f, struct journal_reader *r)
{
	uint8_t frame[FRAME_HEADER_BYTES + 2048] = { 0 };

	put_le32(frame + FRAME_AT_MAGIC, JOURNAL_FRAME_MAGIC);
	frame[FRAME_AT_TYPE] = f->type;
	frame[FRAME_AT_CODING] = f->coding;
	put_le16(frame + FRAME_AT_HEADER_SIZE, FRAME_HEADER_BYTES);
	put_le32(frame + FRAME_AT_ENTRIES, f->entries);
	put_le32(frame + FRAME_AT_RAW_BYTES, f->raw_bytes);
	put_le32(frame + FRAME_AT_STORED_BYTES, f->stored_bytes);
	put_le32(frame + FRAME_AT_COLUMNS, f->columns);
	put_le64(frame + FRAME_AT_RING_END, 5000);
	if (f->payload)
		memcpy(frame + FRAME_HEADER_BYTES, f->payload, f->payload_bytes);
	put_le32(frame + FRAME_AT_HEADER_CRC,
		 block_crc(s->file_id, s->size, frame, FRAME_AT_HEADER_CRC, NULL, 0));
	put_le32(frame + FRAME_AT_CRC, block_crc(s->file_id, s->size + FRAME_HEADER_BYTES, NULL, 0,
						 frame + FRAME_HEADER_BYTES, f->payload_bytes));
	open_with_tail(s, frame, FRAME_HEADER_BYTES + f->payload_bytes, r);
}

#define TENANT(id_bytes, text) "\x09\0\0\0\x09\0\0\0" id_bytes text

static void hostile_frames_are_damage(void)
{
	static const char anchor[32] = "x";
	static const struct forged table[] = {
		{ "entries", FRAME_GAPS, 0, JOURNAL_FRAME_ROWS_MAX + 1, 0, 0, 0, NULL, 0 },
		{ "raw size", FRAME_GAPS, 0, 1, JOURNAL_FRAME_RAW_MAX + 1, 0, 0, NULL, 0 },
		{ "coding", FRAME_ANCHORS, 2, 1, 32, 32, 0, anchor, 32 },
		{ "not zstd", FRAME_ANCHORS, 1, 1, 32, 32, 0, anchor, 32 },
		{ "raw != stored", FRAME_ANCHORS, 0, 1, 64, 32, 0, anchor, 32 },
		{ "too few anchors", FRAME_ANCHORS, 0, 2, 32, 32, 0, anchor, 32 },
		{ "too few gaps", FRAME_GAPS, 0, 1, 32, 32, 0, anchor, 32 },
		{ "most anchors", FRAME_ANCHORS, 0, 65536, 32, 32, 0, anchor, 32 },
		{ "no tenants", FRAME_TENANTS, 0, 1, 0, 0, 0, NULL, 0 },
		{ "id cut off", FRAME_TENANTS, 0, 1, 11, 11, 0, TENANT("\x03", "ab"), 11 },
		{ "empty id", FRAME_TENANTS, 0, 1, 9, 9, 0, TENANT("\0", ""), 9 },
		{ "id is ..", FRAME_TENANTS, 0, 1, 11, 11, 0, TENANT("\x02", ".."), 11 },
		{ "id with /", FRAME_TENANTS, 0, 1, 12, 12, 0, TENANT("\x03", "a/b"), 12 },
		{ "id with NUL", FRAME_TENANTS, 0, 1, 12, 12, 0, TENANT("\x03", "a\0b"), 12 },
		{ "the second id empty", FRAME_TENANTS, 0, 2, 19, 19, 0, TENANT("\x01", "a") TENANT("\0", ""), 19 },
		{ "number 0", FRAME_TENANTS, 0, 1, 10, 10, 0, "\0\0\0\0\0\0\0\0\x01x", 10 },
	};
	struct sample s = make_sample(8);
	const struct forged fine = { "control", FRAME_ANCHORS, 0, 1, 32, 32, 0, anchor, 32 };
	struct journal_reader r;

	open_forged(&s, &fine, &r);
	CHECK_INT(r.anchors.count, 3);
	CHECK_INT(r.ring_end, 5000);
	CHECK_INT(r.damaged_bytes, 0);
	journal_reader_close(&r);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		open_forged(&s, &table[i], &r);
		CHECK_ROW(r.damaged_at == s.size, "%s", table[i].what);
		CHECK_ROW(r.damaged_bytes == FRAME_HEADER_BYTES + table[i].payload_bytes, "%s: %llu",
			  table[i].what, (unsigned long long)r.damaged_bytes);
		CHECK_ROW(r.rows == ROWS && r.tenant_count == 2 && r.gaps.count == 1 && r.anchors.count == 2,
			  "%s", table[i].what);
		CHECK_ROW(r.ring_end == 4000, "%s", table[i].what);
		journal_reader_close(&r);
	}
	free(s.bytes);
}

static void a_length_behind_the_end_is_torn(void)
{
	static const uint32_t lengths[] = { 1, 100, JOURNAL_FRAME_RAW_MAX };
	struct sample s = make_sample(9);

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		const struct forged f = { "", FRAME_GAPS, 0, 1, 40, lengths[i], 0, NULL, 0 };
		struct journal_reader r;

		open_forged(&s, &f, &r);
		CHECK_ROW(r.torn && r.torn_at == s.size, "%u", lengths[i]);
		CHECK_ROW(r.rows == ROWS, "%u", lengths[i]);
		journal_reader_close(&r);
	}
	free(s.bytes);
}

/* Frames of a type that a later version brings are passed over, and count for the ring position. */
static void unknown_frame_types_are_passed_over(void)
{
	static const uint8_t types[] = { 0, 6, 255 };
	static const char junk[40] = "junk";
	struct sample s = make_sample(10);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		const struct forged f = { "", types[i], 0, 1, 40, 40, 0, junk, 40 };
		struct journal_reader r;

		open_forged(&s, &f, &r);
		CHECK_ROW(r.damaged_bytes == 0 && !r.torn, "type %u", types[i]);
		CHECK_ROW(others_are_intact(&r, &s, FRAMES), "type %u", types[i]);
		CHECK_ROW(r.ring_end == 5000, "type %u", types[i]);
		journal_reader_close(&r);
	}
	free(s.bytes);
}

static void row_frames_that_lie_are_not_decoded(void)
{
	static const char bytes[64] = { 1 };
	static const struct forged table[] = {
		{ "payload too short", FRAME_ROWS, 0, 4, 4, 4, 1u << STORE_COLUMN_CONSENT, bytes, 4 },
		{ "payload too long", FRAME_ROWS, 0, 1, 8, 8, 1u << STORE_COLUMN_CONSENT, bytes, 8 },
		{ "unknown column", FRAME_ROWS, 0, 1, 8, 8, 1u << 30 | 1u << STORE_COLUMN_CONSENT, bytes, 8 },
		{ "unknown column without bytes", FRAME_ROWS, 0, 1, 4, 4, 1u << 15 | 1u << STORE_COLUMN_CONSENT, bytes, 4 },
		{ "column 0", FRAME_ROWS, 0, 1, 4, 4, 1u | 1u << STORE_COLUMN_CONSENT, bytes, 4 },
		{ "most rows of nothing", FRAME_ROWS, 0, 65536, 4, 4, 1u << STORE_COLUMN_TIME, bytes, 4 },
		{ "later than it says", FRAME_ROWS, 0, 1, 8, 8, 1u << STORE_COLUMN_TIME, bytes, 8 },
		{ "not zstd", FRAME_ROWS, 1, 1, 4, 4, 1u << STORE_COLUMN_CONSENT, bytes, 4 },
		{ "unknown coding", FRAME_ROWS, 9, 1, 4, 4, 1u << STORE_COLUMN_CONSENT, bytes, 4 },
	};
	const struct forged fine = { "control", FRAME_ROWS, 0, 1, 4, 4, 1u << STORE_COLUMN_CONSENT,
				     bytes, 4 };
	struct sample s = make_sample(11);
	struct record *rows = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*rows));
	struct journal_reader r;

	open_forged(&s, &fine, &r);
	REQUIRE(r.frame_count == 4);
	CHECK_INT(journal_reader_rows(&r, 3, rows), 0);
	CHECK_INT(rows[0].consent, 1);
	journal_reader_close(&r);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		open_forged(&s, &table[i], &r);
		REQUIRE(r.frame_count == 4);
		CHECK_ROW(journal_reader_rows(&r, 3, rows) == -EBADMSG, "%s", table[i].what);
		CHECK_ROW(journal_reader_rows(&r, 0, rows) == 0, "%s", table[i].what);
		journal_reader_close(&r);
	}
	free(rows);
	free(s.bytes);
}

/* A reason that could not be shown, or that is none, is no good frame; the file has no custody then. */
static void custody_frames(void)
{
	static char long_text[SECTION_CUSTODY_MAX + 1];
	const struct {
		const char *what, *text;
		uint32_t size, entries;
		bool good;
	} table[] = {
		{ "plain", "from the old log", 16, 1, true },
		{ "Japanese", "\xe6\x97\xa7\xe8\xa8\x98\xe9\x8c\xb2", 9, 1, true },
		{ "longest", long_text, SECTION_CUSTODY_MAX, 1, true },
		{ "too long", long_text, SECTION_CUSTODY_MAX + 1, 1, false },
		{ "empty", "", 0, 1, false },
		{ "NUL", "a\0b", 3, 1, false },
		{ "newline", "a\nb", 3, 1, false },
		{ "escape", "a\033[31m", 6, 1, false },
		{ "no UTF-8", "a\xff", 2, 1, false },
		{ "cut in a character", "\xe6\x97", 2, 1, false },
		{ "two entries", "text", 4, 2, false },
		{ "no entry", "text", 4, 0, false },
	};
	struct sample s = make_sample(12);

	memset(long_text, 'x', sizeof(long_text));
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct forged f = { "", FRAME_CUSTODY, 0, table[i].entries, table[i].size,
					  table[i].size, 0, table[i].text, table[i].size };
		struct journal_reader r;

		open_forged(&s, &f, &r);
		CHECK_ROW((r.damaged_bytes == 0) == table[i].good, "%s", table[i].what);
		CHECK_ROW(others_are_intact(&r, &s, FRAMES), "%s", table[i].what);
		if (table[i].good)
			CHECK_ROW(r.custody && strlen(r.custody) == table[i].size &&
				  memcmp(r.custody, table[i].text, table[i].size) == 0, "%s", table[i].what);
		else
			CHECK_ROW(r.custody == NULL, "%s", table[i].what);
		journal_reader_close(&r);
	}
	free(s.bytes);
}

UNIT_SUITE(journal_forged, TEST(hostile_frames_are_damage), TEST(a_length_behind_the_end_is_torn),
	   TEST(unknown_frame_types_are_passed_over), TEST(row_frames_that_lie_are_not_decoded),
	   TEST(custody_frames));
