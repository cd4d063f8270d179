/* SPDX-License-Identifier: BSD-2-Clause */
/* A store with lines in each ledger, for the tests of these. */
#include "ledgers.h"

#include <errno.h>
#include <string.h>
#include "fixture.h"
#include "ledger/heads.h"
#include "unit.h"

struct store_dir store;

void begin_ledgers(void)
{
	store = a_store();
	append_act(LEDGER_CONSENT, "c1");
	append_act(LEDGER_CONSENT, "c2");
	append_act(LEDGER_ACCESS, "a1");
	append_act(LEDGER_CUSTODY, "k2");
	append_act(LEDGER_CONSENT, "c3");
	append_act(LEDGER_ACCESS, "a2");
	append_act(LEDGER_CUSTODY, "k3");
}

void end_ledgers(void)
{
	store_close(&store);
}

int keys_dir(void)
{
	return heads_open_keys(&store, true);
}

const char *append_act(enum ledger_chain chain, const char *what)
{
	static struct problem p;
	json_t *act = json_pack("{s:s, s:s}", "event", "TEST", "what", what);
	uint64_t seq;

	p.text[0] = '\0';
	CHECK_ROW(ledger_append(&store, chain, act, utc_now_ns(), &seq, &p) == 0, "%s", p.text);
	json_decref(act);
	return p.text;
}

int append_error(enum ledger_chain chain, struct problem *p)
{
	json_t *act = json_pack("{s:s, s:s}", "event", "TEST", "what", "x");
	int error = ledger_append(&store, chain, act, utc_now_ns(), NULL, p);

	json_decref(act);
	return error;
}

int verify_ledgers(enum chain_depth depth, struct ledger_facts *f, struct problem *p)
{
	*f = (struct ledger_facts){};
	p->text[0] = '\0';
	return ledger_verify(&store, depth, NULL, f, p);
}

void check_good(void)
{
	struct ledger_facts f;
	struct problem p;

	CHECK_ROW(verify_ledgers(CHAIN_QUICK, &f, &p) == 0, "%s", p.text);
	CHECK_ROW(verify_ledgers(CHAIN_FULL, &f, &p) == 0, "%s", p.text);
}

void check_bad(const char *text, const char *what)
{
	struct ledger_facts f;
	struct problem p;

	CHECK_ROW(verify_ledgers(CHAIN_QUICK, &f, &p) == -EBADMSG, "%s", what);
	CHECK_ROW(strstr(p.text, text) != NULL, "%s: %s", what, p.text);
	CHECK_ROW(verify_ledgers(CHAIN_FULL, &f, &p) == -EBADMSG, "%s", what);
	CHECK_ROW(strstr(p.text, text) != NULL, "%s: %s", what, p.text);
}
