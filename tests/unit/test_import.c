/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An import is stored as a whole or not at all (AC-33, AC-63): what a good file
 * holds comes back in every column, of a bad one nothing remains.
 */
#include "import/import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "import/import_line.h"
#include "import/import_tenants.h"
#include "journal/journal_reader.h"
#include "ledger/consent.h"
#include "schema/event.h"
#include "schema/segment.h"
#include "unit.h"

#define HEADER "t_ns,tenant,src_ip,src_port,dst_ip,dst_port,rtt_us,t_close_ns\n"
#define ROW "1740000000000000000,a,1.2.3.4,5,6.7.8.9,80,,\n"

static int read_text(const struct store_dir *store, const char *text, size_t size, uint64_t journal_max,
		     struct import_result *r, struct problem *p)
{
	struct import_options o = { .file = "x.csv", .reason = "why", .journal_max = journal_max };
	int error;

	write_file(unit_temp_dir(), "input", text, size);
	o.fd = openat(unit_temp_dir(), "input", O_RDONLY | O_CLOEXEC);
	REQUIRE(o.fd >= 0);
	error = import_read(store, &o, r, p);
	close(o.fd);
	return error;
}

static size_t hidden_files(const struct store_dir *store)
{
	char **names;
	size_t count;

	REQUIRE(fs_list_hidden(store->journal, ".", "", &names, &count) == 0);
	fs_free_names(names, count);
	return count;
}

static void a_good_file_is_a_journal(void)
{
	static const char text[] = HEADER
		"1740000000000000009,b,2001:db8::1,1,2001:db8::2,443,100,1740090000000000009\r\n"
		"1740000000000000000,a,1.2.3.4,5,6.7.8.9,80,,\n"
		"1740000000000000000,a,1.2.3.4,5,6.7.8.9,80,,"; /* twice, and no newline */
	struct store_dir store = a_store();
	struct import_result r;
	struct journal_reader j;
	struct record rows[4];
	struct problem p = { "" };

	CHECK_INT(read_text(&store, text, sizeof(text) - 1, 0, &r, &p), 0);
	CHECK_STR(p.text, "");
	CHECK_INT(r.lines, 3);
	CHECK_INT(r.rows, 4);
	CHECK_INT(r.close_rows, 1);
	CHECK_INT(r.tenants, 2);
	CHECK_INT(r.new_tenants, 2);
	CHECK_INT(r.bytes, sizeof(text) - 1);
	CHECK_INT(r.first_ns, 1740000000000000000);
	CHECK_INT(r.last_ns, 1740090000000000009);
	CHECK_INT(hidden_files(&store), 0);
	CHECK_INT(r.journal_bytes, size_of(store.journal, r.journal));
	REQUIRE(journal_reader_open(store.journal, r.journal, &j, &p) == 0);
	CHECK_STR(j.custody, "why");
	CHECK_INT(j.ring_id, 0);
	CHECK_INT(j.rung, SEKISHO_RUNG_NONE);
	CHECK_INT(j.anchors.count, 2);
	CHECK_INT(j.anchors.list[1].status, 0x40);
	CHECK_INT(j.anchors.list[1].utc_ns, r.last_ns);
	REQUIRE(j.frame_count == 1 && j.rows == 4);
	REQUIRE(journal_reader_rows(&j, 0, rows) == 0);
	for (size_t i = 0; i < 4; i++)
		CHECK_INT(anchors_utc(&j.anchors, (uint64_t)rows[i].time_ns), rows[i].time_ns);
	CHECK_STR(journal_reader_tenant(&j, rows[0].tenant), "b");
	CHECK_STR(journal_reader_tenant(&j, rows[3].tenant), "a");
	CHECK(rows[0].tenant >= IMPORT_NUMBER_FIRST && rows[3].tenant >= IMPORT_NUMBER_FIRST);
	CHECK_INT(rows[1].kind, SEKISHO_KIND_CLOSE);
	CHECK_INT(rows[1].lasted_ns, 90000000000000);
	CHECK(same_rows(&rows[2], &rows[3], 1));
	journal_reader_close(&j);
	store_close(&store);
}

/* The bad line stands behind a million bytes of good ones: they are written already, and gone again. */
static void of_a_bad_file_nothing_remains(void)
{
	static const struct {
		const char *tail, *said;
	} table[] = {
		{ "1740000000000000000,a,1.2.3,5,6.7.8.9,80,,\n", "x.csv:60002: src_ip \"1.2.3\": expected an IPv4 or IPv6 address" },
		{ "1740000000000000000,a,1.2.3.4,5,6.7.8.9,80", "x.csv:60002: \"1740000000000000000,a,1.2.3.4,5,6.7.8.9,80\" has 6 fields" },
		{ "\n", "x.csv:60002: \"\" has 0 fields" },
		{ "\r\n", "x.csv:60002: \"\" has 0 fields" },
	};
	const size_t head = strlen(HEADER), row = strlen(ROW), good = head + 60000 * row;
	struct store_dir store = a_store();
	char *text = malloc(good + 200);
	struct import_result r;
	struct problem p;

	REQUIRE(text != NULL);
	memcpy(text, HEADER, head);
	for (size_t i = 0; i < 60000; i++)
		memcpy(text + head + i * row, ROW, row);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		strcpy(text + good, table[i].tail);
		CHECK_INT(read_text(&store, text, good + strlen(table[i].tail), 0, &r, &p), -EINVAL);
		CHECK_ROW(strncmp(p.text, table[i].said, strlen(table[i].said)) == 0, "%s", p.text);
		CHECK_INT(r.lines, 60000);
		CHECK_STR(r.journal, "");
		CHECK_INT(hidden_files(&store), 0);
		CHECK_INT(count_files(store.journal, ""), 0);
	}
	/* Without it the same file is good. */
	CHECK_INT(read_text(&store, text, good, 0, &r, &p), 0);
	CHECK_INT(r.rows, 60000);
	CHECK_INT(count_files(store.journal, ".skj"), 1);
	free(text);
	store_close(&store);
}

static void long_lines(void)
{
	struct store_dir store = a_store();
	struct import_result r;
	static const char end[] = "1,a,1.2.3.4,00005,6.7.8.9,000080,,";
	char text[1200], *at;
	struct problem p;

	/* A line of exactly 512 bytes, and one of 513: leading zeros are digits. */
	for (size_t more = 0; more < 2; more++) {
		at = text + sprintf(text, HEADER);
		memset(at, '0', 1000);
		strcpy(at + IMPORT_LINE_MAX + more - strlen(end), end);
		CHECK_INT(read_text(&store, text, strlen(text), 0, &r, &p), more ? -EINVAL : 0);
		if (more)
			CHECK_STR(p.text, "x.csv:2: longer than 512 bytes: expected a line of CSV");
		CHECK_INT(r.rows, !more);
	}
	/* Without any newline it is not read on for ever. */
	memset(text, 'x', sizeof(text));
	CHECK_INT(read_text(&store, text, sizeof(text), 0, &r, &p), -EINVAL);
	CHECK_STR(p.text, "x.csv:1: longer than 512 bytes: expected a line of CSV");
	store_close(&store);
}

static void empty_files(void)
{
	struct store_dir store = a_store();
	struct import_result r;
	struct problem p;

	CHECK_INT(read_text(&store, "", 0, 0, &r, &p), -EINVAL);
	CHECK_STR(p.text, "x.csv:1: empty: expected a header line");
	CHECK_INT(read_text(&store, HEADER, strlen(HEADER), 0, &r, &p), 0);
	CHECK_INT(r.rows + r.tenants, 0);
	CHECK_INT(read_text(&store, HEADER, strlen(HEADER) - 1, 0, &r, &p), 0);
	CHECK_INT(count_files(store.journal, ""), 0);
	CHECK_INT(hidden_files(&store), 0);
	store_close(&store);
}

static void a_journal_has_an_end(void)
{
	struct store_dir store = a_store();
	struct import_result r;
	struct problem p;

	CHECK_INT(read_text(&store, HEADER ROW, strlen(HEADER ROW), 1u << 20, &r, &p), -EFBIG);
	CHECK(strstr(p.text, "more than fits one import") && strstr(p.text, "split the file"));
	CHECK_INT(hidden_files(&store) + count_files(store.journal, ""), 0);
	CHECK_INT(read_text(&store, HEADER ROW, strlen(HEADER ROW), 17u << 20, &r, &p), 0);
	store_close(&store);
}

static void a_full_disk_is_said_and_leaves_nothing(void)
{
	struct store_dir store = a_store();
	struct import_result r;
	struct problem p;
	struct rlimit before;
	int error;

	write_file(unit_temp_dir(), "input", HEADER ROW, strlen(HEADER ROW));
	before = disk_full_at(300);
	{
		struct import_options o = { .file = "x.csv", .reason = "why" };

		o.fd = openat(unit_temp_dir(), "input", O_RDONLY | O_CLOEXEC);
		error = import_read(&store, &o, &r, &p);
		close(o.fd);
	}
	disk_has_space(before);
	CHECK_INT(error, -EFBIG);
	CHECK(strncmp(p.text, "cannot write journal/", 21) == 0);
	CHECK_INT(hidden_files(&store) + count_files(store.journal, ""), 0);
	store_close(&store);
}

static void a_stop_leaves_nothing(void)
{
	const volatile sig_atomic_t stop = 1;
	struct import_options o = { .file = "x.csv", .reason = "why", .stop = &stop };
	struct store_dir store = a_store();
	struct import_result r;
	struct problem p;

	write_file(unit_temp_dir(), "input", HEADER ROW, strlen(HEADER ROW));
	o.fd = openat(unit_temp_dir(), "input", O_RDONLY | O_CLOEXEC);
	CHECK_INT(import_read(&store, &o, &r, &p), -EINTR);
	CHECK_STR(p.text, "interrupted: nothing was stored");
	close(o.fd);
	CHECK_INT(hidden_files(&store) + count_files(store.journal, ""), 0);
	store_close(&store);
}

/* Sealed here if the store is free, else left; only imports are touched. */
static void sealing_leaves_what_a_collector_left(void)
{
	struct store_dir store = a_store();
	struct journal *recorded = a_journal(store.journal);
	const struct record row = plain_row(DAY_NS, 1);
	struct import_result first, second;
	struct problem p;
	int lock;

	put_rows(recorded, &row, 1, 2000);
	journal_close(recorded);
	write_file(store.journal, "foreign.skj", "x", 1);
	lock = fs_lock(store.root, "lock", 0);
	REQUIRE(lock >= 0);
	CHECK_INT(read_text(&store, HEADER ROW, strlen(HEADER ROW), 0, &first, &p), 0);
	CHECK_INT(import_seal(&store, &first, &p), 0);
	CHECK(!first.sealed);
	CHECK_INT(count_files(store.journal, ".skj"), 3);
	close(lock);
	CHECK_INT(read_text(&store, HEADER ROW, strlen(HEADER ROW), 0, &second, &p), 0);
	CHECK_INT(second.new_tenants, 1); /* no segment yet */
	CHECK_INT(import_seal(&store, &second, &p), 0);
	CHECK(second.sealed);
	CHECK_INT(second.seal.rows, 2); /* also the one before */
	CHECK_INT(second.seal.sections, 2);
	CHECK(second.seal.bytes > 200);
	CHECK_INT(count_files(store.journal, ".skj"), 2);
	CHECK_INT(size_of(store.journal, first.journal), -1);
	CHECK_INT(read_text(&store, HEADER ROW, strlen(HEADER ROW), 0, &second, &p), 0);
	CHECK_INT(second.new_tenants, 0);
	store_close(&store);
}

/* The reason, the hook and the time of the rows reach the section. */
static void a_section_says_why(void)
{
	struct store_dir store = a_store();
	struct section_reader *s;
	struct segment_reader r;
	struct import_result done;
	struct problem p;
	int dir;

	CHECK_INT(read_text(&store, HEADER ROW, strlen(HEADER ROW), 0, &done, &p), 0);
	CHECK_INT(import_seal(&store, &done, &p), 0);
	dir = fs_open_dir(store.segments, "a", 0);
	REQUIRE(dir >= 0);
	REQUIRE(segment_reader_open(dir, "2025-02-19.sks", &r, &p) == 0);
	REQUIRE(r.section_count == 1);
	REQUIRE(section_open(&r, r.sections[0].offset, &s) == 0);
	CHECK_STR(s->custody, "why");
	CHECK(r.sections[0].imported);
	CHECK_INT(r.sections[0].rung, SEKISHO_RUNG_NONE);
	CHECK_INT(r.sections[0].span_from_ns, 1740000000000000000);
	CHECK(r.sections[0].span_to_ns - r.sections[0].span_from_ns <= NS_PER_SEC);
	REQUIRE(s->clock.count == 1);
	CHECK_INT(s->clock.list[0].status, 0x40);
	CHECK_INT(s->clock.list[0].max_error_ns, 0);
	CHECK_INT(s->clock.list[0].boot_from, s->clock.list[0].utc_from);
	section_close(s);
	segment_reader_close(&r);
	close(dir);
	store_close(&store);
}

/* Damage of an import's journal is told to its tenants, though none of them was recorded. */
static void damage_is_a_gap_over_the_time_of_the_rows(void)
{
	static const char text[] = HEADER ROW "1740086400000000000,a,1.2.3.4,5,6.7.8.9,80,,\n";
	struct store_dir store = a_store();
	struct import_result done;
	uint8_t *bytes;
	size_t size;
	struct problem p;

	CHECK_INT(read_text(&store, text, sizeof(text) - 1, 0, &done, &p), 0);
	bytes = read_file(store.journal, done.journal, &size);
	memcpy(bytes + size - 4, "junk", 4); /* the last anchor */
	write_file(store.journal, done.journal, bytes, size);
	free(bytes);
	CHECK_INT(import_seal(&store, &done, &p), 0);
	CHECK_INT(done.seal.rows, 2);
	CHECK_INT(done.seal.gaps, 2);
	CHECK(done.seal.damaged_bytes > 0);
	store_close(&store);
}

static void tenants_keep_the_number_of_the_ledger(void)
{
	struct store_dir store = a_store();
	struct selector scope;
	const struct consent_act act = {
		.tenant_id = "known", .actor = "test", .until_ns = utc_now_ns() + NS_PER_DAY, .retention_days = 30,
		.text_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		.scope = &scope, .scope_count = 1,
	};
	struct import_tenants *t;
	struct problem p = { "" };
	uint32_t seq, number, again, other;
	int64_t when;
	char id[16];

	REQUIRE(selector_parse("192.0.2.1", &scope) == 0);
	CHECK_INT(consent_grant(&store, &act, &seq, &when, &p), 0);
	CHECK_STR(p.text, "");
	REQUIRE(import_tenants_open(&store, &t, &p) == 0);
	CHECK_INT(import_tenants_number(t, "new", 3, &other), 0);
	CHECK_INT(other, IMPORT_NUMBER_FIRST);
	CHECK_INT(import_tenants_number(t, "knownX", 5, &number), 0); /* of the bytes given */
	CHECK_INT(number, seq);
	CHECK_INT(import_tenants_number(t, "new", 3, &again), 0);
	CHECK_INT(again, other);
	CHECK_INT(import_tenants_new(t), 1);
	for (uint32_t i = 2; i < IMPORT_TENANTS_MAX; i++) {
		int n = snprintf(id, sizeof(id), "t%u", i);

		if (import_tenants_number(t, id, (size_t)n, &number) || number != IMPORT_NUMBER_FIRST + i)
			CHECK_ROW(false, "%s is %u", id, number);
	}
	CHECK_INT(import_tenants_number(t, "one-more", 8, &number), -E2BIG);
	CHECK_INT(import_tenants_number(t, "t65535", 6, &number), 0);
	CHECK_INT(number, IMPORT_NUMBER_FIRST + 65535);
	import_tenants_close(t);
	import_tenants_close(NULL);
	store_close(&store);
}

static void reasons(void)
{
	char text[SECTION_CUSTODY_MAX + 2];
	struct problem p;

	memset(text, 'x', sizeof(text));
	text[SECTION_CUSTODY_MAX + 1] = '\0';
	CHECK_INT(import_check_reason(text, &p), -EINVAL);
	CHECK_STR(p.text, "--reason has 1025 bytes: expected at most 1024");
	text[SECTION_CUSTODY_MAX] = '\0';
	CHECK_INT(import_check_reason(text, &p), 0);
	CHECK_INT(import_check_reason("", &p), -EINVAL);
	CHECK_INT(import_check_reason("a\nb", &p), -EINVAL);
	CHECK_STR(p.text, "--reason \"a?b\": expected one line of UTF-8 without control characters");
	CHECK_INT(import_check_reason("\xe7\xa7\xbb\xe8\xa1\x8c", &p), 0);
}

UNIT_SUITE(import, TEST(a_good_file_is_a_journal), TEST(of_a_bad_file_nothing_remains), TEST(long_lines),
	   TEST(empty_files), TEST(a_journal_has_an_end), TEST(a_full_disk_is_said_and_leaves_nothing),
	   TEST(a_stop_leaves_nothing), TEST(sealing_leaves_what_a_collector_left), TEST(a_section_says_why),
	   TEST(damage_is_a_gap_over_the_time_of_the_rows), TEST(tenants_keep_the_number_of_the_ledger),
	   TEST(reasons));
