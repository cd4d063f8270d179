/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sections that become durable together: nothing is seen of new files before, nothing stays of what was not
 * durable, and what stood there is written once more (AC-33). Two hashes at a time are those of one at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "schema/segment.h"
#include "segment/segment.h"
#include "segment/segment_reader.h"
#include "segment/sha256_pair.h"
#include "segment/sha256_sixteen.h"
#include "unit.h"

#define DAY_FILE "2026-03-10.sks"
#define TENANTS 40 /* so many that several threads sync */
#define ROWS 30

static const struct clock_pieces no_clock;
static const struct gaps no_gaps;

static int tenant_dir(unsigned int tenant, char id[static 16])
{
	int dir;

	snprintf(id, 16, "t%u", tenant);
	dir = fs_open_dir(unit_temp_dir(), id, 1);
	REQUIRE(dir >= 0);
	return dir;
}

static int append(struct segment_batch *b, unsigned int tenant, uint64_t journal, uint32_t run)
{
	struct rng rng = { 1000 + tenant * 10 + journal };
	struct record rows[ROWS];
	char id[16];
	int dir = tenant_dir(tenant, id), result;
	struct segment_section s = {
		.tenant_id = id, .tenant = tenant, .day = DAY_NUMBER, .journal_id = journal, .run = run,
		.rung = 1, .span_from_ns = DAY_NS, .span_to_ns = DAY_NS + NS_PER_DAY - 1,
		.clock = &no_clock, .gaps = &no_gaps,
	};
	struct segment_place place;
	struct problem p = { "" };

	random_rows(&rng, rows, ROWS, DAY_NS, NS_PER_DAY);
	for (size_t i = 0; i < ROWS; i++)
		rows[i].tenant = tenant;
	qsort(rows, ROWS, sizeof(*rows), record_compare_source);
	set_rows(&s, rows, ROWS);
	result = segment_batch_append(b, dir, &s, &place, &p);
	CHECK_ROW(result >= 0, "%s", p.text);
	close(dir);
	return result;
}

/* Sections of the tenant's day; 0 when it has no file. */
static size_t sections(unsigned int tenant)
{
	struct segment_reader r;
	struct problem p;
	char id[16];
	int dir = tenant_dir(tenant, id);
	size_t count = 0;

	if (segment_reader_open(dir, DAY_FILE, &r, &p) == 0) {
		CHECK(!r.torn && !r.damaged_bytes);
		count = r.section_count;
		segment_reader_close(&r);
	}
	close(dir);
	return count;
}

static size_t files(unsigned int tenant)
{
	char id[16];
	int dir = tenant_dir(tenant, id);
	size_t count = count_files(dir, "");

	close(dir);
	return count;
}

static void append_all(struct segment_batch *b, uint64_t journal)
{
	for (unsigned int t = 1; t <= TENANTS; t++)
		for (uint32_t run = 0; run < 2; run++)
			CHECK_INT(append(b, t, journal, run), 1);
}

static struct segment_batch *a_batch(void)
{
	struct segment_batch *b = segment_batch_new();

	REQUIRE(b != NULL);
	return b;
}

static void a_batch_appears_when_it_is_durable(void)
{
	struct segment_batch *b = a_batch();
	struct problem p;

	append_all(b, 1);
	for (unsigned int t = 1; t <= TENANTS; t++)
		CHECK_INT(sections(t) + files(t), 0);
	CHECK_INT(segment_batch_sync(b, &p), 0);
	for (unsigned int t = 1; t <= TENANTS; t++) {
		CHECK_INT(sections(t), 2);
		CHECK_INT(files(t), 1);
	}
	append_all(b, 2);
	CHECK_INT(segment_batch_sync(b, &p), 0);
	segment_batch_free(b);
	for (unsigned int t = 1; t <= TENANTS; t++)
		CHECK_INT(sections(t), 4);
}

static void what_is_not_durable_goes(void)
{
	struct segment_batch *b = a_batch();
	struct problem p;
	uint8_t *before, *after;
	size_t size, size_after;

	CHECK_INT(append(b, 1, 1, 0), 1);
	CHECK_INT(segment_batch_sync(b, &p), 0);
	before = read_file(unit_temp_dir(), "t1/" DAY_FILE, &size);
	append_all(b, 2);
	CHECK_INT(sections(1), 3);
	segment_batch_free(b);
	after = read_file(unit_temp_dir(), "t1/" DAY_FILE, &size_after);
	CHECK(size == size_after && memcmp(before, after, size) == 0);
	for (unsigned int t = 2; t <= TENANTS; t++)
		CHECK_INT(sections(t) + files(t), 0);
	free(before);
	free(after);
}

/* One of many new files cannot get its name: no new one stays; what was synced behind old ones may. */
static void a_failure_inside_a_batch(void)
{
	struct segment_batch *b = a_batch();
	struct problem p = { "" };

	CHECK_INT(append(b, 1, 1, 0), 1);
	CHECK_INT(segment_batch_sync(b, &p), 0);
	append_all(b, 2);
	REQUIRE(mkdirat(unit_temp_dir(), "t20/" DAY_FILE, 0700) == 0);
	CHECK_INT(segment_batch_sync(b, &p), -EEXIST);
	CHECK_STR(p.text, "cannot write segments/t20/" DAY_FILE ": File exists");
	REQUIRE(unlinkat(unit_temp_dir(), "t20/" DAY_FILE, AT_REMOVEDIR) == 0);
	for (unsigned int t = 2; t <= TENANTS; t++)
		CHECK_ROW(sections(t) + files(t) == 0, "tenant %u", t);
	CHECK_INT(sections(1), 3);
	/* The batch is empty and can go on; a repeated run makes the rest. */
	CHECK_INT(append(b, 1, 2, 0), 0);
	CHECK_INT(append(b, 1, 2, 1), 0);
	for (unsigned int t = 2; t <= TENANTS; t++)
		for (uint32_t run = 0; run < 2; run++)
			CHECK_INT(append(b, t, 2, run), 1);
	CHECK_INT(segment_batch_sync(b, &p), 0);
	segment_batch_free(b);
	CHECK_INT(sections(1), 3);
	for (unsigned int t = 2; t <= TENANTS; t++)
		CHECK_INT(sections(t), 2);
}

/* A section that is there is skipped, wherever it stands, and those behind it stay. */
static void what_is_there_stays_as_it_is(void)
{
	struct segment_batch *b = a_batch();
	struct problem p;
	uint8_t *before, *after;
	size_t size, size_after;

	for (uint64_t journal = 1; journal <= 3; journal++)
		CHECK_INT(append(b, 1, journal, 0), 1);
	CHECK_INT(segment_batch_sync(b, &p), 0);
	before = read_file(unit_temp_dir(), "t1/" DAY_FILE, &size);
	for (uint64_t journal = 1; journal <= 3; journal++)
		CHECK_INT(append(b, 1, journal, 0), 0);
	CHECK_INT(append(b, 1, 2, 1), 1);
	segment_batch_free(b);
	after = read_file(unit_temp_dir(), "t1/" DAY_FILE, &size_after);
	CHECK(size == size_after && memcmp(before, after, size) == 0);
	free(before);
	free(after);
}

static void two_hashes_at_a_time(void)
{
	uint8_t messages[2][SHA256_ROOM(300)], digests[2][32], want[32];
	uint8_t *const both[2] = { messages[0], messages[1] }, *const out[2] = { digests[0], digests[1] };
	struct sha256_ctx sha;

	for (size_t n = 0; n <= 300; n++) {
		const size_t sizes[2] = { n, (n * 7 + 3) % 301 };

		for (int k = 0; k < 2; k++)
			for (size_t i = 0; i < sizes[k]; i++)
				messages[k][i] = (uint8_t)(i * 31 + n + (size_t)k * 5);
		sha256_pair(both, sizes, out);
		for (int k = 0; k < 2; k++) {
			sha256_init(&sha);
			for (size_t i = 0; i < sizes[k]; i++)
				sha256_update(&sha, 1, &(uint8_t){ (uint8_t)(i * 31 + n + (size_t)k * 5) });
			sha256_digest(&sha, sizeof(want), want);
			CHECK_ROW(memcmp(want, digests[k], sizeof(want)) == 0, "%zu bytes", sizes[k]);
		}
	}
}

/* Every number of messages, of all lengths about the edges of blocks; what stands beside them stays. */
static void sixteen_hashes_at_a_time(void)
{
	uint8_t messages[16][SHA256_ROOM(200)], digests[16][32], want[32];
	uint8_t *in[16], *out[16];
	size_t sizes[16];
	struct sha256_ctx sha;

	for (unsigned int n = 0; n <= 16; n++)
		for (size_t base = 0; base <= 130; base++) {
			memset(digests, 0xa5, sizeof(digests));
			for (unsigned int k = 0; k < n; k++) {
				in[k] = messages[k];
				out[k] = digests[k];
				sizes[k] = k % 3 ? (base * (k + 1)) % 201 : base;
				for (size_t i = 0; i < sizes[k]; i++)
					messages[k][i] = (uint8_t)(i * 37 + base + k * 11);
			}
			sha256_sixteen(n, in, sizes, out);
			for (unsigned int k = 0; k < n; k++) {
				sha256_init(&sha);
				for (size_t i = 0; i < sizes[k]; i++)
					sha256_update(&sha, 1, &(uint8_t){ (uint8_t)(i * 37 + base + k * 11) });
				sha256_digest(&sha, sizeof(want), want);
				CHECK_ROW(memcmp(want, digests[k], sizeof(want)) == 0, "%u of %u, %zu bytes", k, n,
					  sizes[k]);
			}
			for (unsigned int k = n; k < 16; k++)
				CHECK(digests[k][0] == 0xa5 && digests[k][31] == 0xa5);
		}
}

UNIT_SUITE(segment_batch, TEST(a_batch_appears_when_it_is_durable), TEST(what_is_not_durable_goes),
	   TEST(a_failure_inside_a_batch), TEST(what_is_there_stays_as_it_is), TEST(two_hashes_at_a_time),
	   TEST(sixteen_hashes_at_a_time));
