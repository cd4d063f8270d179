/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SHA-256 of up to sixteen messages at a time, one to each lane of AVX-512: where processors have that, it is
 * twice as fast as their SHA unit. Elsewhere sha256_pair() takes two after the other: the digests are the same.
 */
#ifndef SEKISHO_SHA256_SIXTEEN_H
#define SEKISHO_SHA256_SIXTEEN_H

#include "sha256_pair.h"

/* n: 0 to 16. Messages have SHA256_ROOM(), as for sha256_pair(). */
void sha256_sixteen(unsigned int n, uint8_t *const message[], const size_t size[], uint8_t *const ret_digest[]);

#endif
