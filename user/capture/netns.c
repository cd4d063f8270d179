// SPDX-License-Identifier: BSD-2-Clause
/* Network namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "netns.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define OWN_NETNS "/proc/1/ns/net" /* of the node, see selector_make() */

/*
 * Magic links are refused: /run/netns/NAME that is a symbolic link to /proc/PID/ns/net would lead to
 * another tenant's namespace once the number is used again. A bind mount, as `ip netns` makes it, holds
 * the namespace itself.
 */
static int open_netns(const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = strcmp(path, OWN_NETNS) == 0 ? 0 : RESOLVE_NO_MAGICLINKS,
	};
	struct statfs fs;
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	if (fd < 0)
		return -errno;
	/* What a namespace was mounted on stays behind as an empty file. */
	if (fstatfs(fd, &fs) == 0 && (unsigned long)fs.f_type == NSFS_MAGIC)
		return fd;
	close(fd);
	return -ENOENT;
}

int netns_enter(const char *path)
{
	int ns = open_netns(path), error = 0;

	if (ns < 0)
		return ns;
	if (setns(ns, CLONE_NEWNET) < 0)
		error = -errno;
	close(ns);
	return error;
}

int netns_cookie(uint64_t *ret_cookie)
{
	socklen_t size = sizeof(*ret_cookie);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_cookie, &size) < 0)
		error = -errno;
	close(fd);
	return error;
}
