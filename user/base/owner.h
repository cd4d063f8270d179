/* SPDX-License-Identifier: BSD-2-Clause */
/* The user whom the store belongs to, and as whom recorder and registrar run. */
#ifndef SEKISHO_OWNER_H
#define SEKISHO_OWNER_H

#include <sys/types.h>
#include "conf.h"
#include "problem.h"
#include "store_dir.h"

struct owner {
	uid_t uid;
	gid_t gid; /* the user's own; of a number without a name: the same number */
};

/* Who `user` of the configuration is. Without root's rights there is no choice: who we are. -ESRCH and *p: no such user. */
int owner_find(const struct conf *conf, struct owner *ret_owner, struct problem *p);
/* Makes the state directory for its owner, if it is missing; then as store_open(). */
int owner_open_store(const struct conf *conf, struct store_dir *ret_store, struct problem *p);
/* Whether all that recorder and registrar write to is the owner's. -EPERM and *p: something is not. */
int owner_check_store(const struct conf *conf, const struct owner *owner, const struct store_dir *store, struct problem *p);

#endif
