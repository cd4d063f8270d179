// SPDX-License-Identifier: BSD-2-Clause
/* Whose the store is. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fs.h"
#include "owner.h"
#include "parse.h"

int owner_find(const struct conf *conf, struct owner *ret_owner, struct problem *p)
{
	const struct passwd *entry;
	uint64_t number;

	if (geteuid() != 0) {
		*ret_owner = (struct owner){ geteuid(), getegid() };
		return 0;
	}
	if (parse_u64(conf->user, 0, UINT32_MAX - 1, &number) == 0) {
		entry = getpwuid((uid_t)number);
		*ret_owner = (struct owner){ (uid_t)number, entry ? entry->pw_gid : (gid_t)number };
		return 0;
	}
	errno = 0;
	entry = getpwnam(conf->user);
	if (!entry)
		return problem(p, -ESRCH, "user %s: %s; make it (useradd --system %s), or set user in the configuration",
			       conf->user, errno ? strerror(errno) : "there is no such user", conf->user);
	*ret_owner = (struct owner){ entry->pw_uid, entry->pw_gid };
	return 0;
}

static int give_root(const char *path, const struct owner *owner)
{
	int fd = fs_open_dir(AT_FDCWD, path, 1), error = fd < 0 ? fd : 0;

	if (!error && geteuid() == 0 && fchown(fd, owner->uid, owner->gid) < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	return error;
}

int owner_open_store(const struct conf *conf, struct store_dir *ret_store, struct problem *p)
{
	struct owner owner;
	int error = owner_find(conf, &owner, p);
	struct stat st;

	if (error)
		return error;
	if (stat(conf->state_dir, &st) < 0 && errno == ENOENT) {
		error = give_root(conf->state_dir, &owner);
		if (error)
			return problem(p, error, "cannot open state directory %s: %s", conf->state_dir, strerror(-error));
	}
	return store_open(conf->state_dir, 1, ret_store, p);
}

static int check(const struct conf *conf, const struct owner *owner, int fd, const char *dir, const char *name,
		 struct problem *p)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) < 0)
		return errno == ENOENT ? 0 : problem(p, -errno, "cannot look at %s/%s: %s", dir, name, strerror(errno));
	if (st.st_uid == owner->uid)
		return 0;
	return problem(p, -EPERM, "%s%s%s%s%s belongs to user %u, not to %s, as whom sekishod works: chown -R %s %s",
		       conf->state_dir, *dir ? "/" : "", dir, *name ? "/" : "", name, st.st_uid, conf->user, conf->user,
		       conf->state_dir);
}

static int check_dir(const struct conf *conf, const struct owner *owner, int parent, const char *name, struct problem *p)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), error = 0;
	const struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return errno == ENOENT ? 0 : problem(p, -errno, "cannot open %s/%s: %s", conf->state_dir, name, strerror(errno));
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return problem(p, -ENOMEM, "out of memory");
	}
	while (!error && (entry = readdir(dir)))
		if (strcmp(entry->d_name, "..") != 0)
			error = check(conf, owner, fd, name, entry->d_name, p);
	closedir(dir);
	return error;
}

int owner_check_store(const struct conf *conf, const struct owner *owner, const struct store_dir *store, struct problem *p)
{
	static const char *const dirs[] = { "journal", "ledger", "keys", "segments", "catalog" };
	int error = check(conf, owner, store->root, "", "", p);

	/* What else lies beside them is not ours: lost+found, where the store has a file system to itself. */
	if (!error)
		error = check(conf, owner, store->root, "", "lock", p);

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]) && !error; i++)
		error = check_dir(conf, owner, store->root, dirs[i], p);
	return error;
}
