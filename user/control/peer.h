/* SPDX-License-Identifier: BSD-2-Clause */
/* Who asks: as the kernel vouches for it, not as anybody says. */
#ifndef SEKISHO_PEER_H
#define SEKISHO_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PEER_NAME_MAX 64

struct peer {
	uid_t uid;
	char user[PEER_NAME_MAX + 1]; /* name of the uid; "": it has none */
	bool by_socket; /* false: this very process */
	unsigned int roles; /* enum role, that come from its groups */
	gid_t *groups; /* the main one and the others, when it connected; NULL for this process */
	size_t group_count;
};

/* The peer of a connection: its groups are those that it had when it connected. 0 or negative errno. Undo with
 * peer_done(). */
int peer_of(int socket, struct peer *ret_peer);
/* This process. */
void peer_self(struct peer *ret_peer);
void peer_done(struct peer *p);

/* The name, or NULL when there is none: as ledgers have it. */
const char *peer_user(const struct peer *p);
/* Whether `user` (a name, or a number) is the peer. */
bool peer_is(const struct peer *p, const char *user);
bool peer_in_group(const struct peer *p, gid_t gid);

#endif
