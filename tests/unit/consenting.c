/* SPDX-License-Identifier: BSD-2-Clause */
#include "consenting.h"

#include "fixture.h"
#include "forge.h"
#include "unit.h"

const struct store_dir *consenting_store(void)
{
	static struct store_dir store;

	store = (struct store_dir){ .root = unit_temp_dir(), .ledger = unit_temp_dir(), .journal = -1,
				    .segments = -1, .catalog = -1 };
	return &store;
}

void consenting_put(const char *text)
{
	struct problem p = { "" };

	CHECK_ROW(forge_chain(consenting_store(), LEDGER_CONSENT, text, &p) == 0, "%s", p.text);
}

struct consents consenting_load(void)
{
	struct consents c = { 0 };
	struct problem p = { "" };
	int error = consents_load(consenting_store(), &c, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	return c;
}

static const struct selector *a_scope(size_t *ret_count)
{
	static struct selector scope[2];

	REQUIRE(selector_parse("192.0.2.1:443", &scope[0]) == 0);
	REQUIRE(selector_parse("[2001:db8::]/64:80", &scope[1]) == 0);
	*ret_count = 2;
	return scope;
}

struct consent_act consenting_act(const char *tenant, int64_t until_ns)
{
	struct consent_act act = { .tenant_id = tenant, .actor = "operator", .uid = 7,
				   .until_ns = until_ns, .retention_days = 180, .text_sha256 = LINE_SHA };

	act.scope = a_scope(&act.scope_count);
	return act;
}

int consenting_grant(const struct consent_act *act, uint32_t *ret_seq, int64_t *ret_time)
{
	struct problem p = { "" };
	int error = consent_grant(consenting_store(), act, ret_seq, ret_time, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	return error;
}
