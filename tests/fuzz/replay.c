// SPDX-License-Identifier: BSD-2-Clause
/*
 * Runs a fuzz target over files, without libFuzzer: the kept corpus, as a test (AC-63).
 *
 *	build/fuzz_journal tests/fuzz/corpus/journal
 *
 * Prints one result as every test does. No input, or none that a row was decoded of, is a failure.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fs.h"
#include "fuzz.h"

/* The input that runs: named when it crashes. */
static char running[300];

static int run_file(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), error;
	struct stat st;
	uint8_t *data;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	data = malloc(st.st_size ? (size_t)st.st_size : 1);
	error = data ? fs_pread_all(fd, data, (size_t)st.st_size, 0) : -1;
	close(fd);
	if (!error) {
		snprintf(running, sizeof(running), "%s", name);
		fprintf(stderr, "%s\n", running);
		LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
	}
	free(data);
	return error;
}

/* How many inputs a directory, or a file, has run; -1 when one could not be read. */
static int run_path(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), inputs = 0;
	char **names;
	size_t count;

	if (dir < 0)
		return run_file(AT_FDCWD, path) ? -1 : 1;
	if (fs_list(dir, "", &names, &count))
		return -1;
	for (size_t i = 0; i < count && inputs >= 0; i++)
		inputs = run_file(dir, names[i]) ? -1 : inputs + 1;
	fs_free_names(names, count);
	close(dir);
	return inputs;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	int inputs = 0;

	for (int i = 1; i < argc; i++) {
		int n = run_path(argv[i]);

		if (n < 0) {
			printf("FAIL AC-63_%s: cannot read %s\n", name, argv[i]);
			return 1;
		}
		inputs += n;
	}
	if (!inputs || !fuzz_rows) {
		printf("FAIL AC-63_%s: %d inputs, %llu rows decoded: that proves nothing\n", name, inputs,
		       (unsigned long long)fuzz_rows);
		return 1;
	}
	printf("# %s: %d inputs, %llu rows decoded\nPASS AC-63_%s\n", name, inputs,
	       (unsigned long long)fuzz_rows, name);
	return 0;
}
