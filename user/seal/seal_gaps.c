// SPDX-License-Identifier: BSD-2-Clause
/* What a journal says was lost, day by day. */
#include <errno.h>
#include "base/utc.h"
#include "schema/store.h"
#include "seal_job.h"

/* See gap_states_day(). */
#define GAP_DAYS_MAX 400

int seal_gaps_load(struct seal_job *job)
{
	const struct journal_reader *r = &job->reader;
	struct gap damage = {
		.first_utc_ns = utc_within_days(job->span_from_ns),
		.last_utc_ns = utc_within_days(job->span_to_ns),
		.reason = STORE_GAP_DAMAGED,
	};

	for (size_t i = 0; i < r->gaps.count; i++) {
		struct gap g = r->gaps.list[i];

		g.first_utc_ns = utc_within_days(g.first_utc_ns);
		g.last_utc_ns = utc_within_days(g.last_utc_ns);
		if (gap_is_loss(&g) && gaps_add(&job->gaps, &g))
			return -ENOMEM;
	}
	return r->damaged_bytes ? gaps_add(&job->gaps, &damage) : 0;
}

/* The first and last instant of a day; the far ends of time are bent inwards, not around. */
static void day_bounds(int32_t day, int64_t *ret_from, int64_t *ret_to)
{
	if (__builtin_mul_overflow((int64_t)day, NS_PER_DAY, ret_from))
		*ret_from = day < 0 ? INT64_MIN : INT64_MAX;
	if (__builtin_add_overflow(*ret_from, NS_PER_DAY - 1, ret_to))
		*ret_to = INT64_MAX;
}

int seal_gaps_clip(const struct seal_job *job, uint32_t tenant, int32_t day, struct gaps *out)
{
	int64_t from, to;

	day_bounds(day, &from, &to);
	for (size_t i = 0; i < job->gaps.count; i++) {
		struct gap g = job->gaps.list[i];

		if ((g.tenant && g.tenant != tenant) || g.last_utc_ns < from || g.first_utc_ns > to)
			continue;
		if (g.first_utc_ns < from) {
			g.first_utc_ns = from;
			g.count = 0;
		}
		if (g.last_utc_ns > to)
			g.last_utc_ns = to;
		if (gaps_add(out, &g))
			return -ENOMEM;
	}
	return 0;
}

/* Whether the journal has rows of this tenant and day. */
static bool has_rows(const struct seal_job *job, uint32_t tenant, int32_t day)
{
	for (size_t i = 0; i < harvest_group_count(job->harvest); i++) {
		const struct harvest_group *g = harvest_group(job->harvest, i);

		if (g->tenant == tenant && g->day == day)
			return true;
	}
	return false;
}

static bool gap_is_of(const struct seal_job *job, const struct gap *g, const struct journal_tenant *t)
{
	return g->tenant ? g->tenant == t->number : t->consent != 0 || seal_job_is_import(&job->reader);
}

/* A gap is stated for each of its days, an endless one for its first ones and its last. */
static bool gap_states_day(const struct gap *g, int32_t day)
{
	int32_t first = utc_day(g->first_utc_ns), last = utc_day(g->last_utc_ns);

	return day == last || (first <= day && day < last && day - first <= GAP_DAYS_MAX);
}

/* Whether an earlier gap touches this day: then the day has its section already. */
static bool day_is_done(const struct seal_job *job, const struct journal_tenant *t, size_t gap, int32_t day)
{
	for (size_t i = 0; i < gap; i++) {
		const struct gap *g = &job->gaps.list[i];

		if (gap_is_of(job, g, t) && gap_states_day(g, day))
			return true;
	}
	return has_rows(job, t->number, day);
}

static int seal_gap_days(struct seal_job *job, const struct journal_tenant *t)
{
	int error = 0;

	for (size_t i = 0; i < job->gaps.count && !error; i++) {
		const struct gap *g = &job->gaps.list[i];
		int32_t first = utc_day(g->first_utc_ns), last = utc_day(g->last_utc_ns);

		if (!gap_is_of(job, g, t))
			continue;
		for (int32_t day = first; day <= last && !error; day++) {
			if (!gap_states_day(g, day))
				day = last;
			if (!day_is_done(job, t, i, day))
				error = seal_job_gaps_alone(job, t->number, day);
		}
	}
	return error;
}

/* A tenant stands once per consent number. Its gaps are sealed for the last entry with a consent, so
 * that one who was recorded for a part of the journal's time hears of the node's gaps. */
static bool speaks_for_tenant(const struct journal_reader *r, size_t entry)
{
	const struct journal_tenant *own = &r->tenants[entry];

	for (size_t i = 0; i < r->tenant_count; i++) {
		const struct journal_tenant *t = &r->tenants[i];

		if (i == entry || t->number != own->number)
			continue;
		if (!own->consent != !t->consent ? t->consent != 0 : i > entry)
			return false;
	}
	return true;
}

int seal_gaps_rest(struct seal_job *job)
{
	int error = 0;

	for (size_t i = 0; i < job->reader.tenant_count && !error; i++)
		if (speaks_for_tenant(&job->reader, i))
			error = seal_gap_days(job, &job->reader.tenants[i]);
	return error;
}
