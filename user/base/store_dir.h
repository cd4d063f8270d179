/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A state directory: where journals, segments and ledgers lie. Everything in it
 * is 0600/0700: connection records concern other people's communications.
 */
#ifndef SEKISHO_STORE_DIR_H
#define SEKISHO_STORE_DIR_H

#include "problem.h"

struct store_dir {
	int root, journal, segments, ledger; /* directory descriptors */
	int catalog; /* -1: not there, as in a copy that left out what is derived */
};

/* `create` makes what is missing; otherwise a missing directory is -ENOENT with *p. */
int store_open(const char *path, int create, struct store_dir *ret_store, struct problem *p);
void store_close(struct store_dir *s);

#endif
