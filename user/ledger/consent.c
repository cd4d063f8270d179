// SPDX-License-Identifier: BSD-2-Clause
/* Questions to the consent ledger: who is covered, when, by which grant. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/utc.h"
#include "consent.h"
#include "consent_read.h"
#include "ledger.h"

static void consent_done(struct consent *g)
{
	for (size_t i = 0; g->resolved && i < g->scope_count; i++)
		free(g->resolved[i]);
	free(g->resolved);
	free(g->scope);
}

void consents_done(struct consents *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->count; i++)
		consent_done(&c->list[i]);
	free(c->list);
	memset(c, 0, sizeof(*c));
}

static int take_line(void *ctx, const struct chain_line *line, struct problem *p)
{
	struct problem why = { "" };
	int error = consent_read_act(ctx, line->json, &why);

	return error ? problem(p, error, "ledger/%s line %llu: %s", CONSENT_FILE,
			       (unsigned long long)line->seq, why.text) : 0;
}

int consents_load(const struct store_dir *store, struct consents *ret_consents, struct problem *p)
{
	struct consents c = {};
	struct chain_end end;
	int error = ledger_walk(store, LEDGER_CONSENT, CHAIN_QUICK, take_line, &c, &end, p);

	if (error) {
		consents_done(&c);
		return error;
	}
	c.torn = end.torn; /* power loss during an append that was never confirmed */
	*ret_consents = c;
	return 0;
}

const struct consent *consents_last(const struct consents *c, const char *tenant_id)
{
	for (size_t i = c->count; i > 0; i--)
		if (strcmp(c->list[i - 1].tenant_id, tenant_id) == 0)
			return &c->list[i - 1];
	return NULL;
}

static bool covers(const struct consent *g, int64_t utc_ns)
{
	return g->from_ns <= utc_ns && utc_ns < g->until_ns;
}

const struct consent *consents_at(const struct consents *c, const char *tenant_id, int64_t utc_ns)
{
	const struct consent *g = consents_last(c, tenant_id);

	return g && covers(g, utc_ns) ? g : NULL;
}

int64_t consents_next_start(const struct consents *c, int64_t utc_ns)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < c->count; i++) {
		const struct consent *g = &c->list[i];

		if (g->from_ns > utc_ns && g->from_ns < g->until_ns && g->from_ns < next)
			next = g->from_ns;
	}
	return next;
}

const struct consent *consents_find(const struct consents *c, uint32_t seq)
{
	size_t low = 0, high = c->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (c->list[middle].seq == seq)
			return &c->list[middle];
		if (c->list[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool consents_cover(const struct consents *c, uint32_t seq, uint32_t tenant, int64_t utc_ns)
{
	const struct consent *g = consents_find(c, seq);

	return g && g->tenant == tenant && covers(g, utc_ns);
}

int64_t consents_since(const struct consents *c, const struct consent *g)
{
	int64_t since = g->from_ns;

	for (const struct consent *before = g; before-- > c->list;) {
		if (before->tenant != g->tenant)
			continue;
		if (before->withdrawn || before->until_ns != since)
			break;
		since = before->from_ns;
	}
	return since;
}

static bool in_scope(const struct consent *g, const struct consent_local *local)
{
	for (size_t i = 0; i < g->scope_count; i++)
		if (g->scope[i].kind == SELECTOR_ADDRESS &&
		    (!g->scope[i].port || g->scope[i].port == local->port) &&
		    prefix_contains(&g->scope[i].prefix, &local->addr))
			return true;
	return false;
}

/* Whether `after` is still for each cgroup and namespace that `before` is for, and there are any. */
static bool keeps_places(const struct consent *before, const struct consent *after)
{
	bool any = false;

	for (size_t i = 0; i < before->scope_count; i++) {
		bool kept = before->scope[i].kind == SELECTOR_ADDRESS;

		any |= !kept;
		for (size_t k = 0; k < after->scope_count && !kept; k++)
			kept = selector_equal(&before->scope[i], &after->scope[k]);
		if (!kept)
			return false;
	}
	return any;
}

/* The grant that begins where this one ends, without a moment between. */
static const struct consent *successor(const struct consents *c, const struct consent *g)
{
	for (const struct consent *s = g + 1; s < c->list + c->count; s++)
		if (s->tenant == g->tenant)
			return s->from_ns == g->until_ns && !g->withdrawn ? s : NULL;
	return NULL;
}

uint32_t consents_covering(const struct consents *c, uint32_t seq, uint32_t tenant, int64_t utc_ns,
			   const struct consent_local *local)
{
	const struct consent *first = consents_find(c, seq), *g = first;

	if (consents_cover(c, seq, tenant, utc_ns))
		return seq;
	if (!g || g->tenant != tenant)
		return 0;
	while ((g = successor(c, g)))
		if (covers(g, utc_ns)) /* by its address, or by where its socket lives if that is why it came */
			return in_scope(g, local) || (!in_scope(first, local) && keeps_places(first, g)) ?
				       g->seq : 0;
	return 0;
}

uint32_t consents_fields(const struct consents *c, uint32_t seq)
{
	const struct consent *g = consents_find(c, seq);

	return g ? g->fields : 0;
}

static bool has_selector(const struct consent *g, const struct selector *s)
{
	for (size_t i = 0; i < g->scope_count; i++)
		if (selector_equal(&g->scope[i], s))
			return true;
	return false;
}

unsigned int consent_widens(const struct consent *before, const struct consent *after)
{
	unsigned int wider = 0;

	if (after->agreed_until_ns > before->agreed_until_ns)
		wider |= CONSENT_END;
	if (after->fields & ~before->fields)
		wider |= CONSENT_FIELDS;
	if (after->retention_days > before->retention_days)
		wider |= CONSENT_RETENTION;
	if (after->purposes & ~before->purposes)
		wider |= CONSENT_PURPOSES;
	if (after->recipients & ~before->recipients)
		wider |= CONSENT_RECIPIENTS;
	for (size_t i = 0; i < after->scope_count; i++)
		if (!has_selector(before, &after->scope[i]))
			wider |= CONSENT_SCOPE;
	return wider;
}

int32_t consents_last_day(const struct consents *c, const char *tenant_id)
{
	int32_t last = INT32_MIN;

	for (size_t i = 0; i < c->count; i++) {
		const struct consent *g = &c->list[i];
		int32_t day = utc_day(g->until_ns) + 1 + (int32_t)g->retention_days;

		if (strcmp(g->tenant_id, tenant_id) == 0 && day > last)
			last = day;
	}
	return last;
}
