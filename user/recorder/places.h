/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The selectors that are no addresses: what each means now, since when it means
 * nothing or what this hook cannot evaluate, and the gaps that follow from it. Paths
 * come and go with containers, so they are looked at again and again.
 */
#ifndef SEKISHO_PLACES_H
#define SEKISHO_PLACES_H

#include <stdbool.h>
#include "base/gap.h"
#include "capture/capture.h"
#include "recovery.h"
#include "roster.h"

enum place_state {
	PLACE_COVERED = 0, /* it is in the kernel's map */
	PLACE_UNRESOLVED = 1, /* nothing is there */
	PLACE_AMBIGUOUS = 2, /* a selector of another tenant means the same: nobody's */
	PLACE_NOT_EVALUATED = 3, /* the hook cannot tell */
};

struct place {
	struct selector selector;
	uint32_t tenant; /* 0: of somebody who is not recorded */
	enum place_state state;
	uint64_t id; /* 0 = unresolved */
	int64_t good_ns; /* UTC: when it was last seen to be in force; 0 = not yet */
	int64_t since_ns; /* UTC: from here on it was not, and no gap says so yet; 0 = all is said */
	bool begun; /* a gap says that it began */
	bool told; /* the log has state and id as they are */
};

struct places {
	struct place *list;
	size_t count;
	struct capture_place *wanted; /* for the kernel, see capture_wanted */
	size_t wanted_count;
	bool pending; /* the kernel could not be told yet */
	bool roster_pending; /* nor of the roster, as nobody could look */
	struct resolver *resolver;
};

void places_done(struct places *p);
/* The selectors of a new roster, what is known of them kept; then as places_check(). 0 or negative errno. */
int places_set(struct places *p, const struct roster *roster, enum sekisho_rung rung, int64_t utc_now);
/* Looks at all again: 1 if `wanted` or a state has changed, 0 if not; -ENOMEM, or what resolver_run() gave: nothing has
 * changed then. */
int places_check(struct places *p, enum sekisho_rung rung, int64_t utc_now);
/*
 * After the first places_set(), when the programs went on without us: `armed` is what the kernel's map
 * has. A selector that means something else by now did so since an instant that nobody saw.
 */
void places_recall(struct places *p, const struct capture_place *armed, size_t count,
		   const struct recovery *stated);
/*
 * Once the kernel has `wanted`: states what is over, and what has begun; with `open` also what goes on,
 * up to now, at most once a second each. A failing add() leaves it for the next time.
 */
void places_state(struct places *p, int64_t utc_now, bool open,
		  int (*add)(void *ctx, const struct gap *g), void *ctx);

/*
 * With the kernel. The first takes what an earlier run left there into account (see places_recall) and
 * comes before places_apply(), which makes the kernel's maps say what the roster and its places are.
 * places_refresh() looks again: 1 when the kernel has something new, 0 when not. Negative errno and *p. What
 * has changed is logged.
 */
int places_begin(struct places *p, struct capture *capture, const struct roster *roster,
		 const struct recovery *stated, struct problem *ret_problem);
int places_apply(struct places *p, struct capture *capture, const struct roster *roster,
		 struct problem *ret_problem);
int places_refresh(struct places *p, struct capture *capture, const struct roster *roster,
		   struct problem *ret_problem);

const char *place_state_text(enum place_state state); /* "covered", ... */

#endif
