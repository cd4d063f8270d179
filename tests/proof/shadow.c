// SPDX-License-Identifier: BSD-2-Clause
/* Keeping and using the shadow of a tree. Part of the shim too: nothing here is counted as a call. */
#include "shadow.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEY_MAX 64

/* Not through the library: the shim stands there. */
static int raw_open(int dir_fd, const char *path, int flags)
{
	int fd = (int)syscall(SYS_openat, dir_fd, path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

static int key_of(int dir_fd, const char *name, char key[static KEY_MAX], bool *ret_dir)
{
	struct statx st;

	if (statx(dir_fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return -errno;
	snprintf(key, KEY_MAX, "%llu-%lld.%u", (unsigned long long)st.stx_ino,
		 (long long)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
	*ret_dir = S_ISDIR(st.stx_mode);
	return 0;
}

/* At most `max` bytes. */
static int copy_bytes(int from, int to, size_t max)
{
	char chunk[65536];
	ssize_t n;
	off_t at = 0;

	while (max && (n = pread(from, chunk, max < sizeof(chunk) ? max : sizeof(chunk), at)) != 0) {
		if (n < 0 || syscall(SYS_write, to, chunk, (size_t)n) != n)
			return -EIO;
		at += n;
		max -= (size_t)n;
	}
	return 0;
}

static int take_file(const char *shadow, const char *key, int fd)
{
	char to[PATH_MAX];
	int out, error;

	snprintf(to, sizeof(to), "%s/f/%s", shadow, key);
	out = raw_open(AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC);
	if (out < 0)
		return out;
	error = copy_bytes(fd, out, SIZE_MAX);
	close(out);
	return error;
}

static int take_dir(const char *shadow, const char *key, int fd)
{
	char to[PATH_MAX], line[KEY_MAX + NAME_MAX + 8], entry_key[KEY_MAX];
	int own = raw_open(fd, ".", O_RDONLY | O_DIRECTORY), out, error = 0;
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	struct dirent *e;
	bool is_dir;

	if (!dir)
		return -EIO;
	snprintf(to, sizeof(to), "%s/d/%s", shadow, key);
	out = raw_open(AT_FDCWD, to, O_WRONLY | O_CREAT | O_TRUNC);
	while (out >= 0 && !error && (e = readdir(dir))) {
		size_t n;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		error = key_of(own, e->d_name, entry_key, &is_dir);
		n = (size_t)snprintf(line, sizeof(line), "%c %s %s\n", is_dir ? 'd' : 'f', entry_key, e->d_name);
		if (!error && syscall(SYS_write, out, line, n) != (long)n)
			error = -EIO;
	}
	closedir(dir);
	if (out >= 0)
		close(out);
	return out < 0 ? out : error;
}

/* --- Bytes that a failed sync dropped: one range of a file, at its end --- */

struct dropped {
	char path[PATH_MAX], kept[PATH_MAX];
	off_t from, to;
};

/* from == to: none. */
static int load_dropped(const char *shadow, int fd, struct dropped *d)
{
	char key[KEY_MAX];
	bool is_dir;
	int error = key_of(fd, "", key, &is_dir), in;
	off_t range[2];

	if (error)
		return error;
	d->from = d->to = 0;
	snprintf(d->kept, sizeof(d->kept), "%s/f/%s", shadow, key);
	snprintf(d->path, sizeof(d->path), "%s/f/%s.gone", shadow, key);
	in = is_dir ? -1 : raw_open(AT_FDCWD, d->path, O_RDONLY);
	if (in < 0)
		return 0;
	if (pread(in, range, sizeof(range), 0) == sizeof(range)) {
		d->from = range[0];
		d->to = range[1];
	}
	close(in);
	return 0;
}

static int save_dropped(const struct dropped *d)
{
	const off_t range[2] = { d->from, d->from < d->to ? d->to : d->from };
	int out = raw_open(AT_FDCWD, d->path, O_WRONLY | O_CREAT | O_TRUNC), error;

	if (out < 0)
		return out;
	error = syscall(SYS_write, out, range, sizeof(range)) == sizeof(range) ? 0 : -EIO;
	close(out);
	return error;
}

int shadow_drop(const char *shadow, int fd)
{
	struct stat now, kept;
	struct dropped d;
	int error = load_dropped(shadow, fd, &d);

	if (error || fstat(fd, &now) < 0 || !S_ISREG(now.st_mode))
		return error;
	/* What was dropped before stays so. */
	if (d.from >= d.to)
		d.from = stat(d.kept, &kept) == 0 ? kept.st_size : 0;
	d.to = now.st_size;
	return save_dropped(&d);
}

int shadow_write(const char *shadow, int fd, off_t at, size_t size)
{
	struct dropped d;
	int error = load_dropped(shadow, fd, &d);

	if (error || d.from >= d.to || at > d.from || at + (off_t)size <= d.from)
		return error;
	d.from = at + (off_t)size;
	return save_dropped(&d);
}

int shadow_cut(const char *shadow, int fd, off_t size)
{
	struct dropped d;
	int error = load_dropped(shadow, fd, &d);

	if (error || d.from >= d.to || size >= d.to)
		return error;
	d.to = size;
	return save_dropped(&d);
}

static int zero_dropped(const char *shadow, int fd)
{
	struct dropped d;
	struct stat st;
	int error = load_dropped(shadow, fd, &d), out;

	if (error || d.from >= d.to)
		return error;
	out = raw_open(AT_FDCWD, d.kept, O_WRONLY);
	if (out < 0)
		return out;
	/* Cut off, then as long as before. */
	if (fstat(out, &st) < 0 || d.to < st.st_size || syscall(SYS_ftruncate, out, d.from) < 0 ||
	    syscall(SYS_ftruncate, out, st.st_size) < 0)
		error = -EIO;
	close(out);
	return error;
}

int shadow_sync(const char *shadow, int fd)
{
	char key[KEY_MAX], self[64];
	bool is_dir;
	int error = key_of(fd, "", key, &is_dir), own;

	if (error)
		return error;
	if (is_dir)
		return take_dir(shadow, key, fd);
	/* The descriptor may be for writing only. */
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	own = raw_open(AT_FDCWD, self, O_RDONLY);
	if (own < 0)
		return own;
	error = take_file(shadow, key, own);
	close(own);
	return error ? error : zero_dropped(shadow, fd);
}

/* Calls fn for each entry of a directory. */
static int each_entry(const char *path, int (*fn)(void *ctx, const char *path, const char *name), void *ctx)
{
	char entry[PATH_MAX];
	DIR *dir = opendir(path);
	struct dirent *e;
	int error = 0;

	if (!dir)
		return -errno;
	while (!error && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (snprintf(entry, sizeof(entry), "%s/%s", path, e->d_name) >= (int)sizeof(entry))
			error = -ENAMETOOLONG;
		else
			error = fn(ctx, entry, e->d_name);
	}
	closedir(dir);
	return error;
}

static int begin_entry(void *ctx, const char *path, const char *name)
{
	int fd = raw_open(AT_FDCWD, path, O_RDONLY), error;
	struct stat st;

	(void)name;
	if (fd < 0)
		return fd;
	error = fstat(fd, &st) < 0 ? -errno : shadow_sync(ctx, fd);
	close(fd);
	return !error && S_ISDIR(st.st_mode) ? each_entry(path, begin_entry, ctx) : error;
}

int shadow_begin(const char *shadow, const char *root)
{
	char part[PATH_MAX];

	if (mkdir(shadow, 0700) < 0)
		return -errno;
	snprintf(part, sizeof(part), "%s/f", shadow);
	if (mkdir(part, 0700) < 0)
		return -errno;
	part[strlen(part) - 1] = 'd';
	if (mkdir(part, 0700) < 0)
		return -errno;
	return begin_entry((void *)shadow, root, "");
}

/* --- Power loss --- */

struct loss {
	const char *shadow, *root;
	enum shadow_loss kind;
};

struct search {
	const char *key;
	char *ret_path;
};

/* 1: found. */
static int find_entry(void *ctx, const char *path, const char *name)
{
	struct search *s = ctx;
	char key[KEY_MAX];
	bool is_dir;
	int error = key_of(AT_FDCWD, path, key, &is_dir);

	(void)name;
	if (error)
		return error;
	if (is_dir)
		return each_entry(path, find_entry, ctx);
	if (strcmp(key, s->key) != 0)
		return 0;
	snprintf(s->ret_path, PATH_MAX, "%s", path);
	return 1;
}

/* Makes the file `to`: bytes as now when `now` leads there, else those of the shadow, zeroes up to the size. */
static int lose_file(const struct loss *l, const char *key, const char *to)
{
	char now[PATH_MAX] = "", kept[PATH_MAX];
	struct search s = { .key = key, .ret_path = now };
	int found = each_entry(l->root, find_entry, &s), in, out, error = 0;
	struct stat st;

	if (found < 0)
		return found;
	snprintf(kept, sizeof(kept), "%s/f/%s", l->shadow, key);
	out = raw_open(AT_FDCWD, to, O_WRONLY | O_CREAT | O_EXCL);
	if (out < 0)
		return out;
	in = raw_open(AT_FDCWD, l->kind == LOSS_NAMES && found ? now : kept, O_RDONLY);
	if (in >= 0) /* else it was never fsynced: empty */
		error = copy_bytes(in, out, SIZE_MAX);
	if (in >= 0)
		close(in);
	if (!error && l->kind == LOSS_ZEROES && found) {
		struct stat had;

		if (stat(now, &st) < 0 || fstat(out, &had) < 0 ||
		    (st.st_size > had.st_size && syscall(SYS_ftruncate, out, st.st_size) < 0))
			error = -EIO;
	}
	close(out);
	return error;
}

static int lose_dir(const struct loss *l, const char *key, const char *path, const char *to);

static int lose_entry(const struct loss *l, bool is_dir, const char *key, const char *path, const char *to)
{
	return is_dir ? lose_dir(l, key, path, to) : lose_file(l, key, to);
}

struct dir_now {
	const struct loss *l;
	const char *to;
};

static int lose_entry_now(void *ctx, const char *path, const char *name)
{
	const struct dir_now *d = ctx;
	char key[KEY_MAX], to[PATH_MAX];
	bool is_dir;
	int error = key_of(AT_FDCWD, path, key, &is_dir);

	if (snprintf(to, sizeof(to), "%s/%s", d->to, name) >= (int)sizeof(to))
		return -ENAMETOOLONG;
	return error ? error : lose_entry(d->l, is_dir, key, path, to);
}

/* path: where the directory is now; used where names are as they are now. */
static int lose_dir(const struct loss *l, const char *key, const char *path, const char *to)
{
	struct dir_now d = { .l = l, .to = to };
	char kept[PATH_MAX], line[KEY_MAX + NAME_MAX + 8], entry[PATH_MAX];
	FILE *list;
	int error = 0;

	if (mkdir(to, 0700) < 0)
		return -errno;
	if (l->kind == LOSS_DATA || l->kind == LOSS_ZEROES)
		return each_entry(path, lose_entry_now, &d);
	snprintf(kept, sizeof(kept), "%s/d/%s", l->shadow, key);
	list = fopen(kept, "re");
	while (list && !error && fgets(line, sizeof(line), list)) {
		char *entry_key = line + 2, *name = strchr(entry_key, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (!name)
			error = -EBADMSG;
		else {
			*name++ = '\0';
			error = snprintf(entry, sizeof(entry), "%s/%s", to, name) >= (int)sizeof(entry) ?
					-ENAMETOOLONG : lose_entry(l, line[0] == 'd', entry_key, NULL, entry);
		}
	}
	if (list)
		fclose(list);
	return error;
}

int shadow_lose(const char *shadow, const char *root, enum shadow_loss loss, const char *to)
{
	const struct loss l = { .shadow = shadow, .root = root, .kind = loss };
	char key[KEY_MAX];
	bool is_dir;
	int error = key_of(AT_FDCWD, root, key, &is_dir);

	return error ? error : lose_dir(&l, key, root, to);
}
