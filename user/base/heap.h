/* SPDX-License-Identifier: BSD-2-Clause */
/* A binary heap of numbers that stand for things of the caller's: the least of them is heap[0]. */
#ifndef SEKISHO_HEAP_H
#define SEKISHO_HEAP_H

#include <stddef.h>

/* Below, at or above 0, as for qsort(). */
typedef int heap_compare(const void *ctx, size_t a, size_t b);

/* Moves heap[i], which was replaced by something greater, down to where it belongs. */
void heap_sift(size_t *heap, size_t count, size_t i, heap_compare *compare, const void *ctx);
/* Makes a heap of numbers in any order. */
void heap_make(size_t *heap, size_t count, heap_compare *compare, const void *ctx);

#endif
