// SPDX-License-Identifier: BSD-2-Clause
/* Beginning a journal. */
#include <string.h>
#include <unistd.h>
#include "fresh_journal.h"

static int append_counters(const struct recovery *stated, int64_t utc_ns, struct journal *j)
{
	int error = 0;

	for (size_t i = 0; i < stated->stated_count && !error; i++) {
		const struct stated_loss *s = &stated->stated[i];
		const struct gap carry = { .first_utc_ns = utc_ns, .last_utc_ns = utc_ns, .total = s->total,
					   .tenant = s->tenant, .reason = s->reason };

		if (s->total)
			error = journal_append_gaps(j, &carry, 1);
	}
	return error;
}

int fresh_journal(int journal_fd, const struct fresh_journal *f, struct journal **ret_journal,
		  struct anchor *ret_now, struct problem *p)
{
	struct anchor now, late;
	struct journal *j;
	int error = journal_create(journal_fd, &f->origin, &j, p);

	if (error)
		return error;
	anchor_sample(&now);
	clock_watch_widen(f->clock, &now);
	error = journal_append_tenants(j, f->roster->names, f->roster->name_count);
	if (!error && f->newest)
		error = journal_append_anchor(j, f->newest);
	if (!error && f->newest && anchor_outlived(f->newest, &now, &late))
		error = journal_append_anchor(j, &late);
	if (!error)
		error = journal_append_anchor(j, &now);
	if (!error)
		error = append_counters(f->stated, now.utc_ns, j);
	if (error) {
		problem(p, error, "cannot begin journal/%s: %s", journal_name(j), strerror(-error));
		(void)unlinkat(journal_fd, journal_name(j), 0);
		journal_close(j);
		return error;
	}
	*ret_journal = j;
	*ret_now = now;
	return 0;
}
