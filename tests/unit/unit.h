/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The unit tests' harness, a thin layer over CUnit. A test file has static
 * functions `static void NAME(void)` and ends in one table:
 *
 *	UNIT_SUITE(addr, TEST(parses_v4), TEST(refuses_octal));
 *
 * A function that is missing there does not compile (-Wunused-function), a suite
 * that is missing in unit_main.c makes the run fail, and so does a test without
 * a single check or one that leaves descriptors open.
 */
#ifndef SEKISHO_UNIT_H
#define SEKISHO_UNIT_H

#include <stdbool.h>
#include <CUnit/CUnit.h>

/* The name that is printed is the function's name. */
#define TEST(fn) { #fn, fn }

#define UNIT_SUITE(name, ...)                                                                     \
	extern CU_TestInfo unit_tests_##name[];                                                   \
	CU_TestInfo unit_tests_##name[] = { __VA_ARGS__, CU_TEST_INFO_NULL };                     \
	static const char *const unit_linked_##name                                               \
		__attribute__((section("unit_suites"), used)) = #name

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Goes on after a failure. */
#define CHECK(cond) unit_check((cond), __LINE__, __FILE__, false, "%s", #cond)
/* The same in a loop over a table: says which row it was. */
#define CHECK_ROW(cond, fmt, ...)                                                                 \
	unit_check((cond), __LINE__, __FILE__, false, "%s [" fmt "]", #cond, __VA_ARGS__)
/* Ends the test on failure, for what the rest builds upon. */
#define REQUIRE(cond) unit_check((cond), __LINE__, __FILE__, true, "%s", #cond)
/* Show both values. */
#define CHECK_INT(got, want)                                                                      \
	unit_check_int((long long)(got), (long long)(want), __LINE__, __FILE__, #got)
#define CHECK_STR(got, want) unit_check_str((got), (want), __LINE__, __FILE__, #got)
/* Ends the test: what it needs is not there. Counted, and the reason is printed. */
#define SKIP(...)                                                                                 \
	do {                                                                                      \
		unit_skip(__VA_ARGS__);                                                           \
		return;                                                                           \
	} while (0)

void unit_check(bool ok, int line, const char *file, bool fatal, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void unit_check_int(long long got, long long want, int line, const char *file, const char *expr);
void unit_check_str(const char *got, const char *want, int line, const char *file,
		    const char *expr);
void unit_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* An empty directory of this test's own (always the same one within a test); removed after it. */
int unit_temp_dir(void);
const char *unit_temp_path(void);

#endif
