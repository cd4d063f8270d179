// SPDX-License-Identifier: BSD-2-Clause
/*
 * Landlock: since 5.13; renaming between directories (ABI 2) 5.19, truncation (3) 6.2, TCP (4) 6.7, ioctl of devices
 * (5) 6.10, signals and abstract sockets (6) 6.12. What a kernel does not know is left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sandbox_files.h"

/* Debian 12 has headers of ABI 2: the numbers of the later ones. */
#define FS_REFER (UINT64_C(1) << 13)
#define FS_TRUNCATE (UINT64_C(1) << 14)
#define FS_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_BIND_TCP UINT64_C(1)
#define NET_CONNECT_TCP UINT64_C(2)
#define SCOPES UINT64_C(3) /* abstract sockets, signals */

struct ruleset {
	uint64_t files, net, scopes;
};

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ_DIR LANDLOCK_ACCESS_FS_READ_DIR
static const uint64_t read_write = READ_FILE | READ_DIR | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
				   LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
				   LANDLOCK_ACCESS_FS_MAKE_REG | FS_REFER | FS_TRUNCATE;

/*
 * A rule is for what lies there when it is made. A file that is replaced (useradd and groupadd rename a new one into
 * place) would be lost to it: so rules are for directories, but where the file is a link into one. Beneath /etc files
 * are read by name and not listed; what is secret there is so by owner and mode, for a user who is in no other group.
 */
static const struct {
	const char *path;
	uint64_t access;
	enum sandbox_files from; /* this one and those that see more */
} readable[] = {
	{ "/usr/share/zoneinfo", READ_FILE | READ_DIR, SANDBOX_FILES_STORE },
	{ "/etc/localtime", READ_FILE, SANDBOX_FILES_STORE },
	{ "/sys/devices/system/cpu", READ_FILE | READ_DIR, SANDBOX_FILES_STORE }, /* how many counters a per-CPU map has */
	/* Names: passwd, group, nsswitch.conf, its modules, and what finds these */
	{ "/etc", READ_FILE, SANDBOX_FILES_STORE_AND_NAMES },
	{ "/lib", READ_FILE | READ_DIR, SANDBOX_FILES_STORE_AND_NAMES },
	{ "/lib64", READ_FILE | READ_DIR, SANDBOX_FILES_STORE_AND_NAMES },
	{ "/usr/lib", READ_FILE | READ_DIR, SANDBOX_FILES_STORE_AND_NAMES },
};

static int allow(int ruleset, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= READ_FILE;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

/* What is not there needs no rule. */
static int allow_readable(int ruleset, enum sandbox_files files)
{
	int error = 0;

	for (size_t i = 0; i < sizeof(readable) / sizeof(readable[0]) && !error; i++) {
		int fd = readable[i].from <= files ? open(readable[i].path, O_PATH | O_CLOEXEC) : -1;

		if (fd < 0)
			continue;
		error = allow(ruleset, fd, readable[i].access);
		close(fd);
	}
	return error;
}

static uint64_t known_files(long abi)
{
	uint64_t all = FS_REFER - 1; /* of ABI 1 */

	if (abi >= 2)
		all |= FS_REFER;
	if (abi >= 3)
		all |= FS_TRUNCATE;
	return abi >= 5 ? all | FS_IOCTL_DEV : all;
}

/* The recorder connects its canary, with the one socket that the warden made; it can make no other (sandbox_calls.c). */
static uint64_t tcp_of(enum sandbox_files files)
{
	return files == SANDBOX_FILES_STORE ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
}

int sandbox_files(enum sandbox_files files, int state_dir, struct problem *ret_notes)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	const struct ruleset all = {
		.files = known_files(abi),
		.net = abi >= 4 ? tcp_of(files) : 0,
		.scopes = abi >= 6 ? SCOPES : 0,
	};
	int ruleset, error;

	if (files == SANDBOX_FILES_ALL)
		return 0;
	if (abi < 0) {
		problem(ret_notes, 0, "this kernel has no landlock (%s): only owner and mode keep files apart", strerror(errno));
		return 0;
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, abi >= 6 ? sizeof(all) : abi >= 4 ? 16 : 8, 0);
	if (ruleset < 0)
		return -errno;
	error = allow(ruleset, state_dir, read_write & all.files);
	if (!error)
		error = allow_readable(ruleset, files);
	if (!error && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		error = -errno;
	close(ruleset);
	return error;
}
