// SPDX-License-Identifier: BSD-2-Clause
/* The same rows in other stores: size, and the time to find one address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "bench.h"

#define RAW_ROWS 65536

_Static_assert(sizeof(struct bench_raw) == 48, "a record as a plain struct");

double bench_raw_zstd(const struct mix_row *rows, size_t count, uint64_t *ret_bytes)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	struct bench_raw *raw = bench_alloc(RAW_ROWS, sizeof(*raw));
	size_t room = ZSTD_compressBound(RAW_ROWS * sizeof(*raw));
	void *out = bench_alloc(1, room);
	double cpu = 0;

	if (!ctx || ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, 3)))
		bench_die("no zstd");
	*ret_bytes = 0;
	for (size_t at = 0; at < count; at += RAW_ROWS) {
		size_t n = count - at < RAW_ROWS ? count - at : RAW_ROWS;
		ZSTD_EndDirective end = at + n == count ? ZSTD_e_end : ZSTD_e_continue;
		ZSTD_inBuffer in = { raw, n * sizeof(*raw), 0 };
		size_t left;

		for (size_t i = 0; i < n; i++) {
			const struct mix_row *r = &rows[at + i];

			raw[i] = (struct bench_raw){ r->time_ns, r->src, r->dst, r->src_port, r->dst_port, r->tenant };
		}
		cpu -= bench_cpu();
		do {
			ZSTD_outBuffer to = { out, room, 0 };

			left = ZSTD_compressStream2(ctx, &to, &in, end);
			if (ZSTD_isError(left))
				bench_die("zstd: %s", ZSTD_getErrorName(left));
			*ret_bytes += to.pos;
		} while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
		cpu += bench_cpu();
	}
	free(raw);
	free(out);
	ZSTD_freeCCtx(ctx);
	return cpu;
}

void bench_peers(const char *dir, const struct bench_set *set, const struct mix_row *rows, size_t count,
		 const struct bench_question *q, struct bench_table *t)
{
	(void)dir, (void)set, (void)rows, (void)count, (void)q, (void)t;
}
