// SPDX-License-Identifier: BSD-2-Clause
/* From paths and names to what the kernel knows sockets by. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "cgroup_root.h"
#include "resolve.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif
#define OWN_NETNS "/proc/1/ns/net" /* of the node, see selector_make() */

struct resolver {
	int cgroup_root; /* -1 = not yet */
};

static int cgroup_root(struct resolver *r)
{
	if (r->cgroup_root < 0)
		r->cgroup_root = cgroup_root_open();
	return r->cgroup_root;
}

struct resolver *resolver_open(void)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r)
		r->cgroup_root = -1;
	return r;
}

void resolver_close(struct resolver *r)
{
	if (!r)
		return;
	if (r->cgroup_root >= 0)
		close(r->cgroup_root);
	free(r);
}

/* kernfs gives the id itself as the file handle (fs/kernfs/mount.c, FILEID_KERNFS). */
static int resolve_cgroup(struct resolver *r, const char *path, uint64_t *ret_id)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(*ret_id)];
	} h = { .handle = { .handle_bytes = sizeof(*ret_id) } };
	int root = cgroup_root(r), fd, mount_id, error = 0;

	if (root < 0)
		return root;
	fd = openat(root, path + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (name_to_handle_at(fd, "", &h.handle, &mount_id, AT_EMPTY_PATH) < 0)
		error = -errno;
	else if (h.handle.handle_bytes != sizeof(*ret_id))
		error = -EOPNOTSUPP;
	else
		memcpy(ret_id, h.handle.f_handle, sizeof(*ret_id));
	close(fd);
	return error;
}

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

/* Leaves the calling thread in that namespace. */
static int resolve_netns(const char *path, uint64_t *ret_id)
{
	socklen_t size = sizeof(*ret_id);
	int ns = open_netns(path), fd = -1, error = 0;

	if (ns < 0)
		return ns;
	if (setns(ns, CLONE_NEWNET) < 0 || (fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret_id, &size) < 0)
		error = -errno;
	if (fd >= 0)
		close(fd);
	close(ns);
	return error;
}

static int resolve_interface(const char *name, uint64_t *ret_id)
{
	*ret_id = if_nametoindex(name);
	return *ret_id ? 0 : -errno;
}

struct round {
	struct resolved *list;
	size_t count;
};

/* A thread of its own, which ends in some other namespace. */
static void *run_netns(void *arg)
{
	const struct round *round = arg;

	for (size_t i = 0; i < round->count; i++) {
		struct resolved *one = &round->list[i];

		if (one->selector->kind == SELECTOR_NETNS)
			one->error = resolve_netns(one->selector->name, &one->id);
	}
	return NULL;
}

void resolver_run(struct resolver *r, struct resolved *list, size_t count)
{
	struct round round = { list, count };
	size_t namespaces = 0;
	pthread_t thread;

	for (size_t i = 0; i < count; i++) {
		struct resolved *one = &list[i];

		one->id = 0;
		one->error = 0;
		if (one->selector->kind == SELECTOR_CGROUP) {
			one->error = resolve_cgroup(r, one->selector->name, &one->id);
		} else if (one->selector->kind == SELECTOR_INTERFACE) {
			one->error = resolve_interface(one->selector->name, &one->id);
		} else if (one->selector->kind == SELECTOR_NETNS) {
			one->error = -EAGAIN; /* stays when no thread can be made */
			namespaces++;
		}
	}
	if (namespaces && pthread_create(&thread, NULL, run_netns, &round) == 0)
		pthread_join(thread, NULL);
	for (size_t i = 0; i < count; i++)
		if (list[i].error)
			list[i].id = 0;
}

const char *resolver_format(enum selector_kind kind, uint64_t id, char buf[static SELECTOR_TEXT_MAX])
{
	static const char *const what[SELECTOR_KINDS] = {
		[SELECTOR_CGROUP] = "cgroup id", [SELECTOR_NETNS] = "netns cookie",
		[SELECTOR_INTERFACE] = "ifindex",
	};

	if (kind == SELECTOR_ADDRESS || !id)
		snprintf(buf, SELECTOR_TEXT_MAX, "unresolved");
	else
		snprintf(buf, SELECTOR_TEXT_MAX, "%s %" PRIu64, what[kind], id);
	return buf;
}

const char *selector_resolve_text(const struct selector *s, char buf[static SELECTOR_TEXT_MAX])
{
	struct resolved one = { .selector = s };
	struct resolver *r;

	if (s->kind == SELECTOR_ADDRESS)
		return selector_format(s, buf);
	r = resolver_open();
	if (r)
		resolver_run(r, &one, 1);
	resolver_close(r);
	return resolver_format(s->kind, one.id, buf);
}
