// SPDX-License-Identifier: BSD-2-Clause
/* The generator behind the benchmarks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/utc.h"
#include "mix.h"

#define CLIENTS 2000000u
#define ISP_PREFIXES 3000u
#define PROXIES 10u
#define BOTS 400u
#define BOT_CLUSTERS 12u
/* Zipf's exponent of the clients: see mix.h. */
#define CLIENT_ZIPF 0.6
/* Of 100 clients so many have IPv6; of 100 further views so many go to another tenant: see mix.h. */
#define CLIENT_V6 55
#define VIEW_LEAVES 60
/* Rows of one bucket while they are put in the order of time: about this many. */
#define BUCKET_ROWS 2

struct mix {
	struct mix_options o;
	uint64_t rng;
	uint32_t day;
	double *tenant_sum; /* cumulated share of activity */
	uint16_t *client_port; /* the last one each client used */
	struct mix_row *rows, *sorted;
	size_t count, capacity;
	uint32_t *starts; /* of the buckets of the day */
};

static uint64_t mix64(uint64_t v)
{
	v = (v ^ (v >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ (v >> 27)) * UINT64_C(0x94d049bb133111eb);
	return v ^ (v >> 31);
}

static uint64_t next(struct mix *m)
{
	m->rng += UINT64_C(0x9e3779b97f4a7c15);
	return mix64(m->rng);
}

static uint32_t below(struct mix *m, uint32_t n)
{
	return (uint32_t)((next(m) >> 32) * n >> 32);
}

static double unit(struct mix *m)
{
	return (double)(next(m) >> 11) * 0x1p-53;
}

static double exponential(struct mix *m, double mean)
{
	return -mean * log(1 - unit(m));
}

/* A fact about a thing that stays the same for the whole run. */
static uint64_t fact(const struct mix *m, uint64_t thing, uint64_t what)
{
	return mix64(mix64(m->o.seed ^ thing * UINT64_C(0x9e3779b97f4a7c15)) + what);
}

static void set_v4(struct addr *a, uint32_t v4)
{
	memset(a, 0, sizeof(*a));
	memset(a->bytes + 10, 0xff, 2);
	for (int i = 0; i < 4; i++)
		a->bytes[12 + i] = (uint8_t)(v4 >> (24 - 8 * i));
}

static void set_v6(struct addr *a, uint64_t net, uint64_t host)
{
	for (int i = 0; i < 8; i++) {
		a->bytes[i] = (uint8_t)(net >> (56 - 8 * i));
		a->bytes[8 + i] = (uint8_t)(host >> (56 - 8 * i));
	}
}

/* Somewhere a client could be: no private or multicast network. */
static uint32_t public_v4(uint64_t h)
{
	uint32_t a = (uint32_t)h;

	return (a & 0x00ffffff) | (1 + (uint32_t)(h >> 32) % 220) << 24;
}

struct mix *mix_new(const struct mix_options *o)
{
	struct mix *m = calloc(1, sizeof(*m));
	double sum = 0;

	if (!m)
		return NULL;
	m->o = *o;
	m->rng = mix64(o->seed);
	m->tenant_sum = calloc(o->tenants, sizeof(*m->tenant_sum));
	m->client_port = calloc(CLIENTS, sizeof(*m->client_port));
	if (!m->tenant_sum || !m->client_port) {
		mix_free(m);
		return NULL;
	}
	for (uint32_t t = 0; t < o->tenants; t++)
		m->tenant_sum[t] = sum += 1.0 / (t + 1);
	for (uint32_t t = 0; t < o->tenants; t++)
		m->tenant_sum[t] /= sum;
	for (uint32_t c = 0; c < CLIENTS; c++)
		m->client_port[c] = (uint16_t)fact(m, c, 1);
	return m;
}

void mix_free(struct mix *m)
{
	if (!m)
		return;
	free(m->tenant_sum);
	free(m->client_port);
	free(m->rows);
	free(m->sorted);
	free(m->starts);
	free(m);
}

static uint32_t some_tenant(struct mix *m)
{
	double u = unit(m);
	uint32_t low = 0, high = m->o.tenants - 1;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (m->tenant_sum[middle] < u)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A moment of the day: the rate is lowest at night. */
static double some_second(struct mix *m)
{
	for (;;) {
		double t = unit(m) * 86400;

		if (unit(m) * 1.7 < 1 + 0.7 * sin((t - 21600) / 86400 * 2 * M_PI))
			return t;
	}
}

static uint16_t some_service(struct mix *m)
{
	static const uint16_t others[] = { 25, 22, 993 };
	uint32_t u = below(m, 100);

	return u < 78 ? 443 : u < 95 ? 80 : others[below(m, 3)];
}

static void add(struct mix *m, double second, uint32_t tenant, const struct mix_row *draft)
{
	struct mix_row *row;
	int64_t ns = (int64_t)(second * 1e9) + below(m, 1000);

	if (ns >= NS_PER_DAY)
		ns -= NS_PER_DAY;
	if (m->count == m->capacity) {
		size_t more = m->capacity ? m->capacity * 2 : 1 << 16;
		void *rows = realloc(m->rows, more * sizeof(*m->rows));

		if (!rows)
			abort();
		m->rows = rows;
		m->capacity = more;
	}
	row = &m->rows[m->count++];
	*row = *draft;
	row->tenant = tenant + 1;
	row->time_ns = ((int64_t)m->o.first_day + m->day) * NS_PER_DAY + ns;
}

/* One of the tenant's addresses in the family of the source, if it has any. */
static void set_dst(struct mix *m, uint32_t tenant, bool v6, struct mix_row *row)
{
	uint64_t f = fact(m, tenant, 2);

	if (v6) {
		uint32_t which = below(m, 1 + (uint32_t)(f >> 8 & 1));

		set_v6(&row->dst, UINT64_C(0x2001028001230000) + tenant, 0x10 + which);
	} else {
		uint32_t which = below(m, 1 + (uint32_t)(f >> 16) % 3);

		set_v4(&row->dst, 0xcb007100u + tenant * 4 + which);
	}
}

static bool tenant_has_v6(const struct mix *m, uint32_t tenant)
{
	return fact(m, tenant, 2) % 10 < 7;
}

/* The port a client's system picks next. */
static uint16_t client_port(struct mix *m, uint32_t c, bool v4)
{
	uint64_t f = fact(m, c, 3);
	uint32_t style = (uint32_t)(f % 100);
	uint16_t *last = &m->client_port[c];

	if (v4 && f >> 32 & 1 && (f >> 40) % 100 < 24) {
		/* MAP-E, 8 bits of PSID at offset 4: 15 ranges of 16 ports. */
		uint16_t psid = (uint16_t)(f >> 8 & 0xff);

		return (uint16_t)((1 + below(m, 15)) << 12 | psid << 4 | below(m, 16));
	}
	if (style < 45)
		*last = (uint16_t)(*last + 1 + below(m, 3));
	else if (style < 70)
		*last = (uint16_t)(*last + 2 + 2 * below(m, 8));
	else
		*last = (uint16_t)(32768 + below(m, 28232));
	if (*last < 32768)
		*last = (uint16_t)(*last | 0x8000);
	return *last;
}

static void set_client(struct mix *m, uint32_t c, bool v6, struct mix_row *row)
{
	uint64_t prefix = fact(m, c, 4) % ISP_PREFIXES;

	if (v6)
		set_v6(&row->src, UINT64_C(0x2400000000000000) + (fact(m, prefix, 5) & 0xff) * (UINT64_C(1) << 48) +
				  prefix * (UINT64_C(1) << 24) + (fact(m, c, 6) & 0xffffff),
		       fact(m, c, 100 + m->day));
	else
		set_v4(&row->src, (public_v4(fact(m, prefix, 7)) & 0xffffc000u) |
				  (uint32_t)(fact(m, c, 8) & 0x3fff));
	row->rtt_us = (uint32_t)(3000 + fact(m, c, 9) % 40000 + below(m, 4000));
}

/* Zipf's law with an exponent below 1, as its continuous limit: rank = n * u^(1 / (1 - s)). */
static uint32_t some_client(struct mix *m)
{
	return (uint32_t)(CLIENTS * pow(unit(m), 1 / (1 - CLIENT_ZIPF))) % CLIENTS;
}

static void browser_visit(struct mix *m)
{
	uint32_t tenant = some_tenant(m), c = some_client(m), views = 1 + below(m, 4);
	double t = some_second(m);
	struct mix_row row = {};

	for (uint32_t v = 0; v < views; v++) {
		uint32_t connections = 1 + below(m, 8);
		bool v6;

		if (v && below(m, 100) < VIEW_LEAVES)
			tenant = some_tenant(m);
		v6 = tenant_has_v6(m, tenant) && fact(m, c, 10) % 100 < CLIENT_V6;
		set_client(m, c, v6, &row);
		set_dst(m, tenant, v6, &row);
		row.dst_port = some_service(m);
		for (uint32_t i = 0; i < connections; i++) {
			row.src_port = client_port(m, c, !v6);
			add(m, t + unit(m) * 3, tenant, &row);
		}
		t += 3 + exponential(m, 25);
	}
}

static void proxy_connection(struct mix *m)
{
	uint32_t tenant = some_tenant(m), proxy = below(m, PROXIES);
	struct mix_row row = {
		.dst_port = some_service(m),
		.src_port = (uint16_t)(1024 + below(m, 64512)),
		.rtt_us = 300 + below(m, 500),
	};

	set_v4(&row.src, public_v4(fact(m, proxy, 11)));
	set_dst(m, tenant, false, &row);
	add(m, some_second(m), tenant, &row);
}

static void bot_run(struct mix *m)
{
	uint32_t tenant = some_tenant(m), bot = below(m, BOTS), n = 1 + below(m, 20);
	struct mix_row row = { .dst_port = some_service(m), .rtt_us = 90000 + below(m, 90000) };
	double t = some_second(m);

	set_v4(&row.src, (public_v4(fact(m, bot % BOT_CLUSTERS, 12)) & 0xffffff00u) |
			 (uint32_t)(fact(m, bot, 13) & 0xff));
	set_dst(m, tenant, false, &row);
	row.src_port = (uint16_t)(32768 + below(m, 28232));
	for (uint32_t i = 0; i < n; i++, t += exponential(m, 4)) {
		add(m, t, tenant, &row);
		row.src_port = (uint16_t)(row.src_port + 1 + below(m, 4));
	}
}

static void scan(struct mix *m)
{
	uint32_t tenant = some_tenant(m);
	struct mix_row row = {
		.dst_port = some_service(m),
		.src_port = (uint16_t)(1 + below(m, 65535)),
		.rtt_us = 20000 + below(m, 300000),
	};

	set_v4(&row.src, public_v4(next(m)));
	set_dst(m, tenant, false, &row);
	add(m, some_second(m), tenant, &row);
}

/* Bucket of a row: equal stretches of the day. */
static size_t bucket(const struct mix *m, const struct mix_row *row, unsigned int shift)
{
	return (size_t)(row->time_ns - ((int64_t)m->o.first_day + m->day) * NS_PER_DAY) >> shift;
}

/* Into the order of time: counted into buckets of a few rows, which are sorted by insertion. */
static void sort_day(struct mix *m)
{
	unsigned int shift = 0;
	size_t buckets;

	while ((uint64_t)NS_PER_DAY >> shift > m->count / BUCKET_ROWS + 1)
		shift++;
	buckets = (size_t)(NS_PER_DAY >> shift) + 1;
	free(m->starts);
	free(m->sorted);
	m->starts = calloc(buckets + 1, sizeof(*m->starts));
	m->sorted = malloc((m->count + 1) * sizeof(*m->sorted));
	if (!m->starts || !m->sorted)
		abort();
	for (size_t i = 0; i < m->count; i++)
		m->starts[bucket(m, &m->rows[i], shift) + 1]++;
	for (size_t b = 0; b < buckets; b++)
		m->starts[b + 1] += m->starts[b];
	for (size_t i = 0; i < m->count; i++)
		m->sorted[m->starts[bucket(m, &m->rows[i], shift)]++] = m->rows[i];
	for (size_t i = 1; i < m->count; i++) {
		struct mix_row row = m->sorted[i];
		size_t at = i;

		for (; at > 0 && m->sorted[at - 1].time_ns > row.time_ns; at--)
			m->sorted[at] = m->sorted[at - 1];
		m->sorted[at] = row;
	}
}

size_t mix_next_day(struct mix *m, const struct mix_row **ret_rows)
{
	uint64_t quota = m->o.records * (m->day + 1) / m->o.days - m->o.records * m->day / m->o.days;

	if (m->day == m->o.days)
		return 0;
	m->count = 0;
	while (m->count < quota) {
		/* Shares of connections, by how many each of them makes: 11.25, 1, 10.5, 1. */
		double u = unit(m) * (62 / 11.25 + 18 + 12 / 10.5 + 8);

		if (u < 62 / 11.25)
			browser_visit(m);
		else if (u < 62 / 11.25 + 18)
			proxy_connection(m);
		else if (u < 62 / 11.25 + 18 + 12 / 10.5)
			bot_run(m);
		else
			scan(m);
	}
	m->count = quota;
	sort_day(m);
	m->day++;
	*ret_rows = m->sorted;
	return m->count;
}
