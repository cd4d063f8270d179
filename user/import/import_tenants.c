// SPDX-License-Identifier: BSD-2-Clause
/* Interning the tenants of an import. */
#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "import_tenants.h"
#include "ledger/consent.h"

#define SLOTS (4 * IMPORT_TENANTS_MAX)

struct import_tenants {
	const struct store_dir *store;
	struct consents consents;
	struct journal_tenant *list; /* IMPORT_TENANTS_MAX; pages that nobody touches cost nothing */
	uint8_t *sizes; /* of the ids */
	uint32_t *slots; /* hash table: 1 + index */
	size_t count, unknown;
	uint32_t last; /* index of the one asked for last */
};

int import_tenants_open(const struct store_dir *store, struct import_tenants **ret_tenants,
			struct problem *p)
{
	struct import_tenants *t = calloc(1, sizeof(*t));
	int error;

	if (!t)
		return problem(p, -ENOMEM, "out of memory");
	t->store = store;
	t->list = calloc(IMPORT_TENANTS_MAX, sizeof(*t->list));
	t->sizes = calloc(IMPORT_TENANTS_MAX, sizeof(*t->sizes));
	t->slots = calloc(SLOTS, sizeof(*t->slots));
	if (t->list && t->sizes && t->slots)
		error = consents_load(store, &t->consents, p);
	else
		error = problem(p, -ENOMEM, "out of memory");
	if (error) {
		import_tenants_close(t);
		return error;
	}
	*ret_tenants = t;
	return 0;
}

void import_tenants_close(struct import_tenants *t)
{
	if (!t)
		return;
	consents_done(&t->consents);
	free(t->list);
	free(t->sizes);
	free(t->slots);
	free(t);
}

static uint32_t hash_of(const char *id, size_t n)
{
	uint64_t hash = n;

	while (n >= 8) {
		uint64_t word;

		memcpy(&word, id, 8);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
		id += 8;
		n -= 8;
	}
	for (; n; n--)
		hash = (hash ^ (uint8_t)*id++) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32);
}

static bool is_id(const struct import_tenants *t, uint32_t index, const char *id, size_t n)
{
	return t->sizes[index] == n && memcmp(t->list[index].id, id, n) == 0;
}

/* Its number in the ledger; 0: it never consented here. */
static uint32_t ledger_number(const struct import_tenants *t, const char *id)
{
	for (size_t i = 0; i < t->consents.count; i++)
		if (strcmp(t->consents.list[i].tenant_id, id) == 0)
			return t->consents.list[i].tenant;
	return 0;
}

static void add(struct import_tenants *t, const char *id, size_t n)
{
	struct journal_tenant *new = &t->list[t->count];
	struct stat st;

	memcpy(new->id, id, n);
	t->sizes[t->count] = (uint8_t)n;
	new->number = ledger_number(t, new->id);
	if (!new->number) {
		new->number = IMPORT_NUMBER_FIRST + (uint32_t)t->count;
		t->unknown += fstatat(t->store->segments, new->id, &st, AT_SYMLINK_NOFOLLOW) < 0;
	}
	t->count++;
}

int import_tenants_number(struct import_tenants *t, const char *id, size_t n, uint32_t *ret_number)
{
	uint32_t at;

	if (t->count && is_id(t, t->last, id, n)) {
		*ret_number = t->list[t->last].number;
		return 0;
	}
	for (at = hash_of(id, n) % SLOTS; t->slots[at]; at = (at + 1) % SLOTS)
		if (is_id(t, t->slots[at] - 1, id, n))
			break;
	if (!t->slots[at]) {
		if (t->count == IMPORT_TENANTS_MAX)
			return -E2BIG;
		add(t, id, n);
		t->slots[at] = (uint32_t)t->count;
	}
	t->last = t->slots[at] - 1;
	*ret_number = t->list[t->last].number;
	return 0;
}

const struct journal_tenant *import_tenants_list(const struct import_tenants *t, size_t *ret_count)
{
	*ret_count = t->count;
	return t->list;
}

size_t import_tenants_new(const struct import_tenants *t)
{
	return t->unknown;
}
