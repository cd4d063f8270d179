/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading journals that are damaged, cut off, foreign or hostile: whatever is
 * good is read, whatever is not is counted (AC-31 and AC-33 in part, AC-63).
 */
#include "journal/journal_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/block.h"
#include "base/cursor.h"
#include "fixture.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "schema/store.h"
#include "unit.h"

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

static const struct {
	size_t frame, first_row, count;
} row_frames[ROW_FRAMES] = { { 2, 0, 3 }, { 4, 3, 4 }, { 6, 7, 5 } };

static struct sample make_sample(uint64_t seed)
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

static size_t frame_of(const struct sample *s, size_t offset)
{
	size_t i = 0;

	while (s->at[i + 1] <= offset)
		i++;
	return i;
}

static int open_sample(const struct sample *s, struct journal_reader *r)
{
	struct problem p;

	return journal_reader_open(unit_temp_dir(), s->name, r, &p);
}

/* Exactly the row frames whose number is not in `lost` are there, with their rows. */
static bool others_are_intact(struct journal_reader *r, const struct sample *s, size_t lost)
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

static void an_intact_file_is_read(void)
{
	struct sample s = make_sample(3);
	struct journal_reader r;

	REQUIRE(open_sample(&s, &r) == 0);
	CHECK(others_are_intact(&r, &s, FRAMES));
	CHECK_INT(r.rows, ROWS);
	CHECK_INT(r.ring_end, 4000);
	CHECK_INT(r.size, s.size);
	CHECK_INT(r.created_utc_ns, DAY_NS);
	CHECK(r.last_utc_ns >= DAY_NS + 60 * NS_PER_SEC && r.last_utc_ns < DAY_NS + 100 * NS_PER_SEC);
	CHECK(!r.torn);
	CHECK_INT(r.damaged_bytes, 0);
	journal_reader_close(&r);
	free(s.bytes);
}

/* AC-31 in part: for each single bit, the file says which frame is bad and gives all others. */
static void every_flipped_bit_is_found(void)
{
	struct sample s = make_sample(4);
	int fd = openat(unit_temp_dir(), s.name, O_RDWR | O_CLOEXEC);
	size_t refused = 0, damaged = 0, torn = 0, wrong = 0;

	REQUIRE(fd >= 0);
	for (size_t bit = 0; bit < 8 * s.size; bit++) {
		size_t at = bit / 8, frame = at < JOURNAL_HEADER_BYTES ? 0 : frame_of(&s, at);
		uint8_t flipped = s.bytes[at] ^ (uint8_t)(1 << bit % 8);
		struct journal_reader r;
		int error;

		REQUIRE(pwrite(fd, &flipped, 1, (off_t)at) == 1);
		error = open_sample(&s, &r);
		if (at < JOURNAL_HEADER_BYTES) {
			refused += error == -EBADMSG;
			if (!error)
				journal_reader_close(&r);
		} else {
			REQUIRE(error == 0);
			if (r.torn && !r.damaged_bytes && r.torn_at == s.at[frame] &&
			    frame == FRAMES - 1)
				torn++;
			else if (!r.torn && r.damaged_at == s.at[frame] &&
				 r.damaged_bytes == s.at[frame + 1] - s.at[frame])
				damaged++;
			if (!others_are_intact(&r, &s, frame))
				wrong++;
			journal_reader_close(&r);
		}
		REQUIRE(pwrite(fd, &s.bytes[at], 1, (off_t)at) == 1);
	}
	CHECK_INT(refused, 8 * JOURNAL_HEADER_BYTES);
	CHECK_INT(damaged, 8 * (s.size - JOURNAL_HEADER_BYTES));
	CHECK_INT(torn, 0); /* no flip looks like an append that was cut off: that is no damage */
	CHECK_INT(wrong, 0);
	close(fd);
	free(s.bytes);
}

/* AC-33: a file that ends anywhere gives every complete frame. */
static void truncation_at_every_byte(void)
{
	struct sample s = make_sample(5);
	size_t refused = 0, torn = 0, whole = 0;

	for (size_t size = s.size + 1; size-- > 0;) {
		struct journal_reader r;
		size_t frames = 0, rows = 0;
		int error;

		write_file(unit_temp_dir(), s.name, s.bytes, size);
		error = open_sample(&s, &r);
		if (size < JOURNAL_HEADER_BYTES) {
			refused += error == -ENODATA;
			continue;
		}
		REQUIRE(error == 0);
		while (frames < FRAMES && s.at[frames + 1] <= size)
			frames++;
		for (size_t i = 0; i < ROW_FRAMES; i++)
			if (row_frames[i].frame < frames)
				rows += row_frames[i].count;
		CHECK_ROW(r.rows == rows, "size %zu: %llu", size, (unsigned long long)r.rows);
		CHECK_ROW(r.torn == (size != s.at[frames]), "size %zu", size);
		CHECK_ROW(!r.torn || r.torn_at == s.at[frames], "size %zu", size);
		CHECK_ROW(r.damaged_bytes == 0, "size %zu", size);
		torn += r.torn;
		whole += !r.torn;
		journal_reader_close(&r);
	}
	CHECK_INT(refused, JOURNAL_HEADER_BYTES);
	CHECK_INT(whole, FRAMES + 1);
	CHECK_INT(torn, s.size - JOURNAL_HEADER_BYTES - FRAMES);
	free(s.bytes);
}

/* Appends bytes to the sample and opens it. */
static void open_with_tail(const struct sample *s, const void *tail, size_t size,
			   struct journal_reader *r)
{
	uint8_t *file = malloc(s->size + size);

	REQUIRE(file != NULL);
	memcpy(file, s->bytes, s->size);
	memcpy(file + s->size, tail, size);
	write_file(unit_temp_dir(), s->name, file, s->size + size);
	free(file);
	REQUIRE(open_sample(s, r) == 0);
}

static void blocks_that_were_never_written_are_torn(void)
{
	struct sample s = make_sample(6);
	uint8_t *zero = calloc(1, 4096);
	struct journal_reader r;

	open_with_tail(&s, zero, 4096, &r);
	CHECK(r.torn);
	CHECK_INT(r.torn_at, s.size);
	CHECK_INT(r.damaged_bytes, 0);
	CHECK(others_are_intact(&r, &s, FRAMES));
	journal_reader_close(&r);
	zero[4095] = 1;
	open_with_tail(&s, zero, 4096, &r);
	CHECK(!r.torn);
	CHECK_INT(r.damaged_at, s.size);
	CHECK_INT(r.damaged_bytes, 4096);
	CHECK(others_are_intact(&r, &s, FRAMES));
	journal_reader_close(&r);
	free(zero);
	free(s.bytes);
}

static void frames_from_elsewhere_are_refused(void)
{
	struct sample a = make_sample(7), b = make_sample(7);
	size_t from = b.at[6], size = b.size - from;
	struct journal_reader r;

	/* Its own frame at another place, then a frame of another file at the end. */
	open_with_tail(&a, a.bytes + a.at[4], a.at[5] - a.at[4], &r);
	CHECK_INT(r.rows, ROWS);
	CHECK_INT(r.damaged_at, a.size);
	CHECK_INT(r.damaged_bytes, a.at[5] - a.at[4]);
	journal_reader_close(&r);
	open_with_tail(&a, b.bytes + from, size, &r);
	CHECK_INT(r.rows, ROWS);
	CHECK_INT(r.damaged_bytes, size);
	journal_reader_close(&r);

	/* The frame of another file at the offset it has there (both files are alike). */
	REQUIRE(a.at[6] == b.at[6] && a.size == b.size);
	memcpy(a.bytes + from, b.bytes + from, size);
	write_file(unit_temp_dir(), a.name, a.bytes, a.size);
	REQUIRE(open_sample(&a, &r) == 0);
	CHECK_INT(r.rows, ROWS - 5);
	CHECK_INT(r.damaged_bytes, size);
	CHECK(others_are_intact(&r, &a, 6));
	journal_reader_close(&r);

	/* Positive control: the frame of b is fine in b. */
	REQUIRE(open_sample(&b, &r) == 0);
	CHECK_INT(r.rows, ROWS);
	journal_reader_close(&r);
	free(a.bytes);
	free(b.bytes);
}

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

/* AC-37 in part: what a reader may not understand it refuses, with the version that it reads. */
static void other_versions_are_refused_with_a_message(void)
{
	static const struct {
		size_t at;
		uint8_t value;
		int error;
		const char *text;
	} table[] = {
		{ JOURNAL_AT_VERSION, 2, -ENOTSUP, "version 2, flags 0; this program reads version 1" },
		{ JOURNAL_AT_HEADER_SIZE, 129, -ENOTSUP,
		  "version 1, flags 0; this program reads version 1" },
		{ JOURNAL_AT_INCOMPATIBLE, 4, -ENOTSUP,
		  "version 1, flags 0x4; this program reads version 1" },
		{ JOURNAL_AT_COMPATIBLE, 4, 0, "" },
		{ JOURNAL_AT_RESERVED, 1, 0, "" },
	};
	struct sample s = make_sample(12);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct journal_reader r;
		struct problem p = { "" };
		uint8_t old = s.bytes[table[i].at];
		int error;

		s.bytes[table[i].at] = table[i].value;
		fix_header(s.bytes);
		write_file(unit_temp_dir(), s.name, s.bytes, s.size);
		error = journal_reader_open(unit_temp_dir(), s.name, &r, &p);
		CHECK_ROW(error == table[i].error, "%zu: %d %s", table[i].at, error, p.text);
		CHECK_ROW(strstr(p.text, table[i].text) != NULL, "%zu: %s", table[i].at, p.text);
		if (!error) {
			CHECK_INT(r.rows, ROWS);
			journal_reader_close(&r);
		} else {
			CHECK_ROW(strstr(p.text, s.name) != NULL, "%s", p.text);
		}
		s.bytes[table[i].at] = old;
	}
	free(s.bytes);
}

static void what_is_no_journal_is_refused(void)
{
	struct journal_reader r;
	struct problem p;
	char zero[200] = { 0 };

	write_file(unit_temp_dir(), "zero.skj", zero, sizeof(zero));
	write_file(unit_temp_dir(), "empty.skj", zero, 0);
	CHECK_INT(symlinkat("zero.skj", unit_temp_dir(), "link.skj"), 0);
	CHECK_INT(journal_reader_open(unit_temp_dir(), "zero.skj", &r, &p), -EBADMSG);
	CHECK_STR(p.text, "journal/zero.skj: not a journal (offset 0)");
	CHECK_INT(journal_reader_open(unit_temp_dir(), "empty.skj", &r, &p), -ENODATA);
	CHECK_STR(p.text, "journal/empty.skj: shorter than its header");
	CHECK_INT(journal_reader_open(unit_temp_dir(), "none.skj", &r, &p), -ENOENT);
	CHECK_STR(p.text, "cannot open journal/none.skj: No such file or directory");
	CHECK_INT(journal_reader_open(unit_temp_dir(), "link.skj", &r, &p), -ELOOP);
	journal_reader_close(NULL);
}

/* A live file grows while it is read: the reader keeps to what was there. */
static void a_growing_file_is_read_as_it_was(void)
{
	struct record row = plain_row((int64_t)BOOT_NS, 1);
	struct journal *j = a_journal(unit_temp_dir());
	struct journal_reader r;
	struct problem p;

	REQUIRE(journal_append_rows(j, &row, 1, 2000) == 0);
	REQUIRE(journal_reader_open(unit_temp_dir(), journal_name(j), &r, &p) == 0);
	REQUIRE(journal_append_rows(j, &row, 1, 3000) == 0);
	CHECK_INT(r.rows, 1);
	CHECK_INT(r.ring_end, 2000);
	CHECK_INT(journal_reader_rows(&r, 0, &row), 0);
	journal_reader_close(&r);
	journal_close(j);
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

/* More tenants than a linear search would bear, each with two consents: found by number, kept once. */
static void thousands_of_tenants_are_told_apart(void)
{
	enum { COUNT = 20000 };
	struct journal_tenant *tenants = calloc(COUNT, sizeof(*tenants));
	struct journal *j = a_journal(unit_temp_dir());
	struct journal_reader r;
	struct problem p;

	REQUIRE(tenants != NULL);
	for (uint32_t i = 0; i < COUNT; i++) {
		tenants[i].number = 0x80000000u + i * 65537u;
		snprintf(tenants[i].id, sizeof(tenants[i].id), "c%u", i);
	}
	REQUIRE(journal_append_tenants(j, tenants, COUNT) == 0);
	REQUIRE(journal_append_tenants(j, tenants, COUNT) == 0);
	for (uint32_t i = 0; i < COUNT; i++)
		tenants[i].consent = 9;
	REQUIRE(journal_append_tenants(j, tenants, COUNT) == 0);
	REQUIRE(journal_reader_open(unit_temp_dir(), journal_name(j), &r, &p) == 0);
	CHECK_INT(r.tenant_count, 2 + 2 * COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		const char *id = journal_reader_tenant(&r, tenants[i].number);

		REQUIRE(id != NULL);
		CHECK_ROW(strcmp(id, tenants[i].id) == 0, "%u", i);
	}
	CHECK_STR(journal_reader_tenant(&r, 1), "t1");
	CHECK(journal_reader_tenant(&r, 5000000) == NULL);
	journal_reader_close(&r);
	journal_close(j);
	free(tenants);
}

UNIT_SUITE(journal_reader, TEST(custody_frames), TEST(thousands_of_tenants_are_told_apart), TEST(an_intact_file_is_read), TEST(every_flipped_bit_is_found),
	   TEST(truncation_at_every_byte), TEST(blocks_that_were_never_written_are_torn),
	   TEST(frames_from_elsewhere_are_refused), TEST(hostile_frames_are_damage),
	   TEST(a_length_behind_the_end_is_torn), TEST(unknown_frame_types_are_passed_over),
	   TEST(row_frames_that_lie_are_not_decoded),
	   TEST(other_versions_are_refused_with_a_message), TEST(what_is_no_journal_is_refused),
	   TEST(a_growing_file_is_read_as_it_was));
