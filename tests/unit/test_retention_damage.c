// SPDX-License-Identifier: BSD-2-Clause
/* Retention in a store that is damaged, or where a run was cut off: what is due still goes, and nothing else. */
#include "retention/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "catalog/catalog.h"
#include "retaining.h"
#include "seal/leave_out.h"
#include "unit.h"

/* Flips a bit in the middle of a file. */
static void flip(int dir, const char *name)
{
	size_t size;
	uint8_t *data = read_file(dir, name, &size);

	data[size / 2] ^= 1;
	write_file(dir, name, data, size);
	free(data);
}

/* Fail closed: who cannot read holds or consents deletes nothing. */
static void a_damaged_ledger_deletes_nothing(void)
{
	static const char *const files[] = { "custody.log", "consent.log" };
	struct store_dir store = a_sealed_store_then(ERASED);
	struct retention_result r;
	struct problem p;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		flip(store.ledger, files[i]);
		CHECK_ROW(try_retain(&store, true, DUE_30 + 500 * NS_PER_DAY, &r, &p) == -EBADMSG, "%s", files[i]);
		CHECK_ROW(strstr(p.text, files[i]) != NULL, "%s", p.text);
		CHECK_INT(r.files, 0);
		/* Nothing is left out of a journal either. */
		if (i == 0) {
			struct leave_out l;

			leave_out_open(&store, &l);
			CHECK(leave_out_before(&l, "t1", DAY_NUMBER) == INT64_MIN);
			leave_out_close(&l);
		}
		flip(store.ledger, files[i]);
	}
	CHECK_INT(count_files(store.ledger, ".log"), 2);
	CHECK(is_there(&store, PART_1));
	/* Positive control. */
	CHECK_INT(retain(&store, DUE_30 + 500 * NS_PER_DAY).files, 4);
	store_close(&store);
}

/* Killed behind the tombstone: verify tells, the next run finishes without another line. */
static void a_tombstone_without_its_act_is_finished(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct verify_facts facts;
	struct retention_result r;
	size_t size;
	uint8_t *data = read_file(store.segments, PART_1, &size);

	CHECK_INT(retain(&store, DUE_30).files, 1);
	write_file(store.segments, PART_1, data, size);
	CHECK_INT(catalog_drop(&store, DAY_NUMBER), 0);
	facts = verify_store(&store);
	CHECK_INT(facts.bad, 1);
	CHECK_ROW(strstr(facts.first_bad.text, "was deleted, and is there") != NULL, "%s", facts.first_bad.text);
	r = retain(&store, DUE_30);
	CHECK_INT(r.files, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(tombstones(&store).lines, 1);
	CHECK_INT(listed(&store, DAY_NUMBER, "t2"), 1);
	CHECK_INT(verify_store(&store).bad, 0);
	/* A hold that was set in between keeps it, and that is no damage. */
	CHECK_INT(mkdirat(store.segments, "t1", 0700) == 0 || errno == EEXIST, 1);
	write_file(store.segments, PART_1, data, size);
	CHECK_INT(catalog_drop(&store, DAY_NUMBER), 0);
	set_hold(&store, "t1", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	CHECK_INT(retain(&store, DUE_30).held_days, 1);
	CHECK(is_there(&store, PART_1));
	CHECK_INT(verify_store(&store).bad, 0);
	free(data);
	store_close(&store);
}

/* What no reader understands goes with its day, and what a killed run did not publish. */
static void damaged_and_unpublished_files_go_too(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct seen s;
	size_t size;
	uint8_t *data = read_file(store.segments, PART_1, &size);

	data[30] ^= 1; /* in the header: no file id */
	write_file(store.segments, PART_1, data, size);
	write_file(store.segments, "t1/.publish-1-2.tmp", data, size);
	free(data);
	CHECK(verify_store(&store).bad > 0);
	CHECK_INT(retain(&store, DUE_30 + NS_PER_DAY).files, 2);
	CHECK(!is_there(&store, "t1"));
	s = tombstones(&store);
	CHECK_INT(s.lines, 2);
	CHECK_INT(verify_store(&store).bad, 0);
	store_close(&store);
}

/* Another tenant's damaged segment must not be hidden by a catalog: the day does without one. */
static void a_day_that_cannot_have_a_catalog_goes_without(void)
{
	struct store_dir store = a_sealed_store(GRANTS);

	flip(store.segments, "t2/2026-03-10.sks");
	CHECK_INT(retain(&store, DUE_30).files, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(listed(&store, DAY_NUMBER, "t1"), -1);
	store_close(&store);
}

/* A file that nobody can even look at is told of, and keeps nothing else. */
static void one_failure_keeps_nothing_else(void)
{
	struct store_dir store = a_sealed_store(GRANTS);
	struct retention_result r;
	struct problem p;
	int aside = fs_open_dir(store.journal, "damaged", 1), big;

	REQUIRE(aside >= 0);
	big = openat(aside, "1.skj", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	REQUIRE(big >= 0 && ftruncate(big, INT64_C(1) << 40) == 0);
	close(big);
	CHECK(try_retain(&store, true, DUE_30, &r, &p) < 0);
	CHECK_ROW(strstr(p.text, "1.skj") != NULL, "%s", p.text);
	CHECK_INT(r.files, 1);
	CHECK(!is_there(&store, PART_1));
	CHECK_INT(count_files(aside, ".skj"), 1);
	close(aside);
	store_close(&store);
}

/* A journal that was set aside has the rows as well: it goes when the first of its tenants has a right to that. */
static void journals_that_were_set_aside_go_too(void)
{
	struct store_dir store = a_store();
	struct retention_result r;
	struct problem p;
	char name[64];
	int aside;

	put_consents(&store, GRANTS);
	add_rows(&store, DAY_NS + HOUR);
	only_name(store.journal, ".skj", name);
	aside = fs_open_dir(store.journal, "damaged", 1);
	REQUIRE(aside >= 0);
	CHECK_INT(renameat(store.journal, name, aside, name), 0);
	/* The journal spoke of no more than that day. */
	CHECK_INT(retain(&store, DUE_30 - 1).files, 0);
	CHECK_INT(try_retain(&store, false, DUE_30, &r, &p), 0);
	CHECK_INT(count_files(aside, ".skj"), 1);
	set_hold(&store, "t2", DAY_NUMBER, DAY_NUMBER, utc_now_ns() + NS_PER_DAY);
	CHECK_INT(retain(&store, DUE_30).files, 0);
	release_hold(&store);
	set_hold(&store, "t2", DAY_NUMBER + 2, DAY_NUMBER + 2, utc_now_ns() + NS_PER_DAY);
	r = retain(&store, DUE_30);
	CHECK_INT(r.files, 1);
	CHECK(r.bytes > 0);
	CHECK_INT(count_files(aside, ".skj"), 0);
	release_hold(&store);
	/* Erasure; and one that nobody can read, by its age. */
	add_rows(&store, DAY_NS + HOUR);
	only_name(store.journal, ".skj", name);
	CHECK_INT(renameat(store.journal, name, aside, name), 0);
	write_file(aside, "x.skj", "nonsense", 8);
	put_consents(&store, ERASED);
	CHECK_INT(try_retain(&store, false, 0, &r, &p), 0);
	CHECK_INT(r.files, 1);
	CHECK_INT(retain(&store, utc_now_ns() + 180 * NS_PER_DAY - NS_PER_DAY).files, 0);
	CHECK_INT(retain(&store, utc_now_ns() + 181 * NS_PER_DAY).files, 1);
	CHECK_INT(count_files(aside, ".skj"), 0);
	CHECK_INT(verify_store(&store).bad, 0);
	close(aside);
	store_close(&store);
}

UNIT_SUITE(retention_damage, TEST(a_damaged_ledger_deletes_nothing), TEST(a_tombstone_without_its_act_is_finished),
	   TEST(damaged_and_unpublished_files_go_too), TEST(a_day_that_cannot_have_a_catalog_goes_without),
	   TEST(one_failure_keeps_nothing_else), TEST(journals_that_were_set_aside_go_too));
