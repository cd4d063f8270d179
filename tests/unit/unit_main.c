/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the unit tests: all suites, or those named on the command line. One line
 * for each test, and the counts as the last line.
 */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line for each tests/unit/test_NAME.c. */
#define SUITES(X)         \
	X(access)         \
	X(addr)           \
	X(anchor)         \
	X(answer)         \
	X(array)          \
	X(ask)            \
	X(block)          \
	X(canary_watch)   \
	X(cases)          \
	X(catalog)        \
	X(catalog_add)    \
	X(catalog_filter) \
	X(catalog_full)   \
	X(chrony)         \
	X(clock_piece)    \
	X(cmdline)        \
	X(conf)           \
	X(conf_print)     \
	X(consent)        \
	X(consent_acts)   \
	X(consent_changes) \
	X(consent_ledger) \
	X(consent_text)   \
	X(cursor)         \
	X(custody_files)  \
	X(day_closer)     \
	X(event)          \
	X(fs)             \
	X(fs_append)      \
	X(gap)            \
	X(holds)          \
	X(import)         \
	X(import_line)    \
	X(intake)         \
	X(journal)        \
	X(journal_forged) \
	X(journal_reader) \
	X(head_sender)    \
	X(sandbox)        \
	X(ledger)         \
	X(ledger_cut_off) \
	X(ledger_tampered) \
	X(link)           \
	X(opens)          \
	X(parse)          \
	X(passive_opens)  \
	X(places)         \
	X(plan)           \
	X(port_set)       \
	X(problem)        \
	X(query)          \
	X(questions)      \
	X(reasons)        \
	X(record)         \
	X(reconcile)      \
	X(recovery)       \
	X(retention)      \
	X(retention_clock) \
	X(retention_damage) \
	X(retention_erasure) \
	X(ring)           \
	X(shares)         \
	X(room)           \
	X(roster)         \
	X(rung)           \
	X(witness)        \
	X(scan)           \
	X(seal)           \
	X(seal_damage)    \
	X(seal_gaps)      \
	X(seal_interrupted) \
	X(section_lies)   \
	X(sealer)         \
	X(search)         \
	X(search_clock)   \
	X(search_damage)  \
	X(search_gaps)    \
	X(merkle)         \
	X(message)        \
	X(quota)          \
	X(registrar)      \
	X(registrar_limits) \
	X(answers)        \
	X(roles)          \
	X(coding)         \
	X(segment)        \
	X(segment_append) \
	X(section_size)   \
	X(segment_batch)  \
	X(segment_reader) \
	X(selector)       \
	X(spool)          \
	X(store_dir)      \
	X(syncer)         \
	X(text)           \
	X(time_space)     \
	X(utc)            \
	X(verify)         \
	X(verify_consent) \
	X(verify_full)    \
	X(wire) X(worker)

#define DECLARE(name) extern CU_TestInfo unit_tests_##name[];
SUITES(DECLARE)

#define ROW(name) { #name, NULL, NULL, NULL, NULL, unit_tests_##name },
static CU_SuiteInfo suites[] = { SUITES(ROW) };

/* What UNIT_SUITE() left in the program, listed above or not (bounds made by the linker). */
extern const char *const __start_unit_suites[], *const __stop_unit_suites[];

static struct {
	unsigned int passed, failed, skipped;
	/* of the test that runs */
	unsigned int asserts_before;
	int descriptors_before;
	bool skip;
	char skip_reason[200];
	int dir_fd; /* -1: none */
	char dir_path[128];
} state = { .dir_fd = -1 };

void unit_check(bool ok, int line, const char *file, bool fatal, const char *fmt, ...)
{
	char text[1000];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	CU_assertImplementation(ok, (unsigned int)line, text, file, "", fatal);
}

void unit_check_int(long long got, long long want, int line, const char *file, const char *expr)
{
	unit_check(got == want, line, file, false, "%s is %lld (0x%llx), expected %lld", expr, got,
		   (unsigned long long)got, want);
}

void unit_check_str(const char *got, const char *want, int line, const char *file,
		    const char *expr)
{
	bool ok = got && want ? strcmp(got, want) == 0 : got == want;

	unit_check(ok, line, file, false, "%s is \"%s\", expected \"%s\"", expr,
		   got ? got : "(null)", want ? want : "(null)");
}

void unit_skip(const char *fmt, ...)
{
	va_list args;

	state.skip = true;
	va_start(args, fmt);
	vsnprintf(state.skip_reason, sizeof(state.skip_reason), fmt, args);
	va_end(args);
}

int unit_temp_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (state.dir_fd >= 0)
		return state.dir_fd;
	snprintf(state.dir_path, sizeof(state.dir_path), "%s/sekisho-unit-XXXXXX", tmp ? tmp : "/tmp");
	if (mkdtemp(state.dir_path))
		state.dir_fd = open(state.dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(state.dir_fd >= 0);
	return state.dir_fd;
}

const char *unit_temp_path(void)
{
	(void)unit_temp_dir();
	return state.dir_path;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void remove_temp_dir(void)
{
	if (state.dir_fd < 0)
		return;
	close(state.dir_fd);
	state.dir_fd = -1;
	(void)nftw(state.dir_path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

static void on_start(const CU_pTest test, const CU_pSuite suite)
{
	(void)test, (void)suite;
	state.skip = false;
	state.asserts_before = CU_get_number_of_asserts();
	state.descriptors_before = count_descriptors();
}

static void print_failures(const struct CU_FailureRecord *f)
{
	for (; f; f = f->pNext)
		printf("    %s:%u: %s\n", f->strFileName ? f->strFileName : "?", f->uiLineNumber,
		       f->strCondition ? f->strCondition : "?");
}

/* What is wrong with a test whose checks all held; NULL if nothing. */
static const char *find_fault(void)
{
	if (CU_get_number_of_asserts() == state.asserts_before)
		return "no check was made";
	if (count_descriptors() != state.descriptors_before)
		return "descriptors were left open (or closed)";
	return NULL;
}

static void on_complete(const CU_pTest test, const CU_pSuite suite,
			const CU_pFailureRecord failures)
{
	const char *fault;

	remove_temp_dir();
	fault = failures || state.skip ? NULL : find_fault();
	if (failures || fault) {
		state.failed++;
		printf("FAIL %s.%s\n", suite->pName, test->pName);
		print_failures(failures);
		if (fault)
			printf("    %s\n", fault);
	} else if (state.skip) {
		state.skipped++;
		printf("SKIP %s.%s: %s\n", suite->pName, test->pName, state.skip_reason);
	} else {
		state.passed++;
		printf("PASS %s.%s\n", suite->pName, test->pName);
	}
}

static CU_SuiteInfo *find_suite(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		if (strcmp(suites[i].pName, name) == 0)
			return &suites[i];
	return NULL;
}

static bool every_suite_is_listed(void)
{
	bool ok = true;

	for (const char *const *name = __start_unit_suites; name < __stop_unit_suites; name++) {
		if (!find_suite(*name)) {
			printf("FAIL suite \"%s\" is missing in unit_main.c\n", *name);
			ok = false;
		}
	}
	return ok;
}

static bool register_suite(const char *name)
{
	CU_SuiteInfo chosen[] = { { 0 }, CU_SUITE_INFO_NULL };
	CU_SuiteInfo *suite = find_suite(name);

	if (!suite) {
		printf("FAIL there is no suite \"%s\"\n", name);
		return false;
	}
	chosen[0] = *suite;
	if (CU_register_suites(chosen) != CUE_SUCCESS) {
		printf("FAIL suite \"%s\": %s\n", name, CU_get_error_msg());
		return false;
	}
	return true;
}

static bool register_suites(int argc, char **argv)
{
	bool ok = every_suite_is_listed();

	for (int i = 1; i < argc; i++)
		ok = register_suite(argv[i]) && ok;
	for (size_t i = 0; argc < 2 && i < ARRAY_SIZE(suites); i++)
		ok = register_suite(suites[i].pName) && ok;
	return ok;
}

/* Read by AddressSanitizer: tests that ask for too much memory want NULL, as without it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

int main(int argc, char **argv)
{
	bool ok;

	setvbuf(stdout, NULL, _IOLBF, 0); /* kept in a crash, not repeated by a fork */
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	ok = register_suites(argc, argv);
	CU_set_test_start_handler(on_start);
	CU_set_test_complete_handler(on_complete);
	if (ok && CU_run_all_tests() != CUE_SUCCESS)
		ok = false;
	ok = ok && state.failed == 0 && state.passed > 0;
	CU_cleanup_registry();
	printf("%u passed, %u failed, %u skipped\n", state.passed, state.failed, state.skipped);
	return ok ? 0 : 1;
}
