/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A salted Merkle tree over the rows of a section, so that one row can be shown
 * with a proof that it was sealed, and nothing of its neighbours. Leaves and nodes
 * are told apart as in RFC 9162 (section 2.1); groups are of eight, because most of
 * the cost of sealing is hashing, and eight to a node make it a fifth less than two. Salts hide what could be guessed: an address, a
 * port and a second are few bits. SHA-256 (FIPS 180-4), ChaCha20 (RFC 8439, with
 * the 64-bit counter of the original). FORMAT.md 3.12 has every byte.
 */
#ifndef SEKISHO_MERKLE_H
#define SEKISHO_MERKLE_H

#include <nettle/sha2.h>
#include <stdbool.h>
#include "base/cursor.h"
#include "row.h"

#define MERKLE_HASH_BYTES 32
#define MERKLE_SALT_BYTES 16
#define MERKLE_FAN 8
#define MERKLE_LEVELS_MAX 12 /* 8^11 is more than 2^32 */
#define MERKLE_SALT_BATCH 256
#define MERKLE_NODES 16 /* that are hashed together */
#define MERKLE_LEAVES (MERKLE_NODES * MERKLE_FAN) /* below them */
#define MERKLE_LEAF_ROOM 192

/* The secret of one section, from that of its file. */
void merkle_secret(const uint8_t file_secret[static 32], uint64_t journal_id, uint32_t run,
		   uint8_t ret_secret[static 32]);

/* Computing a root, row by row. */
struct merkle {
	struct sha256_ctx sha;
	uint8_t secret[32];
	uint8_t salts[MERKLE_SALT_BATCH * MERKLE_SALT_BYTES];
	uint8_t waiting[MERKLE_LEVELS_MAX][MERKLE_FAN][MERKLE_HASH_BYTES];
	uint8_t count[MERKLE_LEVELS_MAX];
	uint8_t leaves[MERKLE_LEAVES][MERKLE_LEAF_ROOM]; /* not hashed yet */
	uint8_t leaf_sizes[MERKLE_LEAVES];
	uint32_t leaf_count;
	uint32_t rows;
};

void merkle_begin(struct merkle *m, const uint8_t secret[static 32]);
void merkle_add(struct merkle *m, const struct row *row, const struct endpoint *e);
/* Zero when there were no rows. */
void merkle_end(struct merkle *m, uint8_t ret_root[static MERKLE_HASH_BYTES]);

/* That a row is one of a section with this root. */
struct merkle_proof {
	uint32_t row, rows; /* number of the row, from 0, and of all rows */
	uint8_t salt[MERKLE_SALT_BYTES];
	uint32_t hash_count;
	uint8_t hashes[(MERKLE_FAN - 1) * MERKLE_LEVELS_MAX][MERKLE_HASH_BYTES]; /* of its neighbours, leaf level first */
};

/* The proof for rows[at]. 0, -EINVAL when there is no such row, or -ENOMEM. */
int merkle_prove(const uint8_t secret[static 32], const struct row *rows, uint32_t count,
		 const struct endpoint *endpoints, uint32_t at, struct merkle_proof *ret_proof);
/* Whether the record (its tenant apart) with this proof leads to this root. */
bool merkle_check(const struct record *record, const struct merkle_proof *proof,
		  const uint8_t root[static MERKLE_HASH_BYTES]);

/* A proof as bytes: row u32, rows u32, salt, hashes. */
void merkle_proof_write(const struct merkle_proof *proof, struct buffer *out);
/* -EBADMSG when these bytes, all of them, are no proof. */
int merkle_proof_read(const void *data, size_t size, struct merkle_proof *ret_proof);

#endif
