/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds: tenant-days that must not be deleted, for a case (DOMAIN 1.2, Art. 16). They outlive retention, consent and
 * withdrawal, and end by release or at their end date. A hold is a line of custody (FORMAT.md 3.16): durable before it
 * is confirmed; a deletion reads the holds while it has the ledgers' lock, so none is set between the two.
 */
#ifndef SEKISHO_HOLDS_H
#define SEKISHO_HOLDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/parse.h"
#include "consent.h"
#include "ledger.h"

#define HOLD_NUMBER_MAX 200 /* bytes of UTF-8, no control characters */
#define HOLD_REASON_MAX 1000
/* Without a first or last day. */
#define HOLD_FROM_EVER INT32_MIN
#define HOLD_FOR_EVER INT32_MAX

struct hold {
	uint64_t seq; /* of its line in custody: what a release names */
	char *number; /* of the case */
	char tenant_id[TENANT_ID_MAX + 1]; /* "": every tenant of the node */
	int32_t first_day, last_day; /* UTC days, both included */
	int64_t set_ns, until_ns; /* UTC; it ends at until_ns if nobody releases it before */
	char *reason, *actor; /* or NULL */
	bool released;
	int64_t released_ns;
};

struct holds {
	struct hold *list; /* ascending seq; ended and released ones, too */
	size_t count, capacity;
	struct chain_end end; /* of custody as it was read */
};

/* Reads custody; a missing file is an empty one. -EBADMSG and *p when it does not verify or a line of holds does not
 * read: then nothing may be deleted. Undo with holds_done(). */
int holds_load(const struct store_dir *store, struct holds *ret_holds, struct problem *p);
void holds_done(struct holds *h);
/* Reads again if custody has other lines than *h knows. On failure *h is as it was, and not to be relied upon. */
int holds_refresh(const struct store_dir *store, struct holds *h, struct problem *p);
/* The caller appended to custody itself, with the ledgers' lock since the last refresh: no hold was set. */
int holds_skip_own(const struct store_dir *store, struct holds *h, struct problem *p);

/* A time before the end of every hold, for a clock that is not trusted: none has ended by itself. */
#define HOLDS_NO_CLOCK INT64_MIN
bool hold_in_force(const struct hold *h, int64_t now_ns);
/* The first hold in force that covers this tenant's day, or NULL. */
const struct hold *holds_find(const struct holds *h, const char *tenant_id, int32_t day, int64_t now_ns);

struct hold_act {
	const char *number, *tenant_id; /* tenant NULL: every one */
	int32_t first_day, last_day; /* set only, as is until_ns */
	int64_t until_ns;
	const char *reason, *actor; /* or NULL */
	unsigned int uid; /* who ran the command */
};
/* Appends HOLD_SET, durable on return. -EINVAL and *p: what a reader would not accept; else as ledger_append(). */
int hold_set(const struct store_dir *store, const struct hold_act *act, uint64_t *ret_seq, struct problem *p);
/*
 * Appends HOLD_RELEASE for all holds of this number (and tenant) that are in force. -ESRCH and *p: there is none;
 * nothing is written.
 */
int hold_release(const struct store_dir *store, const struct hold_act *act, size_t *ret_count, struct problem *p);

/*
 * STOP_AND_ERASE as a pure function of consents: rows of this tenant with a time before the result are to go, but for
 * held days. INT64_MIN: none. ret_seq: the line of that withdrawal in the consent ledger.
 */
int64_t consents_erase_before(const struct consents *c, const char *tenant_id, uint32_t *ret_seq);

#endif
