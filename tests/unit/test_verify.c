/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checking a store: facts, counts and the first bad offset. AC-31: any flipped
 * byte of a closed segment fails the check and names that file.
 */
#include "query/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "ledger/consent.h"
#include "schema/journal.h"
#include "schema/segment.h"
#include "seal/seal.h"
#include "unit.h"

static struct verify_facts run(const struct store_dir *store)
{
	struct verify_facts facts = { 0 };
	struct problem p = { "" };
	const struct verify_request request = { .full = false };
	int error = verify_run(store, &request, &facts, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	return facts;
}

static void add_journal(const struct store_dir *store, const struct record *rows, size_t count,
			char name[static 64])
{
	struct journal *j = a_journal(store->journal);

	put_rows(j, rows, count, 2000);
	end_journal(store->journal, j, name);
}

static void seal_with_custody(const struct store_dir *store)
{
	struct seal_result result = { 0 };
	struct problem p;

	REQUIRE(seal_all(store, NULL, &result, &p) == 0);
}

static void seal(const struct store_dir *store)
{
	seal_with_custody(store);
	forget_custody(store);
}

static void an_empty_store_is_fine(void)
{
	struct store_dir store = a_store();
	struct verify_facts f = run(&store);

	CHECK_INT(f.journals + f.journal_rows + f.segments + f.sections + f.blocks + f.section_rows, 0);
	CHECK_INT(f.torn + f.bad, 0);
	store_close(&store);
}

struct told {
	char files[8][80];
	size_t count;
	struct verify_progress last;
};

static void tell(void *ctx, const struct verify_progress *at)
{
	struct told *told = ctx;

	if (told->count && strcmp(told->files[told->count - 1], at->file) == 0)
		return;
	if (told->count < 8)
		snprintf(told->files[told->count++], sizeof(told->files[0]), "%s", at->file);
	told->last = *at;
}

static void counts(void)
{
	struct store_dir store = a_store();
	struct record rows[5];
	struct verify_facts f = { 0 };
	struct told told = { .count = 0 };
	struct verify_request request = { .full = false };
	struct problem p;
	char name[64], want[100];

	for (unsigned int i = 0; i < 5; i++)
		rows[i] = plain_row(DAY_NS + i, i);
	rows[4].time_ns += NS_PER_DAY;
	add_journal(&store, rows, 2, name);
	seal(&store);
	add_journal(&store, rows + 2, 3, name);
	seal(&store);
	rows[0].tenant = 2;
	add_journal(&store, rows, 2, name);
	request.progress = tell;
	request.ctx = &told;
	CHECK_INT(verify_run(&store, &request, &f, &p), 0);
	CHECK_INT(f.journals, 1);
	CHECK_INT(f.journal_frames_rows, 1);
	CHECK_INT(f.journal_rows, 2);
	CHECK_INT(f.segments, 2);
	CHECK_INT(f.sections, 3);
	CHECK_INT(f.section_rows, 5);
	CHECK(f.blocks >= 3);
	CHECK_INT(f.torn, 0);
	CHECK_INT(f.bad, 0);
	REQUIRE(told.count == 4);
	snprintf(want, sizeof(want), "journal/%s", name);
	CHECK_STR(told.files[0], want);
	CHECK_STR(told.files[1], "segments/t1/2026-03-10.sks");
	CHECK_STR(told.files[2], "segments/t1/2026-03-11.sks");
	CHECK_STR(told.files[3], "ledger/consent.log");
	CHECK_INT(told.last.files, 3);
	CHECK_INT(told.last.files_total, 3);
	CHECK_INT(told.last.bytes, told.last.bytes_total);
	CHECK_INT(told.last.bytes, f.bytes);
	CHECK_INT(f.open, 2);
	CHECK_INT(f.closed, 0);
	CHECK_INT(f.decoded_rows + f.roots + f.sources + f.lookups, 0);
	store_close(&store);
}

/* AC-31, for every byte and three ways of changing it. */
static void any_changed_byte_of_a_segment_is_named(void)
{
	static const uint8_t masks[] = { 0x01, 0x20, 0xff };
	struct store_dir store = a_store();
	struct record rows[4];
	size_t size, missed = 0, unnamed = 0;
	uint8_t *bytes;
	char name[64];
	int fd;

	for (unsigned int i = 0; i < 4; i++)
		rows[i] = plain_row(DAY_NS + i, i);
	add_journal(&store, rows, 3, name);
	seal(&store);
	add_journal(&store, rows + 3, 1, name);
	seal(&store);
	bytes = read_file(store.segments, "t1/2026-03-10.sks", &size);
	fd = openat(store.segments, "t1/2026-03-10.sks", O_RDWR | O_CLOEXEC);
	REQUIRE(fd >= 0);
	CHECK_INT(run(&store).bad, 0);
	for (size_t at = 0; at < size; at++)
		for (size_t m = 0; m < ARRAY_SIZE(masks); m++) {
			uint8_t changed = bytes[at] ^ masks[m];
			struct verify_facts f;

			REQUIRE(pwrite(fd, &changed, 1, (off_t)at) == 1);
			f = run(&store);
			CHECK_ROW(f.bad > 0, "byte %zu ^ %#x of %zu: not noticed, %llu torn", at, masks[m],
				  size, (unsigned long long)f.torn);
			missed += f.bad == 0;
			unnamed += f.bad &&
				   strncmp(f.first_bad.text, "segments/t1/2026-03-10.sks", 26) != 0;
			REQUIRE(pwrite(fd, &bytes[at], 1, (off_t)at) == 1);
		}
	CHECK_INT(missed, 0);
	CHECK_INT(unnamed, 0);
	CHECK_INT(run(&store).bad, 0);
	close(fd);
	free(bytes);
	store_close(&store);
}

static void the_first_bad_offset(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1) };
	struct verify_facts f;
	char name[64], want[200];
	uint8_t *bytes;
	size_t size, second;

	add_journal(&store, rows, 1, name);
	seal(&store);
	second = (size_t)size_of(store.segments, "t1/2026-03-10.sks");
	add_journal(&store, rows + 1, 1, name);
	seal(&store);
	bytes = read_file(store.segments, "t1/2026-03-10.sks", &size);
	bytes[second + SECTION_PREFIX_BYTES] ^= 1;
	write_file(store.segments, "t1/2026-03-10.sks", bytes, size);
	f = run(&store);
	CHECK_INT(f.bad, 1);
	CHECK_INT(f.sections, 1);
	snprintf(want, sizeof(want), "segments/t1/2026-03-10.sks offset %zu: section fails its checksum",
		 second);
	CHECK_STR(f.first_bad.text, want);
	bytes[second + SECTION_PREFIX_BYTES] ^= 1;
	bytes[second - 1] ^= 1; /* the last block of the first section */
	write_file(store.segments, "t1/2026-03-10.sks", bytes, size);
	f = run(&store);
	CHECK_INT(f.bad, 1);
	CHECK_INT(f.sections, 2);
	CHECK(strstr(f.first_bad.text, ": block fails its checksum") != NULL);
	free(bytes);

	add_journal(&store, rows, 2, name);
	bytes = read_file(store.journal, name, &size);
	bytes[size - 1] ^= 1;
	write_file(store.journal, name, bytes, size);
	f = run(&store);
	CHECK_INT(f.bad, 2);
	CHECK_INT(f.journal_rows, 0);
	snprintf(want, sizeof(want), "journal/%s offset ", name);
	CHECK(strncmp(f.first_bad.text, want, strlen(want)) == 0);
	CHECK(strstr(f.first_bad.text, ": frame fails its checksum") != NULL);
	bytes[0] ^= 1;
	write_file(store.journal, name, bytes, size);
	f = run(&store);
	CHECK_INT(f.bad, 2);
	snprintf(want, sizeof(want), "journal/%s: not a journal (offset 0)", name);
	CHECK_STR(f.first_bad.text, want);
	free(bytes);
	store_close(&store);
}

static void a_segment_of_another_tenant_is_bad(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS, 0);
	struct verify_facts f;
	char name[64];

	add_journal(&store, &row, 1, name);
	seal(&store);
	CHECK_INT(renameat(store.segments, "t1", store.segments, "t2"), 0);
	f = run(&store);
	CHECK_INT(f.bad, 1);
	CHECK_STR(f.first_bad.text,
		  "segments/t2/2026-03-10.sks offset 72: names another tenant than its directory");
	store_close(&store);
}

/* AC-32 in part: a segment that lies under another day's name is not where it belongs. */
static void a_segment_of_another_day_is_bad(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS, 0);
	struct verify_facts f;
	char name[64];

	add_journal(&store, &row, 1, name);
	seal(&store);
	CHECK_INT(renameat(store.segments, "t1/2026-03-10.sks", store.segments, "t1/2026-03-11.sks"), 0);
	f = run(&store);
	CHECK_INT(f.bad, 1);
	CHECK(strncmp(f.first_bad.text, "segments/t1/2026-03-11.sks", 26) == 0);
	store_close(&store);
}

/* AC-13 and AC-33: what power loss leaves is told apart from damage. */
static void torn_ends_are_no_damage(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1) };
	struct verify_facts f;
	char name[64];
	uint8_t *bytes;
	size_t size;

	add_journal(&store, rows, 1, name);
	seal(&store);
	bytes = read_file(store.segments, "t1/2026-03-10.sks", &size);
	write_file(store.segments, "t1/2026-03-10.sks", bytes, size - 1);
	free(bytes);
	add_journal(&store, rows + 1, 1, name);
	bytes = read_file(store.journal, name, &size);
	write_file(store.journal, name, bytes, size - 1);
	free(bytes);
	write_file(store.ledger, CONSENT_FILE, "{\"seq\":", 7);
	f = run(&store);
	CHECK_INT(f.torn, 3);
	CHECK(strncmp(f.first_torn.text, "journal/", 8) == 0 && strstr(f.first_torn.text, " offset "));
	CHECK_INT(f.bad, 0);
	CHECK_INT(f.sections, 0);
	CHECK_INT(f.journal_rows, 0);
	CHECK_STR(f.first_bad.text, "");
	write_file(store.ledger, CONSENT_FILE, "{\"seq\":\n", 8);
	f = run(&store);
	CHECK_INT(f.bad, 1);
	CHECK_STR(f.first_bad.text, "ledger/consent.log line 1: not a JSON object");
	store_close(&store);
}

/* What sealing set aside and wrote again is accounted for: nothing is lost, nothing is damaged. */
static void a_section_that_was_sealed_again_is_no_damage(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS, 0);
	struct verify_facts f;
	char name[64];
	uint8_t *journal, *segment;
	size_t journal_bytes, size;

	add_journal(&store, &row, 1, name);
	journal = read_file(store.journal, name, &journal_bytes);
	seal(&store);
	segment = read_file(store.segments, "t1/2026-03-10.sks", &size);
	segment[size - 1] ^= 1; /* power loss: the header reached the disk, the blocks did not */
	write_file(store.segments, "t1/2026-03-10.sks", segment, size);
	CHECK_INT(run(&store).bad, 1);
	write_file(store.journal, name, journal, journal_bytes);
	seal(&store);
	f = run(&store);
	CHECK_ROW(f.bad == 0, "%s", f.first_bad.text);
	free(journal);
	free(segment);
	store_close(&store);
}

static void other_versions_are_bad(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS, 0);
	struct verify_facts f;
	char name[64];
	uint8_t *bytes;
	size_t size;

	add_journal(&store, &row, 1, name);
	seal(&store);
	bytes = read_file(store.segments, "t1/2026-03-10.sks", &size);
	bytes[SEGMENT_AT_VERSION] = 3;
	fix_segment_header(bytes);
	write_file(store.segments, "t1/2026-03-10.sks", bytes, size);
	f = run(&store);
	CHECK_INT(f.bad, 1);
	CHECK_STR(f.first_bad.text,
		  "segments/t1/2026-03-10.sks: version 3, flags 0; this program reads version 1");
	free(bytes);
	store_close(&store);
}

static void a_store_that_cannot_be_read_is_an_error(void)
{
	struct store_dir store = a_store(), broken = store;
	struct verify_facts f;
	struct problem p;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct verify_request request = { .full = false };

	broken.journal = fd;
	CHECK_INT(verify_run(&broken, &request, &f, &p), -ENOTDIR);
	CHECK_STR(p.text, "cannot list the store: Not a directory");
	CHECK_INT(mkdirat(store.ledger, CONSENT_FILE, 0700), 0);
	CHECK_INT(verify_run(&store, &request, &f, &p), -EISDIR);
	CHECK_STR(p.text, "cannot read ledger/consent.log: Is a directory");
	close(fd);
	store_close(&store);
}

/* One thing is wrong, and this is how it is named. */
static void only_bad(const struct store_dir *store, const char *want)
{
	struct verify_facts f = run(store);

	CHECK_INT(f.bad, 1);
	CHECK_ROW(strncmp(f.first_bad.text, want, strlen(want)) == 0, "%s", f.first_bad.text);
}

/* AC-32: a segment that was removed, replaced by an older copy, cut at a section, or that nobody sealed. */
static void what_custody_knows_must_be_there(void)
{
	struct store_dir store = a_store();
	struct record rows[2] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1) };
	const char *file = "t1/2026-03-10.sks";
	struct verify_facts f;
	uint8_t *older, *newer, *journal, *custody, *heads;
	size_t older_size, newer_size, journal_size, custody_size, heads_size;
	char name[64];

	add_journal(&store, rows, 1, name);
	journal = read_file(store.journal, name, &journal_size);
	seal_with_custody(&store);
	CHECK_INT(run(&store).sealed, 1);
	older = read_file(store.segments, file, &older_size);
	custody = read_file(store.ledger, "custody.log", &custody_size);
	heads = read_file(store.root, "keys/heads", &heads_size);
	/* A run that is repeated says the same again. */
	write_file(store.journal, name, journal, journal_size);
	CHECK_INT(run(&store).bad, 0);
	seal_with_custody(&store);
	f = run(&store);
	CHECK_INT(f.sealed, 1);
	CHECK_INT(f.bad, 0);
	CHECK(!f.no_custody);
	add_journal(&store, rows + 1, 1, name);
	seal_with_custody(&store);
	newer = read_file(store.segments, file, &newer_size);
	f = run(&store);
	CHECK_INT(f.sealed, 2);
	CHECK_INT(f.bad, 0);
	CHECK(newer_size > older_size);
	/* The catalog would tell as well, if it were not derived. */
	CHECK_INT(unlinkat(store.catalog, "2026-03-10.skc", 0), 0);
	write_file(store.segments, file, older, older_size);
	only_bad(&store, "segments/t1/2026-03-10.sks offset ");
	write_file(store.segments, file, newer, newer_size - 1);
	only_bad(&store, "segments/t1/2026-03-10.sks offset ");
	CHECK_INT(unlinkat(store.segments, file, 0), 0);
	f = run(&store);
	CHECK_INT(f.bad, 3); /* one of them was stated twice */
	CHECK_STR(f.first_bad.text,
		  "segments/t1/2026-03-10.sks offset 74: what was sealed is not there (ledger/custody.log line 2)");
	write_file(store.segments, file, newer, newer_size);
	CHECK_INT(run(&store).bad, 0);
	/* A section that custody does not know, and whose journal is gone. */
	write_file(store.ledger, "custody.log", custody, custody_size);
	write_file(store.root, "keys/heads", heads, heads_size);
	only_bad(&store, "segments/t1/2026-03-10.sks offset ");
	CHECK(strstr(run(&store).first_bad.text, ": custody does not know this section") != NULL);
	/* Without any custody it cannot be told. */
	forget_custody(&store);
	f = run(&store);
	CHECK(f.no_custody && !f.bad);
	free(older);
	free(newer);
	free(journal);
	free(custody);
	free(heads);
	store_close(&store);
}

/* Sealing that cannot write its custody leaves the journal. */
static void no_custody_no_sealing(void)
{
	struct store_dir store = a_store();
	struct record row = plain_row(DAY_NS, 0);
	struct seal_result result = { 0 };
	struct problem p = { "" };
	char name[64];

	add_journal(&store, &row, 1, name);
	CHECK_INT(mkdirat(store.ledger, "custody.log", 0700), 0);
	CHECK_INT(seal_all(&store, NULL, &result, &p), -EISDIR);
	CHECK_INT(count_files(store.journal, ".skj"), 1);
	CHECK_INT(unlinkat(store.ledger, "custody.log", AT_REMOVEDIR), 0);
	CHECK_INT(seal_all(&store, NULL, &result, &p), 0);
	CHECK_INT(count_files(store.journal, ".skj"), 0);
	CHECK_INT(run(&store).sealed, 1);
	CHECK_INT(run(&store).bad, 0);
	store_close(&store);
}

UNIT_SUITE(verify, TEST(what_custody_knows_must_be_there), TEST(no_custody_no_sealing), TEST(an_empty_store_is_fine), TEST(counts),
	   TEST(any_changed_byte_of_a_segment_is_named), TEST(the_first_bad_offset),
	   TEST(a_segment_of_another_tenant_is_bad), TEST(a_segment_of_another_day_is_bad),
	   TEST(torn_ends_are_no_damage), TEST(a_section_that_was_sealed_again_is_no_damage),
	   TEST(other_versions_are_bad), TEST(a_store_that_cannot_be_read_is_an_error));
