// SPDX-License-Identifier: BSD-2-Clause
/* What a store answers: a search for everything, and verify. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/addr.h"
#include "base/array.h"
#include "fixture.h"
#include "proof.h"
#include "query/search.h"
#include "query/verify.h"
#include "schema/event.h"

_Static_assert(sizeof(struct conn) == 72 + sizeof(struct record) + 8, "memcmp() compares them");

static struct conn *add(struct conns *c)
{
	if (ARRAY_RESERVE(c->list, c->count, c->capacity))
		abort();
	memset(&c->list[c->count], 0, sizeof(*c->list));
	return &c->list[c->count++];
}

void conns_add(struct conns *c, const char *tenant, const struct record *r)
{
	struct conn *conn = add(c);

	strncpy(conn->tenant, tenant, sizeof(conn->tenant) - 1);
	conn->record = *r;
	conn->record.tenant = 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct conn));
}

static bool same_tuple(const struct conn *a, const struct conn *b)
{
	return strcmp(a->tenant, b->tenant) == 0 &&
	       addr_compare(&a->record.src, &b->record.src) == 0 &&
	       addr_compare(&a->record.dst, &b->record.dst) == 0 &&
	       a->record.src_port == b->record.src_port && a->record.dst_port == b->record.dst_port;
}

/* The fixtures have each tuple once, so this join needs no rule for which one. */
void conns_settle(struct conns *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->count && c->list[i].record.kind == SEKISHO_KIND_CLOSE; k++)
			if (c->list[k].record.kind != SEKISHO_KIND_CLOSE &&
			    same_tuple(&c->list[i], &c->list[k]))
				c->list[k].close_ns = c->list[i].record.time_ns;
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].record.kind != SEKISHO_KIND_CLOSE)
			c->list[kept++] = c->list[i];
	c->count = kept;
	if (kept)
		qsort(c->list, kept, sizeof(*c->list), compare);
}

void conns_done(struct conns *c)
{
	free(c->list);
	*c = (struct conns){};
}

static bool same(const struct conns *a, const struct conns *b)
{
	return a->count == b->count &&
	       (!a->count || memcmp(a->list, b->list, a->count * sizeof(*a->list)) == 0);
}

static const struct conn *first_alone(const struct conns *a, const struct conns *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!b->count || !bsearch(&a->list[i], b->list, b->count, sizeof(*b->list), compare))
			return &a->list[i];
	return NULL;
}

bool conns_same(const struct conns *got, const struct conns *want, char *text, size_t size)
{
	const struct conn *missing, *wrong;

	text[0] = '\0';
	if (same(got, want))
		return true;
	missing = first_alone(want, got);
	wrong = first_alone(got, want);
	snprintf(text, size, "%zu rows instead of %zu%s%s%s%s", got->count, want->count,
		 missing ? ", missing of " : "", missing ? missing->tenant : "",
		 wrong ? ", wrong of " : "", wrong ? wrong->tenant : "");
	return false;
}

void found_all(const struct store_dir *store, struct found *ret_found)
{
	const struct query q = { .from_ns = DAY_NS - 40 * NS_PER_DAY,
				 .to_ns = DAY_NS + 40 * NS_PER_DAY };
	struct search_result r;
	struct found f = {};
	struct found_row row;
	struct problem p;

	REQUIRE(search_run(store, &q, &r, &p) == 0);
	for (size_t i = 0; i < r.count; i++) {
		REQUIRE(search_next(&r, &row) == 1);
		conns_add(&f.conns, r.tenants[row.record.tenant], &row.record);
		f.conns.list[i].close_ns = row.close_ns;
	}
	if (f.conns.count)
		qsort(f.conns.list, f.conns.count, sizeof(*f.conns.list), compare);
	for (size_t i = 0; i < r.gaps.count; i++) {
		struct gap g = r.gaps.list[i];

		g.tenant = g.tenant == UINT32_MAX ? UINT32_MAX : 0;
		REQUIRE(gaps_add(&f.gaps, &g) == 0);
	}
	f.damaged = r.damaged;
	if (r.damaged)
		snprintf(f.damage, sizeof(f.damage), "%s", r.damage.text);
	search_result_done(&r);
	*ret_found = f;
}

void found_done(struct found *f)
{
	conns_done(&f->conns);
	gaps_done(&f->gaps);
}

void verdict_of(const struct store_dir *store, struct verdict *ret_verdict)
{
	const struct verify_request request = {};
	struct verify_facts facts;
	struct verdict v = {};
	struct problem p;

	REQUIRE(verify_run(store, &request, &facts, &p) == 0);
	v.bad = facts.bad;
	v.torn = facts.torn;
	if (v.bad)
		snprintf(v.first_bad, sizeof(v.first_bad), "%s", facts.first_bad.text);
	if (v.torn)
		snprintf(v.first_torn, sizeof(v.first_torn), "%s", facts.first_torn.text);
	*ret_verdict = v;
}
