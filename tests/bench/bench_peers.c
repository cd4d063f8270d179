// SPDX-License-Identifier: BSD-2-Clause
/* The same rows in other stores: size, and the time to find one address. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include "base/utc.h"
#include "bench.h"
#include "bench_peer.h"

#define RAW_ROWS 65536

_Static_assert(sizeof(struct bench_raw) == 48, "a record as a plain struct");

double bench_raw_zstd(const struct mix_row *rows, size_t count, uint64_t *ret_bytes)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	struct bench_raw *raw = bench_alloc(RAW_ROWS, sizeof(*raw));
	size_t room = ZSTD_compressBound(RAW_ROWS * sizeof(*raw));
	void *out = bench_alloc(1, room);
	double cpu = 0;

	if (!ctx || ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, 3)))
		bench_die("no zstd");
	*ret_bytes = 0;
	for (size_t at = 0; at < count; at += RAW_ROWS) {
		size_t n = count - at < RAW_ROWS ? count - at : RAW_ROWS;
		ZSTD_EndDirective end = at + n == count ? ZSTD_e_end : ZSTD_e_continue;
		ZSTD_inBuffer in = { raw, n * sizeof(*raw), 0 };
		size_t left;

		for (size_t i = 0; i < n; i++) {
			const struct mix_row *r = &rows[at + i];

			raw[i] = (struct bench_raw){ r->time_ns, r->src, r->dst, r->src_port, r->dst_port, r->tenant };
		}
		cpu -= bench_cpu();
		do {
			ZSTD_outBuffer to = { out, room, 0 };

			left = ZSTD_compressStream2(ctx, &to, &in, end);
			if (ZSTD_isError(left))
				bench_die("zstd: %s", ZSTD_getErrorName(left));
			*ret_bytes += to.pos;
		} while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
		cpu += bench_cpu();
	}
	free(raw);
	free(out);
	ZSTD_freeCCtx(ctx);
	return cpu;
}

void bench_peer_line(struct bench_table *t, const char *name, double bytes_per_record, double ms,
		     const char *note)
{
	bench_table_label(t, "%s", name);
	bench_table_cell(t, "%.2f", bytes_per_record);
	bench_table_cell(t, "%.1f ms", ms);
	bench_table_cell(t, "%s", note);
}

void bench_peer_missing(struct bench_table *t, const char *name, const char *why)
{
	bench_table_label(t, "%s", name);
	bench_table_cell(t, "-");
	bench_table_cell(t, "-");
	bench_table_cell(t, "left out: %s", why);
}

double bench_run_timed(char *const argv[], unsigned int rounds, struct bench_child *ret_child)
{
	double ms[8];
	unsigned int n = rounds < 8 ? rounds : 8;

	for (unsigned int i = 0; i < n; i++) {
		/* grep says 1 when there is nothing; what is found is checked by the caller. */
		if (bench_run(argv, ret_child) > 1)
			bench_die("%s failed", argv[0]);
		ms[i] = ret_child->wall * 1e3;
	}
	return bench_median(ms, n);
}

uint64_t bench_first_number(const char *text)
{
	uint64_t v = 0;

	while (*text && (*text < '0' || *text > '9'))
		text++;
	for (; *text >= '0' && *text <= '9'; text++)
		v = v * 10 + (uint64_t)(*text - '0');
	return v;
}

static void expect(const char *name, uint64_t found, const struct bench_question *q)
{
	if (found != q->rows)
		bench_die("%s found %llu rows, the generator made %llu", name, (unsigned long long)found,
			  (unsigned long long)q->rows);
}

/* Times as people read them, or as nanoseconds and tenants as numbers. */
static void write_text(const char *path, const struct mix_row *rows, size_t count, bool numbers)
{
	char time[UTC_TEXT_MAX], src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], tenant[16];
	FILE *f = fopen(path, "we");

	if (!f)
		bench_die("cannot write %s", path);
	for (size_t i = 0; i < count; i++) {
		utc_format(rows[i].time_ns, time);
		bench_tenant(rows[i].tenant, tenant);
		if (numbers) {
			snprintf(time, sizeof(time), "%lld", (long long)rows[i].time_ns);
			snprintf(tenant, sizeof(tenant), "%u", rows[i].tenant);
		}
		fprintf(f, "%s,%s,%s,%u,%s,%u\n", time, tenant, addr_format(&rows[i].src, src), rows[i].src_port,
			addr_format(&rows[i].dst, dst), rows[i].dst_port);
	}
	if (fclose(f))
		bench_die("cannot write %s", path);
}

/* Text as a web server logs it, compressed; found by decompressing and grep. */
static void try_text(struct bench_peer *p)
{
	char text[320], packed[340], find[1024], source[ADDR_TEXT_MAX];
	char *pack[] = { "zstd", "-q", "-3", "-T1", "-f", text, "-o", packed, NULL };
	char *search[] = { "sh", "-c", find, NULL };
	struct bench_child child;
	double ms;

	snprintf(text, sizeof(text), "%s/rows.csv", p->dir);
	snprintf(packed, sizeof(packed), "%s/rows.csv.zst", p->dir);
	write_text(text, p->rows, p->count, false);
	if (!bench_has_program("zstd")) {
		bench_peer_missing(p->table, "text, zstd -3, grep", "no program zstd");
		return;
	}
	if (bench_run(pack, &child))
		bench_die("zstd failed");
	snprintf(find, sizeof(find), "zstd -dcq '%s' | grep -cF ',%s,'", packed,
		 addr_format(&p->question->source, source));
	ms = bench_run_timed(search, p->rounds, &child);
	expect("grep", bench_first_number(child.out), p->question);
	bench_peer_line(p->table, "text, zstd -3, grep", (double)bench_usage(packed, NULL).bytes / (double)p->count, ms, "");
}

/* The structs as they are, compressed; found by decompressing and comparing, in this process. */
static void try_raw(struct bench_peer *p)
{
	size_t bytes = p->count * sizeof(struct bench_raw), room = ZSTD_compressBound(bytes), size;
	struct bench_raw *raw = bench_alloc(p->count, sizeof(*raw));
	void *packed = bench_alloc(1, room);
	double ms[8];
	uint64_t found = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct mix_row *r = &p->rows[i];

		raw[i] = (struct bench_raw){ r->time_ns, r->src, r->dst, r->src_port, r->dst_port, r->tenant };
	}
	size = ZSTD_compress(packed, room, raw, bytes, 3);
	for (unsigned int k = 0; k < p->rounds && k < 8; k++) {
		double wall = bench_wall();

		found = 0;
		if (ZSTD_isError(ZSTD_decompress(raw, bytes, packed, size)))
			bench_die("zstd failed");
		for (size_t i = 0; i < p->count; i++)
			found += memcmp(&raw[i].src, &p->question->source, sizeof(raw[i].src)) == 0;
		ms[k] = (bench_wall() - wall) * 1e3;
	}
	expect("the scan of structs", found, p->question);
	bench_peer_line(p->table, "structs of 48 bytes, zstd -3, scan", (double)size / (double)p->count,
			bench_median(ms, p->rounds < 8 ? p->rounds : 8), "in the process");
	free(raw);
	free(packed);
}

static void try_sqlite(struct bench_peer *p)
{
	char db[320], csv[320], load[400], find[256], source[ADDR_TEXT_MAX];
	char *fill[] = { "sqlite3", "-init", "/dev/null", db,
			 "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
			 "CREATE TABLE r(t INTEGER, tenant INTEGER, src TEXT, sport INTEGER, dst TEXT, dport INTEGER);",
			 load,
			 "CREATE INDEX by_source ON r(src, t); CREATE INDEX by_tenant ON r(tenant, t);", NULL };
	char *search[] = { "sqlite3", "-init", "/dev/null", db, find, NULL };
	struct bench_child child;
	double ms;

	if (!bench_has_program("sqlite3")) {
		bench_peer_missing(p->table, "SQLite, two indexes", "no program sqlite3");
		return;
	}
	snprintf(db, sizeof(db), "%s/rows.sqlite", p->dir);
	snprintf(load, sizeof(load), ".import --csv '%s/numbers.csv' r", p->dir);
	snprintf(csv, sizeof(csv), "%s/numbers.csv", p->dir);
	write_text(csv, p->rows, p->count, true);
	if (bench_run(fill, &child))
		bench_die("sqlite3 failed");
	snprintf(find, sizeof(find), "SELECT count(*), min(t), max(sport) FROM r WHERE src = '%s'",
		 addr_format(&p->question->source, source));
	ms = bench_run_timed(search, p->rounds, &child);
	expect("SQLite", bench_first_number(child.out), p->question);
	bench_peer_line(p->table, "SQLite, two indexes", (double)bench_usage(db, NULL).bytes / (double)p->count, ms,
			"with the program's start");
	bench_remove(db);
	bench_remove(csv);
}

/* Through Node's binding, if someone has installed it: npm install --prefix build/bench @duckdb/node-api */
static void try_duckdb(struct bench_peer *p)
{
	char source[ADDR_TEXT_MAX], rounds[8], csv[320], parquet[320];
	char *run[] = { "node", "tests/bench/duckdb.mjs", csv, parquet, source, rounds, NULL };
	struct bench_child child;
	uint64_t found = 0, us = 0, bytes = 0;
	char *at = child.out;

	snprintf(csv, sizeof(csv), "%s/rows.csv", p->dir);
	snprintf(parquet, sizeof(parquet), "%s/rows.parquet", p->dir);
	snprintf(rounds, sizeof(rounds), "%u", p->rounds);
	addr_format(&p->question->source, source);
	if (!bench_has_program("node") || bench_run(run, &child)) {
		bench_peer_missing(p->table, "DuckDB, Parquet, zstd",
				   "npm install --prefix build/bench @duckdb/node-api");
		return;
	}
	bytes = bench_first_number(at);
	at += strcspn(at, " ");
	found = bench_first_number(at);
	at += *at ? 1 : 0;
	at += strcspn(at, " ");
	us = bench_first_number(at);
	expect("DuckDB", found, p->question);
	bench_peer_line(p->table, "DuckDB, Parquet, zstd", (double)bytes / (double)p->count, (double)us / 1e3,
			"rows by (hour, tenant, source, time)");
}

void bench_peers(const char *dir, const struct bench_set *set, const struct mix_row *rows, size_t count,
		 const struct bench_question *q, double store_bytes, struct bench_table *t)
{
	struct bench_peer p = { dir, rows, count, *q, q, set->rounds, t };
	char csv[320];

	/* The rows in memory are those of the first day. */
	p.counted.rows = 0;
	for (size_t i = 0; i < count; i++)
		p.counted.rows += memcmp(&rows[i].src, &q->source, sizeof(rows[i].src)) == 0;
	p.question = &p.counted;
	bench_table_head(t, "other stores (the same rows, first day)", "bytes/record", "one address", "");
	bench_table_label(t, "sekisho");
	bench_table_cell(t, "%.2f", store_bytes);
	bench_table_cell(t, "above");
	try_text(&p);
	try_raw(&p);
	bench_nfdump(&p);
	try_sqlite(&p);
	try_duckdb(&p);
	snprintf(csv, sizeof(csv), "%s/rows.csv", dir);
	bench_remove(csv);
}
