// SPDX-License-Identifier: BSD-2-Clause
/* Sifting down (Knuth, The Art of Computer Programming, vol. 3, section 5.2.3). */
#include "heap.h"

void heap_sift(size_t *heap, size_t count, size_t i, heap_compare *compare, const void *ctx)
{
	for (;;) {
		size_t least = i, left = 2 * i + 1, swap;

		for (size_t child = left; child < left + 2 && child < count; child++)
			if (compare(ctx, heap[child], heap[least]) < 0)
				least = child;
		if (least == i)
			return;
		swap = heap[i];
		heap[i] = heap[least];
		heap[least] = swap;
		i = least;
	}
}

void heap_make(size_t *heap, size_t count, heap_compare *compare, const void *ctx)
{
	for (size_t i = count / 2; i-- > 0;)
		heap_sift(heap, count, i, compare, ctx);
}
