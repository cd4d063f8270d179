// SPDX-License-Identifier: BSD-2-Clause
/* Which rows are not sealed, and saying so. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/utc.h"
#include "leave_out.h"

void leave_out_open(const struct store_dir *store, struct leave_out *ret_leave_out)
{
	struct leave_out l = {};
	struct problem ignored;
	int error = consents_load(store, &l.consents, &ignored);

	for (size_t i = 0; i < l.consents.count && !error; i++)
		l.asked |= l.consents.list[i].erase;
	l.known = l.asked && holds_load(store, &l.holds, &ignored) == 0;
	*ret_leave_out = l;
}

void leave_out_close(struct leave_out *l)
{
	consents_done(&l->consents);
	holds_done(&l->holds);
}

/* By the clock as it is: a hold that has ended only by a clock that is wrong would not hold. */
static bool is_held(const struct leave_out *l, const char *tenant_id, int32_t day)
{
	return holds_find(&l->holds, tenant_id, day, HOLDS_NO_CLOCK) != NULL;
}

int64_t leave_out_before(const struct leave_out *l, const char *tenant_id, int32_t day)
{
	uint32_t ignored;
	int64_t before = l->known ? consents_erase_before(&l->consents, tenant_id, &ignored) : INT64_MIN;

	if (before == INT64_MIN || utc_day(before) < day || is_held(l, tenant_id, day))
		return INT64_MIN;
	return before;
}

int64_t leave_out_split(const struct leave_out *l, const char *tenant_id, int32_t day)
{
	uint32_t ignored;
	int64_t before = l->asked ? consents_erase_before(&l->consents, tenant_id, &ignored) : INT64_MIN;

	return before != INT64_MIN && utc_day(before) == day ? before : INT64_MIN;
}

static int compare_days(const void *a, const void *b)
{
	const struct leave_out_day *x = a, *y = b;
	int order = strcmp(x->tenant_id, y->tenant_id);

	return order ? order : (x->day > y->day) - (x->day < y->day);
}

/* One line for each tenant, which has `count` days. */
static int state_tenant(const struct leave_out *l, struct ledger_writer *w, uint64_t journal_id,
			const struct leave_out_day *days, size_t count, struct problem *p)
{
	struct deletion *list = calloc(count, sizeof(*list));
	uint32_t because = 0;
	int error;

	if (!list)
		return problem(p, -ENOMEM, "out of memory");
	(void)consents_erase_before(&l->consents, days->tenant_id, &because);
	for (size_t i = 0; i < count; i++)
		list[i] = (struct deletion){ .tenant_id = days->tenant_id, .day = days[i].day,
					     .reason = DELETION_ERASED, .because = because,
					     .rows = days[i].rows };
	error = deletion_append_left_out(w, journal_id, list, count, utc_now_ns(), p);
	free(list);
	return error;
}

static int state_all(struct leave_out *l, const struct store_dir *store, struct ledger_writer *w,
		     uint64_t journal_id, const struct leave_out_day *days, size_t count, struct problem *p)
{
	int error = holds_refresh(store, &l->holds, p);

	for (size_t i = 0; i < count && !error; i++)
		if (is_held(l, days[i].tenant_id, days[i].day))
			error = problem(p, -EAGAIN, "tenant %s: a hold was set meanwhile", days[i].tenant_id);
	for (size_t i = 0, n; i < count && !error; i += n) {
		n = 1;
		while (i + n < count && strcmp(days[i].tenant_id, days[i + n].tenant_id) == 0)
			n++;
		error = state_tenant(l, w, journal_id, &days[i], n, p);
	}
	return error;
}

int leave_out_state(struct leave_out *l, const struct store_dir *store, uint64_t journal_id,
		    struct leave_out_day *days, size_t count, struct problem *p)
{
	struct ledger_writer *w;
	int error;

	if (!count)
		return 0;
	qsort(days, count, sizeof(*days), compare_days);
	error = ledger_writer_open(store, &w, p);
	if (error)
		return error;
	error = state_all(l, store, w, journal_id, days, count, p);
	ledger_writer_close(w);
	return error;
}
