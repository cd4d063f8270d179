/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256 (FIPS 180-4) of two messages at a time. Sealing hashes each row; one message leaves half of the
 * processor's SHA unit waiting for its own result, two of them do not. Where there is no such unit, the
 * library hashes one after the other: the digests are the same.
 */
#ifndef SEKISHO_SHA256_PAIR_H
#define SEKISHO_SHA256_PAIR_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BLOCK 64
#define SHA256_PADDED(size) (((size) + 9 + SHA256_BLOCK - 1) / SHA256_BLOCK * SHA256_BLOCK)
/* Room for a message of `size` bytes, its padding, and as many zeroes as are written at a time. */
#define SHA256_ROOM(size) (SHA256_PADDED(size) + SHA256_BLOCK)

/* message[0] and message[1] have SHA256_ROOM(): their padding is written behind them. */
void sha256_pair(uint8_t *const message[static 2], const size_t size[static 2],
		 uint8_t *const ret_digest[static 2]);

/* What other ways of hashing need: the round constants; a message's padding, behind it (the number of blocks is
 * returned); one message by the library. */
extern const uint32_t sha256_round_constants[64];
size_t sha256_pad(uint8_t *message, size_t size);
void sha256_one(const uint8_t *message, size_t size, uint8_t *ret_digest);

#endif
