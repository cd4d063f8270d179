// SPDX-License-Identifier: BSD-2-Clause
/* Reading a store back: every row, what each column of it costs, what a tiny section costs. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/array.h"
#include "base/fs.h"
#include "base/utc.h"
#include "bench.h"
#include "segment/section_reader.h"
#include "segment/section_writer.h"

uint64_t bench_row_hash(uint32_t tenant, const struct record *utc)
{
	uint64_t words[8] = { (uint64_t)utc->time_ns, 0, 0, 0, 0,
			      (uint64_t)utc->src_port << 48 | (uint64_t)utc->dst_port << 32 | tenant,
			      (uint64_t)utc->rtt_us << 32 | (uint64_t)utc->kind << 8 | utc->protocol,
			      (uint64_t)utc->consent << 32 | utc->flags };
	uint64_t hash = 0;

	memcpy(words + 1, utc->src.bytes, 16);
	memcpy(words + 3, utc->dst.bytes, 16);
	for (unsigned int i = 0; i < 8; i++)
		hash = (hash ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ (hash >> 31);
	return hash ^ hash >> 32;
}

typedef void visit(struct segment_reader *r, const struct section *s, void *ctx);

/* All sections of all segments. */
static void each_section(const char *path, visit *fn, void *ctx)
{
	struct store_dir store;
	struct problem p;
	char **tenants, **names;
	size_t tenant_count, count;

	if (store_open(path, 0, &store, &p))
		bench_die("%s", p.text);
	if (fs_list_dirs(store.segments, &tenants, &tenant_count))
		bench_die("cannot list %s/segments", path);
	for (size_t t = 0; t < tenant_count; t++) {
		int dir = fs_open_dir(store.segments, tenants[t], 0);

		if (dir < 0 || fs_list(dir, SEGMENT_SUFFIX, &names, &count))
			bench_die("cannot list segments/%s", tenants[t]);
		for (size_t i = 0; i < count; i++) {
			struct segment_reader r;

			if (segment_reader_open(dir, names[i], &r, &p))
				bench_die("segments/%s/%s: %s", tenants[t], names[i], p.text);
			for (size_t k = 0; k < r.section_count; k++)
				fn(&r, &r.sections[k], ctx);
			segment_reader_close(&r);
		}
		fs_free_names(names, count);
		close(dir);
	}
	fs_free_names(tenants, tenant_count);
	store_close(&store);
}

static struct section_reader *open_section(struct segment_reader *r, const struct section *s)
{
	struct section_reader *section;

	if (section_open(r, s->offset, &section))
		bench_die("%s: a section does not open", r->name);
	return section;
}

static void decode_section(struct segment_reader *r, const struct section *s, void *ctx)
{
	static struct block_rows b;
	struct bench_columns *sum = ctx;
	struct section_reader *section = open_section(r, s);
	struct record record;

	for (uint32_t i = 0; i < section->block_count; i++) {
		if (section_read_block(r, section, i, BLOCK_ALL, &b))
			bench_die("%s: a block does not decode", r->name);
		for (uint32_t k = 0; k < b.rows; k++) {
			section_record(section, &b, k, &record);
			sum->checksum += bench_row_hash(s->tenant, &record);
		}
		sum->rows += b.rows;
	}
	sum->blocks += section->block_count;
	sum->sections++;
	section_close(section);
}

double bench_decode(const char *path, struct bench_columns *ret)
{
	double cpu = bench_cpu();

	each_section(path, decode_section, ret);
	return bench_cpu() - cpu;
}

/* The rows of a section as its writer had them. */
struct rows {
	struct row *list;
	size_t count, capacity;
};

static void read_rows(struct segment_reader *r, const struct section_reader *section, struct rows *out)
{
	static struct block_rows b;
	struct endpoint ignored;
	struct record record;

	out->count = 0;
	for (uint32_t i = 0; i < section->block_count; i++) {
		if (section_read_block(r, section, i, BLOCK_ALL, &b))
			bench_die("%s: a block does not decode", r->name);
		for (uint32_t k = 0; k < b.rows; k++) {
			if (ARRAY_RESERVE(out->list, out->count, out->capacity))
				bench_die("out of memory");
			section_record(section, &b, k, &record);
			row_from_record(&record, b.endpoint[k], &out->list[out->count++], &ignored);
		}
	}
}

static struct segment_section written(const struct segment_reader *r, const struct section_reader *section,
				      const struct row *rows, size_t count)
{
	return (struct segment_section){
		.tenant_id = r->tenant_id, .tenant = section->facts.tenant, .day = r->day,
		.journal_id = section->facts.journal_id, .run = section->facts.run, .rung = section->facts.rung,
		.span_from_ns = section->facts.span_from_ns, .span_to_ns = section->facts.span_to_ns,
		.rows = rows, .row_count = count, .endpoints = section->endpoints,
		.endpoint_count = section->endpoint_count, .clock = &section->clock, .gaps = &section->gaps,
		.custody = section->custody,
	};
}

static enum bench_column column_of(unsigned int table)
{
	if (table < CODING_V4)
		return COLUMN_COUNTS;
	if (table < CODING_FIRST_TIME)
		return COLUMN_SOURCES;
	if (table < CODING_FIRST_PORT)
		return COLUMN_TIMES;
	if (table < CODING_UNIFORM)
		return COLUMN_PORTS;
	return table < CODING_FIRST_RTT ? COLUMN_DESTINATIONS : COLUMN_RTT;
}

static void account_section(struct segment_reader *r, const struct section *s, void *ctx)
{
	static struct rows rows;
	struct bench_columns *sum = ctx;
	struct section_reader *section = open_section(r, s);
	struct segment_section again;
	struct section_report report = {};
	struct buffer out = {};
	uint8_t *stored = bench_alloc(1, s->bytes);

	read_rows(r, section, &rows);
	again = written(r, section, rows.list, rows.count);
	if (section_write(NULL, &again, r->file_id, s->offset, r->secret, &out, &report))
		bench_die("%s: a section cannot be written again", r->name);
	/* All but the hour of sealing and the checksums over it. */
	if (fs_pread_all(r->fd, stored, s->bytes, (off_t)s->offset) || out.size != s->bytes ||
	    memcmp(out.data + s->header_bytes, stored + s->header_bytes, s->bytes - s->header_bytes) != 0 ||
	    memcmp(out.data + SECTION_AT_ROOT, stored + SECTION_AT_ROOT, 32) != 0)
		bench_die("%s: a section written again differs", r->name);
	for (unsigned int t = 0; t < CODING_TABLES; t++)
		sum->bits[column_of(t)] += (double)report.symbol_bits[t] + (double)report.extra_bits[t];
	sum->rows += rows.count;
	sum->sections++;
	sum->table_bytes += report.table_bytes;
	sum->index_bytes += report.index_bytes;
	sum->header_bytes += report.other_header_bytes;
	sum->crc_bytes += report.block_crc_bytes;
	buffer_done(&out);
	free(stored);
	section_close(section);
}

void bench_account(const char *path, struct bench_columns *ret)
{
	each_section(path, account_section, ret);
}

struct tiny {
	uint32_t rows;
	unsigned int sections;
	double bytes;
};

/* The first n rows (of as many sources as there are in them) as a section of their own. */
static void tiny_section(struct segment_reader *r, const struct section *s, void *ctx)
{
	static struct rows rows;
	struct tiny *tiny = ctx;
	struct section_reader *section;
	struct segment_section small;
	struct section_report report = {};
	struct buffer out = {};
	double bits = 0;

	if (tiny->sections >= 1000 || s->rows < tiny->rows)
		return;
	section = open_section(r, s);
	read_rows(r, section, &rows);
	small = written(r, section, rows.list, tiny->rows);
	if (section_write(NULL, &small, r->file_id, s->offset, r->secret, &out, &report))
		bench_die("%s: a tiny section cannot be written", r->name);
	for (unsigned int t = 0; t < CODING_TABLES; t++)
		bits += (double)report.symbol_bits[t] + (double)report.extra_bits[t];
	tiny->bytes += (double)out.size - bits / 8;
	tiny->sections++;
	buffer_done(&out);
	section_close(section);
}

double bench_tiny(const char *path, uint32_t n)
{
	struct tiny tiny = { .rows = n };

	each_section(path, tiny_section, &tiny);
	return tiny.sections ? tiny.bytes / tiny.sections : 0;
}
