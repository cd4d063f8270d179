/* SPDX-License-Identifier: BSD-2-Clause */
/* Ledgers as one could write who has the node's key: lines that are signed and chained, whatever they say. */
#ifndef SEKISHO_FORGE_H
#define SEKISHO_FORGE_H

#include "ledger/ledger.h"

/*
 * Makes the chain consist of these lines of text: "prev", "key" and "sig" are made anew in each that is a JSON
 * object, the others and an unfinished last one are taken as they are. The head follows. 0 or negative errno and *p.
 */
int forge_chain(const struct store_dir *store, enum ledger_chain chain, const char *text, struct problem *p);

#endif
