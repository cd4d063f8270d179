// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs the proof tests: all groups, or those named on the command line. One line
 * for each test, and the counts as the last line.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "proof.h"

#define FAILURES_SHOWN 10
#define SAMPLE_TIMES 20

static const struct {
	const char *name;
	const struct proof_test *tests;
} groups[] = {
	{ "damage", damage_tests },
	{ "moved", moved_tests },
	{ "faults", fault_tests },
	{ "full", full_tests },
	{ "erase", erase_tests },
	{ "ledger_faults", ledger_fault_tests },
};

static struct {
	unsigned int passed, failed, skipped;
	/* of the test that runs */
	unsigned int checks, failures;
	bool skip;
	char skip_reason[200];
	jmp_buf end;
	int dir_fd;
	char dir_path[PATH_MAX];
} state = { .dir_fd = -1 };

void unit_check(bool ok, int line, const char *file, bool fatal, const char *fmt, ...)
{
	char text[1000];
	va_list args;

	state.checks++;
	if (ok)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (state.failures++ < FAILURES_SHOWN)
		printf("    %s:%d: %s\n", file, line, text);
	if (fatal)
		longjmp(state.end, 1);
}

void unit_check_int(long long got, long long want, int line, const char *file, const char *expr)
{
	unit_check(got == want, line, file, false, "%s is %lld, expected %lld", expr, got, want);
}

void unit_check_str(const char *got, const char *want, int line, const char *file, const char *expr)
{
	unit_check(got && want && strcmp(got, want) == 0, line, file, false,
		   "%s is \"%s\", expected \"%s\"", expr, got ? got : "(null)",
		   want ? want : "(null)");
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
	snprintf(state.dir_path, sizeof(state.dir_path), "%s/sekisho-proof-XXXXXX",
		 tmp ? tmp : "/tmp");
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

unsigned int proof_stride(unsigned int usual)
{
	const char *how = getenv("SEKISHO_PROOF");

	if (how && strcmp(how, "all") == 0)
		return 1;
	return how && strcmp(how, "sample") == 0 ? usual * SAMPLE_TIMES + 1 : usual;
}

const char *proof_beside(const char *name)
{
	static char path[PATH_MAX];
	char self[PATH_MAX] = "";

	REQUIRE(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	REQUIRE(snprintf(path, sizeof(path), "%s/%s", dirname(self), name) < (int)sizeof(path));
	return path;
}

void proof_path(char path[static PATH_MAX], const char *below)
{
	REQUIRE(snprintf(path, PATH_MAX, "%s/%s", unit_temp_path(), below) < PATH_MAX);
}

static const char *copy_from, *copy_to;

static int copy_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char to[PATH_MAX];
	uint8_t *data;
	size_t size;

	(void)st, (void)ftw;
	snprintf(to, sizeof(to), "%s%s", copy_to, path + strlen(copy_from));
	if (type == FTW_D)
		return mkdir(to, 0700);
	data = read_file(AT_FDCWD, path, &size);
	write_file(AT_FDCWD, to, data, size);
	free(data);
	return 0;
}

void proof_copy(const char *from, const char *to)
{
	copy_from = from;
	copy_to = to;
	REQUIRE(nftw(from, copy_entry, 16, FTW_PHYS) == 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void proof_remove(const char *path)
{
	(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void run_test(const struct proof_test *test)
{
	state.checks = state.failures = 0;
	state.skip = false;
	if (!setjmp(state.end))
		test->run();
	if (state.dir_fd >= 0) {
		close(state.dir_fd);
		proof_remove(state.dir_path);
		state.dir_fd = -1;
	}
	if (state.skip) {
		state.skipped++;
		printf("SKIP %s: %s\n", test->name, state.skip_reason);
	} else if (state.failures || !state.checks) {
		state.failed++;
		printf("FAIL %s: %u of %u checks\n", test->name, state.failures, state.checks);
	} else {
		state.passed++;
		printf("PASS %s\n", test->name);
	}
}

/* Whether a group or a test was asked for. */
static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "actor") == 0)
		return actor_main(argc - 1, argv + 1);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		for (const struct proof_test *t = groups[i].tests; t->name; t++)
			if (wanted(groups[i].name, argc, argv) || wanted(t->name, argc, argv))
				run_test(t);
	printf("%u passed, %u failed, %u skipped\n", state.passed, state.failed, state.skipped);
	return state.failed || !state.passed;
}
