/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one strict parser for numbers and names. The whole string must be the
 * value: no leading space, sign, or rest. All return 0 or -EINVAL (not such a
 * value) / -ERANGE (out of bounds); outputs are untouched on failure.
 */
#ifndef SEKISHO_PARSE_H
#define SEKISHO_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal digits only. */
int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret_value);
/* The same of n bytes that no NUL ends, without a copy: for millions of them. */
int parse_u64_n(const char *s, size_t n, uint64_t min, uint64_t max, uint64_t *ret_value);
int parse_port(const char *s, uint16_t *ret_port); /* 1..65535 */
int parse_bool(const char *s, bool *ret_value); /* yes/no */
/* "16M", "64K", "1G", "2T" or plain bytes; binary units. */
int parse_bytes(const char *s, uint64_t min, uint64_t max, uint64_t *ret_bytes);
/* "500ms", "1s", "10m", "24h", "180d", also "ns" and "us"; a unit is required. */
int parse_duration_ns(const char *s, uint64_t min_ns, uint64_t max_ns, uint64_t *ret_ns);
/* Tenant id: [A-Za-z0-9._-]{1,64} starting with a letter or digit; it is a directory name. */
int parse_tenant_id(const char *s);
int parse_tenant_id_n(const char *s, size_t n);
#define TENANT_ID_MAX 64

/* The inverse of the above: "16M", "1s" into buf; returns buf. Parsing it gives the same value
 * (bytes from 1e14 that no unit divides are rounded down to M). */
const char *format_bytes(uint64_t bytes, char buf[static 16]);
const char *format_duration(uint64_t ns, char buf[static 24]);

#endif
