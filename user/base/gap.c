// SPDX-License-Identifier: BSD-2-Clause
/* Gaps: lists, names and bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"
#include "gap.h"
#include "schema/store.h"

int gaps_add(struct gaps *list, const struct gap *g)
{
	if (ARRAY_RESERVE(list->list, list->count, list->capacity))
		return -ENOMEM;
	list->list[list->count++] = *g;
	return 0;
}

void gaps_done(struct gaps *list)
{
	if (!list)
		return;
	free(list->list);
	memset(list, 0, sizeof(*list));
}

const char *gap_reason_text(uint32_t reason)
{
	static const char *const texts[] = {
		[STORE_GAP_RING_FULL] = "ring full",
		[STORE_GAP_ORPHANED] = "no collector (heartbeat expired)",
		[STORE_GAP_NOT_ARMED] = "not recording",
		[STORE_GAP_STOPPED] = "stopped by operator",
		[STORE_GAP_MALFORMED] = "malformed event",
		[STORE_GAP_HOOK_BUSY] = "hook skipped by the kernel",
		[STORE_GAP_DAMAGED] = "damaged journal",
		[STORE_GAP_PROGRAM_REPLACED] = "program replaced",
		[STORE_GAP_CLOSE_LOST] = "close time lost",
		[STORE_GAP_UNRESOLVED] = "selector unresolved",
		[STORE_GAP_NOT_EVALUATED] = "selector not evaluated by this hook",
		[STORE_GAP_DISK_FULL] = "disk full",
		[STORE_GAP_NOT_SEEN] = "not seen by the hook",
		[STORE_GAP_CANARY] = "canary not seen",
		[STORE_GAP_SHARE] = "tenant's share of the ring full",
		[STORE_GAP_DISK_SHARE] = "disk full",
		[STORE_GAP_CLOCK_SET] = "clock set",
	};
	static _Thread_local char other[24];

	if (reason < sizeof(texts) / sizeof(texts[0]) && texts[reason])
		return texts[reason];
	snprintf(other, sizeof(other), "reason %u", reason);
	return other;
}

int gap_is_loss(const struct gap *g)
{
	return g->count > 0 || g->reason == STORE_GAP_NOT_ARMED ||
	       g->reason == STORE_GAP_STOPPED || g->reason == STORE_GAP_DAMAGED ||
	       g->reason == STORE_GAP_PROGRAM_REPLACED || g->reason == STORE_GAP_UNRESOLVED ||
	       g->reason == STORE_GAP_NOT_EVALUATED || g->reason == STORE_GAP_CLOCK_SET ||
	       g->reason == STORE_GAP_CANARY;
}

void gap_write(const struct gap *g, struct buffer *out)
{
	buffer_le64(out, (uint64_t)g->first_utc_ns);
	buffer_le64(out, (uint64_t)g->last_utc_ns);
	buffer_le64(out, g->count);
	buffer_le64(out, g->total);
	buffer_le32(out, g->tenant);
	buffer_le32(out, g->reason);
}

void gap_read(struct cursor *c, struct gap *ret_gap)
{
	ret_gap->first_utc_ns = (int64_t)cursor_le64(c);
	ret_gap->last_utc_ns = (int64_t)cursor_le64(c);
	ret_gap->count = cursor_le64(c);
	ret_gap->total = cursor_le64(c);
	ret_gap->tenant = cursor_le32(c);
	ret_gap->reason = cursor_le32(c);
}
