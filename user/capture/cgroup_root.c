// SPDX-License-Identifier: BSD-2-Clause
/* Finding the root of the cgroup2 hierarchy, or mounting it for nobody else. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "cgroup_root.h"

static int open_cgroup2(const char *path)
{
	struct statfs fs;
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	close(fd);
	return -ENOENT;
}

/*
 * Only where systemd has it not: another mount takes back options such as nsdelegate, which belong to the
 * hierarchy and not to the mount (kernel/cgroup/cgroup.c, apply_cgroup_root_flags).
 */
static int mount_cgroup2(void)
{
	int fs = (int)syscall(SYS_fsopen, "cgroup2", FSOPEN_CLOEXEC), fd;

	if (fs < 0)
		return -errno;
	fd = syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -1 :
		(int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (fd < 0)
		fd = -errno;
	close(fs);
	return fd;
}

int cgroup_root_open(void)
{
	/* systemd's unified and hybrid layouts */
	int root = open_cgroup2("/sys/fs/cgroup");

	if (root < 0)
		root = open_cgroup2("/sys/fs/cgroup/unified");
	return root < 0 ? mount_cgroup2() : root;
}

/* The root has no type (Documentation/admin-guide/cgroup-v2.rst, "cgroup.type"). */
bool cgroup_root_is_whole(int root)
{
	return faccessat(root, "cgroup.type", F_OK, 0) < 0 && errno == ENOENT;
}
