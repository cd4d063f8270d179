// SPDX-License-Identifier: BSD-2-Clause
/* Who is at the other end of a socket. */
#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/parse.h"
#include "peer.h"

#define ENTRY_BYTES 16384
#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

static void set_name(struct peer *p)
{
	struct passwd entry, *found = NULL;
	char buf[ENTRY_BYTES];

	p->user[0] = '\0';
	if (getpwuid_r(p->uid, &entry, buf, sizeof(buf), &found) == 0 && found && strlen(found->pw_name) <= PEER_NAME_MAX)
		strcpy(p->user, found->pw_name);
}

/* The kernel says by -ERANGE how many there are (net/core/sock.c, sk_getsockopt). */
static int read_groups(int socket, struct peer *p, gid_t main_group)
{
	socklen_t size = 0;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
		return -errno;
	if (size > GROUPS_MAX * sizeof(gid_t))
		return -E2BIG;
	p->groups = malloc(size + sizeof(gid_t));
	if (!p->groups)
		return -ENOMEM;
	p->groups[0] = main_group;
	p->group_count = 1;
	if (size && getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, p->groups + 1, &size) < 0)
		return -errno;
	p->group_count += size / sizeof(gid_t);
	return 0;
}

int peer_of(int socket, struct peer *ret_peer)
{
	struct peer p = { .by_socket = true };
	struct ucred who;
	socklen_t size = sizeof(who);
	int error;

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return -errno;
	p.uid = who.uid;
	error = read_groups(socket, &p, who.gid);
	if (error) {
		peer_done(&p);
		return error;
	}
	set_name(&p);
	*ret_peer = p;
	return 0;
}

void peer_self(struct peer *ret_peer)
{
	*ret_peer = (struct peer){ .uid = getuid() };
	set_name(ret_peer);
}

void peer_done(struct peer *p)
{
	free(p->groups);
	p->groups = NULL;
	p->group_count = 0;
}

const char *peer_user(const struct peer *p)
{
	return p->user[0] ? p->user : NULL;
}

bool peer_is(const struct peer *p, const char *user)
{
	uint64_t uid;

	if (parse_u64(user, 0, UINT32_MAX - 1, &uid) == 0)
		return uid == p->uid;
	return *user && strcmp(user, p->user) == 0;
}

bool peer_in_group(const struct peer *p, gid_t gid)
{
	for (size_t i = 0; i < p->group_count; i++)
		if (p->groups[i] == gid)
			return true;
	return false;
}
