// SPDX-License-Identifier: BSD-2-Clause
/* Clock anchors: sampling, keeping in order, converting boot time to UTC. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include "anchor.h"
#include "array.h"
#include "utc.h"

#define SAMPLES 5

void anchor_sample(struct anchor *ret_anchor)
{
	struct timex tx = { .modes = 0 };
	int64_t best = INT64_MAX;

	memset(ret_anchor, 0, sizeof(*ret_anchor));
	/* The narrowest bracket wins: an interrupt between the two reads would shift the pair. */
	for (int i = 0; i < SAMPLES; i++) {
		int64_t before = boot_now_ns(), utc = utc_now_ns(), after = boot_now_ns();

		if (after - before >= best)
			continue;
		best = after - before;
		ret_anchor->boot_ns = (uint64_t)(before + (after - before) / 2);
		ret_anchor->utc_ns = utc;
	}
	if (adjtimex(&tx) < 0)
		tx.status = STA_UNSYNC;
	ret_anchor->status = (uint32_t)tx.status;
	if (tx.maxerror > 0)
		ret_anchor->max_error_ns = anchor_error_bound((uint64_t)tx.maxerror * 1000 +
							      anchor_growth_ns(ANCHOR_LIFE_NS));
}

uint64_t anchor_growth_ns(uint64_t elapsed_ns)
{
	return elapsed_ns / 2000 + 1;
}

uint64_t anchor_error_bound(uint64_t max_error_ns)
{
	if (max_error_ns < 2 || max_error_ns > UINT64_C(1) << 62)
		return max_error_ns;
	return UINT64_C(1) << (64 - __builtin_clzll(max_error_ns - 1));
}

bool anchor_synchronised(const struct anchor *a)
{
	return !(a->status & STA_UNSYNC);
}

int64_t anchor_step_ns(const struct anchor *before, const struct anchor *after)
{
	/* Unsigned, as below. */
	return (int64_t)((uint64_t)after->utc_ns - (uint64_t)before->utc_ns - (after->boot_ns - before->boot_ns));
}

bool anchor_outlived(const struct anchor *before, const struct anchor *after, struct anchor *ret_late)
{
	uint64_t elapsed = after->boot_ns - before->boot_ns;

	if (after->boot_ns < before->boot_ns || elapsed <= ANCHOR_LIFE_NS)
		return false;
	*ret_late = *before;
	ret_late->boot_ns += ANCHOR_LIFE_NS;
	ret_late->utc_ns += (int64_t)ANCHOR_LIFE_NS;
	ret_late->status |= after->status & STA_UNSYNC;
	if (before->max_error_ns)
		ret_late->max_error_ns = anchor_error_bound(before->max_error_ns + anchor_growth_ns(elapsed));
	return true;
}

static bool same_anchor(const struct anchor *a, const struct anchor *b)
{
	return a->boot_ns == b->boot_ns && a->utc_ns == b->utc_ns && a->status == b->status &&
	       a->max_error_ns == b->max_error_ns;
}

int anchors_add(struct anchors *list, const struct anchor *a)
{
	size_t at = list->count;

	while (at > 0 && list->list[at - 1].boot_ns > a->boot_ns)
		at--;
	if (at > 0 && same_anchor(&list->list[at - 1], a))
		return 0;
	if (ARRAY_RESERVE(list->list, list->count, list->capacity))
		return -ENOMEM;
	memmove(&list->list[at + 1], &list->list[at], (list->count - at) * sizeof(*list->list));
	list->list[at] = *a;
	list->count++;
	return 0;
}

void anchors_done(struct anchors *list)
{
	if (!list)
		return;
	free(list->list);
	memset(list, 0, sizeof(*list));
}

const struct anchor *anchors_find(const struct anchors *list, uint64_t boot_ns)
{
	size_t low = 0, high = list->count;

	if (!list->count)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->list[middle].boot_ns <= boot_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return &list->list[low ? low - 1 : 0];
}

int64_t anchors_utc(const struct anchors *list, uint64_t boot_ns)
{
	const struct anchor *a = anchors_find(list, boot_ns);

	/* Unsigned: a damaged anchor may hold any value and must not overflow. */
	return a ? (int64_t)((uint64_t)a->utc_ns + (boot_ns - a->boot_ns)) : 0;
}

/* UTC over boot times that one anchor counts for; false when it does not ascend: an anchor that is
 * beside itself. */
static bool extend_range(const struct anchor *a, uint64_t from, uint64_t to, int64_t *least,
			 int64_t *greatest)
{
	int64_t begin = (int64_t)((uint64_t)a->utc_ns + (from - a->boot_ns));
	int64_t end = (int64_t)((uint64_t)a->utc_ns + (to - a->boot_ns));

	if (end < begin || to - from > INT64_MAX)
		return false;
	*least = begin < *least ? begin : *least;
	*greatest = end > *greatest ? end : *greatest;
	return true;
}

void anchors_utc_range(const struct anchors *list, uint64_t first_boot_ns, uint64_t last_boot_ns,
		       int64_t *ret_least, int64_t *ret_greatest)
{
	const struct anchor *a = anchors_find(list, first_boot_ns), *end;
	int64_t least = INT64_MAX, greatest = INT64_MIN;
	bool ascends = first_boot_ns <= last_boot_ns;

	*ret_least = *ret_greatest = 0;
	if (!a)
		return;
	end = list->list + list->count;
	for (uint64_t from = first_boot_ns; ascends && a < end && from <= last_boot_ns; a++) {
		bool more = a + 1 < end && a[1].boot_ns <= last_boot_ns;

		/* Time runs by an anchor up to the next one. Of several of one instant the last counts. */
		if (more && a[1].boot_ns <= from)
			continue;
		ascends = extend_range(a, from, more ? a[1].boot_ns - 1 : last_boot_ns, &least, &greatest);
		if (!more)
			break;
		from = a[1].boot_ns;
	}
	*ret_least = ascends ? least : INT64_MIN;
	*ret_greatest = ascends ? greatest : INT64_MAX;
}

void anchor_write(const struct anchor *a, struct buffer *out)
{
	buffer_le64(out, a->boot_ns);
	buffer_le64(out, (uint64_t)a->utc_ns);
	buffer_le64(out, a->max_error_ns);
	buffer_le32(out, a->status);
	buffer_le32(out, 0);
}

void anchor_read(struct cursor *c, struct anchor *ret_anchor)
{
	ret_anchor->boot_ns = cursor_le64(c);
	ret_anchor->utc_ns = (int64_t)cursor_le64(c);
	ret_anchor->max_error_ns = cursor_le64(c);
	ret_anchor->status = cursor_le32(c);
	cursor_skip(c, 4);
}
