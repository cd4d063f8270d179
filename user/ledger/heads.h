/* SPDX-License-Identifier: BSD-2-Clause */
/* keys/heads: the signed statement of where each chain ends. */
#ifndef SEKISHO_HEADS_H
#define SEKISHO_HEADS_H

#include "base/store_dir.h"
#include "chain.h"

struct ledger_head {
	uint64_t seq; /* 0: no line */
	char hash[LEDGER_HASH_TEXT]; /* of line `seq` */
};

struct ledger_heads {
	struct ledger_head of[LEDGER_CHAINS];
	bool known; /* false: the file is not there, all are 0 */
};

/* The directory keys/. A descriptor, or negative errno. */
int heads_open_keys(const struct store_dir *store, bool create);
/* A small file of it; caller frees. -ENOENT; -EBADMSG: it holds a zero byte; -EFBIG, I/O errors. */
int heads_read_file(int keys_dir, const char *name, char **ret_text);

/* The text of keys/heads, or NULL when there is none; caller frees. */
int heads_load(const struct store_dir *store, char **ret_text, struct problem *p);
/* What it says, if one of the keys signed it. text NULL: nothing is known. -EBADMSG without *p. */
int heads_parse(const char *text, const struct ledger_keys *keys, struct ledger_heads *ret_heads);

int heads_write(const struct store_dir *store, const struct ledger_heads *heads,
		const struct ledger_secret *secret);
void heads_set(struct ledger_heads *heads, enum ledger_chain chain, const struct chain_end *end);
/* Whether this is the line that the head names. */
bool heads_names(const struct ledger_head *head, const struct chain_end *end);

#endif
