// SPDX-License-Identifier: BSD-2-Clause
/* Room that is to stay free. */
#include "room_limit.h"

uint64_t room_limit_bytes(const struct room_limit *l, uint64_t total_bytes)
{
	uint64_t share = total_bytes / 100 * l->percent;

	if (!l->percent)
		return l->bytes;
	return l->bytes && l->bytes < share ? l->bytes : share;
}
