/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a chain ends, without reading what stands before: what an append needs. */
#ifndef SEKISHO_CHAIN_TAIL_H
#define SEKISHO_CHAIN_TAIL_H

#include "chain.h"

/* Only the last line, which is not checked. Undo with chain_tail_done(). */
struct chain_tail {
	struct chain_end end;
	char *text; /* of it, without newline; NULL: the chain is empty */
	char prev[LEDGER_HASH_TEXT];
	char next_key[LEDGER_KEY_ID_TEXT]; /* what signs the next line */
};
int chain_tail(int ledger_fd, enum ledger_chain chain, struct chain_tail *ret_tail, struct problem *p);
void chain_tail_done(struct chain_tail *tail);

#endif
