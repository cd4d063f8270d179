/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tenants of one import, numbered: those of the consent ledger keep their
 * number, the others get one from IMPORT_NUMBER_FIRST on, which means something
 * inside this import's journal only.
 */
#ifndef SEKISHO_IMPORT_TENANTS_H
#define SEKISHO_IMPORT_TENANTS_H

#include <stddef.h>
#include <stdint.h>
#include "base/store_dir.h"
#include "journal/journal.h"

#define IMPORT_NUMBER_FIRST 0x80000000u
#define IMPORT_TENANTS_MAX 65536

struct import_tenants;

/* Reads the store's consent ledger. 0 or negative errno and *p (-EBADMSG: the ledger does not read). */
int import_tenants_open(const struct store_dir *store, struct import_tenants **ret_tenants,
			struct problem *p);
void import_tenants_close(struct import_tenants *t);

/* The number of a valid id of n bytes, which is added when it is new. 0, -E2BIG beyond the limit. */
int import_tenants_number(struct import_tenants *t, const char *id, size_t n, uint32_t *ret_number);

/* All so far, in the order they were met; an entry stays where it is and never changes. */
const struct journal_tenant *import_tenants_list(const struct import_tenants *t, size_t *ret_count);
/* How many of them the store had never heard of: neither segment nor consent. */
size_t import_tenants_new(const struct import_tenants *t);

#endif
