/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the ledgers share: a store with lines in each, more lines, and what a verification says. */
#ifndef SEKISHO_LEDGERS_H
#define SEKISHO_LEDGERS_H

#include "base/store_dir.h"
#include "ledger/ledger.h"

/* Of begin_ledgers(), or a_store() where a test begins with none. */
extern struct store_dir store;

/* Three lines of consent, two of access, three of custody with its key. */
void begin_ledgers(void);
void end_ledgers(void);
int keys_dir(void); /* caller closes */
/* A failure is a failed check. */
const char *append_act(enum ledger_chain chain, const char *what);
int append_error(enum ledger_chain chain, struct problem *p);

int verify_ledgers(enum chain_depth depth, struct ledger_facts *f, struct problem *p);
void check_good(void);
/* Both depths find it, and say what the text says. */
void check_bad(const char *text, const char *what);

#endif
