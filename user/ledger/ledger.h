/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three chains of a store together, their keys, and the signed statement of where each one ends
 * (keys/heads), by which a chain that was cut short is told. Writers exclude each other by a lock
 * on ledger/.lock. Acts are durable on return: the act takes effect only after that.
 */
#ifndef SEKISHO_LEDGER_H
#define SEKISHO_LEDGER_H

#include "base/store_dir.h"
#include "chain_walk.h"

struct ledger_facts {
	struct chain_end ends[LEDGER_CHAINS];
	size_t keys;
	char first_key[LEDGER_KEY_ID_TEXT], newest_key[LEDGER_KEY_ID_TEXT]; /* "" without any */
	bool head_behind; /* a chain has lines that no head states yet: a kill between the two */
};

/*
 * Walks all chains and compares them with the heads. public_key: the first key, as the auditor has it, or
 * NULL: keys/node.pub. 0; -EBADMSG and *p, which names the entry; I/O errors.
 */
int ledger_verify(const struct store_dir *store, enum chain_depth depth,
		  const struct ledger_public *public_key, struct ledger_facts *ret_facts, struct problem *p);

/* The keys that custody hands over to. Undo with ledger_keys_done(). Errors as chain_walk(). */
int ledger_keys_load(const struct store_dir *store, struct ledger_keys *ret_keys, struct problem *p);
/* Walks one chain, keys and head included: what a reader of it calls. */
int ledger_walk(const struct store_dir *store, enum ledger_chain chain, enum chain_depth depth, chain_fn fn,
		void *ctx, struct chain_end *ret_end, struct problem *p);

/*
 * A writer holds the lock, so that what it read before it appends still counts. Opening waits up to ten seconds for
 * it (-EBUSY), ends a hand-over that was cut off, and makes the key of a store that has no lines yet and hands it to
 * custody. -EBADMSG: heads, key and custody do not belong together; then nothing is written. p is used until it is closed.
 */
struct ledger_writer;
int ledger_writer_open(const struct store_dir *store, struct ledger_writer **ret_writer, struct problem *p);
void ledger_writer_close(struct ledger_writer *w);
/*
 * Appends an act ("event" and what belongs to it); number, time, hash, key and signature are added. It is durable on
 * return. An unfinished line before it is moved to NAME.log.torn. 0; -EBADMSG: the chain does not end as its head
 * says (then nothing is written); -EINVAL: longer than LEDGER_LINE_MAX; -ENOTRECOVERABLE: the line
 * failed, and it is not certain that it was taken back; I/O errors: the chain is as it was; and *p.
 */
int ledger_writer_append(struct ledger_writer *w, enum ledger_chain chain, const json_t *act, int64_t t_ns,
			 uint64_t *ret_seq);
/* All three in one. */
int ledger_append(const struct store_dir *store, enum ledger_chain chain, const json_t *act, int64_t t_ns,
		  uint64_t *ret_seq, struct problem *p);

/* Hands over to a fresh key. */
int ledger_rotate_key(const struct store_dir *store, int64_t t_ns, struct problem *p);

/* The signed heads as one line of text, to be sent out and kept elsewhere; caller frees. -ENOENT: nothing
 * was written yet. */
int ledger_heads(const struct store_dir *store, char **ret_text, struct problem *p);

#endif
