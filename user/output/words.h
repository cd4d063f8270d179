/* SPDX-License-Identifier: BSD-2-Clause */
/* The words that stand for numbers in every output (schema/FIELDS.md). */
#ifndef SEKISHO_WORDS_H
#define SEKISHO_WORDS_H

#include <stdint.h>

#define FLAGS_TEXT_MAX 96

const char *kind_text(uint8_t kind); /* "established", "accepted", "unknown" */
const char *protocol_text(uint8_t protocol); /* "tcp", "unknown" */
/* "v6_socket+loopback", or "" without flags; unknown bits as "0x10". Returns buf. */
const char *flags_text(uint32_t flags, char buf[static FLAGS_TEXT_MAX]);
/* "NO_CONSENT", and what it means; of one bit of enum query_reason. */
const char *reason_code(uint32_t reason);
const char *reason_text(uint32_t reason);

#endif
