// SPDX-License-Identifier: BSD-2-Clause
/* From ledgers and coverage to reason codes. */
#include <string.h>
#include "base/utc.h"
#include "ledger/consent.h"
#include "ledger/deletions.h"
#include "reasons.h"
#include "schema/store.h"

/* --- Consent --- */

static bool is_of(const struct consent *g, const char *tenant)
{
	return strcmp(g->tenant_id, tenant) == 0 && g->from_ns < g->until_ns;
}

/* What the tenant's consent was at an instant: 0 in force, or the reason; *ret_until: until when at least. */
static uint32_t consent_state(const struct consents *c, const char *tenant, int64_t t, int64_t *ret_until)
{
	uint32_t state = REASON_NO_CONSENT;
	int64_t until = INT64_MAX;

	for (size_t i = 0; i < c->count; i++) {
		const struct consent *g = &c->list[i];

		if (!is_of(g, tenant))
			continue;
		if (g->from_ns > t) {
			until = g->from_ns < until ? g->from_ns : until;
			continue;
		}
		if (t < g->until_ns) {
			*ret_until = g->until_ns;
			return 0;
		}
		/* The last one before it tells how it ended. */
		state = g->withdrawn && g->until_ns < g->agreed_until_ns ? REASON_WITHDRAWN : REASON_NO_CONSENT;
	}
	*ret_until = until;
	return state;
}

static uint32_t consent_reasons(const struct consents *c, const char *tenant, int64_t from_ns, int64_t to_ns)
{
	uint32_t reasons = 0;

	for (int64_t t = from_ns, until; t < to_ns; t = until)
		reasons |= consent_state(c, tenant, t, &until);
	return reasons;
}

static int add_consent(const struct store_dir *store, const struct query *q, int64_t to_ns, uint32_t *reasons,
		       struct problem *p)
{
	struct consents c = {};
	int error = consents_load(store, &c, p);

	if (error)
		return error;
	if (q->tenant)
		*reasons |= consent_reasons(&c, q->tenant, q->from_ns, to_ns);
	else if (!q->tenant_count)
		*reasons |= REASON_NO_CONSENT;
	/* A case of listed tenants hears nothing of others. */
	for (size_t i = 0; !q->tenant && i < q->tenant_count; i++)
		*reasons |= consent_reasons(&c, q->tenants[i], q->from_ns, to_ns);
	/* Each tenant once: at its first grant. */
	for (size_t i = 0; !q->tenant && !q->tenant_count && i < c.count; i++)
		if (c.list[i].seq == c.list[i].tenant)
			*reasons |= consent_reasons(&c, c.list[i].tenant_id, q->from_ns, to_ns);
	consents_done(&c);
	return 0;
}

/* --- Deletions --- */

struct deleting {
	const struct query *q;
	uint32_t reasons;
};

static bool is_asked_for(const struct query *q, const char *tenant)
{
	if (q->tenant)
		return strcmp(q->tenant, tenant) == 0;
	for (size_t i = 0; i < q->tenant_count; i++)
		if (strcmp(q->tenants[i], tenant) == 0)
			return true;
	return !q->tenant_count;
}

static int take_deletion(void *ctx, uint64_t seq, const struct deletion *d)
{
	struct deleting *k = ctx;

	(void)seq;
	if (d->day < utc_day(k->q->from_ns) || d->day > utc_day(k->q->to_ns - 1) ||
	    !is_asked_for(k->q, d->tenant_id))
		return 0;
	k->reasons |= d->reason == DELETION_EXPIRED ? REASON_EXPIRED : REASON_ERASED;
	return 0;
}

/* What a gap is a reason for: close times are no connections, and a clock that was set loses none. */
static uint32_t gap_reasons(const struct search_result *r)
{
	uint32_t reasons = 0;

	for (size_t i = 0; i < r->gaps.count; i++) {
		uint32_t reason = r->gaps.list[i].reason;

		if (reason == STORE_GAP_CLOCK_SET)
			reasons |= REASON_CLOCK;
		else if (reason != STORE_GAP_CLOSE_LOST)
			reasons |= REASON_GAP;
	}
	return reasons;
}

int reasons_find(const struct store_dir *store, const struct query *q, int64_t now_ns, struct search_result *result,
		 struct problem *p)
{
	struct deleting k = { .q = q };
	uint32_t reasons = 0;
	int error = add_consent(store, q, q->to_ns < now_ns ? q->to_ns : now_ns, &reasons, p);

	if (!error)
		error = deletions_skim(store, take_deletion, &k, p);
	reasons |= k.reasons | gap_reasons(result);
	if (result->clock_unsynchronised)
		reasons |= REASON_CLOCK;
	if (error || result->damaged)
		reasons |= REASON_DAMAGED;
	/* Nothing spoke of this time, and nothing above says why. */
	if (!reasons && !result->rungs && !result->count)
		reasons |= REASON_GAP;
	if (!reasons && !result->count)
		reasons |= REASON_TRUE_NONE;
	result->reasons = reasons;
	return error;
}
