// SPDX-License-Identifier: BSD-2-Clause
/* One day after the other. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "journal/journal_reader.h"
#include "schema/journal.h"
#include "verify_catalog.h"

/* File ids of the journals that are there: their sections may be missing in a catalog. */
struct unsealed {
	uint64_t *ids;
	size_t count, capacity;
};

static void bad(struct verify_facts *facts, const char *text)
{
	if (facts->bad++ == 0)
		problem(&facts->first_bad, 0, "%s", text);
}

static bool is_unsealed(void *ctx, uint64_t journal_id)
{
	const struct unsealed *u = ctx;

	for (size_t i = 0; i < u->count; i++)
		if (u->ids[i] == journal_id)
			return true;
	return false;
}

static int add_journal(const struct store_dir *store, const char *name, struct unsealed *u)
{
	struct journal_reader r;
	struct problem ignored;
	int error = journal_reader_open(store->journal, name, &r, &ignored);

	/* Sealed meanwhile, or bad, and that is told elsewhere. */
	if (error)
		return error == -ENOMEM ? error : 0;
	if (ARRAY_RESERVE(u->ids, u->count, u->capacity))
		error = -ENOMEM;
	else
		u->ids[u->count++] = r.file_id;
	journal_reader_close(&r);
	return error;
}

static int list_unsealed(const struct store_dir *store, struct unsealed *ret_unsealed)
{
	struct unsealed u = {};
	char **names;
	size_t count;
	int error = fs_list(store->journal, JOURNAL_SUFFIX, &names, &count);

	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++)
		error = add_journal(store, names[i], &u);
	fs_free_names(names, count);
	if (error)
		free(u.ids);
	else
		*ret_unsealed = u;
	return error;
}

/* What is wrong with the file itself. */
static int check_own(const struct store_dir *store, int32_t day, const char *name,
		     struct verify_facts *facts, bool *ret_good, struct problem *p)
{
	struct catalog_facts own;
	char text[160];
	int error = catalog_check(store->catalog, day, &own, p);

	*ret_good = false;
	if (error == -ENOENT)
		return 0; /* made anew meanwhile, or its last tenant is gone */
	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP) {
		bad(facts, p->text);
		return 0;
	}
	if (error)
		return error;
	facts->catalogs++;
	if (own.bad) {
		snprintf(text, sizeof(text), "catalog/%s offset %llu: fails its checksum", name,
			 (unsigned long long)own.bad_at);
		bad(facts, text);
	}
	if (own.torn && facts->torn++ == 0)
		problem(&facts->first_torn, 0, "catalog/%s offset %llu", name, (unsigned long long)own.torn_at);
	*ret_good = !own.bad && !own.torn;
	return 0;
}

static int check_day(const struct store_dir *store, const struct verify_request *request, const char *name,
		     struct unsealed *unsealed, struct verify_facts *facts, struct problem *p)
{
	char day_text[DAY_TEXT_MAX] = "", expected[CATALOG_NAME_MAX];
	bool good;
	int32_t day;
	int error;

	strncpy(day_text, name, 10);
	if (day_parse(day_text, &day) == 0)
		catalog_name(day, expected);
	if (day_parse(day_text, &day) || strcmp(expected, name) != 0) {
		char text[160];

		snprintf(text, sizeof(text), "catalog/%.64s: not the name of a day's catalog", name);
		bad(facts, text);
		return 0;
	}
	error = check_own(store, day, name, facts, &good, p);
	if (error || !good || !request->full)
		return error;
	error = catalog_compare(store, day, is_unsealed, unsealed, p);
	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP) {
		bad(facts, p->text);
		error = 0;
	}
	return error;
}

int verify_catalogs(const struct store_dir *store, const struct verify_request *request,
		    struct verify_facts *facts, struct problem *p)
{
	struct unsealed unsealed = {};
	char **names;
	size_t count;
	int error;

	if (store->catalog < 0)
		return 0;
	/* Before the catalogs: a journal that goes meanwhile is in them by then. */
	error = request->full ? list_unsealed(store, &unsealed) : 0;
	if (!error)
		error = fs_list(store->catalog, CATALOG_SUFFIX, &names, &count);
	if (error) {
		free(unsealed.ids);
		return problem(p, error, "cannot list the store: %s", strerror(-error));
	}
	for (size_t i = 0; i < count && !error; i++)
		error = check_day(store, request, names[i], &unsealed, facts, p);
	fs_free_names(names, count);
	free(unsealed.ids);
	return error;
}
