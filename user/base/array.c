// SPDX-License-Identifier: BSD-2-Clause
/* Growing arrays. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"

#define FIRST_CAPACITY 8

int array_reserve(void *list, size_t count, size_t *capacity, size_t element_size)
{
	size_t wanted = *capacity ? 2 * *capacity : FIRST_CAPACITY;
	void *grown;

	if (count < *capacity)
		return 0;
	/* Through memcpy: the caller's pointer has its own type. */
	memcpy(&grown, list, sizeof(grown));
	grown = reallocarray(grown, wanted, element_size);
	if (!grown)
		return -ENOMEM;
	memcpy(list, &grown, sizeof(grown));
	*capacity = wanted;
	return 0;
}
