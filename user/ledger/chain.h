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

/* The event by which custody hands over to a new key. */
#define CHAIN_KEY_EVENT "KEY"

/* Where a chain ends. */
struct chain_end {
	uint64_t seq; /* 0: it is empty */
	char hash[LEDGER_HASH_TEXT]; /* of its last line */
	uint64_t bytes; /* of its whole lines */
	bool torn; /* an unfinished line follows: power loss during an append that was never confirmed */
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

/* Completes an act to a line behind `end`; caller frees. -ENOMEM, or -EINVAL when it is too long. */
int chain_make_line(const struct chain_end *end, enum ledger_chain chain, const json_t *act, int64_t t_ns,
		    const struct ledger_secret *secret, char **ret_text);
/* The same for an object that is no line of a chain: members "key" and "sig" behind its own. */
int chain_sign_object(const char *name, const json_t *object, const struct ledger_secret *secret,
		      char **ret_text);
/* Whether the text is such an object, signed by a known key. Caller gives back *ret_json. */
int chain_read_object(const char *name, const char *text, size_t size, const struct ledger_keys *keys,
		      json_t **ret_json);
/* Whether the text ends in this key's signature of it; key may be NULL. */
bool chain_is_signed(const char *name, const char *text, size_t size, const struct ledger_public *key);
/* A member of a line that is a string, or NULL. */
static inline const char *chain_member(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

#endif
