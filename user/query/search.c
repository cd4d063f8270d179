// SPDX-License-Identifier: BSD-2-Clause
/* Searching journals and segments. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "scan.h"

/* A node-wide gap is stated in the segment of every tenant; the answer says it once. */
static void merge_gaps(struct gaps *gaps)
{
	size_t kept = 0;

	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *g = &gaps->list[i];
		bool same = false;

		for (size_t k = 0; k < kept && !same; k++)
			same = memcmp(&gaps->list[k], g, sizeof(*g)) == 0;
		if (!same)
			gaps->list[kept++] = *g;
	}
	gaps->count = kept;
}

int search_run(const struct store_dir *store, const struct query *q,
	       struct search_result *ret_result, struct problem *p)
{
	struct search_result out = {};
	struct scan s = { .store = store, .q = q, .out = &out, .p = p };
	int error;

	p->text[0] = '\0';
	error = scan_open_journals(&s);
	if (!error)
		error = scan_journals(&s);
	if (!error)
		error = scan_segments(&s);
	scan_close_journals(&s);
	free(s.block);
	if (!error)
		error = lifetime_join(out.rows, &out.count);
	if (error) {
		search_result_done(&out);
		return p->text[0] ? error : problem(p, error, "search failed: %s", strerror(-error));
	}
	merge_gaps(&out.gaps);
	*ret_result = out;
	return 0;
}

void search_result_done(struct search_result *r)
{
	if (!r)
		return;
	free(r->rows);
	free(r->tenants);
	gaps_done(&r->gaps);
	memset(r, 0, sizeof(*r));
}
