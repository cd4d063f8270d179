/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checksummed, compressed runs of bytes: what journal frames and segment blocks
 * are made of. The checksum is CRC-32 (ISO-HDLC, zlib's) over file id, own
 * offset and bytes, so that a block from elsewhere never looks valid.
 */
#ifndef SEKISHO_BLOCK_H
#define SEKISHO_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include "cursor.h"

/* CRC over file id (LE), offset (LE), then head, then body; either may be empty. */
uint32_t block_crc(uint64_t file_id, uint64_t offset, const void *head, size_t head_size,
		   const void *body, size_t body_size);

/* Appends `raw` to out, compressed when that is smaller; ret_coding: enum store_coding.
 * 0, or -ENOMEM. */
int block_pack(const void *raw, size_t raw_size, int level, struct buffer *out, uint8_t *ret_coding);

/* The same with the working memory of ZSTD_createCCtx(), for those who pack again and again. */
struct ZSTD_CCtx_s;
int block_pack_with(struct ZSTD_CCtx_s *ctx, const void *raw, size_t raw_size, int level,
		    struct buffer *out, uint8_t *ret_coding);

/* The reverse into exactly raw_size bytes at dst. -EBADMSG when the bytes are not such a block. */
int block_unpack(uint8_t coding, const void *stored, size_t stored_size, void *dst,
		 size_t raw_size);

/* The same with the working memory of ZSTD_createDCtx(). */
struct ZSTD_DCtx_s;
int block_unpack_with(struct ZSTD_DCtx_s *ctx, uint8_t coding, const void *stored, size_t stored_size,
		      void *dst, size_t raw_size);

#endif
