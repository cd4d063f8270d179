// SPDX-License-Identifier: BSD-2-Clause
/* Whether the canaries come back. */
#include "base/utc.h"
#include "canary_watch.h"

#define PIECE_MAX_NS (60 * NS_PER_SEC) /* whoever is killed meanwhile leaves so much unsaid */

void canary_watch_seen(struct canary_watch *w, int64_t emitted_ns)
{
	if (emitted_ns > w->seen_ns)
		w->seen_ns = emitted_ns;
}

void canary_watch_sung(struct canary_watch *w, int64_t now_ns, int error, int64_t patience_ns)
{
	w->sung_ns = now_ns;
	w->error = error;
	w->judge_ns = now_ns + patience_ns;
	w->judged = false;
}

/* Whether it had its time, and all that it may have put into the ring has been read. */
static bool must_have_come(struct canary_watch *w, int64_t now_ns, uint64_t producer, uint64_t consumer)
{
	if (now_ns < w->judge_ns)
		return false;
	if (!w->judged)
		w->position = producer;
	w->judged = true;
	return (int64_t)(consumer - w->position) >= 0;
}

bool canary_watch_judge(struct canary_watch *w, int64_t now_ns, uint64_t producer, uint64_t consumer)
{
	bool before = w->alarm;

	if (!w->sung_ns)
		return false;
	if (w->seen_ns >= w->sung_ns)
		w->misses = 0;
	else if (must_have_come(w, now_ns, producer, consumer))
		w->misses++;
	else
		return false;
	w->sung_ns = 0;
	w->alarm = w->misses >= CANARY_MISSES;
	if (w->alarm && !before && !w->stated_ns)
		w->stated_ns = w->seen_ns;
	if (before && !w->alarm) {
		w->ended_ns = w->seen_ns;
		if (w->ended_ns <= w->stated_ns)
			w->stated_ns = 0; /* a piece went beyond it already */
	}
	return w->alarm != before;
}

bool canary_watch_gap(const struct canary_watch *w, int64_t now_ns, int64_t *ret_from, int64_t *ret_until)
{
	int64_t until = w->alarm ? now_ns : w->ended_ns;

	if (!w->stated_ns || until <= w->stated_ns)
		return false;
	*ret_from = w->stated_ns;
	*ret_until = until;
	return true;
}

void canary_watch_stated(struct canary_watch *w, int64_t until_ns)
{
	w->stated_ns = w->alarm ? until_ns : 0;
}

bool canary_watch_is_due(const struct canary_watch *w, int64_t now_ns)
{
	int64_t said_ns = w->stated_ns - w->seen_ns;

	if (!w->alarm)
		return w->stated_ns != 0;
	return now_ns - w->stated_ns >= (said_ns < PIECE_MAX_NS ? said_ns : PIECE_MAX_NS);
}
