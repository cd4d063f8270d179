/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet addresses and prefixes: the only code that turns them into text and
 * back.
 */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "parse.h"

#define V4_PREFIX_BITS 96
#define ADDR_BITS 128

static const uint8_t v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int addr_compare(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

int addr_compare_source(const struct addr *a, const struct addr *b)
{
	bool a_v4 = addr_is_v4(a), b_v4 = addr_is_v4(b);

	if (a_v4 != b_v4)
		return a_v4 ? -1 : 1;
	return addr_compare(a, b);
}

static bool is_v6_text(const char *s)
{
	return strchr(s, ':') != NULL;
}

int addr_parse(const char *s, struct addr *ret_addr)
{
	struct addr a;

	if (is_v6_text(s)) {
		if (inet_pton(AF_INET6, s, a.bytes) != 1)
			return -EINVAL;
	} else {
		memcpy(a.bytes, v4_prefix, sizeof(v4_prefix));
		if (inet_pton(AF_INET, s, a.bytes + sizeof(v4_prefix)) != 1)
			return -EINVAL;
	}
	*ret_addr = a;
	return 0;
}

static unsigned int decimal_digit(char c)
{
	return (unsigned char)c - (unsigned int)'0'; /* over 9: none */
}

static int parse_v4_n(const char *s, const char *end, uint8_t ret_bytes[static 4])
{
	uint8_t bytes[4];

	for (int i = 0; i < 4; i++) {
		unsigned int value;

		if (i > 0 && (s == end || *s++ != '.'))
			return -EINVAL;
		if (s == end || (value = decimal_digit(*s++)) > 9)
			return -EINVAL;
		for (; s < end && decimal_digit(*s) <= 9; s++) {
			if (value == 0) /* 010 is 10 to some readers and 8 to others */
				return -EINVAL;
			value = value * 10 + decimal_digit(*s);
			if (value > 255)
				return -EINVAL;
		}
		bytes[i] = (uint8_t)value;
	}
	if (s != end)
		return -EINVAL;
	memcpy(ret_bytes, bytes, sizeof(bytes));
	return 0;
}

static unsigned int hex_digit(char c)
{
	unsigned int letter = ((unsigned char)c | 0x20u) - (unsigned int)'a';

	return decimal_digit(c) <= 9 ? decimal_digit(c) : letter < 6 ? letter + 10 : 16;
}

/* Up to four hexadecimal digits; where they end. */
static const char *read_group(const char *s, const char *end, unsigned int *ret_value)
{
	unsigned int value = 0;

	for (int i = 0; i < 4 && s < end && hex_digit(*s) < 16; i++)
		value = value << 4 | hex_digit(*s++);
	*ret_value = value;
	return s;
}

/* Opens the "::" that stands at `gap` of the `used` bytes. */
static int open_gap(struct addr *a, int used, int gap)
{
	size_t rest = (size_t)(used - gap);

	if (used == 16)
		return -EINVAL;
	memmove(a->bytes + 16 - rest, a->bytes + gap, rest);
	memset(a->bytes + gap, 0, (size_t)(16 - used));
	return 0;
}

static int parse_v6_n(const char *s, const char *end, struct addr *a)
{
	int used = 0, gap = -1;

	if (end - s >= 2 && s[0] == ':' && s[1] == ':') {
		gap = 0;
		s += 2;
	}
	while (s < end) {
		unsigned int value;
		const char *after = read_group(s, end, &value);

		if (after == s)
			return -EINVAL;
		if (after < end && *after == '.') {
			if (used > 12 || parse_v4_n(s, end, a->bytes + used) < 0)
				return -EINVAL;
			used += 4;
			break;
		}
		if (used == 16)
			return -EINVAL;
		a->bytes[used++] = (uint8_t)(value >> 8);
		a->bytes[used++] = (uint8_t)value;
		if (after == end)
			break;
		s = after + 1;
		if (*after != ':' || s == end)
			return -EINVAL;
		if (*s == ':') {
			if (gap >= 0)
				return -EINVAL;
			gap = used;
			s++;
		}
	}
	return gap >= 0 ? open_gap(a, used, gap) : used == 16 ? 0 : -EINVAL;
}

int addr_parse_n(const char *s, size_t n, struct addr *ret_addr)
{
	struct addr a;
	int r;

	if (memchr(s, ':', n)) {
		r = parse_v6_n(s, s + n, &a);
	} else {
		memcpy(a.bytes, v4_prefix, sizeof(v4_prefix));
		r = parse_v4_n(s, s + n, a.bytes + sizeof(v4_prefix));
	}
	if (r == 0)
		*ret_addr = a;
	return r;
}

/* Leading zeros are refused: 010 is 10 to some readers and 8 to others. */
static int parse_plain_number(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	if (s[0] == '0' && s[1] != '\0')
		return -EINVAL;
	return parse_u64(s, min, max, ret_value) < 0 ? -EINVAL : 0;
}

static bool same_bits(const struct addr *a, const struct addr *b, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	if (memcmp(a->bytes, b->bytes, whole) != 0)
		return false;
	return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

static bool has_host_bits(const struct prefix *p)
{
	static const struct addr zero;
	struct addr host = p->addr;

	for (unsigned int bit = 0; bit < p->bits; bit++)
		host.bytes[bit / 8] &= (uint8_t)~(0x80u >> (bit % 8));
	return addr_compare(&host, &zero) != 0;
}

/* `length` is NULL for the whole address. */
static int parse_parts(const char *addr, const char *length, struct prefix *ret_prefix)
{
	struct prefix p = { .bits = ADDR_BITS };
	unsigned int skipped = is_v6_text(addr) ? 0 : V4_PREFIX_BITS;
	uint64_t bits;

	if (addr_parse(addr, &p.addr) < 0)
		return -EINVAL;
	if (length) {
		if (parse_plain_number(length, 0, ADDR_BITS - skipped, &bits) < 0)
			return -EINVAL;
		p.bits = (uint8_t)(bits + skipped);
	}
	if (has_host_bits(&p))
		return -EINVAL;
	*ret_prefix = p;
	return 0;
}

/* Copies the first `length` characters as an address text; false if that is too long for one. */
static bool copy_addr_text(char buf[static ADDR_TEXT_MAX], const char *s, size_t length)
{
	if (length >= ADDR_TEXT_MAX)
		return false;
	memcpy(buf, s, length);
	buf[length] = '\0';
	return true;
}

int prefix_parse(const char *s, struct prefix *ret_prefix)
{
	const char *slash = strchr(s, '/');
	char addr[ADDR_TEXT_MAX];

	if (!copy_addr_text(addr, s, slash ? (size_t)(slash - s) : strlen(s)))
		return -EINVAL;
	return parse_parts(addr, slash ? slash + 1 : NULL, ret_prefix);
}

bool prefix_is_v4(const struct prefix *p)
{
	return p->bits >= V4_PREFIX_BITS && addr_is_v4(&p->addr);
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
	if (p->bits > ADDR_BITS || prefix_is_v4(p) != addr_is_v4(a))
		return false;
	return same_bits(&p->addr, a, p->bits);
}

bool prefix_covers(const struct prefix *outer, const struct prefix *inner)
{
	return prefix_is_v4(outer) == prefix_is_v4(inner) && outer->bits <= inner->bits &&
	       same_bits(&outer->addr, &inner->addr, outer->bits);
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952 section 4.2). */
static int longest_zero_run(const uint16_t groups[static 8], int *ret_start)
{
	int best = 1, start = -1, run = 0;

	for (int i = 0; i < 8; i++) {
		run = groups[i] == 0 ? run + 1 : 0;
		if (run > best) {
			best = run;
			start = i + 1 - run;
		}
	}
	*ret_start = start;
	return start < 0 ? 0 : best;
}

/* Not inet_ntop(): its ::a.b.c.d differs between C libraries, and output files are hashed. */
static void format_v6(const struct addr *a, char *buf)
{
	uint16_t groups[8];
	int start, run;

	for (int i = 0; i < 8; i++)
		groups[i] = (uint16_t)(a->bytes[2 * i] << 8 | a->bytes[2 * i + 1]);
	run = longest_zero_run(groups, &start);
	for (int i = 0; i < 8;) {
		if (i == start) {
			buf += sprintf(buf, "::");
			i += run;
			continue;
		}
		buf += sprintf(buf, i > 0 && i != start + run ? ":%x" : "%x", groups[i]);
		i++;
	}
}

const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
	if (addr_is_v4(a))
		snprintf(buf, ADDR_TEXT_MAX, "%u.%u.%u.%u", a->bytes[12], a->bytes[13],
			 a->bytes[14], a->bytes[15]);
	else
		format_v6(a, buf);
	return buf;
}

/* "/LEN", or nothing for a whole address. */
static void append_length(const struct prefix *p, char *buf, size_t size)
{
	size_t used = strlen(buf);

	if (p->bits != ADDR_BITS)
		snprintf(buf + used, size - used, "/%u",
			 prefix_is_v4(p) ? p->bits - V4_PREFIX_BITS : p->bits);
}

const char *prefix_format(const struct prefix *p, char buf[static PREFIX_TEXT_MAX])
{
	addr_format(&p->addr, buf);
	append_length(p, buf, PREFIX_TEXT_MAX);
	return buf;
}
