/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of the test's directory, for the tests of fs: by plain calls, not by what is tested. */
#include "filing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "unit.h"

void put_file(const char *name, const void *data, size_t size)
{
	int fd = openat(unit_temp_dir(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0);
	CHECK_INT(write(fd, data, size), size);
	close(fd);
}

char *get_file(const char *name, size_t *ret_size)
{
	int fd = openat(unit_temp_dir(), name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
	text = calloc(1, (size_t)st.st_size + 1);
	REQUIRE(text != NULL);
	CHECK_INT(read(fd, text, (size_t)st.st_size), st.st_size);
	close(fd);
	if (ret_size)
		*ret_size = (size_t)st.st_size;
	return text;
}

void check_file(const char *name, const char *want)
{
	char *text = get_file(name, NULL);

	CHECK_STR(text, want);
	free(text);
}

int count_entries(void)
{
	DIR *dir = opendir(unit_temp_path());
	int n = -2; /* "." and ".." */

	REQUIRE(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

unsigned int mode_of(const char *name)
{
	struct stat st = { 0 };

	CHECK(fstatat(unit_temp_dir(), name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return st.st_mode & 07777;
}

int wait_for(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}
