/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealing that is interrupted anywhere and repeated: each row ends up in exactly one section (AC-33). */
#include "seal/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "sealing.h"
#include "unit.h"

static void sealing_again_changes_nothing(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = three_days(j);
	const struct gap gap = a_gap(DAY_NS + 5 * NS_PER_DAY, DAY_NS + 5 * NS_PER_DAY, 1, 1, 1);
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	char name[64];

	REQUIRE(journal_append_gaps(j, &gap, 1) == 0);
	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.sections, 7);
	for (int i = 0; i < 2; i++) {
		put_back(&store, &copy);
		CHECK_INT(seal_named(&store, name, &result), 0);
		CHECK_INT(result.sections, 0);
		CHECK_INT(result.skipped_sections, 7);
		CHECK_INT(count_files(store.journal, ""), 0);
		c = read_store(&store);
		CHECK_INT(c->sections, 7);
		CHECK_INT(c->files, 7);
		CHECK_INT(c->gaps.count, 1);
		CHECK(holds_exactly(c, rows, 1800));
		free_contents(c);
	}
	free(copy.bytes);
	free(rows);
	store_close(&store);
}

/*
 * Sealing that fails at its n-th section, for each n: a directory that stands where the segment is
 * to be. The journal stays, and the repeated run leaves each row exactly once.
 */
static void an_interruption_at_each_section_loses_nothing(void)
{
	static const char *const places[] = {
		"t1/2026-03-10.sks", "t1/2026-03-11.sks", "t1/2026-03-12.sks",
		"t2/2026-03-10.sks", "t2/2026-03-11.sks", "t2/2026-03-12.sks",
	};
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = three_days(j);
	struct copy copy;
	char name[64];

	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	for (size_t n = 0; n < ARRAY_SIZE(places); n++) {
		struct seal_result result = { 0 };
		struct problem p = { "" };
		struct contents *c;

		put_back(&store, &copy);
		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			(void)unlinkat(store.segments, places[i], 0);
		(void)mkdirat(store.segments, "t1", 0700);
		(void)mkdirat(store.segments, "t2", 0700);
		REQUIRE(mkdirat(store.segments, places[n], 0700) == 0);
		CHECK_ROW(seal_journal(&store, NULL, name, &result, &p) < 0, "%s", places[n]);
		CHECK_ROW(p.text[0] != '\0', "%s", places[n]);
		CHECK_INT(result.journals + result.rows + result.sections, 0);
		CHECK_INT(size_of(store.journal, name), copy.size);
		REQUIRE(unlinkat(store.segments, places[n], AT_REMOVEDIR) == 0);
		for (size_t i = 0; i < ARRAY_SIZE(places); i++)
			CHECK_ROW(faccessat(store.segments, places[i], F_OK, 0) < 0, "%s", places[i]);
		CHECK_INT(seal_named(&store, name, &result), 0);
		CHECK_INT(result.sections, 6); /* of the run before none was durable, so none stayed */
		CHECK_INT(result.skipped_sections, 0);
		CHECK_INT(result.rows, 1800);
		CHECK_INT(count_files(store.journal, ""), 0);
		c = read_store(&store);
		CHECK_INT(c->sections, 6);
		CHECK_ROW(holds_exactly(c, rows, 1800), "interrupted at %s", places[n]);
		free_contents(c);
	}
	free(copy.bytes);
	free(rows);
	store_close(&store);
}

/* The same with a full disk at any point, and the torn section that power loss leaves. */
static void a_torn_section_and_a_full_disk_lose_nothing(void)
{
	static const rlim_t rooms[] = { 0, 100, 127, 129, 300, 1000, 3000, 5000, 7000 };
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record *rows = three_days(j);
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	char name[64];
	size_t failed = 0, size;
	uint8_t *bytes;

	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		struct rlimit limit = disk_full_at(rooms[i]);
		struct problem p;

		memset(&result, 0, sizeof(result));
		failed += seal_journal(&store, NULL, name, &result, &p) == -EFBIG;
		disk_has_space(limit);
		CHECK_INT(size_of(store.journal, name), copy.size);
	}
	CHECK_INT(failed, ARRAY_SIZE(rooms));
	CHECK_INT(seal_named(&store, name, &result), 0);
	c = read_store(&store);
	CHECK_INT(c->files, 6);
	CHECK(holds_exactly(c, rows, 1800));
	free_contents(c);

	put_back(&store, &copy);
	bytes = read_file(store.segments, "t2/2026-03-11.sks", &size);
	write_file(store.segments, "t2/2026-03-11.sks", bytes, size - 1);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.sections, 1);
	CHECK_INT(result.skipped_sections, 5);
	CHECK(size_of(store.segments, "t2/2026-03-11.2.sks") > 0);
	c = read_store(&store);
	CHECK_INT(c->files, 7);
	CHECK(holds_exactly(c, rows, 1800));
	free_contents(c);
	free(bytes);
	free(copy.bytes);
	free(rows);
	store_close(&store);
}

/* A journal cut off by SIGKILL or power loss: its whole frames are sealed, it is no damage (AC-33). */
static void a_torn_journal_is_sealed_and_removed(void)
{
	struct store_dir store = a_store();
	struct journal *j = a_journal(store.journal);
	struct record rows[4] = { plain_row(DAY_NS, 0), plain_row(DAY_NS + 1, 1),
				  plain_row(DAY_NS + 2, 2), plain_row(DAY_NS + 3, 3) };
	struct seal_result result;
	struct contents *c;
	struct copy copy;
	char name[64];

	put_rows(j, rows, 3, 2000);
	put_rows(j, rows + 3, 1, 3000);
	end_journal(store.journal, j, name);
	copy = copy_journal(&store);
	copy.size -= 3;
	put_back(&store, &copy);
	CHECK_INT(seal_named(&store, name, &result), 0);
	CHECK_INT(result.rows, 3);
	CHECK_INT(result.damaged_bytes, 0);
	CHECK_INT(count_files(store.journal, ""), 0);
	CHECK_INT(size_of(store.journal, "damaged"), -1);
	c = read_store(&store);
	CHECK(holds_exactly(c, rows, 3));
	free_contents(c);
	free(copy.bytes);
	store_close(&store);
}

UNIT_SUITE(seal_interrupted, TEST(sealing_again_changes_nothing),
	   TEST(an_interruption_at_each_section_loses_nothing), TEST(a_torn_section_and_a_full_disk_lose_nothing),
	   TEST(a_torn_journal_is_sealed_and_removed));
