// SPDX-License-Identifier: BSD-2-Clause
/* Places and the kernel's maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/utc.h"
#include "places.h"

int places_begin(struct places *p, struct capture *capture, const struct roster *roster,
		 const struct recovery *stated, struct problem *ret_problem)
{
	struct capture_place *armed;
	size_t count;
	int error = capture_places(capture, &armed, &count);

	if (error)
		return problem(ret_problem, error, "cannot read the map of places: %s", strerror(-error));
	error = places_set(p, roster, capture_rung(capture), utc_now_ns());
	if (error)
		problem(ret_problem, error, "out of memory");
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

	if (places_set(p, roster, capture_rung(capture), utc_now_ns()))
		return problem(ret_problem, -ENOMEM, "out of memory");
	wanted.places = p->wanted;
	wanted.place_count = p->wanted_count;
	error = capture_set_tenants(capture, &wanted, ret_problem);
	p->pending = error != 0;
	return error;
}

int places_refresh(struct places *p, struct capture *capture, struct problem *ret_problem)
{
	int changed = p->count ? places_check(p, capture_rung(capture), utc_now_ns()) : 0, error;

	if (changed < 0)
		return problem(ret_problem, changed, "out of memory");
	if (!changed && !p->pending)
		return 0;
	error = capture_set_places(capture, p->wanted, p->wanted_count, ret_problem);
	p->pending = error != 0;
	return error ? error : 1;
}
