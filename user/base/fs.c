/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files and directories relative to a directory descriptor. Everything that has
 * to survive a power loss is written here: data first, then its name.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE 0600
#define DIR_MODE 0700
#define LOCK_POLL_NS 2000000
#define APPEND_WAIT_MS 10000 /* a writer that was stopped must not stop all others for good */

int fs_write_all(int fd, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

int fs_pwrite_all(int fd, const void *data, size_t size, off_t at)
{
	const uint8_t *p = data;

	while (size > 0) {
		ssize_t n = pwrite(fd, p, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

int fs_pread_all(int fd, void *data, size_t size, off_t at)
{
	uint8_t *p = data;

	while (size > 0) {
		ssize_t n = pread(fd, p, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		p += n;
		at += n;
		size -= (size_t)n;
	}
	return 0;
}

static int open_dir(int at_fd, const char *path)
{
	int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* dir_fd may be AT_FDCWD, which fsync() does not know; "." is the same directory for both. */
int fs_sync_dir(int dir_fd, const char *path)
{
	int fd = open_dir(dir_fd, path), r;

	if (fd < 0)
		return fd;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

int fs_give(int dir_fd, int fd)
{
	struct stat dir;

	if (geteuid() != 0)
		return 0;
	if (fstat(dir_fd, &dir) < 0)
		return -errno;
	return dir.st_uid == 0 || fchown(fd, dir.st_uid, dir.st_gid) == 0 ? 0 : -errno;
}

/* On failure what was made stays: whoever makes it again meets it and finds its owner. */
static int give_dir(int parent, int at_fd, const char *path)
{
	/* Not through a link that the owner of the parent put there meanwhile. */
	int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = fd < 0 ? -errno : fs_give(parent, fd);

	if (fd >= 0)
		close(fd);
	return r;
}

int fs_make_dir(int dir_fd, const char *name)
{
	return mkdirat(dir_fd, name, DIR_MODE) < 0 ? -errno : give_dir(dir_fd, dir_fd, name);
}

/* A parent of its own, so that its owner counts. */
static int give_below(int at_fd, const char *parent_path, const char *path)
{
	int parent = open_dir(at_fd, parent_path), r = parent < 0 ? parent : give_dir(parent, at_fd, path);

	if (parent >= 0)
		close(parent);
	return r;
}

/* Makes the directory `path` and its name durable; one that is there already is fine. */
static int make_dir(int at_fd, char *path)
{
	char *slash, *parent;
	int r;

	if (mkdirat(at_fd, path, DIR_MODE) < 0)
		return errno == EEXIST ? 0 : -errno;
	parent = strdup(path);
	if (!parent)
		return -ENOMEM;
	slash = strrchr(parent, '/');
	if (slash)
		slash[slash == parent] = '\0';
	r = give_below(at_fd, slash ? parent : ".", path);
	free(parent);
	if (r < 0)
		return r;
	slash = strrchr(path, '/');
	if (!slash)
		return fs_sync_dir(at_fd, ".");
	*slash = '\0';
	r = fs_sync_dir(at_fd, slash == path ? "/" : path);
	*slash = '/';
	return r;
}

static int make_dirs(int at_fd, const char *path)
{
	size_t length = strlen(path);
	char *copy;
	int r = 0;

	while (length > 1 && path[length - 1] == '/')
		length--;
	copy = strndup(path, length);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 1; i < length && r == 0; i++) {
		if (copy[i] != '/' || copy[i - 1] == '/')
			continue;
		copy[i] = '\0';
		r = make_dir(at_fd, copy);
		copy[i] = '/';
	}
	if (r == 0)
		r = make_dir(at_fd, copy);
	free(copy);
	return r;
}

int fs_open_dir(int at_fd, const char *path, int create)
{
	int fd = open_dir(at_fd, path), r;

	if (fd != -ENOENT || !create || path[0] == '\0')
		return fd;
	r = make_dirs(at_fd, path);
	return r < 0 ? r : open_dir(at_fd, path);
}

/* A single name: what is made durable is the directory itself, not one below it. */
bool fs_is_plain_name(const char *name)
{
	return name[0] != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

int fs_map_fd(int fd, size_t max, struct mapped_file *ret_file)
{
	struct mapped_file f = { 0 };
	struct stat st;
	void *data;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if ((uintmax_t)st.st_size > max)
		return -EFBIG;
	if (st.st_size > 0) {
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (data == MAP_FAILED)
			return -errno;
		f.data = data;
		f.size = (size_t)st.st_size;
	}
	*ret_file = f;
	return 0;
}

int fs_map(int dir_fd, const char *name, size_t max, struct mapped_file *ret_file)
{
	/* O_NONBLOCK: a FIFO of that name would wait for a writer. */
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = fs_map_fd(fd, max, ret_file);
	close(fd);
	return r;
}

void fs_unmap(struct mapped_file *f)
{
	if (f && f->data)
		(void)munmap((void *)f->data, f->size);
	if (f)
		*f = (struct mapped_file){ 0 };
}

static uint64_t monotonic_ns(void)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Polled, since flock() cannot be given a time. */
static int lock_until(int fd, uint64_t deadline_ns)
{
	const struct timespec pause = { .tv_nsec = LOCK_POLL_NS };

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (monotonic_ns() >= deadline_ns)
			return -EBUSY;
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* Whether the name still leads to this file: it may have been set aside while we waited. */
static bool is_still_named(int dir_fd, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Only what is made here is given away: a name that is there may lead to somebody else's file. */
static int open_or_make(int dir_fd, const char *name, int flags)
{
	for (;;) {
		int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC), r;

		if (fd >= 0)
			return fd;
		if (errno != ENOENT)
			return -errno;
		fd = openat(dir_fd, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -errno;
		r = fs_give(dir_fd, fd);
		if (r == 0)
			return fd;
		close(fd);
		return r;
	}
}

static int open_locked(int dir_fd, const char *name, int flags, unsigned int wait_ms)
{
	uint64_t deadline_ns = monotonic_ns() + (uint64_t)wait_ms * 1000000;

	for (;;) {
		int fd = open_or_make(dir_fd, name, flags), r;

		if (fd < 0)
			return fd;
		r = lock_until(fd, deadline_ns);
		if (r == 0 && is_still_named(dir_fd, name, fd))
			return fd;
		close(fd);
		if (r < 0)
			return r;
	}
}

int fs_lock(int dir_fd, const char *name, unsigned int wait_ms)
{
	return open_locked(dir_fd, name, O_RDWR, wait_ms);
}

/* 1 if the file ends inside a line, which only a power loss can cause. */
static int is_torn(int fd, off_t size)
{
	char last;
	int r;

	if (size == 0)
		return 0;
	r = fs_pread_all(fd, &last, 1, size - 1);
	return r < 0 ? r : last != '\n';
}

/* One write() and fsync; whatever fails, the file is as long as before. */
static int append_durably(int dir_fd, int fd, off_t size, const char *text, size_t length)
{
	ssize_t n;
	int r = 0;

	do
		n = write(fd, text, length);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		r = -errno;
	else if ((size_t)n != length)
		r = -ENOSPC; /* what a short write to a file means; the next one would say so */
	else if (fsync(fd) < 0)
		r = -errno;
	else /* not only for a new file: who made it may have been killed before this */
		r = fs_sync_dir(dir_fd, ".");
	if (r < 0)
		(void)!ftruncate(fd, size);
	return r;
}

static int append_locked(int dir_fd, int fd, const char *line)
{
	struct stat st;
	char *text;
	int r, length;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	r = is_torn(fd, st.st_size);
	if (r < 0)
		return r;
	length = asprintf(&text, "%s%s\n", r ? "\n" : "", line);
	if (length < 0)
		return -ENOMEM;
	r = append_durably(dir_fd, fd, st.st_size, text, (size_t)length);
	free(text);
	return r;
}

int fs_append_line(int dir_fd, const char *name, const char *line)
{
	int fd, r;

	if (!fs_is_plain_name(name) || strchr(line, '\n'))
		return -EINVAL;
	fd = open_locked(dir_fd, name, O_RDWR | O_APPEND, APPEND_WAIT_MS);
	if (fd < 0)
		return fd;
	r = append_locked(dir_fd, fd, line);
	close(fd); /* and with it the lock */
	return r;
}
