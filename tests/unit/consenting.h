/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the consent ledger share: one in the test's directory. */
#ifndef SEKISHO_CONSENTING_H
#define SEKISHO_CONSENTING_H

#include "consent_lines.h"
#include "ledger/consent.h"

#define CONSENTING_GRANT(seq, tenant, t, until) \
	LINE_GRANT(seq, tenant, t, until, 30, "[\"192.0.2.1:443\",\"2001:db8::/64\"]", "[null,null]")
#define CONSENTING_WITHDRAW(seq, tenant, t) LINE_WITHDRAW(seq, tenant, t, "STOP_ONLY")

/* The test's directory is root and ledger/ in one. */
const struct store_dir *consenting_store(void);
/* Signed and chained, so that what a line says is all that can be wrong. */
void consenting_put(const char *text);
/* The test ends when it does not read. */
struct consents consenting_load(void);
/* For 192.0.2.1:443 and [2001:db8::]/64:80. */
struct consent_act consenting_act(const char *tenant, int64_t until_ns);
/* As consent_grant(), which is to succeed. */
int consenting_grant(const struct consent_act *act, uint32_t *ret_seq, int64_t *ret_time);

#endif
