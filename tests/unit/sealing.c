/* SPDX-License-Identifier: BSD-2-Clause */
/* Journals to seal, and what became of them. */
#include "sealing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "fixture.h"
#include "schema/journal.h"
#include "segment/segment_reader.h"
#include "unit.h"

int seal_named(const struct store_dir *store, const char *name, struct seal_result *result)
{
	struct problem p = { "" };
	int error;

	memset(result, 0, sizeof(*result));
	error = seal_journal(store, NULL, name, result, &p);
	CHECK_ROW(error == 0, "%s: %s", name, p.text);
	return error;
}

static void add_section(struct contents *c, struct segment_reader *r, const struct section *s)
{
	struct clock_pieces clock = { 0 };
	uint32_t blocks;
	uint64_t bad;

	CHECK_INT(section_check(r, s, &blocks, &bad), 0);
	REQUIRE(c->row_count + s->rows <= ROWS_MAX);
	CHECK_INT(read_section(r, s, c->rows + c->row_count), 0);
	CHECK_INT(read_gaps(r, s, &c->gaps), 0);
	CHECK_INT(read_clock(r, s, &clock), 0);
	for (size_t i = 0; i < clock.count && c->clock_count < ARRAY_SIZE(c->clock); i++)
		c->clock[c->clock_count++] = clock.list[i];
	clock_pieces_done(&clock);
	for (size_t i = 0; i < s->rows; i++) {
		const struct record *row = &c->rows[c->row_count + i];

		c->wrong_place += utc_day(row->time_ns) != r->day;
		if (i)
			CHECK(record_compare_source(row - 1, row) <= 0);
	}
	c->row_count += s->rows;
	c->sections++;
}

void add_tenant(const struct store_dir *store, const char *tenant, struct contents *c)
{
	int dir = fs_open_dir(store->segments, tenant, 0);
	char **names;
	size_t count;

	if (dir < 0)
		return;
	REQUIRE(fs_list(dir, "", &names, &count) == 0);
	for (size_t i = 0; i < count; i++) {
		struct segment_reader r;
		struct problem p;
		char day[DAY_TEXT_MAX];

		REQUIRE(segment_reader_open(dir, names[i], &r, &p) == 0);
		CHECK(!r.damaged_bytes);
		CHECK_STR(r.tenant_id, tenant);
		CHECK(strncmp(names[i], day_format(r.day, day), 10) == 0);
		for (size_t k = 0; k < r.section_count; k++)
			add_section(c, &r, &r.sections[k]);
		c->files++;
		segment_reader_close(&r);
	}
	fs_free_names(names, count);
	close(dir);
}

struct contents *read_store(const struct store_dir *store)
{
	struct contents *c = calloc(1, sizeof(*c));

	REQUIRE(c != NULL);
	add_tenant(store, "t1", c);
	add_tenant(store, "t2", c);
	return c;
}

void free_contents(struct contents *c)
{
	gaps_done(&c->gaps);
	free(c);
}

bool holds_exactly(struct contents *c, struct record *want, size_t count)
{
	qsort(want, count, sizeof(*want), record_compare_time);
	qsort(c->rows, c->row_count, sizeof(*c->rows), record_compare_time);
	return c->row_count == count && same_rows(c->rows, want, count);
}

struct record *three_days(struct journal *j)
{
	struct rng rng = { 40 };
	struct record *rows = calloc(1800, sizeof(*rows));

	random_rows(&rng, rows, 1800, DAY_NS, 3 * NS_PER_DAY);
	for (size_t i = 0; i < 6; i++)
		put_rows(j, rows + 300 * i, 300, 2000 + i);
	return rows;
}

struct gap a_gap(int64_t first, int64_t last, uint64_t count, uint32_t tenant, uint32_t reason)
{
	return (struct gap){ .first_utc_ns = first, .last_utc_ns = last, .count = count,
			     .total = count, .tenant = tenant, .reason = reason };
}

size_t gaps_of(const struct contents *c, uint32_t reason, uint64_t *ret_lost)
{
	size_t n = 0;

	*ret_lost = 0;
	for (size_t i = 0; i < c->gaps.count; i++) {
		n += c->gaps.list[i].reason == reason;
		*ret_lost += c->gaps.list[i].reason == reason ? c->gaps.list[i].count : 0;
	}
	return n;
}

struct copy copy_journal(const struct store_dir *store)
{
	struct copy c;

	only_name(store->journal, JOURNAL_SUFFIX, c.name);
	c.bytes = read_file(store->journal, c.name, &c.size);
	return c;
}

void put_back(const struct store_dir *store, const struct copy *c)
{
	write_file(store->journal, c->name, c->bytes, c->size);
}
