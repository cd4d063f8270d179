/* SPDX-License-Identifier: BSD-2-Clause */
/* Which tenant-days are due, and why: a pure function of consents, the day and the time; holds are another matter. */
#ifndef SEKISHO_DUE_H
#define SEKISHO_DUE_H

#include "ledger/consent.h"
#include "ledger/deletions.h"
#include "ledger/holds.h"
#include "retention.h"

struct due_day {
	char tenant_id[TENANT_ID_MAX + 1];
	int32_t day;
	enum deletion_reason reason;
	uint32_t because; /* line of the consent ledger that led to it; 0: none */
	int64_t before_ns; /* rows with an earlier time are to go; INT64_MAX: all */
};

/* How long this tenant's day is kept. ret_because: the grant that says so, or 0. */
uint32_t due_retention_days(const struct consents *c, const char *tenant_id, int32_t day, uint32_t *ret_because);
/* The instant from which on it is due. */
int64_t due_instant(int32_t day, uint32_t retention_days);
/* Whether something of this tenant's day is to go. */
bool due_find(const struct consents *c, const struct retention_request *request, const char *tenant_id, int32_t day,
	      struct due_day *ret_due);

struct due_list {
	struct due_day *list; /* by day, then tenant */
	size_t count, capacity;
};
/* All of the store. 0, or negative errno and *p of the first tenant that cannot be listed: the others are in the list all
 * the same. Undo with due_list_done(). */
int due_list_make(const struct store_dir *store, const struct consents *c, const struct retention_request *request,
		  struct due_list *ret_list, struct problem *p);
void due_list_done(struct due_list *list);

#endif
