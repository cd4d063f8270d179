// SPDX-License-Identifier: BSD-2-Clause
/* Sorted by source, summed up, and the best kept in a heap. */
#include <errno.h>
#include <stdlib.h>
#include "base/heap.h"
#include "top.h"

#define MEMORY_BYTES (48u << 20)

static int by_source(const void *a, const void *b)
{
	const struct top_source *x = a, *y = b;

	return addr_compare_source(&x->src, &y->src);
}

static void add_up(void *into, const void *equal)
{
	((struct top_source *)into)->rows += ((const struct top_source *)equal)->rows;
}

int top_new(const struct query *q, int dir_fd, struct spool **ret_spool)
{
	const struct spool_kind kind = {
		.record_bytes = sizeof(struct top_source),
		.memory_bytes = q->memory_bytes ? q->memory_bytes : MEMORY_BYTES,
		.compare = by_source,
		.combine = add_up,
	};

	return spool_new(&kind, dir_fd, ret_spool);
}

/* Most rows first. */
static int by_rows(const void *a, const void *b)
{
	const struct top_source *x = a, *y = b;

	if (x->rows != y->rows)
		return x->rows > y->rows ? -1 : 1;
	return by_source(a, b);
}

/* The best so far, in any order; a heap of their places has the worst at 0 once there are enough. */
struct best {
	struct top_source *list;
	size_t *heap;
	size_t count, most;
};

/* Worse ones first. */
static int compare_places(const void *ctx, size_t a, size_t b)
{
	const struct best *best = ctx;

	return by_rows(&best->list[b], &best->list[a]);
}

static void offer(struct best *best, const struct top_source *s)
{
	if (best->count < best->most) {
		best->heap[best->count] = best->count;
		best->list[best->count++] = *s;
		if (best->count == best->most)
			heap_make(best->heap, best->count, compare_places, best);
	} else if (best->most && by_rows(s, &best->list[best->heap[0]]) < 0) {
		best->list[best->heap[0]] = *s;
		heap_sift(best->heap, best->count, 0, compare_places, best);
	}
}

int top_take(struct spool *spool, size_t most, struct top_source **ret_top, size_t *ret_count,
	     uint64_t *ret_sources)
{
	struct best best = { .most = most };
	struct top_source source;
	uint64_t sources = 0;
	int state;

	best.list = calloc(most + 1, sizeof(*best.list));
	best.heap = calloc(most + 1, sizeof(*best.heap));
	state = best.list && best.heap ? spool_sort(spool) : -ENOMEM;
	while (!state && (state = spool_next(spool, &source)) > 0) {
		sources++;
		offer(&best, &source);
		state = 0;
	}
	free(best.heap);
	if (state < 0) {
		free(best.list);
		return state;
	}
	qsort(best.list, best.count, sizeof(*best.list), by_rows);
	*ret_top = best.list;
	*ret_count = best.count;
	*ret_sources = sources;
	return 0;
}
