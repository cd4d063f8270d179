// SPDX-License-Identifier: BSD-2-Clause
/* Stores for the tests of retention, and what became of them. */
#include "retaining.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "catalog/catalog.h"
#include "forge.h"
#include "ledger/holds.h"
#include "unit.h"

void put_consents(const struct store_dir *store, const char *text)
{
	struct problem p = { "" };

	CHECK_ROW(forge_chain(store, LEDGER_CONSENT, text, &p) == 0, "%s", p.text);
}

void add_rows(const struct store_dir *store, int64_t at_ns)
{
	struct journal *j = a_journal(store->journal);
	struct record rows[2] = { plain_row(at_ns, 1), plain_row(at_ns, 2) };
	char name[64];

	rows[1].tenant = rows[1].consent = 2;
	put_rows(j, rows, 2, 2000);
	end_journal(store->journal, j, name);
	set_created(store->journal, name, at_ns);
}

struct seal_result seal_rows(const struct store_dir *store)
{
	struct seal_result result = { 0 };
	struct problem p = { "" };

	CHECK_ROW(seal_all(store, NULL, &result, &p) == 0, "%s", p.text);
	return result;
}

struct store_dir a_sealed_store(const char *consents)
{
	struct store_dir store = a_store();

	put_consents(&store, consents);
	add_rows(&store, DAY_NS + HOUR);
	add_rows(&store, DAY_NS + NS_PER_DAY + HOUR);
	(void)seal_rows(&store);
	return store;
}

struct store_dir a_sealed_store_then(const char *consents)
{
	struct store_dir store = a_sealed_store(GRANTS);

	put_consents(&store, consents);
	return store;
}

int try_retain(const struct store_dir *store, bool trusted, int64_t now_ns, struct retention_result *result,
		   struct problem *p)
{
	const struct retention_request request = { .clock_trusted = trusted, .now_ns = now_ns };

	*result = (struct retention_result){ 0 };
	p->text[0] = '\0';
	return retention_run(store, &request, result, p);
}

struct retention_result retain(const struct store_dir *store, int64_t now_ns)
{
	struct retention_result result;
	struct problem p;

	CHECK_ROW(try_retain(store, true, now_ns, &result, &p) == 0, "%s", p.text);
	return result;
}

bool is_there(const struct store_dir *store, const char *path)
{
	return faccessat(store->segments, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int listed(const struct store_dir *store, int32_t day, const char *tenant)
{
	struct catalog *c;
	struct problem p;
	int count = 0;

	if (catalog_open(store->catalog, day, &c, &p))
		return -1;
	for (size_t i = 0; i < c->tenant_count; i++)
		count += strcmp(c->tenants[i], tenant) == 0;
	catalog_close(c);
	return count;
}

struct verify_facts verify_store(const struct store_dir *store)
{
	const struct verify_request request = { .full = true, .threads = 1 };
	struct verify_facts facts = { 0 };
	struct problem p = { "" };

	CHECK_ROW(verify_run(store, &request, &facts, &p) == 0, "%s", p.text);
	return facts;
}

void set_hold(const struct store_dir *store, const char *tenant, int32_t first, int32_t last, int64_t until_ns)
{
	const struct hold_act act = { .number = "1", .tenant_id = tenant, .first_day = first, .last_day = last,
				      .until_ns = until_ns };
	struct problem p = { "" };

	CHECK_ROW(hold_set(store, &act, NULL, &p) == 0, "%s", p.text);
}

void release_hold(const struct store_dir *store)
{
	const struct hold_act act = { .number = "1" };
	struct problem p = { "" };
	size_t count;

	CHECK_ROW(hold_release(store, &act, &count, &p) == 0, "%s", p.text);
}

static int see(void *ctx, uint64_t seq, const struct deletion *d)
{
	struct seen *s = ctx;

	s->lines++;
	s->seq = seq;
	s->rows = d->rows;
	snprintf(s->tenant, sizeof(s->tenant), "%s", d->tenant_id);
	s->day = d->day;
	s->reason = d->reason;
	s->because = d->because;
	s->parts = d->part_count;
	if (d->part_count)
		s->part = d->parts[0];
	return 0;
}

struct seen tombstones(const struct store_dir *store)
{
	struct seen s = { 0 }, skimmed = { 0 };
	struct problem p = { "" };

	CHECK_ROW(deletions_walk(store, see, &s, &p) == 0, "%s", p.text);
	CHECK_ROW(deletions_skim(store, see, &skimmed, &p) == 0, "%s", p.text);
	CHECK_INT(skimmed.lines, s.lines);
	CHECK_INT(skimmed.seq, s.seq);
	CHECK_STR(skimmed.tenant, s.tenant);
	return s;
}
