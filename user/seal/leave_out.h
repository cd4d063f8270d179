/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows that are not sealed, since their tenant withdrew with STOP_AND_ERASE: they go with the journal. What went is
 * stated in custody (LEFT_OUT) before that. Held days are sealed like others. Where consent or custody does not read,
 * nothing is left out: what is sealed in vain goes later, what is gone does not come back.
 */
#ifndef SEKISHO_LEAVE_OUT_H
#define SEKISHO_LEAVE_OUT_H

#include "ledger/consent.h"
#include "ledger/deletions.h"
#include "ledger/holds.h"

struct leave_out {
	struct consents consents;
	struct holds holds;
	bool asked; /* somebody withdrew like that */
	bool known; /* and it is known what is held */
};

/* Reads the ledgers. Undo with leave_out_close(). */
void leave_out_open(const struct store_dir *store, struct leave_out *ret_leave_out);
void leave_out_close(struct leave_out *l);

/* Rows of this tenant's day with a time before the result are not sealed; INT64_MIN: all are. */
int64_t leave_out_before(const struct leave_out *l, const char *tenant_id, int32_t day);
/*
 * The instant of this day at which the tenant withdrew, INT64_MIN without one: rows before it and those from it on are
 * sealed apart, whether it is held or not, so that a run that is repeated makes the same sections of what stays.
 */
int64_t leave_out_split(const struct leave_out *l, const char *tenant_id, int32_t day);

struct leave_out_day {
	const char *tenant_id;
	int32_t day;
	uint64_t rows;
};
/*
 * States what was left out of a journal; sorts the list. Durable on return, then the journal may go. -EAGAIN and *p:
 * one of the days is held since; nothing may go, a repeated run will seal it. Other errors as ledger_append().
 */
int leave_out_state(struct leave_out *l, const struct store_dir *store, uint64_t journal_id,
		    struct leave_out_day *days, size_t count, struct problem *p);

#endif
