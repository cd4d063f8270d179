// SPDX-License-Identifier: BSD-2-Clause
/*
 * The entropy floor: what an ideal coder with simple models would spend. A value is cut into a bucket
 * (its magnitude and one bit below) and plain bits; buckets cost their entropy of order 0, in the
 * contexts that STORE.md's study found worth having, over the whole data set; nothing is charged for
 * headers, tables, indexes, checksums or roots. Shares no code with the store.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/rtt.h"
#include "base/utc.h"
#include "bench.h"

const char *const bench_column_names[COLUMNS] = {
	"times", "source ports", "source addresses", "rows per source", "destinations", "round-trip times",
};

#define CONTEXTS 8
#define SYMBOLS 512

struct counts {
	uint64_t n[CONTEXTS][SYMBOLS];
	double plain_bits;
};

struct bench_model {
	struct mix_options o;
	struct counts first_times, times, first_ports, ports, v4, v6_net, v6_host, rows, uniform, destinations,
		first_rtts, rtts;
	uint32_t *by_tenant; /* rows of a day, by tenant, then in the order of time */
	double time_order_bits;
	bool first_done;
};

struct bench_model *bench_model_new(const struct mix_options *o)
{
	struct bench_model *m = bench_alloc(1, sizeof(*m));

	m->o = *o;
	return m;
}

static void add(struct counts *c, unsigned int context, unsigned int symbol, unsigned int plain_bits)
{
	c->n[context][symbol]++;
	c->plain_bits += plain_bits;
}

struct cut {
	unsigned int symbol, plain_bits;
};

/* Exponent and one mantissa bit. */
static struct cut cut(uint64_t v)
{
	unsigned int exponent;

	if (v < 4)
		return (struct cut){ (unsigned int)v, 0 };
	exponent = 63 - (unsigned int)__builtin_clzll(v);
	return (struct cut){ exponent * 2 + (unsigned int)(v >> (exponent - 1) & 1), exponent - 1 };
}

static void add_bucket(struct counts *c, unsigned int context, uint64_t v)
{
	struct cut parts = cut(v);

	add(c, context, parts.symbol, parts.plain_bits);
}

static double entropy(const uint64_t *n, size_t symbols)
{
	double sum = 0, bits = 0;

	for (size_t i = 0; i < symbols; i++)
		sum += (double)n[i];
	for (size_t i = 0; i < symbols; i++)
		if (n[i])
			bits -= (double)n[i] * log2((double)n[i] / sum);
	return bits;
}

static double cost(const struct counts *c)
{
	double bits = c->plain_bits;

	for (unsigned int i = 0; i < CONTEXTS; i++)
		bits += entropy(c->n[i], SYMBOLS);
	return bits;
}

static uint64_t number(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static int compare_source(const void *a, const void *b, void *rows)
{
	const struct mix_row *x = (const struct mix_row *)rows + *(const uint32_t *)a;
	const struct mix_row *y = (const struct mix_row *)rows + *(const uint32_t *)b;
	bool x4 = addr_is_v4(&x->src), y4 = addr_is_v4(&y->src);
	int order = x4 != y4 ? (x4 ? -1 : 1) : memcmp(&x->src, &y->src, sizeof(x->src));

	return order ? order : x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

static void model_source(struct bench_model *m, const struct mix_row *before, const struct mix_row *now)
{
	uint64_t net = number(now->src.bytes, 8), host = number(now->src.bytes + 8, 8);
	bool v4 = addr_is_v4(&now->src), same_kind = before && addr_is_v4(&before->src) == v4;

	if (v4) {
		add_bucket(&m->v4, 0, (host & UINT32_MAX) - (same_kind ? number(before->src.bytes + 12, 4) : 0));
		return;
	}
	net -= same_kind ? number(before->src.bytes, 8) : 0;
	add_bucket(&m->v6_net, 0, net);
	add_bucket(&m->v6_host, !net, net || !same_kind ? host : host - number(before->src.bytes + 8, 8));
}

static void model_ports(struct bench_model *m, const struct mix_row *rows, const uint32_t *index, size_t n)
{
	unsigned int context = 0;

	add(&m->first_ports, 0, rows[index[0]].src_port >> 10, 10);
	for (size_t i = 1; i < n; i++) {
		uint16_t a = rows[index[i - 1]].src_port, b = rows[index[i]].src_port, d = (uint16_t)(b - a);
		uint16_t zigzag = (uint16_t)(d << 1 ^ (d & 0x8000 ? 0xffff : 0));

		if (zigzag < 64) {
			add(&m->ports, context, zigzag, 0);
			context = zigzag <= 8 ? 1 : 2;
		} else if (!((a ^ b) & 0x0ff0)) {
			add(&m->ports, context, 64, 8);
			context = 3;
		} else if (zigzag < 4096) {
			unsigned int e = 31 - (unsigned int)__builtin_clz(zigzag);

			add(&m->ports, context, 64 + e * 2 + (zigzag >> (e - 1) & 1), e - 1);
			context = 4;
		} else {
			add(&m->ports, context, 128 + (b >> 12), 12);
			context = 5;
		}
	}
}

/* Destinations by number: the tenant's few, in the order of their addresses and ports. */
static unsigned int destination(const struct mix_row *r)
{
	unsigned int port = r->dst_port == 443 ? 0 : r->dst_port == 80 ? 1 : r->dst_port == 25 ? 2 :
			    r->dst_port == 22 ? 3 : 4;

	return addr_is_v4(&r->dst) ? (r->dst.bytes[15] & 3u) * 5 + port : 20 + (r->dst.bytes[15] & 1u) * 5 + port;
}

static void model_destinations(struct bench_model *m, const struct mix_row *rows, const uint32_t *index,
			       size_t n, bool uniform)
{
	unsigned int context = 0;

	if (uniform) {
		add(&m->uniform, addr_is_v4(&rows[index[0]].src), destination(&rows[index[0]]), 0);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned int d = destination(&rows[index[i]]);

		add(&m->destinations, context, d, 0);
		context = d % 5 < 2 ? 1 + d % 5 + 2 * (d / 5 % 3) : 7;
	}
}

static void model_rtts(struct bench_model *m, const struct mix_row *rows, const uint32_t *index, size_t n)
{
	add(&m->first_rtts, 0, rtt_code(rows[index[0]].rtt_us), 0);
	for (size_t i = 1; i < n; i++)
		add(&m->rtts, 0, 256u + rtt_code(rows[index[i]].rtt_us) - rtt_code(rows[index[i - 1]].rtt_us), 0);
}

/* All rows of a source of one tenant's day. */
static void model_run(struct bench_model *m, const struct mix_row *rows, const uint32_t *index, size_t n)
{
	unsigned int class = n <= 2 ? 0 : n <= 4 ? 1 : n <= 16 ? 2 : 3;
	uint64_t since = (uint64_t)rows[index[0]].time_ns % (uint64_t)NS_PER_DAY;
	struct cut length = cut(n - 1);
	bool uniform = true;

	for (size_t i = 1; i < n; i++)
		uniform &= destination(&rows[index[i]]) == destination(&rows[index[0]]);
	add(&m->rows, addr_is_v4(&rows[index[0]].src), length.symbol * 2 + uniform, length.plain_bits);
	add(&m->first_times, 0, (unsigned int)(since >> 41), 41);
	for (size_t i = 1; i < n; i++)
		add_bucket(&m->times, class, (uint64_t)(rows[index[i]].time_ns - rows[index[i - 1]].time_ns));
	model_ports(m, rows, index, n);
	model_destinations(m, rows, index, n, uniform);
	model_rtts(m, rows, index, n);
}

static void model_tenant(struct bench_model *m, const struct mix_row *rows, uint32_t *index, size_t n)
{
	const struct mix_row *before = NULL;
	size_t end;

	qsort_r(index, n, sizeof(*index), compare_source, (void *)rows);
	for (size_t i = 0; i < n; i = end) {
		const struct mix_row *now = &rows[index[i]];

		for (end = i + 1; end < n && !memcmp(&rows[index[end]].src, &now->src, sizeof(now->src)); end++)
			;
		model_source(m, before, now);
		model_run(m, rows, index + i, end - i);
		before = now;
	}
}

/* Entropy of a column of 64-bit values, each a symbol of its own. */
static int compare_words(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double word_bits(uint64_t *words, size_t count)
{
	double bits = 0;
	size_t end;

	qsort(words, count, sizeof(*words), compare_words);
	for (size_t i = 0; i < count; i = end) {
		for (end = i + 1; end < count && words[end] == words[i]; end++)
			;
		bits -= (double)(end - i) * log2((double)(end - i) / (double)count);
	}
	return bits;
}

/*
 * As they come: the time since the row before, and tenant, source, port and destination for themselves
 * (whoever knew how often each source comes; its own bits are not charged).
 */
static double time_order(const struct mix_row *rows, size_t count)
{
	uint64_t *words = bench_alloc(count, sizeof(*words));
	struct counts *gaps = bench_alloc(1, sizeof(*gaps));
	double bits = 0;

	for (size_t i = 1; i < count; i++)
		add_bucket(gaps, 0, (uint64_t)(rows[i].time_ns - rows[i - 1].time_ns));
	bits += cost(gaps);
	for (int column = 0; column < 3; column++) {
		for (size_t i = 0; i < count; i++)
			words[i] = column == 0 ? number(rows[i].src.bytes, 8) * 31 + number(rows[i].src.bytes + 8, 8) :
				   column == 1 ? rows[i].src_port :
						 (uint64_t)rows[i].tenant << 8 | destination(&rows[i]);
		bits += word_bits(words, count);
	}
	free(gaps);
	free(words);
	return bits / (double)(count ? count : 1);
}

void bench_model_day(struct bench_model *m, const struct mix_row *rows, size_t count)
{
	uint32_t *index = bench_alloc(count, sizeof(*index));
	uint32_t *starts = bench_alloc(m->o.tenants + 2, sizeof(*starts));

	if (!m->first_done)
		m->time_order_bits = time_order(rows, count);
	m->first_done = true;
	for (size_t i = 0; i < count; i++)
		starts[rows[i].tenant + 1]++;
	for (uint32_t t = 1; t <= m->o.tenants + 1; t++)
		starts[t] += starts[t - 1];
	for (size_t i = 0; i < count; i++)
		index[starts[rows[i].tenant]++] = (uint32_t)i;
	for (uint32_t t = 1; t <= m->o.tenants; t++)
		model_tenant(m, rows, index + starts[t - 1], starts[t] - starts[t - 1]);
	free(starts);
	free(index);
}

struct bench_floor bench_model_end(struct bench_model *m)
{
	struct bench_floor f = { .time_order_bits = m->time_order_bits };

	f.bits[COLUMN_TIMES] = cost(&m->first_times) + cost(&m->times);
	f.bits[COLUMN_PORTS] = cost(&m->first_ports) + cost(&m->ports);
	f.bits[COLUMN_SOURCES] = cost(&m->v4) + cost(&m->v6_net) + cost(&m->v6_host);
	f.bits[COLUMN_COUNTS] = cost(&m->rows);
	f.bits[COLUMN_DESTINATIONS] = cost(&m->uniform) + cost(&m->destinations);
	f.bits[COLUMN_RTT] = cost(&m->first_rtts) + cost(&m->rtts);
	free(m);
	return f;
}
