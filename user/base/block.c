// SPDX-License-Identifier: BSD-2-Clause
/* CRC and zstd around the blocks of journal and segment files. */
#include <errno.h>
#include <libdeflate.h>
#include <string.h>
#include <zstd.h>
#include "block.h"
#include "schema/store.h"

uint32_t block_crc(uint64_t file_id, uint64_t offset, const void *head, size_t head_size,
		   const void *body, size_t body_size)
{
	uint8_t place[16];
	uint32_t crc;

	put_le64(place, file_id);
	put_le64(place + 8, offset);
	crc = libdeflate_crc32(0, place, sizeof(place));
	if (head_size)
		crc = libdeflate_crc32(crc, head, head_size);
	if (body_size)
		crc = libdeflate_crc32(crc, body, body_size);
	return crc;
}

int block_pack(const void *raw, size_t raw_size, int level, struct buffer *out, uint8_t *ret_coding)
{
	return block_pack_with(NULL, raw, raw_size, level, out, ret_coding);
}

int block_pack_with(struct ZSTD_CCtx_s *ctx, const void *raw, size_t raw_size, int level,
		    struct buffer *out, uint8_t *ret_coding)
{
	size_t start = out->size, bound = ZSTD_compressBound(raw_size), packed;
	uint8_t *dst = buffer_room(out, bound);

	if (!dst)
		return -ENOMEM;
	packed = ctx ? ZSTD_compressCCtx(ctx, dst, bound, raw, raw_size, level) :
		       ZSTD_compress(dst, bound, raw, raw_size, level);
	if (!ZSTD_isError(packed) && packed < raw_size) {
		out->size = start + packed;
		*ret_coding = STORE_CODING_ZSTD;
		return 0;
	}
	buffer_bytes(out, raw, raw_size);
	*ret_coding = STORE_CODING_PLAIN;
	return buffer_ok(out) ? 0 : -ENOMEM;
}

int block_unpack(uint8_t coding, const void *stored, size_t stored_size, void *dst,
		 size_t raw_size)
{
	return block_unpack_with(NULL, coding, stored, stored_size, dst, raw_size);
}

int block_unpack_with(struct ZSTD_DCtx_s *ctx, uint8_t coding, const void *stored, size_t stored_size,
		      void *dst, size_t raw_size)
{
	size_t unpacked;

	if (coding == STORE_CODING_PLAIN) {
		if (stored_size != raw_size)
			return -EBADMSG;
		if (raw_size)
			memcpy(dst, stored, raw_size);
		return 0;
	}
	if (coding != STORE_CODING_ZSTD || ZSTD_getFrameContentSize(stored, stored_size) != raw_size)
		return -EBADMSG;
	unpacked = ctx ? ZSTD_decompressDCtx(ctx, dst, raw_size, stored, stored_size) :
			 ZSTD_decompress(dst, raw_size, stored, stored_size);
	return unpacked == raw_size ? 0 : -EBADMSG;
}
