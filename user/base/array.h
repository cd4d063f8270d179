/* SPDX-License-Identifier: BSD-2-Clause */
/* Growing arrays. */
#ifndef SEKISHO_ARRAY_H
#define SEKISHO_ARRAY_H

#include <stddef.h>

/*
 * Makes room for one more element of `element_size` bytes: *list (malloc'd or NULL) and *capacity are
 * changed when count has reached it. 0 or -ENOMEM with both untouched. The new place is not cleared.
 */
int array_reserve(void *list, size_t count, size_t *capacity, size_t element_size);

#define ARRAY_RESERVE(list, count, capacity) \
	array_reserve(&(list), (count), &(capacity), sizeof(*(list)))

#endif
