/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading untrusted bytes and building trusted ones, little-endian. A cursor has
 * a sticky error: after the first read past its end every read gives zero (or
 * NULL) and cursor_ok() is false, so a decoder checks once at the end.
 */
#ifndef SEKISHO_CURSOR_H
#define SEKISHO_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *data;
	size_t size, at;
	bool failed;
};

void cursor_init(struct cursor *c, const void *data, size_t size);
bool cursor_ok(const struct cursor *c);
size_t cursor_left(const struct cursor *c);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_le16(struct cursor *c);
uint32_t cursor_le32(struct cursor *c);
uint64_t cursor_le64(struct cursor *c);
/* Seven bits a byte, lowest first (LEB128), at most ten bytes; zigzag for signed values. */
uint64_t cursor_varint(struct cursor *c);
int64_t cursor_zigzag(struct cursor *c);
/* A pointer to n bytes inside the data (valid as long as it), or NULL. */
const uint8_t *cursor_bytes(struct cursor *c, size_t n);
void cursor_skip(struct cursor *c, size_t n);

/* A growing byte buffer; failure to grow is sticky and shows in buffer_ok(). Zero-initialise. */
struct buffer {
	uint8_t *data;
	size_t size, capacity;
	bool failed;
};

bool buffer_ok(const struct buffer *b);
void buffer_clear(struct buffer *b); /* size = 0, failed = false, memory kept */
void buffer_done(struct buffer *b); /* frees; reusable afterwards; NULL is fine */
void buffer_u8(struct buffer *b, uint8_t v);
void buffer_le16(struct buffer *b, uint16_t v);
void buffer_le32(struct buffer *b, uint32_t v);
void buffer_le64(struct buffer *b, uint64_t v);
void buffer_varint(struct buffer *b, uint64_t v);
void buffer_zigzag(struct buffer *b, int64_t v);
void buffer_bytes(struct buffer *b, const void *data, size_t n);
/* n zero bytes to be filled in place; NULL on failure. Invalid after the next buffer call. */
uint8_t *buffer_extend(struct buffer *b, size_t n);
/* Room for n bytes behind the end, not cleared and not yet part of it: the caller adds to size what it filled. */
uint8_t *buffer_room(struct buffer *b, size_t n);
/* Overwrites four bytes written earlier. */

/* Fields at any address; inline, since compilers make one move of each. */
static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline void put_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	put_le16(p, (uint16_t)v);
	put_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void put_le64(uint8_t *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

#endif
