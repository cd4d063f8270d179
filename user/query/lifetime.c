// SPDX-License-Identifier: BSD-2-Clause
/* The nearest opening of each close. */
#include <stdbool.h>
#include "lifetime.h"
#include "schema/event.h"

static bool is_close(const struct found_row *r)
{
	return r->record.kind == SEKISHO_KIND_CLOSE;
}

static int64_t opened_ns(const struct found_row *r)
{
	return lifetime_opened_ns(&r->record);
}

int lifetime_compare_connection(const struct found_row *a, const struct found_row *b)
{
	const struct record *x = &a->record, *y = &b->record;
	int order = addr_compare(&x->src, &y->src);

	if (!order)
		order = addr_compare(&x->dst, &y->dst);
	if (!order)
		order = (int)x->src_port - (int)y->src_port;
	if (!order)
		order = (int)x->dst_port - (int)y->dst_port;
	if (!order && x->tenant != y->tenant)
		order = x->tenant < y->tenant ? -1 : 1;
	return order ? order : a->question < b->question ? -1 : a->question > b->question;
}

int lifetime_compare(const void *a, const void *b)
{
	const struct found_row *x = a, *y = b;
	int order = lifetime_compare_connection(x, y);

	if (order)
		return order;
	if (opened_ns(x) != opened_ns(y))
		return opened_ns(x) < opened_ns(y) ? -1 : 1;
	order = (int)is_close(x) - (int)is_close(y);
	return order ? order : record_compare_time(&x->record, &y->record);
}

static uint64_t distance(const struct found_row *a, const struct found_row *b)
{
	uint64_t x = (uint64_t)opened_ns(a), y = (uint64_t)opened_ns(b);

	return opened_ns(a) < opened_ns(b) ? y - x : x - y;
}

static bool can_be_of(const struct found_row *row, const struct found_row *close)
{
	return !is_close(row) && !row->close_ns && row->record.time_ns <= close->record.time_ns;
}

/* Outwards from the close, as far as its tolerance reaches; of two that are equally near the earlier one. */
static struct found_row *opening_of(struct found_row *rows, size_t count, size_t close)
{
	const struct found_row *c = &rows[close];
	uint64_t best = (uint64_t)lifetime_tolerance(c->record.lasted_ns);
	struct found_row *found = NULL;

	for (size_t i = close; i-- > 0 && distance(c, &rows[i]) <= best;)
		if (can_be_of(&rows[i], c)) {
			found = &rows[i];
			best = distance(c, &rows[i]);
		}
	for (size_t i = close + 1; i < count && distance(&rows[i], c) <= best; i++)
		if (can_be_of(&rows[i], c) && (!found || distance(&rows[i], c) < best)) {
			found = &rows[i];
			best = distance(&rows[i], c);
		}
	return found;
}

void lifetime_join(struct found_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct found_row *opening = is_close(&rows[i]) ? opening_of(rows, count, i) : NULL;

		if (!opening)
			continue;
		opening->close_ns = rows[i].record.time_ns;
		rows[i].close_ns = rows[i].record.time_ns;
	}
}
