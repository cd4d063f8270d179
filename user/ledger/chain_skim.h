/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following a chain over lines of searches, which are nearly all of a long access log, without reading their JSON. What
 * a node writes has number, time, event, "prev", "key" and "sig" in fixed places, and all that vouches for a line but
 * the last is that the next one has its hash.
 */
#ifndef SEKISHO_CHAIN_SKIM_H
#define SEKISHO_CHAIN_SKIM_H

#include "chain.h"

/*
 * Whether the text is a search that continues the line before, which `end` describes: then *ret_line (json NULL) and the
 * id of its key. False: another line, or one that is not as it should be.
 */
bool chain_skim_search(const struct chain_end *end, const char *text, size_t size, struct chain_line *ret_line,
		       char ret_key_id[static LEDGER_KEY_ID_TEXT]);

#endif
