// SPDX-License-Identifier: BSD-2-Clause
/* Places and the kernel's maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/utc.h"
#include "capture/ask.h"
#include "capture/resolve.h"
#include "places.h"

static const char *name_of(const struct roster *r, uint32_t tenant)
{
	for (size_t i = 0; i < r->name_count; i++)
		if (r->names[i].number == tenant)
			return r->names[i].id;
	return "?";
}

/* Only of those who are recorded: nothing is said of others. */
static void tell(struct places *p, const struct roster *r)
{
	char text[SELECTOR_TEXT_MAX], resolved[SELECTOR_TEXT_MAX];

	for (size_t i = 0; i < p->count; i++) {
		struct place *at = &p->list[i];

		if (!at->tenant || at->told)
			continue;
		at->told = true;
		selector_format(&at->selector, text);
		if (at->state == PLACE_COVERED)
			log_info("tenant %s: %s is %s", name_of(r, at->tenant), text,
				 resolver_format(at->selector.kind, at->id, resolved));
		else
			log_warn("tenant %s: %s is %s: not recorded", name_of(r, at->tenant), text,
				 place_state_text(at->state));
	}
}

static int not_looked(int error, struct problem *p)
{
	return problem(p, error, "cannot look where tenants are: %s", strerror(-error));
}

int places_begin(struct places *p, struct capture *capture, const struct roster *roster,
		 const struct recovery *stated, struct problem *ret_problem)
{
	struct capture_place *armed;
	size_t count;
	int error = capture_places(capture, &armed, &count);

	if (error)
		return problem(ret_problem, error, "cannot read the map of places: %s", strerror(-error));
	if (!p->resolver)
		p->resolver = resolver_open(capture_ask(capture), ASK_TIMEOUT_MS);
	error = places_set(p, roster, capture_rung(capture), utc_now_ns());
	if (error)
		not_looked(error, ret_problem);
	else if (capture_how_started(capture) != CAPTURE_FRESH)
		places_recall(p, armed, count, stated);
	free(armed);
	return error;
}

int places_apply(struct places *p, struct capture *capture, const struct roster *roster,
		 struct problem *ret_problem)
{
	struct capture_wanted wanted = {
		.tenants = roster->live,
		.tenant_count = roster->live_count,
		.closed = roster->closed,
		.closed_count = roster->closed_count,
	};
	int error;

	error = places_set(p, roster, capture_rung(capture), utc_now_ns());
	p->roster_pending = error != 0;
	if (error)
		return not_looked(error, ret_problem);
	wanted.places = p->wanted;
	wanted.place_count = p->wanted_count;
	error = capture_set_tenants(capture, &wanted, ret_problem);
	p->pending = error != 0;
	tell(p, roster);
	return error;
}

int places_refresh(struct places *p, struct capture *capture, const struct roster *roster,
		   struct problem *ret_problem)
{
	int changed, error;

	if (p->roster_pending) {
		error = places_apply(p, capture, roster, ret_problem);
		return error ? error : 1;
	}
	changed = p->count ? places_check(p, capture_rung(capture), utc_now_ns()) : 0;
	if (changed < 0)
		return not_looked(changed, ret_problem);
	if (!changed && !p->pending)
		return 0;
	error = capture_set_places(capture, p->wanted, p->wanted_count, ret_problem);
	p->pending = error != 0;
	tell(p, roster);
	return error ? error : 1;
}
