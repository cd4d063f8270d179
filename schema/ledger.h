/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledgers: three chains of signed lines of text below ledger/, the newest head of each, and the keys.
 * FORMAT.md describes every line.
 */
#ifndef SEKISHO_LEDGER_SCHEMA_H
#define SEKISHO_LEDGER_SCHEMA_H

/* ledger/NAME.log; numbers are never reused. */
enum ledger_chain {
	LEDGER_CONSENT = 0, /* who may be recorded, from when to when */
	LEDGER_ACCESS = 1, /* who searched for what */
	LEDGER_CUSTODY = 2, /* what was sealed, deleted, held, imported; keys */
	LEDGER_CHAINS = 3,
};
#define LEDGER_SUFFIX ".log"
#define LEDGER_TORN_SUFFIX ".torn" /* unfinished ends, moved away */

/* The hash before the first line. */
#define LEDGER_NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define LEDGER_HASH_BYTES 32 /* BLAKE2b-256 (RFC 7693) of a line without its newline */
#define LEDGER_SIGNATURE_BYTES 64 /* Ed25519 (RFC 8032) */
#define LEDGER_PUBLIC_BYTES 32
#define LEDGER_SEED_BYTES 32
#define LEDGER_KEY_ID_BYTES 8 /* the first bytes of the BLAKE2b-256 of the public key */

/* What is signed begins with this, then the chain's name and a newline, then the line up to its signature. */
#define LEDGER_CONTEXT "sekisho ledger 1 "
#define LEDGER_KEYS_DIR "keys"
#define LEDGER_HEADS_NAME "heads" /* in keys/; also the chain's name when heads are signed */
#define LEDGER_KEY_FILE "node.key" /* in keys/, 0600: the seed, hexadecimal */
#define LEDGER_NEXT_KEY_FILE "node.key.next" /* in keys/: only while the key is handed over */
#define LEDGER_PUBLIC_FILE "node.pub" /* in keys/: the first public key, to be handed out */

/* Bounds that a reader enforces. */
#define LEDGER_LINE_MAX (1u << 20)
#define LEDGER_FILE_MAX (1ull << 32)
#define LEDGER_KEYS_MAX 1024

#endif
