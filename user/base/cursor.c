/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading untrusted bytes and building trusted ones, little-endian.
 */
#include "cursor.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void cursor_init(struct cursor *c, const void *data, size_t size)
{
	static const uint8_t nothing[1];

	/* An empty mapping has no address, and NULL + 0 is undefined in C. */
	*c = (struct cursor){
		.data = data ? data : nothing,
		.size = data ? size : 0,
	};
}

bool cursor_ok(const struct cursor *c)
{
	return !c->failed;
}

size_t cursor_left(const struct cursor *c)
{
	return c->failed ? 0 : c->size - c->at;
}

uint64_t cursor_varint(struct cursor *c)
{
	const uint8_t *p = c->data + c->at;
	size_t left = cursor_left(c);
	uint64_t v = 0;

	for (unsigned int i = 0; i < 10 && i < left; i++) {
		if (i == 9 && p[i] > 1)
			break;
		v |= (uint64_t)(p[i] & 0x7f) << 7 * i;
		if (!(p[i] & 0x80)) {
			c->at += i + 1;
			return v;
		}
	}
	c->failed = true;
	return 0;
}

int64_t cursor_zigzag(struct cursor *c)
{
	uint64_t v = cursor_varint(c);

	return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

const uint8_t *cursor_bytes(struct cursor *c, size_t n)
{
	const uint8_t *p;

	if (c->failed || n > c->size - c->at) {
		c->failed = true;
		return NULL;
	}
	p = c->data + c->at;
	c->at += n;
	return p;
}

void cursor_skip(struct cursor *c, size_t n)
{
	(void)cursor_bytes(c, n);
}

uint8_t cursor_u8(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 1);

	return p ? *p : 0;
}

uint16_t cursor_le16(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 2);

	return p ? get_le16(p) : 0;
}

uint32_t cursor_le32(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 4);

	return p ? get_le32(p) : 0;
}

uint64_t cursor_le64(struct cursor *c)
{
	const uint8_t *p = cursor_bytes(c, 8);

	return p ? get_le64(p) : 0;
}

bool buffer_ok(const struct buffer *b)
{
	return !b->failed;
}

void buffer_clear(struct buffer *b)
{
	b->size = 0;
	b->failed = false;
}

void buffer_done(struct buffer *b)
{
	if (!b)
		return;
	free(b->data);
	*b = (struct buffer){ 0 };
}

static bool buffer_grow(struct buffer *b, size_t needed)
{
	size_t capacity = b->capacity ? b->capacity : FIRST_CAPACITY;
	uint8_t *data;

	while (capacity < needed)
		capacity = capacity > PTRDIFF_MAX / 2 ? PTRDIFF_MAX : capacity * 2;
	data = realloc(b->data, capacity);
	if (!data)
		return false;
	b->data = data;
	b->capacity = capacity;
	return true;
}

uint8_t *buffer_room(struct buffer *b, size_t n)
{
	if (b->failed)
		return NULL;
	if (n > PTRDIFF_MAX - b->size ||
	    ((!b->data || b->size + n > b->capacity) && !buffer_grow(b, b->size + n))) {
		b->failed = true;
		return NULL;
	}
	return b->data + b->size;
}

uint8_t *buffer_extend(struct buffer *b, size_t n)
{
	uint8_t *p = buffer_room(b, n);

	if (p) {
		memset(p, 0, n);
		b->size += n;
	}
	return p;
}

void buffer_varint(struct buffer *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buffer_u8(b, (uint8_t)(v | 0x80));
	buffer_u8(b, (uint8_t)v);
}

void buffer_zigzag(struct buffer *b, int64_t v)
{
	buffer_varint(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void buffer_bytes(struct buffer *b, const void *data, size_t n)
{
	uint8_t *p = buffer_room(b, n);

	if (p && n > 0)
		memcpy(p, data, n);
	if (p)
		b->size += n;
}

void buffer_u8(struct buffer *b, uint8_t v)
{
	uint8_t *p = buffer_extend(b, 1);

	if (p)
		*p = v;
}

void buffer_le16(struct buffer *b, uint16_t v)
{
	uint8_t *p = buffer_extend(b, 2);

	if (p)
		put_le16(p, v);
}

void buffer_le32(struct buffer *b, uint32_t v)
{
	uint8_t *p = buffer_extend(b, 4);

	if (p)
		put_le32(p, v);
}

void buffer_le64(struct buffer *b, uint64_t v)
{
	uint8_t *p = buffer_extend(b, 8);

	if (p)
		put_le64(p, v);
}
