// SPDX-License-Identifier: BSD-2-Clause
/* What the selectors that are no addresses mean, and since when. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/rung.h"
#include "base/utc.h"
#include "capture/resolve.h"
#include "places.h"
#include "schema/store.h"

#define RESTATE_NS (NS_PER_SEC)

const char *place_state_text(enum place_state state)
{
	static const char *const texts[] = {
		[PLACE_COVERED] = "covered", [PLACE_UNRESOLVED] = "unresolved",
		[PLACE_AMBIGUOUS] = "ambiguous", [PLACE_NOT_EVALUATED] = "not evaluated",
	};

	return texts[state];
}

void places_done(struct places *p)
{
	free(p->list);
	free(p->wanted);
	resolver_close(p->resolver);
	memset(p, 0, sizeof(*p));
}

static uint32_t kind_of(const struct selector *s)
{
	return s->kind == SELECTOR_CGROUP ? SEKISHO_PLACE_CGROUP : SEKISHO_PLACE_NETNS;
}

/* `likely`: where it is if nothing has changed before it. */
static const struct place *find(const struct places *p, size_t likely, uint32_t tenant,
				const struct selector *s)
{
	for (size_t n = 0; n < p->count; n++) {
		const struct place *at = &p->list[(likely + n) % p->count];

		if (at->tenant == tenant && selector_equal(&at->selector, s))
			return at;
	}
	return NULL;
}

static size_t add_all(struct place *list, size_t count, const struct selector *selectors, size_t n,
		      uint32_t tenant)
{
	for (size_t i = 0; i < n; i++)
		if (selectors[i].kind != SELECTOR_ADDRESS)
			list[count++] = (struct place){ .selector = selectors[i], .tenant = tenant,
							.state = PLACE_UNRESOLVED };
	return count;
}

/*
 * A hook that cannot tell cgroups cannot tell either whose a connection is that another selector matches, since
 * a cgroup comes before these: while there is a cgroup selector nobody is recorded, and all are told so.
 */
static bool hides_all(const struct place *at, enum sekisho_rung rung)
{
	return at->selector.kind == SELECTOR_CGROUP && !rung_evaluates(rung, SELECTOR_CGROUP);
}

static size_t add_hidden(struct place *list, size_t count, const struct roster *r, enum sekisho_rung rung)
{
	const struct selector *hiding = NULL;

	for (size_t i = 0; i < count && !hiding; i++)
		if (hides_all(&list[i], rung))
			hiding = &list[i].selector;
	for (size_t i = 0; i < r->live_count && hiding; i++)
		count = add_all(list, count, hiding, 1, r->live[i].tenant);
	return count;
}

int places_set(struct places *p, const struct roster *r, enum sekisho_rung rung, int64_t utc_now)
{
	size_t room = r->closed_count + r->live_count, count;
	struct place *list;
	int error;

	for (size_t i = 0; i < r->live_count; i++)
		room += r->live[i].selector_count;
	list = calloc(room + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	count = add_all(list, 0, r->closed, r->closed_count, 0);
	for (size_t i = 0; i < r->live_count; i++)
		count = add_all(list, count, r->live[i].selectors, r->live[i].selector_count,
				r->live[i].tenant);
	count = add_hidden(list, count, r, rung);
	for (size_t i = 0; i < count; i++) {
		const struct place *before = find(p, i, list[i].tenant, &list[i].selector);

		if (before)
			list[i] = *before;
		else
			list[i].since_ns = utc_now; /* until the first look */
	}
	free(p->list);
	p->list = list;
	p->count = count;
	error = places_check(p, rung, utc_now);
	/* What is there at the first look has been covered from its grant on. */
	for (size_t i = 0; error >= 0 && i < count; i++)
		if (list[i].state == PLACE_COVERED && list[i].since_ns == utc_now)
			list[i].since_ns = 0;
	return error < 0 ? error : 0;
}

/* All that resolve to something, in the order of capture_place_compare(); of equal ids one. */
static size_t make_wanted(const struct resolved *found, const struct place *list, size_t count,
			  enum sekisho_rung rung, struct capture_place *wanted)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < count; i++)
		if (hides_all(&list[i], rung)) /* no cgroup has this id: the program asks, and finds nobody */
			wanted[n++] = (struct capture_place){ 0, SEKISHO_PLACE_CGROUP, 0 };
		else if (found[i].id && rung_evaluates(rung, list[i].selector.kind))
			wanted[n++] = (struct capture_place){ found[i].id, kind_of(&list[i].selector),
							      list[i].tenant };
	if (n)
		qsort(wanted, n, sizeof(*wanted), capture_place_compare);
	for (size_t i = 0; i < n; i++) {
		if (!kept || capture_place_compare(&wanted[kept - 1], &wanted[i]) != 0)
			wanted[kept++] = wanted[i];
		else if (wanted[kept - 1].tenant != wanted[i].tenant)
			wanted[kept - 1].tenant = 0;
	}
	return kept;
}

static const struct capture_place *lookup(const struct capture_place *places, size_t count,
					  uint64_t id, uint32_t kind)
{
	const struct capture_place probe = { .id = id, .kind = kind };

	return count ? bsearch(&probe, places, count, sizeof(probe), capture_place_compare) : NULL;
}

static enum place_state judge(const struct place *at, uint64_t id, enum sekisho_rung rung,
			      const struct capture_place *wanted, size_t count)
{
	if (!rung_evaluates(rung, at->selector.kind))
		return PLACE_NOT_EVALUATED;
	if (!id)
		return PLACE_UNRESOLVED;
	return lookup(wanted, count, id, kind_of(&at->selector))->tenant == at->tenant ?
		       PLACE_COVERED : PLACE_AMBIGUOUS;
}

/* True when it is another one than before. */
static bool update(struct place *at, uint64_t id, enum place_state state, int64_t utc_now)
{
	bool changed = at->id != id || at->state != state;

	if (changed && !at->since_ns)
		at->since_ns = at->good_ns;
	at->begun &= !changed;
	at->told &= !changed;
	at->id = id;
	at->state = state;
	if (state == PLACE_COVERED)
		at->good_ns = utc_now;
	return changed;
}

int places_check(struct places *p, enum sekisho_rung rung, int64_t utc_now)
{
	struct resolved *found = calloc(p->count + 1, sizeof(*found));
	struct capture_place *wanted = calloc(p->count + 1, sizeof(*wanted));
	bool changed = false;
	int error;
	size_t n;

	if (!p->resolver)
		p->resolver = resolver_open(NULL, 0);
	if (!found || !wanted || !p->resolver) {
		free(found);
		free(wanted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < p->count; i++)
		found[i].selector = &p->list[i].selector;
	error = resolver_run(p->resolver, found, p->count);
	if (error) {
		free(found);
		free(wanted);
		return error;
	}
	n = make_wanted(found, p->list, p->count, rung, wanted);
	for (size_t i = 0; i < p->count; i++)
		changed |= update(&p->list[i], found[i].id,
				  judge(&p->list[i], found[i].id, rung, wanted, n), utc_now);
	changed |= n != p->wanted_count || (n && memcmp(wanted, p->wanted, n * sizeof(*wanted)) != 0);
	free(found);
	free(p->wanted);
	p->wanted = wanted;
	p->wanted_count = n;
	return changed;
}

/* Whether the kernel has something for this tenant that its selectors no longer mean. */
static bool has_left_over(const struct places *p, const struct capture_place *armed, size_t count,
			  uint32_t tenant)
{
	for (size_t i = 0; i < count; i++) {
		const struct capture_place *now = lookup(p->wanted, p->wanted_count, armed[i].id,
							 armed[i].kind);

		if (armed[i].tenant == tenant && (!now || now->tenant != tenant))
			return true;
	}
	return false;
}

static bool was_armed(const struct place *at, const struct capture_place *armed, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (armed[i].tenant == at->tenant && armed[i].id == at->id &&
		    armed[i].kind == kind_of(&at->selector))
			return true;
	return false;
}

void places_recall(struct places *p, const struct capture_place *armed, size_t count,
		   const struct recovery *stated)
{
	for (size_t i = 0; i < p->count; i++) {
		struct place *at = &p->list[i];
		int64_t until = recovery_unresolved_until(stated, at->tenant);

		if (!at->tenant || !stated->last_utc_ns ||
		    (at->state == PLACE_COVERED && was_armed(at, armed, count)))
			continue;
		/* It was there when the last run ended, or it was not and that run said so. */
		at->since_ns = until == INT64_MIN || has_left_over(p, armed, count, at->tenant) ?
				       stated->last_utc_ns : until;
	}
}

void places_state(struct places *p, int64_t utc_now, bool open,
		  int (*add)(void *ctx, const struct gap *g), void *ctx)
{
	for (size_t i = 0; i < p->count; i++) {
		struct place *at = &p->list[i];
		bool goes_on = at->begun && at->state != PLACE_COVERED;
		struct gap g = {
			.first_utc_ns = at->since_ns,
			.last_utc_ns = utc_now,
			.tenant = at->tenant,
			.reason = at->state == PLACE_NOT_EVALUATED ? STORE_GAP_NOT_EVALUATED :
								     STORE_GAP_UNRESOLVED,
		};

		if (!at->tenant || !at->since_ns)
			continue;
		if (goes_on && (!open || (utc_now >= at->since_ns && utc_now - at->since_ns < RESTATE_NS)))
			continue;
		if (g.first_utc_ns > g.last_utc_ns)
			g.first_utc_ns = g.last_utc_ns; /* the clock was set back meanwhile */
		if (add(ctx, &g))
			continue;
		at->begun = at->state != PLACE_COVERED;
		at->since_ns = at->begun ? utc_now : 0;
	}
}
