/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Keys that sign the ledgers: Ed25519 (RFC 8032) by libsodium. A key is named by the first eight bytes of the
 * BLAKE2b-256 of its public half, as hexadecimal.
 */
#ifndef SEKISHO_LEDGER_KEY_H
#define SEKISHO_LEDGER_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/problem.h"
#include "schema/ledger.h"

#define LEDGER_KEY_ID_TEXT (2 * LEDGER_KEY_ID_BYTES + 1)
#define LEDGER_HASH_TEXT (2 * LEDGER_HASH_BYTES + 1)
#define LEDGER_SIGNATURE_TEXT (2 * LEDGER_SIGNATURE_BYTES + 1)

struct ledger_public {
	uint8_t bytes[LEDGER_PUBLIC_BYTES];
	char id[LEDGER_KEY_ID_TEXT];
};

struct ledger_secret {
	uint8_t bytes[64]; /* wiped by ledger_secret_done() */
	struct ledger_public public;
};

void ledger_public_of(const uint8_t bytes[static LEDGER_PUBLIC_BYTES], struct ledger_public *ret_public);
/* A fresh key from getrandom(), or that of a seed. */
void ledger_secret_new(uint8_t ret_seed[static LEDGER_SEED_BYTES], struct ledger_secret *ret_secret);
void ledger_secret_of_seed(const uint8_t seed[static LEDGER_SEED_BYTES], struct ledger_secret *ret_secret);
void ledger_secret_done(struct ledger_secret *secret);

/*
 * The node's key, in keys/node.key (0600) of the state directory. `create` makes one, and keys/node.pub, where
 * there is none. 0; -ENOENT; -EBADMSG: not a key; I/O errors; and *p.
 */
int ledger_secret_load(int root_fd, bool create, struct ledger_secret *ret_secret, struct problem *p);
/* Puts a fresh key in the place of the node's; the old file is replaced in one step. */
int ledger_secret_replace(int root_fd, const uint8_t seed[static LEDGER_SEED_BYTES], struct problem *p);

/* Signs context, chain and text; see LEDGER_CONTEXT. 0 or -ENOMEM. */
int ledger_sign(const struct ledger_secret *secret, const char *chain, const char *text, size_t size,
		char ret_signature[static LEDGER_SIGNATURE_TEXT]);
bool ledger_check(const struct ledger_public *key, const char *chain, const char *text, size_t size,
		  const char *signature);

/* BLAKE2b-256; the other as hexadecimal. */
void ledger_hash_bytes(const void *bytes, size_t size, uint8_t ret_hash[static LEDGER_HASH_BYTES]);
void ledger_hash(const void *bytes, size_t size, char ret_hash[static LEDGER_HASH_TEXT]);

/* Lower-case hexadecimal of exactly `size` bytes. 0 or -EINVAL. */
int hex_parse(const char *text, size_t text_size, uint8_t *ret_bytes, size_t size);
void hex_format(const uint8_t *bytes, size_t size, char *ret_text); /* 2 * size + 1 */

#endif
