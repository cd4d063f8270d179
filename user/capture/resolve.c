// SPDX-License-Identifier: BSD-2-Clause
/* From paths and names to what the kernel knows sockets by. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "ask.h"
#include "cgroup_root.h"
#include "netns.h"
#include "resolve.h"

struct resolver {
	struct ask *ask;
	int timeout_ms; /* of each question */
	int cgroup_root; /* -1 = not yet */
};

static int cgroup_root(struct resolver *r)
{
	if (r->cgroup_root < 0)
		r->cgroup_root = cgroup_root_open();
	return r->cgroup_root;
}

struct resolver *resolver_open(struct ask *ask, int timeout_ms)
{
	struct resolver *r = calloc(1, sizeof(*r));

	if (r)
		*r = (struct resolver){ .ask = ask, .timeout_ms = timeout_ms, .cgroup_root = -1 };
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

/* Leaves the calling thread in that namespace. */
static int resolve_netns(const char *path, uint64_t *ret_id)
{
	int error = netns_enter(path);

	return error ? error : netns_cookie(ret_id);
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

/* From list[*at] on, as many as one message takes. */
static int ask_some(struct resolver *r, struct resolved *list, size_t count, size_t *at)
{
	struct ask_message m = { .kind = ASK_RESOLVE };
	struct resolved *asked[ASK_PLACES_MAX];
	struct problem ignored;
	int error;

	for (; *at < count && m.count < ASK_PLACES_MAX; ++*at) {
		struct ask_place *place = &m.places[m.count];

		list[*at].id = 0;
		list[*at].error = 0;
		if (list[*at].selector->kind == SELECTOR_ADDRESS)
			continue;
		place->kind = list[*at].selector->kind;
		memcpy(place->name, list[*at].selector->name, sizeof(place->name));
		asked[m.count++] = &list[*at];
	}
	if (!m.count)
		return 0;
	error = ask_call(r->ask, &m, r->timeout_ms, NULL, &ignored);
	for (size_t i = 0; i < m.count && i < ASK_PLACES_MAX && !error; i++) {
		asked[i]->id = m.places[i].id;
		asked[i]->error = m.places[i].error;
	}
	return error;
}

static int ask_all(struct resolver *r, struct resolved *list, size_t count)
{
	size_t at = 0;
	int error = 0;

	while (at < count && !error)
		error = ask_some(r, list, count, &at);
	return error;
}

int resolver_run(struct resolver *r, struct resolved *list, size_t count)
{
	struct round round = { list, count };
	size_t namespaces = 0;
	pthread_t thread;

	if (r->ask)
		return ask_all(r, list, count);
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
	return 0;
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
	r = resolver_open(NULL, 0);
	if (r)
		(void)resolver_run(r, &one, 1);
	resolver_close(r);
	return resolver_format(s->kind, one.id, buf);
}
