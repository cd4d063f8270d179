// SPDX-License-Identifier: BSD-2-Clause
/* Choosing, cutting and writing the pieces of clock that the rows of a section need. */
#include <string.h>
#include "section_clock.h"

/* Clock pieces are kept when a row lies in one of this many parts of the section's time. */
#define CLOCK_SLOTS 4096
/* A piece stands for its anchors to half of this: a row may lie that far outside. */
#define CLOCK_SLACK_NS 1000

/* Which slots of the section's time hold a row. */
static void mark_slots(const struct segment_section *s, int64_t first_ns, unsigned int shift,
		       uint8_t slots[static CLOCK_SLOTS])
{
	memset(slots, 0, CLOCK_SLOTS);
	for (size_t i = 0; i < s->row_count; i++)
		slots[(uint64_t)(s->rows[i].time_ns - first_ns) >> shift] = 1;
}

static bool piece_needed(int64_t first_ns, int64_t last_ns, const struct clock_piece *piece, unsigned int shift,
			 const uint8_t slots[static CLOCK_SLOTS])
{
	int64_t from, to;

	if (__builtin_sub_overflow(piece->utc_from, CLOCK_SLACK_NS, &from))
		from = INT64_MIN;
	if (__builtin_add_overflow(clock_piece_utc_to(piece), CLOCK_SLACK_NS, &to))
		to = INT64_MAX;
	if (from > last_ns || to < first_ns)
		return false;
	from = from < first_ns ? first_ns : from;
	to = to > last_ns ? last_ns : to;
	for (uint64_t i = (uint64_t)(from - first_ns) >> shift;
	     i <= (uint64_t)(to - first_ns) >> shift; i++)
		if (slots[i])
			return true;
	return false;
}

/* A piece cut to the section's time: what lies outside says nothing about its rows. */
static struct clock_piece cut_piece(int64_t first_ns, int64_t last_ns, const struct clock_piece *piece)
{
	struct clock_piece c = *piece;
	int64_t to = clock_piece_utc_to(piece);
	int64_t first = first_ns < to ? first_ns : to;
	int64_t last = last_ns > c.utc_from ? last_ns : c.utc_from;

	if (to > last)
		c.boot_to -= (uint64_t)to - (uint64_t)last;
	if (c.utc_from < first) {
		c.boot_from += (uint64_t)first - (uint64_t)c.utc_from;
		c.utc_from = first;
	}
	return c;
}

static uint8_t error_code(uint64_t max_error_ns)
{
	if (max_error_ns < 2)
		return (uint8_t)max_error_ns;
	return (uint8_t)(65 - (unsigned int)__builtin_clzll(max_error_ns - 1));
}

void section_clock_write(const struct segment_section *s, int64_t first_ns, int64_t last_ns, struct buffer *out)
{
	const struct clock_pieces *clock = s->clock;
	uint8_t slots[CLOCK_SLOTS];
	uint64_t span = (uint64_t)(last_ns - first_ns), boot = 0, kept = 0;
	unsigned int shift = 0;
	int64_t utc = first_ns;
	struct buffer pieces = {};
	size_t head = 0, tail = 0;
	bool whole = true; /* it runs from the first row to the last */

	while (span >> shift >= CLOCK_SLOTS)
		shift++;
	mark_slots(s, first_ns, shift, slots);
	for (size_t i = 0; clock && s->row_count && i < clock->count; i++) {
		struct clock_piece c;
		uint64_t length;

		if (!piece_needed(first_ns, last_ns, &clock->list[i], shift, slots))
			continue;
		c = cut_piece(first_ns, last_ns, &clock->list[i]);
		length = c.boot_to - c.boot_from;
		buffer_varint(&pieces, c.boot_from - boot);
		head = pieces.size;
		buffer_zigzag(&pieces, (int64_t)(length - span));
		buffer_zigzag(&pieces, (int64_t)((uint64_t)c.utc_from - (uint64_t)utc));
		tail = pieces.size;
		whole &= length == span && c.utc_from == utc;
		buffer_u8(&pieces, error_code(c.max_error_ns));
		buffer_varint(&pieces, c.status);
		boot = c.boot_to;
		utc = (int64_t)((uint64_t)c.utc_from + length);
		kept++;
	}
	/* A single piece that says no more than the rows' times is said without these. */
	if (kept == 1 && whole && buffer_ok(&pieces)) {
		memmove(pieces.data + head, pieces.data + tail, pieces.size - tail);
		pieces.size -= tail - head;
		buffer_varint(out, 1);
	} else {
		buffer_varint(out, kept ? kept + 1 : 0);
	}
	buffer_bytes(out, pieces.data, pieces.size);
	if (!buffer_ok(&pieces))
		out->failed = true;
	buffer_done(&pieces);
}
