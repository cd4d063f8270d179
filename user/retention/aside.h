/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Journals that were set aside in journal/damaged/, since some of their bytes could not be read: what could be was
 * sealed, but the rows are in there as well. Such a file holds many tenants and goes whole: when the shortest of their
 * promises is over, when one of them withdrew with STOP_AND_ERASE, and not while a hold is on one of them then.
 */
#ifndef SEKISHO_ASIDE_H
#define SEKISHO_ASIDE_H

#include "ledger/consent.h"
#include "retention_day.h"

struct aside_due {
	char name[64];
	struct deletion_journal deletion;
	/* Whom and when it is about, for holds. */
	char (*tenants)[TENANT_ID_MAX + 1];
	size_t tenant_count;
	int32_t first_day, last_day;
};
struct aside_list {
	struct aside_due *list;
	size_t count, capacity;
};

/* Those that are due. 0, or negative errno and *p of the first one that cannot be looked at: the others are in the list
 * all the same. Undo with aside_list_done(). */
int aside_list_make(const struct store_dir *store, const struct consents *c, const struct retention_request *request,
		    struct aside_list *ret_list, struct problem *p);
void aside_list_done(struct aside_list *list);
/* Deletes them, but for holds. Failures are noted in the job. */
void aside_run(struct retention_job *job, struct aside_list *list);

#endif
