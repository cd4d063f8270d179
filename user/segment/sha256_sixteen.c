// SPDX-License-Identifier: BSD-2-Clause
/* Sixteen lanes of AVX-512: word i of all messages stands in one vector (FIPS 180-4, section 6.2). */
#include <string.h>
#include "base/cursor.h"
#include "sha256_sixteen.h"

#define LANES 16

static void hash_by_pairs(unsigned int n, uint8_t *const message[], const size_t size[],
			  uint8_t *const ret_digest[])
{
	for (unsigned int i = 0; i + 1 < n; i += 2)
		sha256_pair(message + i, size + i, ret_digest + i);
	if (n & 1)
		sha256_one(message[n - 1], size[n - 1], ret_digest[n - 1]);
}

#if defined(__x86_64__)
#include <immintrin.h>

/* Fewer are faster by pairs. */
#define LANES_WORTH_IT 8
#define TARGET __attribute__((target("avx512f,avx512bw")))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Word i of each lane's block, from big-endian: two steps inside of quarters, two among them. */
TARGET ALWAYS_INLINE void load_words(const uint8_t *const block[LANES], __m512i w[LANES])
{
	const __m512i swap = _mm512_broadcast_i32x4(_mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
	__m512i t[LANES];

#pragma GCC unroll 16
	for (int i = 0; i < LANES; i++)
		w[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(block[i]), swap);
#pragma GCC unroll 8
	for (int i = 0; i < LANES; i += 2) {
		t[i] = _mm512_unpacklo_epi32(w[i], w[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(w[i], w[i + 1]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < LANES; i += 4) {
		w[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		w[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		w[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		w[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		__m512i a = _mm512_shuffle_i32x4(w[i], w[i + 4], 0x88), b = _mm512_shuffle_i32x4(w[i + 8], w[i + 12], 0x88);
		__m512i c = _mm512_shuffle_i32x4(w[i], w[i + 4], 0xdd), d = _mm512_shuffle_i32x4(w[i + 8], w[i + 12], 0xdd);

		w[i] = _mm512_shuffle_i32x4(a, b, 0x88);
		w[i + 4] = _mm512_shuffle_i32x4(c, d, 0x88);
		w[i + 8] = _mm512_shuffle_i32x4(a, b, 0xdd);
		w[i + 12] = _mm512_shuffle_i32x4(c, d, 0xdd);
	}
}

#define XOR3 0x96
#define CHOOSE 0xca
#define MAJORITY 0xe8

TARGET ALWAYS_INLINE __m512i schedule(const __m512i w[LANES], unsigned int i)
{
	__m512i w2 = w[(i + 14) & 15], w15 = w[(i + 1) & 15];
	__m512i s0 = _mm512_ternarylogic_epi32(_mm512_ror_epi32(w15, 7), _mm512_ror_epi32(w15, 18),
					       _mm512_srli_epi32(w15, 3), XOR3);
	__m512i s1 = _mm512_ternarylogic_epi32(_mm512_ror_epi32(w2, 17), _mm512_ror_epi32(w2, 19),
					       _mm512_srli_epi32(w2, 10), XOR3);

	return _mm512_add_epi32(_mm512_add_epi32(w[i & 15], s0), _mm512_add_epi32(w[(i + 9) & 15], s1));
}

/* Round i of sixteen; the names of the words are turned by one each time. */
TARGET ALWAYS_INLINE void one_round(__m512i v[8], const unsigned int i, __m512i w, uint32_t constant)
{
	__m512i a = v[(64 - i) & 7], b = v[(65 - i) & 7], c = v[(66 - i) & 7], e = v[(68 - i) & 7];
	__m512i f = v[(69 - i) & 7], g = v[(70 - i) & 7], h = v[(71 - i) & 7];
	__m512i s1 = _mm512_ternarylogic_epi32(_mm512_ror_epi32(e, 6), _mm512_ror_epi32(e, 11),
					       _mm512_ror_epi32(e, 25), XOR3);
	__m512i s0 = _mm512_ternarylogic_epi32(_mm512_ror_epi32(a, 2), _mm512_ror_epi32(a, 13),
					       _mm512_ror_epi32(a, 22), XOR3);
	__m512i sum = _mm512_add_epi32(_mm512_add_epi32(h, w),
				       _mm512_set1_epi32((int)constant));

	sum = _mm512_add_epi32(sum, _mm512_add_epi32(s1, _mm512_ternarylogic_epi32(e, f, g, CHOOSE)));
	v[(67 - i) & 7] = _mm512_add_epi32(v[(67 - i) & 7], sum);
	v[(71 - i) & 7] = _mm512_add_epi32(sum, _mm512_add_epi32(s0, _mm512_ternarylogic_epi32(a, b, c, MAJORITY)));
}

/* Lanes that are not in `active` keep their state. */
TARGET static void compress(__m512i state[8], const uint8_t *const block[LANES], __mmask16 active)
{
	__m512i w[LANES], v[8];

	load_words(block, w);
	memcpy(v, state, sizeof(v));
#pragma GCC unroll 16
	for (unsigned int i = 0; i < 16; i++)
		one_round(v, i, w[i], sha256_round_constants[i]);
	for (unsigned int from = 16; from < 64; from += 16) {
#pragma GCC unroll 16
		for (unsigned int i = 0; i < 16; i++) {
			w[i] = schedule(w, i);
			one_round(v, i, w[i], sha256_round_constants[from + i]);
		}
	}
	for (unsigned int i = 0; i < 8; i++)
		state[i] = _mm512_mask_add_epi32(state[i], active, state[i], v[i]);
}

TARGET static void hash_lanes(unsigned int n, uint8_t *const message[], const size_t size[],
			      uint8_t *const ret_digest[])
{
	static const uint32_t first[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	const uint8_t *at[LANES];
	size_t blocks[LANES] = {}, most = 0;
	uint32_t words[8][LANES];
	__m512i state[8];

	for (unsigned int i = 0; i < n; i++) {
		blocks[i] = sha256_pad(message[i], size[i]);
		most = blocks[i] > most ? blocks[i] : most;
	}
	for (unsigned int i = 0; i < 8; i++)
		state[i] = _mm512_set1_epi32((int)first[i]);
	for (size_t k = 0; k < most; k++) {
		unsigned int active = 0;

		for (unsigned int i = 0; i < LANES; i++) {
			active |= (unsigned int)(k < blocks[i]) << i;
			at[i] = k < blocks[i] ? message[i] + k * SHA256_BLOCK : message[0];
		}
		compress(state, at, (__mmask16)active);
	}
	for (unsigned int i = 0; i < 8; i++)
		_mm512_storeu_si512(words[i], state[i]);
	for (unsigned int i = 0; i < n; i++)
		for (unsigned int k = 0; k < 8; k++)
			put_le32(ret_digest[i] + 4 * k, __builtin_bswap32(words[k][i]));
}

static bool has_lanes(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}
#endif

void sha256_sixteen(unsigned int n, uint8_t *const message[], const size_t size[], uint8_t *const ret_digest[])
{
#if defined(__x86_64__)
	if (n > LANES_WORTH_IT && has_lanes()) {
		hash_lanes(n, message, size, ret_digest);
		return;
	}
#endif
	hash_by_pairs(n, message, size, ret_digest);
}
