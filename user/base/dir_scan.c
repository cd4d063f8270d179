// SPDX-License-Identifier: BSD-2-Clause
/* Walking directory entries as the kernel gives them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "dir_scan.h"

#define BUFFER_BYTES 16384

static int give(const struct dirent64 *e, const char *suffix, int (*fn)(void *ctx, const char *name),
		void *ctx)
{
	size_t n = strlen(e->d_name), suffix_bytes = strlen(suffix);

	if (e->d_name[0] == '.' || n < suffix_bytes || strcmp(e->d_name + n - suffix_bytes, suffix) != 0)
		return 0;
	return fn(ctx, e->d_name);
}

static int walk(int fd, const char *suffix, int (*fn)(void *ctx, const char *name), void *ctx)
{
	_Alignas(struct dirent64) char buffer[BUFFER_BYTES];
	ssize_t n;
	int result = 0;

	while (!result && (n = getdents64(fd, buffer, sizeof(buffer))) != 0) {
		if (n < 0)
			return -errno;
		for (ssize_t at = 0; at < n && !result;) {
			const struct dirent64 *e = (const struct dirent64 *)(buffer + at);

			result = give(e, suffix, fn, ctx);
			at += e->d_reclen;
		}
	}
	return result;
}

int dir_scan(int at_fd, const char *path, const char *suffix, int (*fn)(void *ctx, const char *name),
	     void *ctx)
{
	int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), result;

	if (fd < 0)
		return -errno;
	result = walk(fd, suffix, fn, ctx);
	close(fd);
	return result;
}
