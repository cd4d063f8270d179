// SPDX-License-Identifier: BSD-2-Clause
/* Dropping the second event of a socket. */
#include "recent.h"

bool recent_seen(struct recent *r, uint64_t cookie)
{
	uint64_t *slot = &r->cookies[cookie % RECENT_SLOTS];

	if (!cookie)
		return false;
	if (*slot == cookie)
		return true;
	*slot = cookie;
	return false;
}
