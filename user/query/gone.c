// SPDX-License-Identifier: BSD-2-Clause
/* Deleted segments by file id. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "gone.h"

static int take(void *ctx, uint64_t seq, const struct deletion *d)
{
	struct gone *g = ctx;

	for (size_t i = 0; i < d->part_count; i++) {
		struct gone_file *f;

		if (ARRAY_RESERVE(g->list, g->count, g->capacity))
			return -ENOMEM;
		f = &g->list[g->count++];
		*f = (struct gone_file){ .day = d->day, .part = d->parts[i].part,
					 .file_id = d->parts[i].file_id, .seq = seq };
		snprintf(f->tenant_id, sizeof(f->tenant_id), "%s", d->tenant_id);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct gone_file *x = a, *y = b;

	if (x->file_id != y->file_id)
		return x->file_id < y->file_id ? -1 : 1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

int gone_load(const struct store_dir *store, struct gone *ret_gone, struct problem *p)
{
	struct gone g = {};
	int error = deletions_walk(store, take, &g, p);

	if (error) {
		gone_done(&g);
		return error;
	}
	if (g.count)
		qsort(g.list, g.count, sizeof(*g.list), compare);
	*ret_gone = g;
	return 0;
}

void gone_done(struct gone *g)
{
	free(g->list);
	memset(g, 0, sizeof(*g));
}

/* The first entry that is not less than (file_id, seq). */
static size_t lower_bound(const struct gone *g, uint64_t file_id, uint64_t seq)
{
	const struct gone_file key = { .file_id = file_id, .seq = seq };
	size_t low = 0, high = g->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&g->list[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_of(const struct gone_file *f, const char *tenant_id, int32_t day, uint32_t part)
{
	return f->day == day && f->part == part && strcmp(f->tenant_id, tenant_id) == 0;
}

uint64_t gone_find(const struct gone *g, const char *tenant_id, int32_t day, uint32_t part, uint64_t file_id,
		   uint64_t after_seq)
{
	size_t i = lower_bound(g, file_id, after_seq + 1);

	if (i < g->count && g->list[i].file_id == file_id && is_of(&g->list[i], tenant_id, day, part))
		return g->list[i].seq;
	/* Those whose header did not read stand first. */
	for (i = 0; i < g->count && !g->list[i].file_id; i++)
		if (g->list[i].seq > after_seq && is_of(&g->list[i], tenant_id, day, part))
			return g->list[i].seq;
	return 0;
}
