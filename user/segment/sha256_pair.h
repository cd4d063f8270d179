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
/* Room for a message of `size` bytes and its padding. */
#define SHA256_PADDED(size) (((size) + 9 + SHA256_BLOCK - 1) / SHA256_BLOCK * SHA256_BLOCK)

/* message[0] and message[1] have room for their padding, which is written there. */
void sha256_pair(uint8_t *const message[static 2], const size_t size[static 2],
		 uint8_t *const ret_digest[static 2]);

#endif
