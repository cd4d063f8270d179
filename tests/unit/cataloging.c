/* SPDX-License-Identifier: BSD-2-Clause */
/* Journals and their catalog, for the tests of catalogs that grow. */
#include "cataloging.h"

#include <stdlib.h>
#include "catalog/catalog_add.h"
#include "fixture.h"
#include "schema/store.h"
#include "unit.h"

void make_journal(const struct store_dir *store, uint64_t seed, size_t n, char name[static 64])
{
	struct journal *j = a_journal(store->journal);
	struct record *rows = calloc(n, sizeof(*rows));
	struct rng rng = { seed };

	random_rows(&rng, rows, n, DAY_NS, NS_PER_DAY);
	put_rows(j, rows, n, 2000);
	end_journal(store->journal, j, name);
	free(rows);
}

struct seal_result seal_one(const struct store_dir *store, const char *name)
{
	struct seal_result result = { 0 };
	struct problem p = { "" };
	int error = seal_journal(store, NULL, name, &result, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	return result;
}

struct seal_result seal_new(const struct store_dir *store, uint64_t seed)
{
	char name[64];

	make_journal(store, seed, 60, name);
	return seal_one(store, name);
}

void agrees(const struct store_dir *store, size_t want_chunks, size_t want_sections)
{
	struct catalog_facts facts = { 0 };
	struct catalog *c = NULL;
	struct problem p = { "" };
	int error = catalog_compare(store, DAY_NUMBER, NULL, NULL, &p);

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(catalog_check(store->catalog, DAY_NUMBER, &facts, &p) == 0);
	CHECK_INT(facts.bad, 0);
	CHECK(!facts.torn);
	CHECK_INT(facts.chunks, want_chunks);
	CHECK_INT(mode_of_file(store->catalog, FILE_NAME), 0600);
	REQUIRE(catalog_open(store->catalog, DAY_NUMBER, &c, &p) == 0);
	CHECK_INT(c->section_count, want_sections);
	CHECK_INT(c->day, DAY_NUMBER);
	catalog_close(c);
}
