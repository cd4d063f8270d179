/* SPDX-License-Identifier: BSD-2-Clause */
/* Connect latencies: one slot for each connection, sorted at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "conns.h"
#include "conns_latency.h"

int64_t *conns_latency_new(uint64_t count)
{
	int64_t *ns = mmap(NULL, count * sizeof(*ns), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (ns == MAP_FAILED)
		conns_fail("mmap");
	return ns;
}

static int compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The smallest value that at least `thousandths` of all do not exceed (nearest rank). */
static double percentile_us(const int64_t *ns, uint64_t n, uint64_t thousandths)
{
	uint64_t rank = (n * thousandths + 999) / 1000;

	return (double)ns[rank ? rank - 1 : 0] / 1000;
}

void conns_latency_print(int64_t *ns, uint64_t count)
{
	uint64_t unmade = 0;

	qsort(ns, count, sizeof(*ns), compare);
	while (unmade < count && !ns[unmade])
		unmade++;
	ns += unmade;
	count -= unmade;
	if (!count)
		return;
	fprintf(stderr, "latency of %llu in microseconds: p50 %.1f p90 %.1f p99 %.1f p999 %.1f max %.1f\n",
		(unsigned long long)count, percentile_us(ns, count, 500),
		percentile_us(ns, count, 900), percentile_us(ns, count, 990),
		percentile_us(ns, count, 999), (double)ns[count - 1] / 1000);
}
