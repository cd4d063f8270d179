/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The members of a line that have a fixed place (FORMAT.md 3.16), read without the JSON between them: a walk that only
 * checks hashes needs no more, and a year of searches is checked in a second.
 */
#ifndef SEKISHO_CHAIN_SCAN_H
#define SEKISHO_CHAIN_SCAN_H

#include "ledger_key.h"

struct chain_scan {
	uint64_t seq;
	int64_t t_ns;
	const char *event; /* within the line */
	size_t event_size;
	char prev[LEDGER_HASH_TEXT], key[LEDGER_KEY_ID_TEXT];
};

/* false: not in the form in which lines are written here; it may be a line all the same. */
bool chain_scan_line(const char *text, size_t size, struct chain_scan *ret_scan);

#endif
