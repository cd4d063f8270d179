// SPDX-License-Identifier: BSD-2-Clause
/* Who is recorded now, from configuration and consent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "roster.h"

static uint64_t boot_of(int64_t utc, int64_t utc_now, int64_t boot_now)
{
	int64_t left = utc - utc_now;

	if (left <= 0 || boot_now < 0)
		return 0;
	return (uint64_t)boot_now + (uint64_t)left;
}

static int granted(const struct consent *g, const struct selector *s)
{
	for (size_t i = 0; i < g->scope_count; i++)
		if (selector_equal(&g->scope[i], s))
			return 1;
	return 0;
}

static void add_live(struct roster *r, const struct conf *conf, const struct conf_tenant *t,
		     const struct consent *g, size_t *used)
{
	struct capture_tenant *live = &r->live[r->live_count];

	*live = (struct capture_tenant){ .tenant = g->tenant, .consent = g->seq,
					 .fields = g->fields, .selectors = r->selectors + *used };
	for (size_t i = 0; i < t->selector_count; i++) {
		/* A listener may have been declared shared after the grant. */
		if (granted(g, &t->selectors[i]) && !conf_is_shared(conf, &t->selectors[i])) {
			r->selectors[(*used)++] = t->selectors[i];
			live->selector_count++;
		} else {
			r->closed[r->closed_count++] = t->selectors[i];
			r->uncovered++;
		}
	}
	r->until_utc_ns[r->live_count++] = g->until_ns;
}

/* Each tenant of the ledger once, under the number of its first grant. */
static void add_name(struct roster *r, const struct consent *g, uint32_t consent)
{
	struct journal_tenant *name = NULL;

	for (size_t i = 0; i < r->name_count && !name; i++)
		if (r->names[i].number == g->tenant)
			name = &r->names[i];
	if (!name) {
		name = &r->names[r->name_count++];
		name->number = g->tenant;
		strcpy(name->id, g->tenant_id);
	}
	name->consent = consent;
}

int roster_make(const struct conf *conf, const struct consents *consents, int64_t utc_now,
		int64_t boot_now, struct roster *ret_roster)
{
	struct roster r = {};
	size_t selectors = 0, used = 0;

	for (size_t i = 0; i < conf->tenant_count; i++)
		selectors += conf->tenants[i].selector_count;
	r.live = calloc(conf->tenant_count + 1, sizeof(*r.live));
	r.until_utc_ns = calloc(conf->tenant_count + 1, sizeof(*r.until_utc_ns));
	r.selectors = calloc(selectors + 1, sizeof(*r.selectors));
	r.closed = calloc(selectors + conf->shared_count + 1, sizeof(*r.closed));
	r.names = calloc(consents->count + 1, sizeof(*r.names));
	if (!r.live || !r.until_utc_ns || !r.selectors || !r.closed || !r.names) {
		roster_done(&r);
		return -ENOMEM;
	}
	for (size_t i = 0; i < conf->shared_count; i++)
		r.closed[r.closed_count++] = conf->shared[i];
	for (size_t i = 0; i < consents->count; i++)
		add_name(&r, &consents->list[i], 0);
	for (size_t i = 0; i < conf->tenant_count; i++) {
		const struct consent *g = consents_at(consents, conf->tenants[i].id, utc_now);

		if (!g) {
			for (size_t k = 0; k < conf->tenants[i].selector_count; k++)
				r.closed[r.closed_count++] = conf->tenants[i].selectors[k];
			continue;
		}
		add_live(&r, conf, &conf->tenants[i], g, &used);
		add_name(&r, g, g->seq);
	}
	roster_retime(&r, utc_now, boot_now);
	*ret_roster = r;
	return 0;
}

void roster_done(struct roster *r)
{
	if (!r)
		return;
	free(r->live);
	free(r->until_utc_ns);
	free(r->selectors);
	free(r->closed);
	free(r->names);
	memset(r, 0, sizeof(*r));
}

void roster_retime(struct roster *r, int64_t utc_now, int64_t boot_now)
{
	for (size_t i = 0; i < r->live_count; i++)
		r->live[i].until_boot_ns = boot_of(r->until_utc_ns[i], utc_now, boot_now);
}

void roster_drop(struct roster *r, uint32_t tenant)
{
	for (size_t i = 0; i < r->live_count; i++)
		if (r->live[i].tenant == tenant) {
			r->live_count--;
			memmove(&r->live[i], &r->live[i + 1],
				(r->live_count - i) * sizeof(*r->live));
			memmove(&r->until_utc_ns[i], &r->until_utc_ns[i + 1],
				(r->live_count - i) * sizeof(*r->until_utc_ns));
			break;
		}
	for (size_t i = 0; i < r->name_count; i++)
		if (r->names[i].number == tenant)
			r->names[i].consent = 0;
}
