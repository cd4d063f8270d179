// SPDX-License-Identifier: BSD-2-Clause
/* The fixed places of a line (FORMAT.md 3.16). */
#include "chain_skim.h"

#include <stdio.h>
#include <string.h>
#include "base/utc.h"

#define SEQ_BEGIN "{\"seq\":%llu,\"t\":\""
#define TIME_BYTES 30
#define EVENT "\",\"event\":\"SEARCH\","
#define PREV ",\"prev\":\""
#define KEY "\",\"key\":\""
#define SIG "\",\"sig\":\""
#define END "\"}"

/* The part of the line behind the members of its event. */
#define PREV_AT (sizeof(PREV) - 1)
#define KEY_AT (PREV_AT + LEDGER_HASH_TEXT - 1)
#define ID_AT (KEY_AT + sizeof(KEY) - 1)
#define SIG_AT (ID_AT + LEDGER_KEY_ID_TEXT - 1)
#define END_AT (SIG_AT + sizeof(SIG) - 1 + LEDGER_SIGNATURE_TEXT - 1)
#define TAIL_BYTES (END_AT + sizeof(END) - 1)

#define IS_AT(at, what) (memcmp(at, what, sizeof(what) - 1) == 0)

bool chain_skim_search(const struct chain_end *end, const char *text, size_t size, struct chain_line *ret_line,
		       char ret_key_id[static LEDGER_KEY_ID_TEXT])
{
	char begin[40], when[TIME_BYTES + 1];
	size_t n = (size_t)snprintf(begin, sizeof(begin), SEQ_BEGIN, (unsigned long long)end->seq + 1);
	const char *tail;
	struct chain_line line = { .seq = end->seq + 1, .event = "SEARCH", .text = text, .size = size };
	struct problem ignored;

	if (size < n + TIME_BYTES + sizeof(EVENT) - 1 + TAIL_BYTES)
		return false;
	tail = text + size - TAIL_BYTES;
	if (memcmp(text, begin, n) != 0 || !IS_AT(text + n + TIME_BYTES, EVENT) || !IS_AT(tail, PREV) || !IS_AT(tail + KEY_AT, KEY) ||
	    !IS_AT(tail + SIG_AT, SIG) || !IS_AT(tail + END_AT, END) ||
	    memcmp(tail + PREV_AT, end->hash, LEDGER_HASH_TEXT - 1) != 0)
		return false;
	memcpy(when, text + n, TIME_BYTES);
	when[TIME_BYTES] = '\0';
	if (utc_parse(when, &line.t_ns, &ignored))
		return false;
	memcpy(ret_key_id, tail + ID_AT, LEDGER_KEY_ID_TEXT - 1);
	ret_key_id[LEDGER_KEY_ID_TEXT - 1] = '\0';
	*ret_line = line;
	return true;
}
