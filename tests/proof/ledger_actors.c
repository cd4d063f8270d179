// SPDX-License-Identifier: BSD-2-Clause
/* Acts that are recorded in ledgers, and whether one has taken place. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "fixture.h"
#include "import/import.h"
#include "ledger/access.h"
#include "ledger/consent.h"
#include "ledger/custody_files.h"
#include "ledger/ledger.h"
#include "ledger_actors.h"
#include "proof.h"
#include "schema/journal.h"
#include "seal/adopt.h"
#include "seal/day_closer.h"
#include "seal/seal.h"

#define CSV "t_ns,tenant,src_ip,src_port,dst_ip,dst_port\n1740000000000000000,old,198.51.100.7,4711,203.0.113.1,443\n"
#define CSV_FILE "old.csv"

static int grant(const struct store_dir *store, const char *tenant, struct problem *p)
{
	struct selector scope;
	const struct consent_act act = {
		.tenant_id = tenant, .actor = "test", .until_ns = utc_now_ns() + NS_PER_DAY, .retention_days = 30,
		.text_sha256 = "0000000000000000000000000000000000000000000000000000000000000001",
		.scope = &scope, .scope_count = 1,
	};
	int64_t t_ns;
	uint32_t seq;

	if (selector_parse("192.0.2.1", &scope))
		return -1;
	return consent_grant(store, &act, &seq, &t_ns, p);
}

static int withdraw(const struct store_dir *store, struct problem *p)
{
	const struct consent_act act = { .tenant_id = "t1", .actor = "test" };
	int64_t t_ns;

	return consent_withdraw(store, &act, &t_ns, p);
}

static int search(const struct store_dir *store, struct problem *p)
{
	const struct access_entry e = { .basis = basis_find("TENANT_SELF"), .query = "q", .tenant = "t1", .user = "u" };

	return access_record(store, &e, p);
}

static int close_day(const struct store_dir *store, struct problem *p)
{
	struct seal_result result = {};
	struct problem note = {};

	return day_close(store, DAY_NUMBER, &result, &note, p);
}

static int import(const struct store_dir *store, struct problem *p)
{
	struct import_options o = { .file = CSV_FILE, .reason = "r",
				    .fd = openat(store->root, CSV_FILE, O_RDONLY | O_CLOEXEC) };
	struct import_result r;
	int error = o.fd < 0 ? -1 : import_read(store, &o, &r, p);

	if (o.fd >= 0)
		close(o.fd);
	return error;
}

static int carry_out(const char *act, const struct store_dir *store, struct problem *p)
{
	if (strcmp(act, "first-grant") == 0 || strcmp(act, "grant") == 0)
		return grant(store, "t2", p);
	if (strcmp(act, "withdraw") == 0)
		return withdraw(store, p);
	if (strcmp(act, "rotate-key") == 0)
		return ledger_rotate_key(store, utc_now_ns(), p);
	if (strcmp(act, "search") == 0)
		return search(store, p);
	if (strcmp(act, "close-day") == 0)
		return close_day(store, p);
	return import(store, p);
}

int ledger_actor(const char *act, const char *path, const char *acks)
{
	struct store_dir store;
	struct problem p = {};
	int error = store_open(path, 1, &store, &p);
	FILE *said;

	if (!error) {
		error = carry_out(act, &store, &p);
		store_close(&store);
	}
	said = fopen(acks, "we");
	if (said) {
		fputs(error ? p.text : "done", said);
		fclose(said);
	}
	return error ? 1 : 0;
}

void ledger_world_make(const char *path)
{
	struct seal_result result = {};
	struct store_dir store;
	struct problem p;
	struct journal *j;
	struct record row = plain_row(DAY_NS + NS_PER_SEC, 1);
	char name[64];

	REQUIRE(store_open(path, 1, &store, &p) == 0);
	REQUIRE(grant(&store, "t1", &p) == 0);
	j = a_journal(store.journal);
	put_rows(j, &row, 1, 2000);
	row.tenant = 2;
	put_rows(j, &row, 1, 2001);
	end_journal(store.journal, j, name);
	REQUIRE(seal_all(&store, NULL, &result, &p) == 0);
	write_file(store.root, CSV_FILE, CSV, strlen(CSV));
	store_close(&store);
}

/* --- What is there --- */

struct count {
	const char *event, *tenant;
	int n;
};

static int count_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	struct count *c = ctx;
	const char *tenant = json_string_value(json_object_get(line->json, "tenant"));

	(void)p;
	c->n += strcmp(line->event, c->event) == 0 && (!c->tenant || (tenant && strcmp(tenant, c->tenant) == 0));
	return 0;
}

static int count(const struct store_dir *store, enum ledger_chain chain, const char *event, const char *tenant)
{
	struct count c = { .event = event, .tenant = tenant };
	struct chain_end end;
	struct problem p;

	return ledger_walk(store, chain, CHAIN_FULL, count_line, &c, &end, &p) ? -1 : c.n;
}

/* 0 or 1 lines are an act; more are none. */
static int as_act(int n)
{
	return n == 0 || n == 1 ? n : -1;
}

static int grant_stands(const struct store_dir *store, const char *tenant)
{
	struct consents c;
	struct problem p;
	bool stands;

	if (consents_load(store, &c, &p))
		return -1;
	stands = consents_at(&c, tenant, utc_now_ns()) != NULL;
	consents_done(&c);
	return stands;
}

static int see_closed(void *ctx, uint64_t seq, const struct custody_closed *s)
{
	(void)seq;
	(void)s;
	++*(int *)ctx;
	return 0;
}

/* Two files, each of which stands for itself; the day is done when both are stated, once. */
static int closing_stands(const struct store_dir *store)
{
	int n = 0;
	const struct custody_files_reader reader = { .closed = see_closed, .ctx = &n };
	struct problem p;

	if (custody_files_walk(store, &reader, &p))
		return -1;
	return n <= 2 ? n / 2 : -1;
}

static int import_stands(const struct store_dir *store)
{
	int lines = count(store, LEDGER_CUSTODY, "IMPORTED", NULL);
	size_t journals = count_files(store->journal, JOURNAL_SUFFIX);

	return lines == (int)journals ? as_act(lines) : -1;
}

int ledger_act_stands(const char *act, const struct store_dir *store)
{
	struct problem p;

	if (strcmp(act, "first-grant") == 0 || strcmp(act, "grant") == 0) {
		int n = count(store, LEDGER_CONSENT, "GRANT", "t2");

		return n == grant_stands(store, "t2") ? as_act(n) : -1;
	}
	if (strcmp(act, "withdraw") == 0) {
		int n = count(store, LEDGER_CONSENT, "WITHDRAW", "t1");

		return n == 1 - grant_stands(store, "t1") ? as_act(n) : -1;
	}
	if (strcmp(act, "rotate-key") == 0)
		return as_act(count(store, LEDGER_CUSTODY, "KEY", NULL) - 1);
	if (strcmp(act, "search") == 0)
		return as_act(count(store, LEDGER_ACCESS, "SEARCH", NULL));
	if (strcmp(act, "close-day") == 0)
		return closing_stands(store);
	/* An import stands from its line on: whoever comes next gives the journal its name. */
	return adopt_imports(store, &p) ? -1 : import_stands(store);
}

int ledger_act_next(const struct store_dir *store, struct problem *p)
{
	json_t *next = json_pack("{s:s}", "event", "NEXT");
	int error = grant(store, "t9", p);

	if (!error)
		error = ledger_append(store, LEDGER_ACCESS, next, utc_now_ns(), NULL, p);
	if (!error)
		error = ledger_append(store, LEDGER_CUSTODY, next, utc_now_ns(), NULL, p);
	if (!error)
		error = close_day(store, p);
	json_decref(next);
	return error;
}
