/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a chain from its first line to its last, each checked as deep as is asked. */
#ifndef SEKISHO_CHAIN_WALK_H
#define SEKISHO_CHAIN_WALK_H

#include "chain.h"

struct chain_line {
	uint64_t seq;
	int64_t t_ns; /* UTC */
	const char *event;
	const json_t *json; /* with CHAIN_HASHES and CHAIN_ACTS it and event may be NULL */
	const char *text; /* without newline */
	size_t size;
};

enum chain_depth {
	CHAIN_QUICK = 0, /* all hashes, and the signature of the last line, which vouches for all before it */
	CHAIN_FULL = 1, /* every signature */
	CHAIN_HASHES = 3, /* as quick, but fn gets lines without their JSON and event */
	CHAIN_KEYS = 2, /* of custody: only the lines that hand over to a key, each signed by the one before */
	CHAIN_ACTS = 4, /* as quick, but fn gets searches without their JSON and event */
};

typedef int (*chain_fn)(void *ctx, const struct chain_line *line, struct problem *p);
/*
 * Gives every line to fn (may be NULL), whose result other than 0 ends the walk; what it was given counts only when
 * the walk ends in 0. LEDGER_CUSTODY adds the keys that it hands over to *keys; the others are checked against it.
 * -EBADMSG and *p, which names file and line; -EFBIG, -ENOMEM, I/O errors.
 */
int chain_walk(const struct chain_file *file, enum chain_depth depth, struct ledger_keys *keys, chain_fn fn,
	       void *ctx, struct chain_end *ret_end, struct problem *p);

#endif
