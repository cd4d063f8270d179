// SPDX-License-Identifier: BSD-2-Clause
/* Dropping the second event of a socket. */
#include "recent.h"

bool recent_seen(struct recent *r, uint64_t cookie, bool close)
{
	uint64_t *slot = &(close ? r->closed : r->opened)[cookie % RECENT_SLOTS];

	if (!cookie)
		return false;
	if (*slot == cookie)
		return true;
	*slot = cookie;
	return false;
}
