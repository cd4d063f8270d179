// SPDX-License-Identifier: BSD-2-Clause
/* Reading what earlier runs left behind. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/fs.h"
#include "journal/journal_reader.h"
#include "recovery.h"
#include "schema/journal.h"
#include "schema/store.h"

uint64_t *recovery_stated(struct recovery *r, uint32_t tenant, uint32_t reason)
{
	for (size_t i = 0; i < r->stated_count; i++)
		if (r->stated[i].tenant == tenant && r->stated[i].reason == reason)
			return &r->stated[i].total;
	if (ARRAY_RESERVE(r->stated, r->stated_count, r->stated_capacity))
		return NULL;
	r->stated[r->stated_count] = (struct stated_loss){ .tenant = tenant, .reason = reason };
	return &r->stated[r->stated_count++].total;
}

int64_t recovery_unresolved_until(const struct recovery *r, uint32_t tenant)
{
	for (size_t i = 0; i < r->end_count; i++)
		if (r->ends[i].tenant == tenant)
			return r->ends[i].last_utc_ns;
	return INT64_MIN;
}

static int take_end(struct recovery *r, const struct gap *g)
{
	size_t i = 0;

	if (g->reason != STORE_GAP_UNRESOLVED && g->reason != STORE_GAP_NOT_EVALUATED)
		return 0;
	while (i < r->end_count && r->ends[i].tenant != g->tenant)
		i++;
	if (i == r->end_count) {
		if (ARRAY_RESERVE(r->ends, r->end_count, r->end_capacity))
			return -ENOMEM;
		r->ends[r->end_count++] = (struct stated_end){ g->tenant, g->last_utc_ns };
	} else if (g->last_utc_ns > r->ends[i].last_utc_ns) {
		r->ends[i].last_utc_ns = g->last_utc_ns;
	}
	return 0;
}

/* The reason that the kernel counts a loss under. */
static uint32_t counted_as(uint32_t reason)
{
	if (reason == STORE_GAP_DISK_FULL)
		return STORE_GAP_RING_FULL;
	return reason == STORE_GAP_DISK_SHARE ? STORE_GAP_SHARE : reason;
}

/*
 * Whether a journal that states so much is to be believed rather than one that states `total`. How often the kernel has
 * skipped it each hook counts for itself, and each program from zero: there the last statement counts, not the greatest.
 */
static bool tells_more(struct recovery *r, const struct journal_reader *j, const struct gap *g, uint64_t total)
{
	if (g->reason != STORE_GAP_HOOK_BUSY)
		return g->total > total;
	if (j->rung != r->rung || j->created_boot_ns < r->skips_boot_ns)
		return false;
	r->skips_boot_ns = j->created_boot_ns;
	return true;
}

static int take_ring(struct recovery *r, const struct journal_reader *j)
{
	if (!r->same_ring || j->ring_end > r->ring_end)
		r->ring_end = j->ring_end;
	r->same_ring = true;
	if (j->anchors.count &&
	    j->anchors.list[j->anchors.count - 1].boot_ns > r->last_anchor.boot_ns)
		r->last_anchor = j->anchors.list[j->anchors.count - 1];
	for (size_t i = 0; i < j->gaps.count; i++) {
		const struct gap *g = &j->gaps.list[i];
		uint64_t *total;

		if (take_end(r, g))
			return -ENOMEM;
		if (!g->total)
			continue;
		total = recovery_stated(r, g->tenant, counted_as(g->reason));
		if (!total)
			return -ENOMEM;
		if (tells_more(r, j, g, *total))
			*total = g->total;
	}
	return 0;
}

static int take_journal(struct recovery *r, int journal_fd, const char *name, uint64_t ring_id,
			struct problem *p)
{
	struct journal_reader j;
	int error = journal_reader_open(journal_fd, name, &j, p);

	if (error == -EBADMSG || error == -ENODATA || error == -ENOTSUP) {
		r->unreadable++;
		return 0;
	}
	if (error)
		return error;
	if (!j.ring_id) { /* imported: it says nothing about what was recorded here */
		journal_reader_close(&j);
		return 0;
	}
	r->any = true;
	r->torn += j.torn;
	if (j.last_utc_ns > r->last_utc_ns)
		r->last_utc_ns = j.last_utc_ns;
	if (j.ring_id == ring_id)
		error = take_ring(r, &j);
	journal_reader_close(&j);
	return error ? problem(p, error, "out of memory") : 0;
}

int recovery_scan(int journal_fd, uint64_t ring_id, enum sekisho_rung rung, struct recovery *ret_recovery,
		  struct problem *p)
{
	struct recovery r = { .rung = rung };
	char **names;
	size_t count;
	int error = fs_list(journal_fd, JOURNAL_SUFFIX, &names, &count);

	if (error)
		return problem(p, error, "cannot list journal/: %s", strerror(-error));
	for (size_t i = 0; i < count && !error; i++)
		error = take_journal(&r, journal_fd, names[i], ring_id, p);
	fs_free_names(names, count);
	if (error) {
		recovery_done(&r);
		return error;
	}
	*ret_recovery = r;
	return 0;
}

int recovery_resume(const struct recovery *r, struct ring *ring)
{
	if (!r->same_ring)
		return 0;
	if ((int64_t)(ring_producer(ring) - r->ring_end) < 0)
		return -ERANGE;
	ring_release(ring, r->ring_end);
	return 0;
}

bool recovery_new_loss(uint64_t *stated, uint64_t total, int64_t looked_utc_ns, struct gap *g)
{
	if (total < *stated)
		*stated = 0; /* another program counts from zero again */
	if (total == *stated)
		return false;
	g->count = total - *stated;
	g->total = total;
	if (*stated && looked_utc_ns > g->first_utc_ns)
		g->first_utc_ns = looked_utc_ns;
	if (g->first_utc_ns > g->last_utc_ns)
		g->first_utc_ns = g->last_utc_ns;
	return true;
}

bool recovery_missed_anybody(const struct recovery *r, const struct consents *consents, int64_t utc_now)
{
	for (size_t i = 0; i < consents->count; i++) {
		const struct consent *c = &consents->list[i];

		if (c->from_ns <= r->last_utc_ns && c->until_ns > utc_now)
			return true;
	}
	return false;
}

bool recovery_start_gap(const struct recovery *r, enum capture_start how, bool missed, int64_t unarmed_from_ns,
			int64_t utc_now, struct gap *ret_gap)
{
	struct gap g = { .last_utc_ns = utc_now };

	switch (how) {
	case CAPTURE_CONTINUED:
		if (!r->any || !missed)
			return false;
		g.reason = STORE_GAP_NOT_ARMED;
		g.first_utc_ns = r->last_utc_ns;
		break;
	case CAPTURE_REPLACED:
		g.reason = STORE_GAP_PROGRAM_REPLACED;
		g.first_utc_ns = unarmed_from_ns;
		break;
	case CAPTURE_FRESH:
		if (!r->any)
			return false; /* a new store: nothing was promised for the time before */
		g.reason = STORE_GAP_NOT_ARMED;
		g.first_utc_ns = r->last_utc_ns;
		break;
	}
	if (g.first_utc_ns > g.last_utc_ns)
		g.first_utc_ns = g.last_utc_ns; /* the clock was set back meanwhile */
	*ret_gap = g;
	return true;
}

void recovery_done(struct recovery *r)
{
	if (!r)
		return;
	free(r->stated);
	free(r->ends);
	memset(r, 0, sizeof(*r));
}
