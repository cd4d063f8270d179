/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet addresses and prefixes. One canonical form: 16 bytes in
 * network order, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so both
 * spellings of a v4-mapped address are the same value and print as IPv4.
 */
#ifndef SEKISHO_ADDR_H
#define SEKISHO_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct addr {
	uint8_t bytes[16];
};

/* An address and how many leading bits of the 16 bytes count (IPv4 /n is 96 + n). */
struct prefix {
	struct addr addr;
	uint8_t bits; /* 0..128 */
};

#define ADDR_TEXT_MAX 46
#define PREFIX_TEXT_MAX 50

static inline bool addr_is_v4(const struct addr *a)
{
	uint64_t high;
	uint32_t next;

	memcpy(&high, a->bytes, sizeof(high));
	memcpy(&next, a->bytes + 8, sizeof(next));
	return high == 0 && next == __builtin_bswap32(0xffff);
}
int addr_compare(const struct addr *a, const struct addr *b); /* memcmp order */
/* The order of sources in a section: IPv4 first, then by address. */
int addr_compare_source(const struct addr *a, const struct addr *b);

/* 0 or -EINVAL. No zone ids, no names, no octal or short IPv4 forms. */
int addr_parse(const char *s, struct addr *ret_addr);
/* The same of n bytes that no NUL ends, several times as fast: for millions of them. */
int addr_parse_n(const char *s, size_t n, struct addr *ret_addr);
/* Without /LEN the whole address. Host bits that are set: -EINVAL. A v6 prefix that would
 * cover only part of what it says (shorter than 96 bits and containing ::ffff:0:0/96) is fine:
 * it means IPv6 peers only; see prefix_contains(). */
int prefix_parse(const char *s, struct prefix *ret_prefix);

/* IPv4 addresses lie only in prefixes written as IPv4 (bits >= 96 under ::ffff:0:0/96). */
bool prefix_contains(const struct prefix *p, const struct addr *a);
/* Whether the address is written as IPv4, which its length then counts from. */
bool prefix_is_v4(const struct prefix *p);
/* Whether every address of `inner` is one of `outer`. */
bool prefix_covers(const struct prefix *outer, const struct prefix *inner);

/* Canonical text (RFC 5952 for IPv6, dotted quad for IPv4); return buf. */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);
const char *prefix_format(const struct prefix *p, char buf[static PREFIX_TEXT_MAX]);

#endif
