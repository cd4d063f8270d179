/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that a person wrote and that is kept: what may stand in it. */
#ifndef SEKISHO_TEXT_H
#define SEKISHO_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the bytes are one line of UTF-8 (RFC 3629: shortest form, no surrogates, up to U+10FFFF) without
 * control characters (U+0000-001F, U+007F-009F), so that it can be printed anywhere. Empty: true.
 */
bool text_is_plain(const void *bytes, size_t size);

#endif
