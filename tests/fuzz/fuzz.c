// SPDX-License-Identifier: BSD-2-Clause
/* Files and failures of the fuzz targets. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "fuzz.h"

uint64_t fuzz_rows;

static char dir_path[64];
static int dir_fd = -1;

void fuzz_fail(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

/* With SEKISHO_FUZZ_KEEP=DIR the files go there and stay: what another reader is to be shown. */
static const char *keep_in(void)
{
	return getenv("SEKISHO_FUZZ_KEEP");
}

static void remove_dir(void)
{
	rmdir(dir_path);
}

int fuzz_dir(void)
{
	const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	if (dir_fd >= 0)
		return dir_fd;
	if (keep_in()) {
		dir_fd = open(keep_in(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		FUZZ_ASSERT(dir_fd >= 0);
		return dir_fd;
	}
	if (getenv("TMPDIR") && strlen(getenv("TMPDIR")) < sizeof(dir_path) - 32)
		parent = getenv("TMPDIR");
	snprintf(dir_path, sizeof(dir_path), "%s/sekisho-fuzz.XXXXXX", parent);
	FUZZ_ASSERT(mkdtemp(dir_path));
	dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FUZZ_ASSERT(dir_fd >= 0);
	atexit(remove_dir);
	return dir_fd;
}

void fuzz_file(const char *name, const uint8_t *data, size_t size)
{
	int fd = openat(fuzz_dir(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	FUZZ_ASSERT(fd >= 0);
	FUZZ_ASSERT(fs_write_all(fd, data, size) == 0);
	close(fd);
}

void fuzz_file_gone(const char *name)
{
	FUZZ_ASSERT(keep_in() || unlinkat(fuzz_dir(), name, 0) == 0);
}

uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_ASSERT(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

int fuzz_twice(const uint8_t *data, size_t size, void (*check)(const uint8_t *data, size_t size),
	       void (*fix)(uint8_t *data, size_t size))
{
	uint8_t *fixed;

	if (size > FUZZ_INPUT_MAX)
		return 0;
	check(data, size);
	fixed = fuzz_copy(data, size);
	fix(fixed, size);
	check(fixed, size);
	free(fixed);
	return 0;
}
