/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tenants who withdrew while the ledger could not be written: they are not recorded any more all the same, until
 * sekishod is started again or they grant anew.
 */
#ifndef SEKISHO_STOPPED_H
#define SEKISHO_STOPPED_H

#include "ledger/consent.h"

struct stopped_tenant {
	char tenant_id[TENANT_ID_MAX + 1];
	uint32_t seq; /* the grant that was withdrawn */
	int64_t t_ns; /* UTC */
};

/* Zero-initialise. */
struct stopped {
	struct stopped_tenant *list;
	size_t count, capacity;
};

/* 0 or -ENOMEM. */
int stopped_add(struct stopped *s, const struct consent *grant, int64_t t_ns);
/* Whether the tenant's withdrawal is still to be written. */
bool stopped_has(const struct stopped *s, const char *tenant_id);
void stopped_remove(struct stopped *s, const char *tenant_id);
void stopped_done(struct stopped *s);
/* Ends their grants in what was read from the ledger. */
void stopped_apply(const struct stopped *s, struct consents *consents);

#endif
