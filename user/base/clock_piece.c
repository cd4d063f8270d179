// SPDX-License-Identifier: BSD-2-Clause
/* Many anchors, few pieces. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "array.h"
#include "clock_piece.h"

/* Anchors of one piece differ by no more; the middle is within half of it of each. */
#define SPREAD_NS 1000

/* A piece in the making: the least and greatest distance of UTC from boot time. */
struct fit {
	struct clock_piece piece;
	int64_t least, greatest;
};

static int64_t distance(const struct anchor *a)
{
	return (int64_t)((uint64_t)a->utc_ns - a->boot_ns);
}

static void fit_begin(struct fit *f, const struct anchor *a, uint64_t boot_from)
{
	f->piece = (struct clock_piece){
		.boot_from = boot_from,
		.max_error_ns = a->max_error_ns,
		.status = a->status,
	};
	f->least = f->greatest = distance(a);
}

static bool fit_takes(struct fit *f, const struct anchor *a)
{
	int64_t least = f->least, greatest = f->greatest, d = distance(a), spread;

	if (a->status != f->piece.status || a->max_error_ns != f->piece.max_error_ns)
		return false;
	least = d < least ? d : least;
	greatest = d > greatest ? d : greatest;
	if (__builtin_sub_overflow(greatest, least, &spread) || spread > SPREAD_NS)
		return false;
	f->least = least;
	f->greatest = greatest;
	return true;
}

static int fit_end(struct fit *f, uint64_t boot_to, struct clock_pieces *out)
{
	int64_t middle = f->least + (f->greatest - f->least) / 2;

	if (ARRAY_RESERVE(out->list, out->count, out->capacity))
		return -ENOMEM;
	f->piece.boot_to = boot_to;
	f->piece.utc_from = (int64_t)(f->piece.boot_from + (uint64_t)middle);
	out->list[out->count++] = f->piece;
	return 0;
}

int clock_pieces_fit(const struct anchors *anchors, uint64_t first_boot_ns, uint64_t last_boot_ns,
		     struct clock_pieces *ret_pieces)
{
	struct clock_pieces out = {};
	const struct anchor *a = anchors_find(anchors, first_boot_ns);
	const struct anchor *end = anchors->list + anchors->count;
	struct fit fit;
	int error = 0;

	*ret_pieces = out;
	if (!a || last_boot_ns < first_boot_ns)
		return 0;
	fit_begin(&fit, a, first_boot_ns);
	for (a++; a < end && a->boot_ns <= last_boot_ns && !error; a++) {
		/* What stands at or before the first time (after it in the list: all before it). */
		if (a->boot_ns <= first_boot_ns || fit_takes(&fit, a))
			continue;
		/* Of several anchors of one instant the last counts: there is no time between them. */
		if (a->boot_ns > fit.piece.boot_from)
			error = fit_end(&fit, a->boot_ns - 1, &out);
		fit_begin(&fit, a, a->boot_ns);
	}
	if (!error)
		error = fit_end(&fit, last_boot_ns, &out);
	if (error)
		clock_pieces_done(&out);
	*ret_pieces = out;
	return error;
}

void clock_pieces_done(struct clock_pieces *pieces)
{
	if (!pieces)
		return;
	free(pieces->list);
	memset(pieces, 0, sizeof(*pieces));
}

int64_t clock_piece_utc_to(const struct clock_piece *piece)
{
	uint64_t length = piece->boot_to - piece->boot_from;
	int64_t to;

	if (length > INT64_MAX || __builtin_add_overflow(piece->utc_from, (int64_t)length, &to))
		return INT64_MAX;
	return to;
}

const struct clock_piece *clock_pieces_find(const struct clock_pieces *pieces, int64_t utc_ns)
{
	for (size_t i = pieces->count; i > 0; i--)
		if (pieces->list[i - 1].utc_from <= utc_ns)
			return &pieces->list[i - 1];
	return pieces->count ? &pieces->list[0] : NULL;
}
