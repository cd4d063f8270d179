// SPDX-License-Identifier: BSD-2-Clause
/* Sorted by source, summed up, and the best kept in a heap. */
#include <errno.h>
#include <stdlib.h>
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

/* The worst of the heap is at 0; moves entry i down to where it belongs. */
static void sift(struct top_source *heap, size_t count, size_t i)
{
	for (;;) {
		size_t worst = i, left = 2 * i + 1;
		struct top_source swap;

		for (size_t child = left; child < left + 2 && child < count; child++)
			if (by_rows(&heap[child], &heap[worst]) > 0)
				worst = child;
		if (worst == i)
			return;
		swap = heap[i];
		heap[i] = heap[worst];
		heap[worst] = swap;
		i = worst;
	}
}

/* The first `most` sources fill the list; from then on it is a heap and only a better one comes in. */
static void offer(struct top_source *heap, size_t most, size_t *count, const struct top_source *s)
{
	if (*count < most) {
		heap[(*count)++] = *s;
		if (*count == most)
			for (size_t i = most / 2; i-- > 0;)
				sift(heap, most, i);
	} else if (by_rows(s, &heap[0]) < 0) {
		heap[0] = *s;
		sift(heap, most, 0);
	}
}

int top_take(struct spool *spool, size_t most, struct top_source **ret_top, size_t *ret_count,
	     uint64_t *ret_sources)
{
	struct top_source *heap = calloc(most + 1, sizeof(*heap)), source;
	size_t count = 0;
	uint64_t sources = 0;
	int state = heap ? spool_sort(spool) : -ENOMEM;

	while (!state && (state = spool_next(spool, &source)) > 0) {
		sources++;
		if (most)
			offer(heap, most, &count, &source);
		state = 0;
	}
	if (state < 0) {
		free(heap);
		return state;
	}
	qsort(heap, count, sizeof(*heap), by_rows);
	*ret_top = heap;
	*ret_count = count;
	*ret_sources = sources;
	return 0;
}
