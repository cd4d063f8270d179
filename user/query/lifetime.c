// SPDX-License-Identifier: BSD-2-Clause
/* One sort by connection, a walk over neighbours, one sort by time. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "lifetime.h"
#include "schema/event.h"

static bool is_close(const struct found_row *r)
{
	return r->record.kind == SEKISHO_KIND_CLOSE;
}

static int64_t opened_ns(const struct found_row *r)
{
	return r->record.time_ns - r->record.lasted_ns;
}

/* Same tenant, addresses and ports? */
static int compare_tuple(const struct record *x, const struct record *y)
{
	int order = addr_compare(&x->src, &y->src);

	if (!order)
		order = addr_compare(&x->dst, &y->dst);
	if (!order)
		order = (int)x->src_port - (int)y->src_port;
	if (!order)
		order = (int)x->dst_port - (int)y->dst_port;
	return order ? order : x->tenant < y->tenant ? -1 : x->tenant > y->tenant;
}

static int compare_for_join(const void *a, const void *b)
{
	const struct found_row *x = a, *y = b;
	int order = compare_tuple(&x->record, &y->record);

	if (order)
		return order;
	if (opened_ns(x) != opened_ns(y))
		return opened_ns(x) < opened_ns(y) ? -1 : 1;
	return (int)is_close(x) - (int)is_close(y);
}

static int compare_by_time(const void *a, const void *b)
{
	return record_compare_time(&((const struct found_row *)a)->record,
				   &((const struct found_row *)b)->record);
}

/* The opening of one tuple without close that is nearest to the close row; NULL: none near enough. */
static struct found_row *opening_of(struct found_row *group, size_t n, const struct found_row *close)
{
	int64_t best = lifetime_tolerance(close->record.lasted_ns) + 1;
	struct found_row *found = NULL;

	for (size_t i = 0; i < n; i++) {
		int64_t away = llabs(opened_ns(&group[i]) - opened_ns(close));

		if (is_close(&group[i]) || group[i].close_ns || away >= best ||
		    group[i].record.time_ns > close->record.time_ns)
			continue;
		best = away;
		found = &group[i];
	}
	return found;
}

static void join_group(struct found_row *group, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct found_row *opening = is_close(&group[i]) ? opening_of(group, n, &group[i]) : NULL;

		if (opening)
			opening->close_ns = group[i].record.time_ns;
	}
}

int lifetime_join(struct found_row *rows, size_t *count)
{
	size_t kept = 0, begin = 0;
	bool any = false;

	for (size_t i = 0; i < *count && !any; i++)
		any = is_close(&rows[i]);
	if (any) {
		qsort(rows, *count, sizeof(*rows), compare_for_join);
		for (size_t i = 1; i <= *count; i++) {
			if (i < *count && compare_tuple(&rows[i].record, &rows[begin].record) == 0)
				continue;
			join_group(rows + begin, i - begin);
			begin = i;
		}
		for (size_t i = 0; i < *count; i++)
			if (!is_close(&rows[i]))
				rows[kept++] = rows[i];
		*count = kept;
	}
	if (*count)
		qsort(rows, *count, sizeof(*rows), compare_by_time);
	return 0;
}
