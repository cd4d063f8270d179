/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One chain of signed lines: a JSON object each, whose last members are "prev" (hash of the line before;
 * zeroes at first), "key" and "sig". A bit that is flipped, a line that is added, taken out or moved breaks
 * the chain at a line that can be named. FORMAT.md 3.8.
 */
#ifndef SEKISHO_CHAIN_H
#define SEKISHO_CHAIN_H

#include <jansson.h>
#include "ledger_key.h"

/* Keys that lines of this node may be signed with, oldest first. */
struct ledger_keys {
	struct ledger_public *list;
	size_t count, capacity;
};
void ledger_keys_done(struct ledger_keys *keys);
const struct ledger_public *ledger_keys_find(const struct ledger_keys *keys, const char *id); /* or NULL */

struct chain_line {
	uint64_t seq;
	int64_t t_ns; /* UTC */
	const char *event;
	const json_t *json; /* with CHAIN_HASHES and CHAIN_ACTS it and event may be NULL */
	const char *text; /* without newline */
	size_t size;
};

/* Where a chain ends. */
struct chain_end {
	uint64_t seq; /* 0: it is empty */
	char hash[LEDGER_HASH_TEXT]; /* of its last line */
	uint64_t bytes; /* of its whole lines */
	bool torn; /* an unfinished line follows: power loss during an append that was never confirmed */
};

enum chain_depth {
	CHAIN_QUICK = 0, /* all hashes, and the signature of the last line, which vouches for all before it */
	CHAIN_FULL = 1, /* every signature */
	CHAIN_HASHES = 3, /* as quick, but fn gets lines without their JSON and event */
	CHAIN_KEYS = 2, /* of custody: only the lines that hand over to a key, each signed by the one before */
	CHAIN_ACTS = 4, /* as quick, but fn gets searches without their JSON and event */
};

const char *chain_name(enum ledger_chain chain); /* "consent", ... */
const char *chain_file_name(enum ledger_chain chain); /* "consent.log", ... */

/*
 * A chain as long as it was when it was opened. Writers only append, so of several that are opened one after the
 * other each later one knows at least what the earlier ones rest upon. A missing file is an empty chain.
 */
struct chain_file {
	enum ledger_chain chain;
	int fd; /* -1: not there */
	uint64_t size;
};
int chain_open(int ledger_fd, enum ledger_chain chain, struct chain_file *ret_file, struct problem *p);
void chain_close(struct chain_file *file);

typedef int (*chain_fn)(void *ctx, const struct chain_line *line, struct problem *p);
/*
 * Gives every line to fn (may be NULL), whose result other than 0 ends the walk; what it was given counts only when
 * the walk ends in 0. LEDGER_CUSTODY adds the keys that it hands over to *keys; the others are checked against it.
 * -EBADMSG and *p, which names file and line; -EFBIG, -ENOMEM, I/O errors.
 */
int chain_walk(const struct chain_file *file, enum chain_depth depth, struct ledger_keys *keys, chain_fn fn,
	       void *ctx, struct chain_end *ret_end, struct problem *p);

/* Only the last line, which is not checked. Undo with chain_tail_done(). */
struct chain_tail {
	struct chain_end end;
	char *text; /* of it, without newline; NULL: the chain is empty */
	char prev[LEDGER_HASH_TEXT];
	char next_key[LEDGER_KEY_ID_TEXT]; /* what signs the next line */
};
int chain_tail(int ledger_fd, enum ledger_chain chain, struct chain_tail *ret_tail, struct problem *p);
void chain_tail_done(struct chain_tail *tail);

/* Completes an act to a line behind `end`; caller frees. -ENOMEM, or -EINVAL when it is too long. */
int chain_make_line(const struct chain_end *end, enum ledger_chain chain, const json_t *act, int64_t t_ns,
		    const struct ledger_secret *secret, char **ret_text);
/* The same for an object that is no line of a chain: members "key" and "sig" behind its own. */
int chain_sign_object(const char *name, const json_t *object, const struct ledger_secret *secret,
		      char **ret_text);
/* Whether the text is such an object, signed by a known key. Caller gives back *ret_json. */
int chain_read_object(const char *name, const char *text, size_t size, const struct ledger_keys *keys,
		      json_t **ret_json);

#endif
