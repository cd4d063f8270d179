// SPDX-License-Identifier: BSD-2-Clause
/* One run over all that is due. */
#include <stdlib.h>
#include <string.h>
#include "aside.h"
#include "due.h"
#include "retention_day.h"

static int run_list(struct retention_job *job, const struct due_list *due)
{
	for (size_t i = 0, n; i < due->count; i += n) {
		n = 1;
		while (i + n < due->count && due->list[i + n].day == due->list[i].day)
			n++;
		retention_day_run(job, &due->list[i], n);
	}
	return job->first_error;
}

/* Fail closed: without holds and tombstones nothing goes. */
static int run_due(struct retention_job *job, const struct due_list *due, struct aside_list *aside)
{
	int error = holds_load(job->store, &job->holds, job->p);

	if (!error)
		error = tombstones_load(job->store, &job->tombstones, job->p);
	if (!error && aside->count)
		aside_run(job, aside);
	if (!error)
		error = run_list(job, due);
	holds_done(&job->holds);
	free(job->tombstones.list);
	return error;
}

static bool anybody_erases(const struct consents *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->list[i].erase)
			return true;
	return false;
}

/* What cannot be looked at is noted in the job, and keeps nothing else. */
static void find_due(struct retention_job *job, const struct consents *c, struct due_list *due, struct aside_list *aside)
{
	const struct retention_request *request = job->request;
	struct problem why = {};
	int error;

	if (request->erase_only && !anybody_erases(c))
		return;
	error = due_list_make(job->store, c, request, due, &why);
	if (error)
		retention_fail(job, error, &why);
	error = aside_list_make(job->store, c, request, aside, &why);
	if (error)
		retention_fail(job, error, &why);
}

int retention_run(const struct store_dir *store, const struct retention_request *request,
		  struct retention_result *result, struct problem *p)
{
	struct retention_job job = { .store = store, .request = request, .result = result, .p = p };
	struct consents consents = {};
	struct due_list due = {};
	struct aside_list aside = {};
	int error = consents_load(store, &consents, p);

	if (!error)
		find_due(&job, &consents, &due, &aside);
	if (!error && (due.count || aside.count))
		error = run_due(&job, &due, &aside);
	aside_list_done(&aside);
	due_list_done(&due);
	consents_done(&consents);
	return error ? error : job.first_error;
}
