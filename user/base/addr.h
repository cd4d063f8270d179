/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet addresses, prefixes and selectors. One canonical form: 16 bytes in
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

/* `ADDR[/LEN][:PORT]`; IPv6 with a port is written `[ADDR]:PORT` or `[ADDR]/LEN:PORT`. */
struct selector {
	struct prefix prefix;
	uint16_t port; /* 0 = any */
};

#define ADDR_TEXT_MAX 46
#define PREFIX_TEXT_MAX 50
#define SELECTOR_TEXT_MAX 60

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
int selector_parse(const char *s, struct selector *ret_selector);

/* IPv4 addresses lie only in prefixes written as IPv4 (bits >= 96 under ::ffff:0:0/96). */
bool prefix_contains(const struct prefix *p, const struct addr *a);
bool selector_equal(const struct selector *a, const struct selector *b);

/* Canonical text (RFC 5952 for IPv6, dotted quad for IPv4); return buf. */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);
const char *prefix_format(const struct prefix *p, char buf[static PREFIX_TEXT_MAX]);
const char *selector_format(const struct selector *s, char buf[static SELECTOR_TEXT_MAX]);

#endif
