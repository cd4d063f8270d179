// SPDX-License-Identifier: BSD-2-Clause
/* Writing and reading a section's endpoints. */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "endpoint_list.h"
#include "schema/event.h"
#include "schema/segment.h"

/* An address is looked for among so many, the most frequent ones. */
#define LOOK_AT 256
/* Least bytes of an endpoint: bounds the number that a header may claim. */
#define LEAST_BYTES 4

/* The number of an earlier endpoint with the address of endpoint i; i if there is none. */
static uint32_t same_address(const struct endpoint *endpoints, const uint32_t *order, uint32_t i)
{
	const struct addr *dst = &endpoints[order[i]].dst;

	for (uint32_t k = 0; k < i && k < LOOK_AT; k++)
		if (memcmp(&endpoints[order[k]].dst, dst, sizeof(*dst)) == 0)
			return k;
	return i;
}

static bool alike(const struct endpoint *a, const struct endpoint *b)
{
	return a->kind == b->kind && a->protocol == b->protocol && a->flags == b->flags &&
	       a->consent == b->consent;
}

/* What most rows of a tenant have: before the first endpoint such a one is thought. */
static struct endpoint usual(uint32_t tenant)
{
	return (struct endpoint){ .kind = SEKISHO_KIND_ESTABLISHED, .protocol = IPPROTO_TCP, .consent = tenant };
}

static void write_endpoint(const struct endpoint *endpoints, const uint32_t *order, uint32_t i, uint32_t tenant,
			   struct buffer *out)
{
	static const struct addr none;
	const struct endpoint *e = &endpoints[order[i]];
	uint32_t same = same_address(endpoints, order, i);
	bool v6 = !addr_is_v4(&e->dst), orig = e->orig_dst_port || addr_compare(&e->orig_dst, &none) != 0;
	const struct endpoint first = usual(tenant);
	bool like = alike(i ? &endpoints[order[i - 1]] : &first, e);

	buffer_u8(out, (uint8_t)((v6 && same == i ? ENDPOINT_FLAG_V6 : 0) | (orig ? ENDPOINT_FLAG_ORIG_DST : 0) |
				 (same < i ? ENDPOINT_FLAG_SAME_DST : 0) | (like ? ENDPOINT_FLAG_LIKE : 0)));
	if (!like) {
		buffer_u8(out, e->kind);
		buffer_u8(out, e->protocol);
		buffer_varint(out, e->flags);
		buffer_varint(out, e->consent);
	}
	buffer_le16(out, e->dst_port);
	if (same < i)
		buffer_varint(out, same);
	else
		buffer_bytes(out, e->dst.bytes + (v6 ? 0 : 12), v6 ? 16 : 4);
	if (orig) {
		buffer_bytes(out, e->orig_dst.bytes, 16);
		buffer_le16(out, e->orig_dst_port);
	}
}

void endpoint_list_write(const struct endpoint *endpoints, const uint32_t *order, uint32_t count,
			 uint32_t tenant, struct buffer *out)
{
	buffer_varint(out, count);
	for (uint32_t i = 0; i < count; i++)
		write_endpoint(endpoints, order, i, tenant, out);
}

/* What rows have in common besides addresses and ports; perhaps as in the endpoint before. */
static int parse_nature(struct cursor *c, bool like, const struct endpoint *before, struct endpoint *e)
{
	uint64_t row_flags, consent;

	if (like) {
		e->kind = before->kind;
		e->protocol = before->protocol;
		e->flags = before->flags;
		e->consent = before->consent;
		return 0;
	}
	e->kind = cursor_u8(c);
	e->protocol = cursor_u8(c);
	row_flags = cursor_varint(c);
	consent = cursor_varint(c);
	if (row_flags > UINT32_MAX || consent > UINT32_MAX)
		return -EBADMSG;
	e->flags = (uint32_t)row_flags;
	e->consent = (uint32_t)consent;
	return 0;
}

static int parse_dst(struct cursor *c, uint8_t flags, const struct endpoint *list, uint64_t i,
		     struct addr *ret_dst)
{
	size_t n = flags & ENDPOINT_FLAG_V6 ? 16 : 4;
	const uint8_t *bytes;

	if (flags & ENDPOINT_FLAG_SAME_DST) {
		uint64_t same = cursor_varint(c);

		if (same >= i || flags & ENDPOINT_FLAG_V6)
			return -EBADMSG;
		*ret_dst = list[same].dst;
		return 0;
	}
	bytes = cursor_bytes(c, n);
	if (!bytes)
		return -EBADMSG;
	if (n == 4)
		memset(ret_dst->bytes + 10, 0xff, 2);
	memcpy(ret_dst->bytes + 16 - n, bytes, n);
	return 0;
}

/* Entry i of the list, whose earlier ones are known; it is zero. */
static int parse_endpoint(struct cursor *c, struct endpoint *list, uint64_t i, uint32_t tenant)
{
	const struct endpoint first = usual(tenant);
	struct endpoint *e = &list[i];
	uint8_t flags = cursor_u8(c);
	const uint8_t *orig;

	if (flags & ~ENDPOINT_FLAGS_KNOWN ||
	    parse_nature(c, flags & ENDPOINT_FLAG_LIKE, i ? e - 1 : &first, e))
		return -EBADMSG;
	e->dst_port = cursor_le16(c);
	if (parse_dst(c, flags, list, i, &e->dst))
		return -EBADMSG;
	if (flags & ENDPOINT_FLAG_ORIG_DST) {
		orig = cursor_bytes(c, 16);
		if (!orig)
			return -EBADMSG;
		memcpy(e->orig_dst.bytes, orig, 16);
		e->orig_dst_port = cursor_le16(c);
	}
	return cursor_ok(c) ? 0 : -EBADMSG;
}

int endpoint_list_read(struct cursor *c, uint32_t tenant, struct endpoint **ret_list, uint32_t *ret_count)
{
	uint64_t n = cursor_varint(c);
	struct endpoint *list;

	if (!n || n > SECTION_ENDPOINTS_MAX || n > cursor_left(c) / LEAST_BYTES)
		return -EBADMSG;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++) {
		if (parse_endpoint(c, list, i, tenant)) {
			free(list);
			return -EBADMSG;
		}
	}
	*ret_list = list;
	*ret_count = (uint32_t)n;
	return 0;
}
