/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading journals that are damaged, cut off or foreign: whatever is good is read,
 * whatever is not is counted (AC-31 and AC-33 in part, AC-63).
 */
#include "journal/journal_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fixture.h"
#include "journal_sample.h"
#include "schema/journal.h"
#include "unit.h"

static size_t frame_of(const struct sample *s, size_t offset)
{
	size_t i = 0;

	while (s->at[i + 1] <= offset)
		i++;
	return i;
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

#define SMALL_FRAMES 3000
#define ROWS_EVERY 100 /* small frames */

static size_t rows_behind(size_t i)
{
	return i % ROWS_EVERY ? 0 : 1 + i * 5; /* up to 14,501: longer than what is read at a time */
}

/* Of the nth row: nothing that zstd makes small. */
static uint16_t port_of(uint32_t n)
{
	n = (n ^ n >> 9) * 0x9e3779b1u;
	return (uint16_t)(n ^ n >> 15);
}

/* An anchor each, and rows between them whose ports tell which they are. Returns how many rows. */
static size_t append_many(struct journal *j)
{
	struct record *rows = calloc(rows_behind(SMALL_FRAMES - ROWS_EVERY), sizeof(*rows));
	uint32_t count = 0;

	REQUIRE(rows != NULL);
	for (size_t i = 0; i < SMALL_FRAMES; i++) {
		const struct anchor a = { .boot_ns = BOOT_NS + 1 + i, .utc_ns = DAY_NS + (int64_t)i };

		CHECK_INT(journal_append_anchor(j, &a), 0);
		for (size_t k = 0; k < rows_behind(i); k++) {
			rows[k] = plain_row((int64_t)BOOT_NS + count, 1);
			rows[k].src_port = port_of(count++);
		}
		if (rows_behind(i))
			CHECK_INT(journal_append_rows(j, rows, rows_behind(i), 2000 + i), 0);
	}
	free(rows);
	return count;
}

/* How many frames of a file that append_many() made are read, as they were written. */
static size_t frames_as_made(struct journal_reader *r)
{
	struct record *rows = calloc(rows_behind(SMALL_FRAMES - ROWS_EVERY), sizeof(*rows));
	size_t good = 0;

	REQUIRE(rows != NULL);
	for (size_t i = 0; i < r->anchors.count; i++) /* all make one line */
		good += r->anchors.list[i].utc_ns == DAY_NS + (int64_t)(r->anchors.list[i].boot_ns - BOOT_NS) - 1;
	for (size_t i = 0; i < r->frame_count; i++) {
		size_t same = 0;

		REQUIRE(r->frames[i].rows <= rows_behind(SMALL_FRAMES - ROWS_EVERY));
		REQUIRE(journal_reader_rows(r, i, rows) == 0);
		for (uint32_t k = 0; k < r->frames[i].rows; k++)
			same += rows[k].src_port == port_of((uint32_t)(rows[k].time_ns - (int64_t)BOOT_NS));
		good += same == r->frames[i].rows;
	}
	free(rows);
	return good;
}

/* Many frames are read at a time. Where those times meet, none is lost, and damage still costs one frame. */
static void frames_are_whole_where_reads_meet(void)
{
	const size_t frames = SMALL_FRAMES + SMALL_FRAMES / ROWS_EVERY;
	struct journal *j = a_journal(unit_temp_dir());
	size_t rows = append_many(j), opens = 0;
	struct journal_reader r;
	struct problem p;
	int fd = openat(unit_temp_dir(), journal_name(j), O_RDWR | O_CLOEXEC);
	uint8_t byte;

	REQUIRE(fd >= 0 && journal_reader_open(unit_temp_dir(), journal_name(j), &r, &p) == 0);
	CHECK_INT(r.rows, rows);
	CHECK_INT(r.damaged_bytes, 0);
	CHECK_INT(frames_as_made(&r), frames);
	CHECK(r.size > 8 * 65536);
	journal_reader_close(&r);
	for (off_t at = 4000; pread(fd, &byte, 1, at) == 1; at += 28019, opens++) {
		uint8_t other = byte ^ 0x10;

		REQUIRE(pwrite(fd, &other, 1, at) == 1);
		REQUIRE(journal_reader_open(unit_temp_dir(), journal_name(j), &r, &p) == 0);
		CHECK_ROW(frames_as_made(&r) == frames - 1, "offset %ld", (long)at);
		CHECK_ROW(r.damaged_bytes > 0 && (uint64_t)at >= r.damaged_at &&
				  (uint64_t)at < r.damaged_at + r.damaged_bytes, "offset %ld", (long)at);
		journal_reader_close(&r);
		REQUIRE(pwrite(fd, &byte, 1, at) == 1);
	}
	CHECK(opens > 20);
	close(fd);
	journal_close(j);
}

/* The end of an append that failed is cut off while somebody reads: what stands before it is read as ever. */
static void a_file_that_became_shorter_is_read_as_far_as_it_goes(void)
{
	struct sample s = make_sample(8);
	struct journal_frame f = {};
	int fd = openat(unit_temp_dir(), s.name, O_RDONLY | O_CLOEXEC);

	REQUIRE(fd >= 0);
	for (size_t i = 0; i < FRAMES; i++) {
		CHECK_INT(journal_frame_load(fd, s.file_id, s.size + 300, s.at[i], 1 << 16, &f), 0);
		CHECK_INT(f.stored_bytes, s.at[i + 1] - s.at[i] - FRAME_HEADER_BYTES);
		CHECK(f.stored && memcmp(f.stored, s.bytes + s.at[i] + FRAME_HEADER_BYTES, f.stored_bytes) == 0);
		journal_frame_forget(&f);
	}
	CHECK_INT(journal_frame_load(fd, s.file_id, s.size + 300, s.size, 1 << 16, &f), -ENODATA);
	CHECK(!f.stored);
	journal_frame_done(&f);
	close(fd);
	free(s.bytes);
}

UNIT_SUITE(journal_reader, TEST(an_intact_file_is_read), TEST(every_flipped_bit_is_found),
	   TEST(truncation_at_every_byte), TEST(blocks_that_were_never_written_are_torn),
	   TEST(frames_from_elsewhere_are_refused), TEST(other_versions_are_refused_with_a_message),
	   TEST(what_is_no_journal_is_refused), TEST(a_growing_file_is_read_as_it_was),
	   TEST(thousands_of_tenants_are_told_apart), TEST(frames_are_whole_where_reads_meet),
	   TEST(a_file_that_became_shorter_is_read_as_far_as_it_goes));
