/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Joining the close of a connection to its opening. Between the two no other
 * connection of that network namespace has the same addresses and ports, so the
 * opening nearest to where the close row says it was is the one. Both times are
 * converted to UTC by the clock of their own moment: a clock that was set in between
 * moves them apart.
 */
#ifndef SEKISHO_LIFETIME_H
#define SEKISHO_LIFETIME_H

#include "search.h"

/* Closes are looked for in the window and this many days behind it: an answer must not open a year of
 * segments for a connection that nobody closes. */
#define LIFETIME_DAYS 7

/* How far the opening may lie from where the close row says: a second, or a thousandth of the time. */
static inline int64_t lifetime_tolerance(int64_t lasted_ns)
{
	int64_t least = INT64_C(1000000000);

	return lasted_ns / 1000 > least ? lasted_ns / 1000 : least;
}

/* When the connection began, as the row says; the far end of time is bent inwards. */
static inline int64_t lifetime_opened_ns(const struct record *r)
{
	int64_t opened;

	return __builtin_sub_overflow(r->time_ns, r->lasted_ns, &opened) ? INT64_MIN : opened;
}

/* By tenant, addresses, ports and question; rows of one connection stand together. */
int lifetime_compare_connection(const struct found_row *a, const struct found_row *b);
/* For qsort: by connection, then opening, openings before closes. */
int lifetime_compare(const void *a, const void *b);

/* Gives openings of one connection's rows, in the order of lifetime_compare(), their close_ns. A close
 * that found its opening gets close_ns too, the others keep 0. */
void lifetime_join(struct found_row *rows, size_t count);

#endif
