// SPDX-License-Identifier: BSD-2-Clause
/* Whole files that appear in one step: data first, then their name. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>
#include "fs.h"

#define FILE_MODE 0600

int fs_create_temporary(int dir_fd, char ret_name[static FS_TEMPORARY_MAX])
{
	uint64_t random;
	int fd, error;

	/* Random, so that what a power loss left behind is never in the way. */
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	snprintf(ret_name, FS_TEMPORARY_MAX, ".publish-%016" PRIx64 ".tmp", random);
	fd = openat(dir_fd, ret_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return -errno;
	error = fs_give(dir_fd, fd);
	if (!error)
		return fd;
	(void)unlinkat(dir_fd, ret_name, 0);
	close(fd);
	return error;
}

static int write_temporary(int dir_fd, char name[static FS_TEMPORARY_MAX], const void *data, size_t size)
{
	int fd = fs_create_temporary(dir_fd, name);
	int r;

	if (fd < 0)
		return fd;
	r = fs_write_all(fd, data, size);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir_fd, name, 0);
	return r;
}

/* flags: RENAME_NOREPLACE or 0. The bytes are durable before the name leads to them. */
static int publish(int dir_fd, const char *name, const void *data, size_t size, unsigned int flags)
{
	char temporary[FS_TEMPORARY_MAX];
	int r;

	if (!fs_is_plain_name(name))
		return -EINVAL;
	r = write_temporary(dir_fd, temporary, data, size);
	if (r < 0)
		return r;
	if (renameat2(dir_fd, temporary, dir_fd, name, flags) < 0) {
		r = -errno;
		(void)unlinkat(dir_fd, temporary, 0);
		return r;
	}
	return 0;
}

int fs_publish(int dir_fd, const char *name, const void *data, size_t size)
{
	int r = publish(dir_fd, name, data, size, RENAME_NOREPLACE);

	if (r < 0)
		return r;
	r = fs_sync_dir(dir_fd, ".");
	if (r < 0)
		(void)unlinkat(dir_fd, name, 0);
	return r;
}

int fs_replace(int dir_fd, const char *name, const void *data, size_t size)
{
	int r = publish(dir_fd, name, data, size, 0);

	return r < 0 ? r : fs_sync_dir(dir_fd, ".");
}

int fs_append_durably(int dir_fd, const char *name, uint64_t size, const void *data, size_t bytes)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	int error;

	if (fd < 0)
		return -errno;
	error = fs_write_all(fd, data, bytes);
	if (!error && fdatasync(fd) < 0)
		error = -errno;
	if (error)
		(void)!ftruncate(fd, (off_t)size);
	close(fd);
	return error;
}
