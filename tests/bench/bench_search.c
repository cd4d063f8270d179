// SPDX-License-Identifier: BSD-2-Clause
/* One question to the query library. */
#include "bench.h"
#include "query/search.h"

uint64_t bench_search(const struct store_dir *store, const struct bench_question *q)
{
	char tenant[16];
	struct query query = {
		.tenant = q->tenant ? bench_tenant(q->tenant, tenant) : NULL,
		.by_src = q->by_source,
		.src = { .addr = q->source, .bits = 128 },
		.from_ns = q->from_ns,
		.to_ns = q->to_ns,
	};
	struct search_result result;
	struct problem p;
	uint64_t rows;

	if (search_run(store, &query, &result, &p))
		bench_die("search: %s", p.text);
	if (result.damaged)
		bench_die("search: %s", result.damage.text);
	rows = result.count;
	search_result_done(&result);
	return rows;
}
