// SPDX-License-Identifier: BSD-2-Clause
/* Two streams of the SHA extensions of x86 (Intel SDM 2A/2B: SHA256RNDS2, SHA256MSG1, SHA256MSG2). */
#include <nettle/sha2.h>
#include <string.h>
#include "sha256_pair.h"

void sha256_one(const uint8_t *message, size_t size, uint8_t *ret_digest)
{
	struct sha256_ctx sha;

	sha256_init(&sha);
	sha256_update(&sha, size, message);
	sha256_digest(&sha, SHA256_DIGEST_SIZE, ret_digest);
}

const uint32_t sha256_round_constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

size_t sha256_pad(uint8_t *message, size_t size)
{
	size_t padded = SHA256_PADDED(size);
	uint64_t bits = __builtin_bswap64((uint64_t)size * 8);

	message[size] = 0x80;
	/* The room is there, and as many bytes as a block has are a few moves. */
	memset(message + size + 1, 0, SHA256_BLOCK);
	memcpy(message + padded - sizeof(bits), &bits, sizeof(bits));
	return padded / SHA256_BLOCK;
}

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The words of the state as the instructions want them, highest first. */
struct lane {
	__m128i abef, cdgh;
};

TARGET ALWAYS_INLINE void load(__m128i w[4], const uint8_t *block)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	for (int i = 0; i < 4; i++)
		w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), swap);
}

/* Four rounds; from the fifth such step on the message schedule goes on. */
TARGET ALWAYS_INLINE void four_rounds(struct lane *l, __m128i w[4], unsigned int i)
{
	__m128i *now = &w[i & 3], before = w[(i + 3) & 3], sum;

	if (i >= 4) {
		*now = _mm_add_epi32(_mm_sha256msg1_epu32(*now, w[(i + 1) & 3]),
				     _mm_alignr_epi8(before, w[(i + 2) & 3], 4));
		*now = _mm_sha256msg2_epu32(*now, before);
	}
	sum = _mm_add_epi32(*now, _mm_load_si128((const __m128i *)(const void *)&sha256_round_constants[4 * i]));
	l->cdgh = _mm_sha256rnds2_epu32(l->cdgh, l->abef, sum);
	l->abef = _mm_sha256rnds2_epu32(l->abef, l->cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

TARGET static void compress_two(struct lane l[2], const uint8_t *a, const uint8_t *b)
{
	struct lane x = l[0], y = l[1];
	__m128i v[4], w[4];

	load(v, a);
	load(w, b);
#pragma GCC unroll 16
	for (unsigned int i = 0; i < 16; i++) {
		four_rounds(&x, v, i);
		four_rounds(&y, w, i);
	}
	l[0].abef = _mm_add_epi32(l[0].abef, x.abef);
	l[0].cdgh = _mm_add_epi32(l[0].cdgh, x.cdgh);
	l[1].abef = _mm_add_epi32(l[1].abef, y.abef);
	l[1].cdgh = _mm_add_epi32(l[1].cdgh, y.cdgh);
}

TARGET static void compress_one(struct lane *l, const uint8_t *a)
{
	struct lane x = *l;
	__m128i v[4];

	load(v, a);
#pragma GCC unroll 16
	for (unsigned int i = 0; i < 16; i++)
		four_rounds(&x, v, i);
	l->abef = _mm_add_epi32(l->abef, x.abef);
	l->cdgh = _mm_add_epi32(l->cdgh, x.cdgh);
}

TARGET static void store(const struct lane *l, uint8_t *ret_digest)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	__m128i feba = _mm_shuffle_epi32(l->abef, 0x1b), dchg = _mm_shuffle_epi32(l->cdgh, 0xb1);
	__m128i abcd = _mm_blend_epi16(feba, dchg, 0xf0), efgh = _mm_alignr_epi8(dchg, feba, 8);

	_mm_storeu_si128((__m128i *)(void *)ret_digest, _mm_shuffle_epi8(abcd, swap));
	_mm_storeu_si128((__m128i *)(void *)(ret_digest + 16), _mm_shuffle_epi8(efgh, swap));
}

TARGET static void hash_two(uint8_t *const message[2], const size_t size[2], uint8_t *const ret_digest[2])
{
	const struct lane first = {
		.abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
		.cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19),
	};
	struct lane lanes[2] = { first, first };
	size_t blocks[2] = { sha256_pad(message[0], size[0]), sha256_pad(message[1], size[1]) };
	size_t both = blocks[0] < blocks[1] ? blocks[0] : blocks[1];

	for (size_t i = 0; i < both; i++)
		compress_two(lanes, message[0] + i * SHA256_BLOCK, message[1] + i * SHA256_BLOCK);
	for (int k = 0; k < 2; k++) {
		for (size_t i = both; i < blocks[k]; i++)
			compress_one(&lanes[k], message[k] + i * SHA256_BLOCK);
		store(&lanes[k], ret_digest[k]);
	}
}

static int has_unit(void)
{
	static int known; /* 1: no, 2: yes; whoever asks first finds the same */
	int now = __atomic_load_n(&known, __ATOMIC_RELAXED);
	unsigned int a = 0, b = 0, c = 0, d = 0;

	if (!now) {
		__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
		now = b >> 29 & 1 && __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("ssse3") ? 2 : 1;
		__atomic_store_n(&known, now, __ATOMIC_RELAXED);
	}
	return now == 2;
}
#endif

void sha256_pair(uint8_t *const message[static 2], const size_t size[static 2],
		 uint8_t *const ret_digest[static 2])
{
#if defined(__x86_64__)
	if (has_unit()) {
		hash_two(message, size, ret_digest);
		return;
	}
#endif
	for (int k = 0; k < 2; k++)
		sha256_one(message[k], size[k], ret_digest[k]);
}
