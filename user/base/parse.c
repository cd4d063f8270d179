/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one strict parser for numbers and names.
 */
#include "parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t factor;
};

/* Both tables ascend, so that formatting picks the last row that divides the value. */
static const struct unit byte_units[] = {
	{ "", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit time_units[] = {
	{ "ns", 1 },
	{ "us", UINT64_C(1000) },
	{ "ms", UINT64_C(1000000) },
	{ "s", UINT64_C(1000000000) },
	{ "m", 60 * UINT64_C(1000000000) },
	{ "h", 3600 * UINT64_C(1000000000) },
	{ "d", 86400 * UINT64_C(1000000000) },
	{ NULL, 0 },
};

static const char digits[] = "0123456789";

/* The value of the first `length` characters, which are all digits. */
static int read_digits(const char *s, size_t length, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s[i] - '0'), &value))
			return -ERANGE;
	}
	*ret_value = value;
	return 0;
}

/* Digits and a unit of the table; a table with the unit "" makes it optional. */
static int parse_with_unit(const char *s, const struct unit *units, uint64_t min, uint64_t max,
			   uint64_t *ret_value)
{
	size_t length = strspn(s, digits);
	uint64_t value;

	if (length == 0)
		return -EINVAL;
	while (units->name && strcmp(units->name, s + length) != 0)
		units++;
	if (!units->name)
		return -EINVAL;
	if (read_digits(s, length, &value) < 0 ||
	    __builtin_mul_overflow(value, units->factor, &value) || value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	static const struct unit none[] = { { "", 1 }, { NULL, 0 } };

	return parse_with_unit(s, none, min, max, ret_value);
}

int parse_u64_n(const char *s, size_t n, uint64_t min, uint64_t max, uint64_t *ret_value)
{
	uint64_t value = 0;
	bool over = false;

	if (n == 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		unsigned int digit = (unsigned char)s[i] - (unsigned int)'0';

		if (digit > 9)
			return -EINVAL;
		over |= __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, digit, &value);
	}
	if (over || value < min || value > max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int parse_port(const char *s, uint16_t *ret_port)
{
	uint64_t value;
	int r = parse_u64(s, 1, UINT16_MAX, &value);

	if (r < 0)
		return r;
	*ret_port = (uint16_t)value;
	return 0;
}

int parse_bool(const char *s, bool *ret_value)
{
	bool yes = strcmp(s, "yes") == 0;

	if (!yes && strcmp(s, "no") != 0)
		return -EINVAL;
	*ret_value = yes;
	return 0;
}

int parse_bytes(const char *s, uint64_t min, uint64_t max, uint64_t *ret_bytes)
{
	return parse_with_unit(s, byte_units, min, max, ret_bytes);
}

int parse_duration_ns(const char *s, uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns)
{
	return parse_with_unit(s, time_units, min_ns, max_ns, ret_ns);
}

/* Spelled out: isalnum() depends on the locale, a directory name must not. */
static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

int parse_tenant_id(const char *s)
{
	size_t length = 0;

	while (is_alphanumeric(s[length]) || s[length] == '.' || s[length] == '_' || s[length] == '-')
		length++;
	if (s[length] != '\0' || !is_alphanumeric(s[0]))
		return -EINVAL;
	return length > TENANT_ID_MAX ? -ERANGE : 0;
}

/* 0: not in an id; 1: not at its beginning; 2: anywhere. */
static const uint8_t id_character[256] = {
	['.'] = 1, ['_'] = 1, ['-'] = 1, ['0' ... '9'] = 2, ['A' ... 'Z'] = 2, ['a' ... 'z'] = 2,
};

int parse_tenant_id_n(const char *s, size_t n)
{
	if (n == 0 || id_character[(uint8_t)s[0]] < 2)
		return -EINVAL;
	for (size_t i = 1; i < n; i++)
		if (!id_character[(uint8_t)s[i]])
			return -EINVAL;
	return n > TENANT_ID_MAX ? -ERANGE : 0;
}

static const struct unit *largest_divisor(uint64_t value, const struct unit *units)
{
	const struct unit *best = units;

	for (; units->name; units++)
		if (value % units->factor == 0)
			best = units;
	return best;
}

const char *format_bytes(uint64_t bytes, char buf[static 16])
{
	const struct unit *unit = bytes ? largest_divisor(bytes, byte_units) : byte_units;

	/* Fourteen digits and a unit are what fits; nobody reads the odd bytes of a petabyte. */
	if (bytes / unit->factor > UINT64_C(99999999999999))
		unit = &byte_units[2];
	snprintf(buf, 16, "%" PRIu64 "%s", bytes / unit->factor, unit->name);
	return buf;
}

const char *format_duration(uint64_t ns, char buf[static 24])
{
	const struct unit *unit = ns ? largest_divisor(ns, time_units) : &time_units[3];

	snprintf(buf, 24, "%" PRIu64 "%s", ns / unit->factor, unit->name);
	return buf;
}
