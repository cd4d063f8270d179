/* SPDX-License-Identifier: BSD-2-Clause */
/* What is in a directory: its entries by kind and name, and the room they take. */
#include "fs.h"
#include "array.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 32
#define STAT_BLOCK_BYTES 512 /* unit of st_blocks, whatever the file system's block is */

/* An own descriptor, since reading a directory moves the position that copies share. */
static int open_stream(int dir_fd, const char *path, int flags, DIR **ret_dir)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	int r;

	if (fd < 0)
		return -errno;
	*ret_dir = fdopendir(fd);
	if (*ret_dir)
		return 0;
	r = -errno;
	close(fd);
	return r;
}

/* The next entry but "." and "..": 1, at the end 0. */
static int next_entry(DIR *dir, const struct dirent **ret_entry)
{
	do {
		errno = 0;
		*ret_entry = readdir(dir);
		if (!*ret_entry)
			return -errno;
	} while (strcmp((*ret_entry)->d_name, ".") == 0 || strcmp((*ret_entry)->d_name, "..") == 0);
	return 1;
}

/* File systems may leave the type to stat(); an entry that has gone is of no type. */
static mode_t entry_type(DIR *dir, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return DTTOIF(e->d_type);
	if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return st.st_mode & S_IFMT;
}

struct names {
	char **list;
	size_t count, capacity;
};

static int names_add(struct names *n, const char *name)
{
	if (ARRAY_RESERVE(n->list, n->count, n->capacity))
		return -ENOMEM;
	n->list[n->count] = strdup(name);
	if (!n->list[n->count])
		return -ENOMEM;
	n->count++;
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t length = strlen(name), end = strlen(suffix);

	return length >= end && strcmp(name + length - end, suffix) == 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* `prefix` NULL: names that do not start with '.' */
static int list_type(int dir_fd, const char *prefix, const char *suffix, mode_t type,
		     char ***ret_names, size_t *ret_count)
{
	struct names n = { 0 };
	const struct dirent *e;
	DIR *dir;
	int r = open_stream(dir_fd, ".", 0, &dir);

	if (r < 0)
		return r;
	while ((r = next_entry(dir, &e)) > 0) {
		if (prefix ? strncmp(e->d_name, prefix, strlen(prefix)) != 0 : e->d_name[0] == '.')
			continue;
		if (!ends_in(e->d_name, suffix) || entry_type(dir, e) != type)
			continue;
		r = names_add(&n, e->d_name);
		if (r < 0)
			break;
	}
	closedir(dir);
	if (r < 0) {
		fs_free_names(n.list, n.count);
		return r;
	}
	if (n.count > 0)
		qsort(n.list, n.count, sizeof(*n.list), compare_names);
	*ret_names = n.list;
	*ret_count = n.count;
	return 0;
}

int fs_list(int dir_fd, const char *suffix, char ***ret_names, size_t *ret_count)
{
	return list_type(dir_fd, NULL, suffix, S_IFREG, ret_names, ret_count);
}

int fs_list_hidden(int dir_fd, const char *prefix, const char *suffix, char ***ret_names,
		   size_t *ret_count)
{
	return list_type(dir_fd, prefix, suffix, S_IFREG, ret_names, ret_count);
}

int fs_list_dirs(int dir_fd, char ***ret_names, size_t *ret_count)
{
	return list_type(dir_fd, NULL, "", S_IFDIR, ret_names, ret_count);
}

void fs_free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static int add_usage(DIR *dir, unsigned int depth, uint64_t *total);

/* An entry may go at any moment (retention); then it takes no room. */
static int add_entry_usage(DIR *dir, const char *name, unsigned int depth, uint64_t *total)
{
	struct stat st;
	DIR *below;
	int r;

	if (fstatat(dirfd(dir), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	*total += (uint64_t)st.st_blocks * STAT_BLOCK_BYTES;
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (depth >= DEPTH_MAX)
		return -ELOOP;
	r = open_stream(dirfd(dir), name, O_NOFOLLOW, &below);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = add_usage(below, depth + 1, total);
	closedir(below);
	return r;
}

static int add_usage(DIR *dir, unsigned int depth, uint64_t *total)
{
	const struct dirent *e;
	int r;

	while ((r = next_entry(dir, &e)) > 0) {
		r = add_entry_usage(dir, e->d_name, depth, total);
		if (r < 0)
			return r;
	}
	return r;
}

int fs_disk_usage(int dir_fd, uint64_t *ret_bytes)
{
	uint64_t total = 0;
	DIR *dir;
	int r = open_stream(dir_fd, ".", 0, &dir);

	if (r < 0)
		return r;
	r = add_usage(dir, 0, &total);
	closedir(dir);
	if (r < 0)
		return r;
	*ret_bytes = total;
	return 0;
}
