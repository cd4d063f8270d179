/* SPDX-License-Identifier: BSD-2-Clause */
/* State directories: made private (AC-38), and never made by those who only read. */
#include "base/store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "unit.h"

static const char *const parts[] = { "journal", "segments", "ledger" };

static void created_private(void)
{
	char path[200];
	struct store_dir s;
	struct problem p;
	mode_t old = umask(0);

	snprintf(path, sizeof(path), "%s/a/store", unit_temp_path());
	CHECK_INT(store_open(path, 1, &s, &p), 0);
	umask(old);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		CHECK_INT(mode_of_file(s.root, parts[i]), 0700);
	CHECK_INT(mode_of_file(unit_temp_dir(), "a/store"), 0700);
	CHECK(s.journal >= 0 && s.segments >= 0 && s.ledger >= 0);
	CHECK(fcntl(s.ledger, F_GETFD) & FD_CLOEXEC);
	store_close(&s);
	CHECK(s.root == -1 && s.journal == -1 && s.segments == -1 && s.ledger == -1);
	store_close(&s);
	CHECK_INT(store_open(path, 0, &s, &p), 0);
	store_close(&s);
	CHECK_INT(store_open(path, 1, &s, &p), 0);
	store_close(&s);
}

static void a_missing_directory_is_named(void)
{
	char path[200], want[320];
	struct store_dir s;
	struct problem p;

	snprintf(path, sizeof(path), "%s/none", unit_temp_path());
	snprintf(want, sizeof(want), "cannot open state directory %s: No such file or directory", path);
	CHECK_INT(store_open(path, 0, &s, &p), -ENOENT);
	CHECK_STR(p.text, want);
	CHECK_INT(size_of(unit_temp_dir(), "none"), -1);
}

static void a_missing_part_is_named(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct store_dir s = a_store();
		struct problem p;
		char want[320];

		REQUIRE(unlinkat(s.root, parts[i], AT_REMOVEDIR) == 0);
		store_close(&s);
		CHECK_INT(store_open(unit_temp_path(), 0, &s, &p), -ENOENT);
		snprintf(want, sizeof(want), "cannot open %s/%s: not there; is this a sekisho store?",
			 unit_temp_path(), parts[i]);
		CHECK_STR(p.text, want);
		CHECK_INT(size_of(unit_temp_dir(), parts[i]), -1);
		s = a_store(); /* made when it may be */
		CHECK(size_of(s.root, parts[i]) >= 0);
		store_close(&s);
	}
}

static void a_file_in_the_way_is_an_error(void)
{
	struct store_dir s;
	struct problem p;

	write_file(unit_temp_dir(), "ledger", "", 0);
	CHECK_INT(store_open(unit_temp_path(), 1, &s, &p), -ENOTDIR);
	CHECK(strstr(p.text, "/ledger: Not a directory") != NULL);
}

UNIT_SUITE(store_dir, TEST(created_private), TEST(a_missing_directory_is_named),
	   TEST(a_missing_part_is_named), TEST(a_file_in_the_way_is_an_error));
