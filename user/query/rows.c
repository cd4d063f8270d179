// SPDX-License-Identifier: BSD-2-Clause
/* Openings and closes in sorters of their own, joined by a walk over both, sorted again for the answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/spool.h"
#include "lifetime.h"
#include "rows.h"
#include "schema/event.h"

/* Two of them are in memory at a time, with as much again for sorting. */
#define SPOOL_BYTES (40u << 20)
/* Rows of one connection's addresses and ports that are joined at once: only a client that comes from one
 * port again and again, for weeks, has more. Closes are then joined within a run of this many. */
#define GROUP_MAX 65536

struct rows {
	const struct query *q;
	int dir_fd;
	struct spool *openings, *closes;
	struct spool *answer; /* after rows_finish() */
	struct found_row *group;
	size_t group_count, group_capacity;
	uint64_t *tenant_rows; /* of the caller, or NULL */
	size_t tenants;
	uint64_t count;
	bool any_close;
};

static int by_time(const void *a, const void *b)
{
	const struct found_row *x = a, *y = b;
	int order = record_compare_time(&x->record, &y->record);

	return order ? order : x->question < y->question ? -1 : x->question > y->question;
}

int rows_compare_source(const void *a, const void *b)
{
	const struct found_row *x = a, *y = b;
	int order = record_compare_source(&x->record, &y->record);

	return order ? order : x->question < y->question ? -1 : x->question > y->question;
}

static int new_spool(const struct rows *r, int (*compare)(const void *, const void *),
		     struct spool **ret_spool)
{
	const struct spool_kind kind = {
		.record_bytes = sizeof(struct found_row),
		.memory_bytes = r->q->memory_bytes ? r->q->memory_bytes : SPOOL_BYTES,
		.compare = compare,
	};

	return spool_new(&kind, r->dir_fd, ret_spool);
}

static int new_answer(const struct rows *r, struct spool **ret_spool)
{
	return new_spool(r, r->q->by_source ? rows_compare_source : by_time, ret_spool);
}

int rows_new(const struct query *q, int dir_fd, struct rows **ret_rows)
{
	struct rows *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->q = q;
	r->dir_fd = dir_fd;
	if (new_answer(r, &r->openings) || new_spool(r, lifetime_compare, &r->closes)) {
		rows_free(r);
		return -ENOMEM;
	}
	*ret_rows = r;
	return 0;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	spool_free(r->openings);
	spool_free(r->closes);
	spool_free(r->answer);
	free(r->group);
	free(r);
}

void rows_count_tenants(struct rows *r, uint64_t *counts, size_t tenants)
{
	r->tenant_rows = counts;
	r->tenants = tenants;
}

static void count_tenant(struct rows *r, const struct found_row *row)
{
	if (r->tenant_rows && row->record.tenant < r->tenants)
		r->tenant_rows[row->record.tenant]++;
}

int rows_add(struct rows *r, const struct found_row *row)
{
	if (row->record.kind != SEKISHO_KIND_CLOSE)
		count_tenant(r, row);
	return spool_add(row->record.kind == SEKISHO_KIND_CLOSE ? r->closes : r->openings, row);
}

/* A close without its opening shows that the connection was open: the answer to "open at" has it. */
static bool make_of_close(const struct query *q, struct found_row *row)
{
	int64_t opened = lifetime_opened_ns(&row->record);

	if (!q->open_at_end || row->close_ns || opened >= q->to_ns || row->record.time_ns < q->to_ns)
		return false;
	row->close_ns = row->record.time_ns;
	row->record.time_ns = opened;
	row->record.lasted_ns = 0;
	return true;
}

static bool belongs(const struct query *q, struct found_row *row)
{
	if (row->record.kind == SEKISHO_KIND_CLOSE)
		return make_of_close(q, row);
	return !q->open_at_end || !row->close_ns || row->close_ns >= q->to_ns;
}

static int end_group(struct rows *r)
{
	int error = 0;

	lifetime_join(r->group, r->group_count);
	for (size_t i = 0; i < r->group_count && !error; i++) {
		struct found_row *row = &r->group[i];

		if (!belongs(r->q, row))
			continue;
		r->any_close |= row->close_ns != 0;
		count_tenant(r, row);
		error = spool_add(r->answer, row);
	}
	r->group_count = 0;
	return error;
}

static int add_to_group(struct rows *r, const struct found_row *row)
{
	int error = 0;

	if (r->group_count == GROUP_MAX ||
	    (r->group_count && lifetime_compare_connection(&r->group[0], row) != 0))
		error = end_group(r);
	if (!error && ARRAY_RESERVE(r->group, r->group_count, r->group_capacity))
		error = -ENOMEM;
	if (!error)
		r->group[r->group_count++] = *row;
	return error;
}

/* The lesser of the heads of two sorted spools; *have says which heads are there. */
struct head {
	struct spool *from;
	struct found_row row;
	int have; /* as spool_next() */
};

static int take(struct head *h, struct rows *r)
{
	int error = add_to_group(r, &h->row);

	if (!error)
		h->have = spool_next(h->from, &h->row);
	return error ? error : h->have < 0 ? h->have : 0;
}

static int merge(struct rows *r, struct spool *openings)
{
	struct head o = { .from = openings }, c = { .from = r->closes };
	int error = 0;

	o.have = spool_next(o.from, &o.row);
	c.have = spool_next(c.from, &c.row);
	if (o.have < 0 || c.have < 0)
		return o.have < 0 ? o.have : c.have;
	while (!error && (o.have || c.have))
		error = take(c.have && (!o.have || lifetime_compare(&c.row, &o.row) < 0) ? &c : &o, r);
	return error ? error : end_group(r);
}

/* Openings by connection instead of by time. */
static int regroup(struct rows *r, struct spool **ret_openings)
{
	struct spool *openings;
	struct found_row row;
	int error = new_spool(r, lifetime_compare, &openings), state = 0;

	if (error)
		return error;
	error = spool_sort(r->openings);
	while (!error && (state = spool_next(r->openings, &row)) > 0)
		error = spool_add(openings, &row);
	if (!error)
		error = state;
	spool_free(r->openings);
	r->openings = NULL;
	if (!error)
		error = spool_sort(openings);
	if (error)
		spool_free(openings);
	else
		*ret_openings = openings;
	return error;
}

static int join(struct rows *r)
{
	struct spool *openings;
	int error = spool_sort(r->closes);

	if (!error)
		error = regroup(r, &openings);
	if (error)
		return error;
	/* Not every opening is part of the answer, and closes may be: counted anew. */
	if (r->tenant_rows)
		memset(r->tenant_rows, 0, r->tenants * sizeof(*r->tenant_rows));
	error = new_answer(r, &r->answer);
	if (!error)
		error = merge(r, openings);
	spool_free(openings);
	return error;
}

int rows_finish(struct rows *r)
{
	int error = 0;

	if (spool_count(r->closes)) {
		error = join(r);
	} else {
		r->answer = r->openings;
		r->openings = NULL;
	}
	spool_free(r->closes);
	r->closes = NULL;
	if (error)
		return error;
	r->count = spool_count(r->answer);
	return spool_sort(r->answer);
}

uint64_t rows_count(const struct rows *r)
{
	return r->count;
}

bool rows_any_close(const struct rows *r)
{
	return r->any_close;
}

int rows_next(struct rows *r, struct found_row *ret_row)
{
	return spool_next(r->answer, ret_row);
}

int rows_rewind(struct rows *r)
{
	return spool_rewind(r->answer);
}
