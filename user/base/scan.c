// SPDX-License-Identifier: BSD-2-Clause
/* Finding the next intact object of a damaged file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "fs.h"
#include "scan.h"

#define CHUNK_BYTES (1u << 20)
#define MAGIC_BYTES 4

struct scan {
	int (*good)(void *ctx, uint64_t at, uint64_t *ret_bytes_read);
	void *ctx;
	uint64_t *budget;
};

/* The first good hit inside a chunk that starts at file offset `from`; false when there is none. */
static int scan_chunk(const struct scan *s, const uint8_t *chunk, size_t n, uint64_t from,
		      const char *magic, uint64_t *ret_offset)
{
	const uint8_t *hit = chunk;

	while (*s->budget && (hit = memmem(hit, (size_t)(chunk + n - hit), magic, MAGIC_BYTES))) {
		uint64_t at = from + (uint64_t)(hit - chunk), cost = 0;

		if (s->good(s->ctx, at, &cost)) {
			*ret_offset = at;
			return 1;
		}
		*s->budget = *s->budget > cost + 1 ? *s->budget - cost - 1 : 0;
		hit++;
	}
	return 0;
}

int scan_next(int fd, uint64_t from, uint64_t size, const char magic[4],
	      int (*good)(void *ctx, uint64_t at, uint64_t *ret_bytes_read), void *ctx,
	      uint64_t *budget, uint64_t *ret_offset)
{
	const struct scan s = { .good = good, .ctx = ctx, .budget = budget };
	uint8_t *chunk = malloc(CHUNK_BYTES);
	int error = chunk ? 0 : -ENOMEM;

	*ret_offset = size;
	while (!error && *budget && from < size && size - from >= MAGIC_BYTES) {
		size_t n = size - from < CHUNK_BYTES ? size - from : CHUNK_BYTES;

		error = fs_pread_all(fd, chunk, n, (off_t)from);
		if (!error && scan_chunk(&s, chunk, n, from, magic, ret_offset))
			break;
		/* The magic may lie across two chunks. */
		from += n - (MAGIC_BYTES - 1);
	}
	free(chunk);
	return error;
}

int scan_is_zero(int fd, uint64_t from, uint64_t size)
{
	uint8_t chunk[4096];

	while (from < size) {
		size_t n = size - from < sizeof(chunk) ? size - from : sizeof(chunk);

		if (fs_pread_all(fd, chunk, n, (off_t)from))
			return 0;
		for (size_t i = 0; i < n; i++)
			if (chunk[i])
				return 0;
		from += n;
	}
	return 1;
}
