/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing the journal: what is appended comes back, a failed append leaves
 * nothing behind, and nobody else may read it (AC-38).
 */
#include "journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "schema/segment.h"
#include "journal/journal_reader.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "unit.h"

static void open_reader(const char *name, struct journal_reader *r)
{
	struct problem p;
	int error = journal_reader_open(unit_temp_dir(), name, r, &p);

	CHECK_ROW(error == 0, "%s", error ? p.text : "");
	REQUIRE(error == 0);
}

/* All rows of all frames. Caller frees. */
static struct record *all_rows(struct journal_reader *r)
{
	struct record *rows = calloc(r->rows + 1, sizeof(*rows));
	size_t at = 0;

	REQUIRE(rows != NULL);
	for (size_t i = 0; i < r->frame_count; i++) {
		CHECK_INT(journal_reader_rows(r, i, rows + at), 0);
		at += r->frames[i].rows;
	}
	CHECK_INT(at, r->rows);
	return rows;
}

static void rows_round_trip(void)
{
	static const size_t sizes[] = { 1, 2, 7, 300, 5000 };
	struct rng rng = { 1 };
	struct journal_reader r;
	struct record *want = calloc(6000, sizeof(*want)), *got;
	struct journal *j = a_journal(unit_temp_dir());
	char name[64];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		random_rows(&rng, want + count, sizes[i], (int64_t)BOOT_NS, 3600 * NS_PER_SEC);
		CHECK_INT(journal_append_rows(j, want + count, sizes[i], 2000 + i), 0);
		count += sizes[i];
	}
	CHECK_INT(journal_rows(j), count);
	CHECK_INT(journal_size(j), size_of(unit_temp_dir(), journal_name(j)));
	strcpy(name, journal_name(j));
	journal_close(j);

	open_reader(name, &r);
	CHECK_INT(r.frame_count, ARRAY_SIZE(sizes));
	CHECK_INT(r.rows, count);
	CHECK_INT(r.ring_end, 2004);
	got = all_rows(&r);
	CHECK(same_rows(got, want, count));
	want[17].flags ^= 1;
	CHECK(!same_rows(got, want, count));
	for (size_t i = 0; i < r.frame_count; i++) {
		CHECK_ROW(r.frames[i].first_boot_ns >= BOOT_NS, "frame %zu", i);
		CHECK_ROW(r.frames[i].last_boot_ns < BOOT_NS + 3600 * (uint64_t)NS_PER_SEC,
			  "frame %zu", i);
	}
	CHECK(!r.torn);
	CHECK_INT(r.damaged_bytes, 0);
	journal_reader_close(&r);
	free(got);
	free(want);
}

static void header_says_where_it_came_from(void)
{
	const struct journal_origin origin = { .ring_id = 0x1122334455667788, .ring_position = 4096,
					       .rung = SEKISHO_RUNG_KRETPROBE };
	int64_t before = utc_now_ns();
	struct journal_reader r;
	struct journal *j = NULL;
	struct problem p;
	char name[64];

	REQUIRE(journal_create(unit_temp_dir(), &origin, &j, &p) == 0);
	strcpy(name, journal_name(j));
	CHECK_INT(journal_size(j), JOURNAL_HEADER_BYTES);
	open_reader(name, &r);
	CHECK_INT(r.ring_id, 0x1122334455667788);
	CHECK_INT(r.ring_start, 4096);
	CHECK_INT(r.ring_end, 4096);
	CHECK_INT(r.rung, SEKISHO_RUNG_KRETPROBE);
	CHECK(r.created_utc_ns >= before && r.created_utc_ns <= utc_now_ns());
	CHECK_INT(r.last_utc_ns, r.created_utc_ns);
	CHECK(r.file_id != 0);
	CHECK_INT(r.rows + r.frame_count + r.tenant_count + r.anchors.count + r.gaps.count, 0);
	CHECK(!r.torn && !r.damaged_bytes);
	CHECK(strstr(name, JOURNAL_SUFFIX) != NULL);
	journal_reader_close(&r);
	journal_close(j);
}

static void files_are_private(void)
{
	/* AC-38 */
	mode_t old = umask(0);
	struct journal *j = a_journal(unit_temp_dir());

	umask(old);
	CHECK_INT(mode_of_file(unit_temp_dir(), journal_name(j)), 0600);
	journal_close(j);
}

static void two_files_never_share_a_name(void)
{
	struct journal *a = a_journal(unit_temp_dir()), *b = a_journal(unit_temp_dir());

	CHECK(strcmp(journal_name(a), journal_name(b)) != 0);
	CHECK_INT(count_files(unit_temp_dir(), JOURNAL_SUFFIX), 2);
	journal_close(a);
	journal_close(b);
}

static void anchors_gaps_and_tenants_round_trip(void)
{
	const struct anchor anchors[] = {
		{ .boot_ns = BOOT_NS + 10, .utc_ns = DAY_NS + 11, .max_error_ns = 5, .status = 0x40 },
		{ .boot_ns = BOOT_NS + 5, .utc_ns = -1, .max_error_ns = UINT64_MAX, .status = UINT32_MAX },
	};
	const struct gap gaps[] = {
		{ .first_utc_ns = 1, .last_utc_ns = 2, .count = 3, .total = 4, .tenant = 5,
		  .reason = STORE_GAP_RING_FULL },
		{ .first_utc_ns = INT64_MIN, .last_utc_ns = INT64_MAX, .count = UINT64_MAX,
		  .total = UINT64_MAX, .tenant = UINT32_MAX, .reason = UINT32_MAX },
	};
	struct journal_tenant longest = { .number = 3, .consent = 9 };
	const struct journal_tenant again = { .number = 1, .consent = 1, .id = "t1" };
	struct journal *j = a_journal(unit_temp_dir());
	struct journal_reader r;

	memset(longest.id, 'x', 64);
	CHECK_INT(journal_append_anchor(j, &anchors[0]), 0);
	CHECK_INT(journal_append_anchor(j, &anchors[1]), 0);
	CHECK_INT(journal_append_gaps(j, gaps, 2), 0);
	CHECK_INT(journal_append_tenants(j, &longest, 1), 0);
	CHECK_INT(journal_append_tenants(j, &again, 1), 0);
	CHECK_INT(journal_append_tenants(j, NULL, 0), 0);
	open_reader(journal_name(j), &r);
	REQUIRE(r.anchors.count == 3 && r.gaps.count == 2 && r.tenant_count == 3);
	CHECK_INT(r.anchors.list[0].boot_ns, BOOT_NS);
	CHECK(memcmp(&r.anchors.list[1], &anchors[1], 28) == 0);
	CHECK(memcmp(&r.anchors.list[2], &anchors[0], 28) == 0);
	CHECK(memcmp(r.gaps.list, gaps, sizeof(gaps)) == 0);
	CHECK_STR(journal_reader_tenant(&r, 1), "t1");
	CHECK_STR(journal_reader_tenant(&r, 2), "t2");
	CHECK_STR(journal_reader_tenant(&r, 3), longest.id);
	CHECK_STR(journal_reader_tenant(&r, 4), NULL);
	CHECK_INT(r.tenants[2].consent, 9);
	journal_reader_close(&r);
	journal_close(j);
}

/* Exactly once: what follows the rows must not take the ring position back (AC-79). */
static void every_frame_carries_the_ring_position_on(void)
{
	const struct record row = plain_row((int64_t)BOOT_NS, 1);
	const struct anchor anchor = { .boot_ns = BOOT_NS + 1, .utc_ns = DAY_NS + 1 };
	const struct gap gap = { .count = 1 };
	struct journal *j = a_journal(unit_temp_dir());
	struct journal_reader r;

	for (int i = 0; i < 4; i++) {
		int error = i == 0 ? journal_append_rows(j, &row, 1, 2000) :
			    i == 1 ? journal_append_anchor(j, &anchor) :
			    i == 2 ? journal_append_gaps(j, &gap, 1) : journal_append_tenants(j, NULL, 0);

		CHECK_INT(error, 0);
		open_reader(journal_name(j), &r);
		CHECK_ROW(r.ring_end == 2000, "after append %d: %llu", i, (unsigned long long)r.ring_end);
		journal_reader_close(&r);
	}
	journal_close(j);
}

static void an_empty_tenant_list_alone_is_readable(void)
{
	const struct journal_origin origin = { .ring_id = 1 };
	struct journal_reader r;
	struct journal *j = NULL;
	struct problem p;

	REQUIRE(journal_create(unit_temp_dir(), &origin, &j, &p) == 0);
	CHECK_INT(journal_append_tenants(j, NULL, 0), 0);
	open_reader(journal_name(j), &r);
	CHECK_INT(r.tenant_count, 0);
	CHECK(!r.torn && !r.damaged_bytes);
	journal_reader_close(&r);
	journal_close(j);
}

static void counts_out_of_bounds_are_refused(void)
{
	struct journal *j = a_journal(unit_temp_dir());
	uint64_t size = journal_size(j);
	struct record *rows = calloc(JOURNAL_FRAME_ROWS_MAX + 1, sizeof(*rows));
	struct gap gap = { 0 };

	CHECK_INT(journal_append_rows(j, rows, 0, 1), -EINVAL);
	CHECK_INT(journal_append_rows(j, rows, JOURNAL_FRAME_ROWS_MAX + 1, 1), -EINVAL);
	CHECK_INT(journal_append_gaps(j, &gap, 0), -EINVAL);
	CHECK_INT(journal_size(j), size);
	CHECK_INT(journal_rows(j), 0);
	/* The bound itself is fine, and rows of nothing but zeroes too. */
	CHECK_INT(journal_append_rows(j, rows, JOURNAL_FRAME_ROWS_MAX, 1), 0);
	CHECK_INT(journal_rows(j), JOURNAL_FRAME_ROWS_MAX);
	free(rows);
	journal_close(j);
}

static void rows_of_zeroes_come_back(void)
{
	struct record want[3] = { 0 }, got[3];
	struct journal *j = a_journal(unit_temp_dir());
	struct journal_reader r;

	CHECK_INT(journal_append_rows(j, want, 3, 1), 0);
	want[0].time_ns = want[1].time_ns = want[2].time_ns = 77;
	CHECK_INT(journal_append_rows(j, want, 3, 2), 0);
	open_reader(journal_name(j), &r);
	REQUIRE(r.frame_count == 2);
	memset(got, 0xff, sizeof(got));
	CHECK_INT(journal_reader_rows(&r, 1, got), 0);
	CHECK(same_rows(got, want, 3));
	CHECK_INT(journal_reader_rows(&r, 0, got), 0);
	CHECK_INT(got[2].time_ns, 0);
	journal_reader_close(&r);
	journal_close(j);
}

static void a_full_disk_leaves_the_file_as_it_was(void)
{
	static const unsigned int room[] = { 0, 1, 55, 56, 57, 200 };
	struct rng rng = { 2 };
	struct record rows[100], *got;
	struct journal *j = a_journal(unit_temp_dir());
	struct journal_reader r;
	char name[64];

	random_rows(&rng, rows, 100, (int64_t)BOOT_NS, NS_PER_SEC);
	REQUIRE(journal_append_rows(j, rows, 10, 2000) == 0);
	strcpy(name, journal_name(j));
	for (size_t i = 0; i < ARRAY_SIZE(room); i++) {
		uint64_t size = journal_size(j);
		size_t bytes_before, bytes_after;
		uint8_t *before = read_file(unit_temp_dir(), name, &bytes_before), *after;
		struct rlimit limit = disk_full_at(size + room[i]);
		int rows_error = journal_append_rows(j, rows + 10, 80, 3000);
		int gap_error = room[i] < 57 ? journal_append_gaps(j, &(struct gap){ 0 }, 1) : -EFBIG;

		disk_has_space(limit);
		CHECK_ROW(rows_error == -EFBIG, "room %u: %d", room[i], rows_error);
		CHECK_ROW(gap_error == -EFBIG, "room %u: %d", room[i], gap_error);
		CHECK_INT(journal_size(j), size);
		CHECK_INT(journal_rows(j), 10);
		after = read_file(unit_temp_dir(), name, &bytes_after);
		CHECK_ROW(bytes_after == bytes_before && memcmp(before, after, bytes_after) == 0,
			  "room %u", room[i]);
		free(before);
		free(after);
	}
	/* The same call, repeated when there is space. */
	CHECK_INT(journal_append_rows(j, rows + 10, 80, 3000), 0);
	CHECK_INT(journal_append_rows(j, rows + 90, 10, 4000), 0);
	CHECK_INT(journal_rows(j), 100);
	journal_close(j);
	open_reader(name, &r);
	CHECK_INT(r.rows, 100);
	CHECK_INT(r.ring_end, 4000);
	CHECK(!r.torn && !r.damaged_bytes);
	got = all_rows(&r);
	CHECK(same_rows(got, rows, 100));
	free(got);
	journal_reader_close(&r);
}

static bool set_append_only(const char *name, bool on)
{
	int fd = openat(unit_temp_dir(), name, O_RDONLY | O_CLOEXEC), flags = 0;
	bool ok;

	ok = ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0;
	flags = on ? flags | FS_APPEND_FL : flags & ~FS_APPEND_FL;
	ok = ok && ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0;
	close(fd);
	return ok;
}

static void what_cannot_be_taken_back_ends_the_journal(void)
{
	struct record row = plain_row((int64_t)BOOT_NS + 5, 1);
	struct journal *j = a_journal(unit_temp_dir());
	struct journal_reader r;
	struct rlimit limit;
	uint64_t size;
	char name[64];
	int first, second;

	REQUIRE(journal_append_rows(j, &row, 1, 2000) == 0);
	size = journal_size(j);
	strcpy(name, journal_name(j));
	if (!set_append_only(name, true)) { /* ftruncate() fails on such a file, write() does not */
		journal_close(j);
		SKIP("the file system of /tmp has no append-only flag");
	}
	limit = disk_full_at(size + 30);
	first = journal_append_rows(j, &row, 1, 3000);
	disk_has_space(limit);
	second = journal_append_rows(j, &row, 1, 3000);
	CHECK(set_append_only(name, false));
	CHECK_INT(first, -EFBIG);
	CHECK_INT(second, -EPIPE);
	CHECK_INT(journal_append_anchor(j, &(struct anchor){ 0 }), -EPIPE);
	CHECK_INT(size_of(unit_temp_dir(), name), size + 30);
	journal_close(j);
	open_reader(name, &r);
	CHECK_INT(r.rows, 1);
	CHECK(r.torn);
	CHECK_INT(r.torn_at, size);
	CHECK_INT(r.ring_end, 2000);
	journal_reader_close(&r);
}

static void creating_fails_with_a_message(void)
{
	struct journal_origin origin = { 0 };
	struct journal *j = NULL;
	struct problem p = { "" };
	int fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(journal_create(fd, &origin, &j, &p) < 0);
	CHECK(j == NULL);
	CHECK(strncmp(p.text, "cannot create journal/", 22) == 0);
	close(fd);
	journal_close(NULL);
}

static void the_duplicate_descriptor_is_the_file(void)
{
	struct journal *j = a_journal(unit_temp_dir());
	int fd = journal_dup_fd(j);
	struct stat st;

	REQUIRE(fd >= 0);
	CHECK(fstat(fd, &st) == 0);
	CHECK_INT(st.st_size, journal_size(j));
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	journal_close(j);
}

static size_t hidden_files(void)
{
	char **names;
	size_t count;

	REQUIRE(fs_list_hidden(unit_temp_dir(), ".", "", &names, &count) == 0);
	fs_free_names(names, count);
	return count;
}

static struct journal *a_hidden_one(void)
{
	const struct journal_origin origin = {};
	const struct record row = plain_row(DAY_NS, 1);
	struct journal *j = NULL;
	struct problem p;

	REQUIRE(journal_create_hidden(unit_temp_dir(), &origin, &j, &p) == 0);
	CHECK_INT(journal_append_custody(j, "why"), 0);
	CHECK_INT(journal_append_rows(j, &row, 1, 0), 0);
	return j;
}

/* Nobody sees it before it is published; then it is a journal as any. */
static void a_hidden_journal_is_seen_when_it_is_published(void)
{
	struct journal *j = a_hidden_one();
	struct journal_reader r;
	struct problem p;

	CHECK_INT(count_files(unit_temp_dir(), ".skj"), 0);
	CHECK_INT(hidden_files(), 1);
	CHECK_INT(journal_sweep(unit_temp_dir(), NULL, NULL), 0); /* its writer lives */
	CHECK_INT(hidden_files(), 1);
	REQUIRE(journal_publish(j, &p) == 0);
	CHECK_INT(hidden_files(), 0);
	CHECK_INT(count_files(unit_temp_dir(), ".skj"), 1);
	CHECK_INT(mode_of_file(unit_temp_dir(), journal_name(j)), 0600);
	REQUIRE(journal_reader_open(unit_temp_dir(), journal_name(j), &r, &p) == 0);
	CHECK_INT(r.ring_id, 0);
	CHECK_INT(r.rows, 1);
	CHECK_INT(r.created_boot_ns, r.created_utc_ns);
	CHECK_STR(r.custody, "why");
	CHECK_INT(r.damaged_bytes, 0);
	journal_reader_close(&r);
	journal_close(j);
	CHECK_INT(count_files(unit_temp_dir(), ".skj"), 1);
}

static void a_hidden_journal_that_is_closed_is_gone(void)
{
	journal_close(a_hidden_one());
	CHECK_INT(hidden_files(), 0);
	CHECK_INT(count_files(unit_temp_dir(), ".skj"), 0);
}

static int leave_one_behind(void *ctx)
{
	const struct journal_origin origin = {};
	struct journal *j = NULL;
	struct problem p;

	(void)ctx;
	return journal_create_hidden(unit_temp_dir(), &origin, &j, &p) ? 1 : 0; /* nothing closes it, as after a kill */
}

static void a_sweep_removes_what_the_dead_left(void)
{
	struct journal *living = a_hidden_one();

	CHECK_INT(in_child(leave_one_behind, NULL), 0);
	CHECK_INT(in_child(leave_one_behind, NULL), 0);
	CHECK_INT(hidden_files(), 3);
	CHECK_INT(journal_sweep(unit_temp_dir(), NULL, NULL), 2);
	CHECK_INT(hidden_files(), 1);
	write_file(unit_temp_dir(), ".other.tmp", "x", 1);
	CHECK_INT(journal_sweep(unit_temp_dir(), NULL, NULL), 0); /* not ours */
	CHECK_INT(hidden_files(), 2);
	journal_close(living);
}

static void a_published_journal_replaces_nothing(void)
{
	struct journal *j = a_hidden_one();
	struct problem p;

	write_file(unit_temp_dir(), journal_name(j), "mine", 4);
	CHECK_INT(journal_publish(j, &p), -EEXIST);
	CHECK(strstr(p.text, "File exists") != NULL);
	CHECK_INT(size_of(unit_temp_dir(), journal_name(j)), 4);
	journal_close(j);
	CHECK_INT(hidden_files(), 0);
	CHECK_INT(count_files(unit_temp_dir(), ".skj"), 1);
}

static void a_reason_that_cannot_be_kept_is_refused(void)
{
	char text[SECTION_CUSTODY_MAX + 2];
	struct journal *j = a_hidden_one();
	uint64_t size = journal_size(j);

	memset(text, 'x', sizeof(text));
	text[SECTION_CUSTODY_MAX + 1] = '\0';
	CHECK_INT(journal_append_custody(j, text), -EINVAL);
	CHECK_INT(journal_append_custody(j, ""), -EINVAL);
	CHECK_INT(journal_append_custody(j, "a\tb"), -EINVAL);
	CHECK_INT(journal_append_custody(j, "\xc3"), -EINVAL);
	CHECK_INT(journal_size(j), size);
	text[SECTION_CUSTODY_MAX] = '\0';
	CHECK_INT(journal_append_custody(j, text), 0);
	journal_close(j);
}

UNIT_SUITE(journal, TEST(a_hidden_journal_is_seen_when_it_is_published),
	   TEST(a_hidden_journal_that_is_closed_is_gone), TEST(a_sweep_removes_what_the_dead_left),
	   TEST(a_published_journal_replaces_nothing), TEST(a_reason_that_cannot_be_kept_is_refused),
	   TEST(rows_round_trip), TEST(header_says_where_it_came_from),
	   TEST(files_are_private), TEST(two_files_never_share_a_name),
	   TEST(anchors_gaps_and_tenants_round_trip),
	   TEST(every_frame_carries_the_ring_position_on), TEST(an_empty_tenant_list_alone_is_readable),
	   TEST(counts_out_of_bounds_are_refused), TEST(rows_of_zeroes_come_back),
	   TEST(a_full_disk_leaves_the_file_as_it_was),
	   TEST(what_cannot_be_taken_back_ends_the_journal), TEST(creating_fails_with_a_message),
	   TEST(the_duplicate_descriptor_is_the_file));
