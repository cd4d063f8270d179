// SPDX-License-Identifier: BSD-2-Clause
/* Stores to search in, and their answers. */
#include "searching.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "seal/seal.h"
#include "unit.h"

struct query whole_time(void)
{
	return (struct query){ .from_ns = DAY_NS - 10 * NS_PER_DAY, .to_ns = DAY_NS + 10 * NS_PER_DAY };
}

struct search_result run(const struct store_dir *store, const struct query *q)
{
	struct search_result r = { 0 };
	struct problem p = { "" };
	int error = search_run(store, q, &r, &p);

	uint64_t sum = 0;

	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
	/* AC-14: whatever is asked, each row counts for its tenant. */
	for (size_t i = 0; i < r.tenant_count; i++)
		sum += r.tenant_rows[i];
	CHECK_INT(sum, r.count);
	return r;
}

void check_tenant_rows(struct search_result *r)
{
	uint64_t *rows = calloc(r->tenant_count + 1, sizeof(*rows)), sum = 0;
	struct found_row row;

	while (search_next(r, &row) == 1)
		rows[row.record.tenant]++;
	for (size_t i = 0; i < r->tenant_count; i++) {
		CHECK_ROW(r->tenant_rows[i] == rows[i], "tenant %s: %llu instead of %llu", r->tenants[i],
			  (unsigned long long)r->tenant_rows[i], (unsigned long long)rows[i]);
		sum += rows[i];
	}
	CHECK_INT(r->count, sum);
	CHECK_INT(search_rewind(r), 0);
	free(rows);
}

const struct found_row *row_of(struct search_result *r, size_t i)
{
	static struct found_row row;

	REQUIRE(i < r->count && search_rewind(r) == 0);
	for (size_t n = 0; n <= i; n++)
		REQUIRE(search_next(r, &row) == 1);
	return &row;
}

const struct port_set *one_port(uint16_t port)
{
	static struct port_set sets[64];
	static unsigned int next;
	struct port_set *set = &sets[next++ % ARRAY_SIZE(sets)];

	if (!port)
		return NULL;
	memset(set, 0, sizeof(*set));
	port_set_add(set, port, port);
	return set;
}

struct query random_query(struct rng *rng, const struct record *like)
{
	static const char *const tenants[] = { NULL, NULL, "t1", "t2", "t3" };
	static const char *const sets[] = { "t1", "t2", "t3", "t4" };
	static const unsigned int bits[] = { 128, 127, 125, 120, 96, 64, 48, 32, 0 };
	struct query q = whole_time();

	q.tenant = tenants[rng_below(rng, ARRAY_SIZE(tenants))];
	if (!q.tenant && rng_below(rng, 2)) {
		q.tenants = sets + rng_below(rng, 3);
		q.tenant_count = 1 + rng_below(rng, 2);
	}
	if (rng_below(rng, 2)) {
		q.from_ns = like->time_ns - (int64_t)rng_below(rng, 3600 * NS_PER_SEC);
		q.to_ns = like->time_ns + (int64_t)rng_below(rng, 3600 * NS_PER_SEC);
	}
	q.by_src = rng_below(rng, 2);
	q.by_dst = rng_below(rng, 3) == 0;
	q.src = (struct prefix){ like->src, (uint8_t)bits[rng_below(rng, ARRAY_SIZE(bits))] };
	q.dst = (struct prefix){ like->dst, (uint8_t)bits[rng_below(rng, ARRAY_SIZE(bits))] };
	for (unsigned int i = q.src.bits; i < 128; i++)
		q.src.addr.bytes[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	for (unsigned int i = q.dst.bits; i < 128; i++)
		q.dst.addr.bytes[i / 8] &= (uint8_t)~(0x80 >> i % 8);
	q.src_ports = one_port(rng_below(rng, 4) ? 0 : like->src_port);
	q.dst_ports = one_port(rng_below(rng, 3) ? 0 : like->dst_port);
	q.by_source = rng_below(rng, 2);
	return q;
}

const char *found(const struct store_dir *store, const struct query *q)
{
	static char text[1024];
	struct search_result r = run(store, q);
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < r.count && n < sizeof(text) - 16; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%u", i ? " " : "",
				      row_of(&r, i)->record.src_port - 40000u);
	CHECK_INT(r.damaged, 0);
	search_result_done(&r);
	return text;
}

void seal(const struct store_dir *store)
{
	struct seal_result result = { 0 };
	struct problem p = { "" };
	int error = seal_all(store, NULL, &result, &p);

	CHECK_ROW(error == 0, "%s", p.text);
}

void add_journal(const struct store_dir *store, const struct record *rows, size_t count)
{
	struct journal *j = a_journal(store->journal);
	char name[64];

	put_rows(j, rows, count, 2000);
	end_journal(store->journal, j, name);
}
