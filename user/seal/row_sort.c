// SPDX-License-Identifier: BSD-2-Clause
/* Radix sort by source, then the order of time is mended inside each source. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "row_sort.h"

#define DIGIT_BITS 11
#define DIGITS_MAX (1u << DIGIT_BITS)
/* Few rows: smaller digits, as clearing and adding up many places would cost more than a pass. */
#define FEW 8192
#define FEW_BITS 8
/* Runs of one source that are out of order: short ones are sorted by insertion. */
#define INSERTION_MAX 24
#define AHEAD 24
#define FAR_AHEAD 64 /* of rows that nobody has looked at for long */
#define V6_RUN 8

struct v4_key {
	uint32_t source, index;
};

struct v6_key {
	uint64_t net, host;
	uint32_t index;
};

static uint64_t be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static int reserve(struct row_sorter *s, size_t count)
{
	size_t bytes = count * (sizeof(struct v6_key) + sizeof(struct v4_key));

	if (count <= s->capacity)
		return 0;
	row_sorter_done(s);
	s->keys = malloc(bytes);
	s->spare = malloc(bytes);
	if (!s->keys || !s->spare) {
		row_sorter_done(s);
		return -ENOMEM;
	}
	s->capacity = count;
	return 0;
}

void row_sorter_done(struct row_sorter *s)
{
	free(s->keys);
	free(s->spare);
	memset(s, 0, sizeof(*s));
}

/* Stable passes over digits of so many bits; the sorted keys are returned, which are one of the two. */
static inline __attribute__((always_inline)) struct v4_key *sort_digits(struct v4_key *from, struct v4_key *to,
									size_t n, const unsigned int bits)
{
	uint32_t starts[4][DIGITS_MAX];
	const unsigned int passes = (31 + bits) / bits, digits = 1u << bits;

	for (unsigned int pass = 0; pass < passes; pass++)
		memset(starts[pass], 0, digits * sizeof(starts[pass][0]));
	for (size_t i = 0; i < n; i++)
		for (unsigned int pass = 0; pass < passes; pass++)
			starts[pass][from[i].source >> (pass * bits) & (digits - 1)]++;
	for (unsigned int pass = 0; pass < passes; pass++) {
		struct v4_key *keys = from;
		uint32_t sum = 0;

		for (unsigned int d = 0; d < digits; d++) {
			uint32_t here = starts[pass][d];

			starts[pass][d] = sum;
			sum += here;
		}
		for (size_t i = 0; i < n; i++)
			to[starts[pass][keys[i].source >> (pass * bits) & (digits - 1)]++] = keys[i];
		from = to;
		to = keys;
	}
	return from;
}

static struct v4_key *sort_v4(struct v4_key *from, struct v4_key *to, size_t n)
{
	return n < FEW ? sort_digits(from, to, n, FEW_BITS) : sort_digits(from, to, n, DIGIT_BITS);
}

static inline bool v6_before(const struct v6_key *x, const struct v6_key *y)
{
	return (x->net < y->net) | ((x->net == y->net) & (x->host < y->host));
}

/* Short runs, by insertion. */
static void sort_runs(struct v6_key *keys, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct v6_key key = keys[i];
		size_t at = i, begin = i / V6_RUN * V6_RUN;

		for (; at > begin && v6_before(&key, &keys[at - 1]); at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
}

/* Merges runs of twice the length each time; the result is returned, which is one of the two. */
static struct v6_key *sort_v6(struct v6_key *from, struct v6_key *to, size_t n)
{
	sort_runs(from, n);
	for (size_t run = V6_RUN; run < n; run *= 2) {
		struct v6_key *merged = to;

		for (size_t begin = 0; begin < n; begin += 2 * run) {
			size_t middle = begin + run < n ? begin + run : n;
			size_t end = middle + run < n ? middle + run : n, a = begin, b = middle;

			/* Without a branch that nobody can foresee. */
			while (a < middle && b < end) {
				bool second = v6_before(&from[b], &from[a]);

				*merged++ = from[second ? b : a];
				b += second;
				a += !second;
			}
			memcpy(merged, from + a, (middle - a) * sizeof(*merged));
			merged += middle - a;
			memcpy(merged, from + b, (end - b) * sizeof(*merged));
			merged += end - b;
		}
		merged = from;
		from = to;
		to = merged;
	}
	return from;
}

static int compare_rows(const struct row *a, const struct row *b)
{
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	if (a->src_port != b->src_port)
		return a->src_port < b->src_port ? -1 : 1;
	if (a->endpoint != b->endpoint)
		return a->endpoint < b->endpoint ? -1 : 1;
	if (a->lasted_ns != b->lasted_ns)
		return a->lasted_ns < b->lasted_ns ? -1 : 1;
	return (int)a->rtt - (int)b->rtt;
}

static int compare_for_qsort(const void *a, const void *b)
{
	return compare_rows(a, b);
}

static void mend_run(struct row *run, size_t n)
{
	bool ordered = true;

	for (size_t i = 1; i < n && ordered; i++)
		ordered = compare_rows(&run[i - 1], &run[i]) <= 0;
	if (ordered)
		return;
	if (n > INSERTION_MAX) {
		qsort(run, n, sizeof(*run), compare_for_qsort);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		struct row row = run[i];
		size_t at = i;

		for (; at > 0 && compare_rows(&run[at - 1], &row) > 0; at--)
			run[at] = run[at - 1];
		run[at] = row;
	}
}

static void mend_times(struct row *rows, size_t count)
{
	size_t begin = 0;

	for (size_t i = 1; i <= count; i++) {
		if (i < count && memcmp(&rows[i].src, &rows[begin].src, sizeof(rows[i].src)) == 0)
			continue;
		if (i - begin > 1)
			mend_run(rows + begin, i - begin);
		begin = i;
	}
}

int row_sort(struct row_sorter *s, const struct row *rows, const uint32_t *index, size_t count,
	     struct row *out)
{
	struct v4_key *v4, *v4_spare;
	struct v6_key *v6;
	size_t n4 = 0, n6 = 0;

	if (reserve(s, count))
		return -ENOMEM;
	v6 = s->keys;
	v4 = (void *)(v6 + count);
	v4_spare = (void *)((struct v6_key *)s->spare + count);
	/* Rows lie all over: those wanted soon are fetched meanwhile, here and below. */
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[index[i]];

		if (i + FAR_AHEAD < count)
			__builtin_prefetch(&rows[index[i + FAR_AHEAD]].src);
		if (addr_is_v4(&r->src))
			v4[n4++] = (struct v4_key){ (uint32_t)be64(r->src.bytes + 8), index[i] };
		else
			v6[n6++] = (struct v6_key){ be64(r->src.bytes), be64(r->src.bytes + 8), index[i] };
	}
	if (n4)
		v4 = sort_v4(v4, v4_spare, n4);
	for (size_t i = 0; i < n4; i++) {
		if (i + AHEAD < n4)
			__builtin_prefetch(&rows[v4[i + AHEAD].index]);
		out[i] = rows[v4[i].index];
	}
	v6 = sort_v6(v6, s->spare, n6);
	for (size_t i = 0; i < n6; i++) {
		if (i + AHEAD < n6)
			__builtin_prefetch(&rows[v6[i + AHEAD].index]);
		out[n4 + i] = rows[v6[i].index];
	}
	mend_times(out, count);
	return 0;
}
