// SPDX-License-Identifier: BSD-2-Clause
/* The run of one data set. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/utc.h"
#include "bench_set.h"
#include "schema/journal.h"

#define ROUNDS_MAX 8
#define APPEND_ROWS 2000000
#define APPENDS 3

static const size_t append_rows[APPENDS] = { 1000, 8192, 65536 };

struct kind { /* with or without round-trip times */
	char journals[512], store[512];
	uint64_t checksum;
	struct bench_usage journal_usage, usage, segments, catalogs;
	double cpu[ROUNDS_MAX], wall[ROUNDS_MAX], decode_rate, close_cpu;
	uint64_t open_bytes; /* of the catalogs before the days were closed */
	uint64_t peak_kib;
	struct bench_columns columns;
};

struct run {
	const struct bench_set *set;
	char path[256];
	struct kind bare, rtt;
	struct bench_questions questions;
	struct bench_floor floor;
	struct mix_row *first_day;
	size_t first_rows;
	uint64_t rows;
	double append_cpu[APPENDS][ROUNDS_MAX], zstd_cpu[ROUNDS_MAX], append_size[APPENDS];
	size_t appended;
	uint64_t zstd_bytes;
	struct bench_table *table;
};

static void add_checksums(struct run *run, const struct mix_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct record bare = bench_record(&run->set->mix, &rows[i], false);
		struct record rtt = bench_record(&run->set->mix, &rows[i], true);

		bare.time_ns = rtt.time_ns = rows[i].time_ns;
		run->bare.checksum += bench_row_hash(rows[i].tenant, &bare);
		run->rtt.checksum += bench_row_hash(rows[i].tenant, &rtt);
	}
}

static void take_day(struct run *run, struct bench_model *model, const struct mix_row *rows, size_t count)
{
	if (!run->first_day) {
		bench_questions_choose(&run->questions, &run->set->mix, rows, count);
		run->first_day = bench_alloc(count, sizeof(*rows));
		memcpy(run->first_day, rows, count * sizeof(*rows));
		run->first_rows = count;
	}
	run->rows += count;
	bench_questions_count(&run->questions, rows, count);
	add_checksums(run, rows, count);
	bench_model_day(model, rows, count);
}

/* Journals of all days, both kinds, and what the rows must cost. */
static void make_data(struct run *run)
{
	struct mix *mix = mix_new(&run->set->mix);
	struct bench_model *model = bench_model_new(&run->set->mix);
	struct bench_feed *bare = bench_feed_new(run->bare.journals, run->set, false);
	struct bench_feed *rtt = bench_feed_new(run->rtt.journals, run->set, true);
	const struct mix_row *rows;
	size_t count;

	if (!mix)
		bench_die("out of memory");
	while ((count = mix_next_day(mix, &rows)) > 0) {
		take_day(run, model, rows, count);
		bench_feed_rows(bare, rows, count);
		bench_feed_rows(rtt, rows, count);
	}
	bench_feed_end(bare);
	bench_feed_end(rtt);
	run->floor = bench_model_end(model);
	mix_free(mix);
	run->bare.journal_usage = bench_usage(run->bare.journals, JOURNAL_SUFFIX);
	run->rtt.journal_usage = bench_usage(run->rtt.journals, JOURNAL_SUFFIX);
}

/* A new store that holds the journals, which stay where they are too. */
static void fill_store(const struct kind *kind)
{
	struct store_dir from, to;
	struct problem p;
	char **names;
	size_t count;

	bench_remove(kind->store);
	if (store_open(kind->journals, 0, &from, &p) || store_open(kind->store, 1, &to, &p))
		bench_die("%s", p.text);
	if (fs_list(from.journal, JOURNAL_SUFFIX, &names, &count))
		bench_die("cannot list %s/journal", kind->journals);
	for (size_t i = 0; i < count; i++)
		if (linkat(from.journal, names[i], to.journal, names[i], 0) < 0)
			bench_die("cannot link %s: %s", names[i], strerror(errno));
	fs_free_names(names, count);
	store_close(&from);
	store_close(&to);
}

static uint64_t read_number(const char **at)
{
	uint64_t v = 0;

	while (**at == ' ')
		(*at)++;
	for (; **at >= '0' && **at <= '9'; (*at)++)
		v = v * 10 + (uint64_t)(**at - '0');
	return v;
}

static void seal(struct run *run, struct kind *kind, unsigned int round)
{
	char *argv[] = { "/proc/self/exe", "--seal", kind->store, NULL };
	struct bench_child child;
	const char *at = child.out;
	uint64_t rows;

	fill_store(kind);
	if (bench_run(argv, &child))
		bench_die("sealing failed");
	rows = read_number(&at);
	(void)read_number(&at);
	if (rows != run->rows)
		bench_die("sealed %llu of %llu rows", (unsigned long long)rows, (unsigned long long)run->rows);
	kind->peak_kib = read_number(&at);
	kind->cpu[round] = child.cpu;
	kind->wall[round] = child.wall;
}

/* As a node's days are once they are over: with trailers, and one catalog for each, made in one piece. */
static void close_days(struct run *run, struct kind *kind)
{
	char *argv[] = { "/proc/self/exe", "--close", kind->store, NULL }, catalog[600];
	struct bench_child child;
	const char *at = child.out;

	snprintf(catalog, sizeof(catalog), "%s/catalog", kind->store);
	kind->open_bytes = bench_usage(catalog, NULL).bytes;
	if (bench_run(argv, &child) || read_number(&at) != run->set->mix.days)
		bench_die("not all days of %s could be closed", kind->store);
	kind->close_cpu = child.cpu;
}

/* What is compared takes turns, so that a busy neighbour disturbs all alike. */
static void run_rounds(struct run *run)
{
	char path[512];

	run->appended = run->first_rows < APPEND_ROWS ? run->first_rows : APPEND_ROWS;
	snprintf(path, sizeof(path), "%s/append", run->path);
	for (unsigned int r = 0; r < run->set->rounds; r++) {
		for (unsigned int i = 0; i < APPENDS; i++) {
			uint64_t bytes;

			run->append_cpu[i][r] = bench_append(path, &run->set->mix, run->first_day, run->appended,
							     append_rows[i], &bytes);
			run->append_size[i] = (double)bytes / (double)run->appended;
		}
		seal(run, &run->bare, r);
		run->zstd_cpu[r] = bench_raw_zstd(run->first_day, run->first_rows, &run->zstd_bytes);
		seal(run, &run->rtt, r);
	}
}

static void read_back(struct run *run, struct kind *kind)
{
	struct bench_columns decoded = {};
	double cpu = bench_decode(kind->store, &decoded);
	char path[600];

	kind->decode_rate = (double)decoded.rows / cpu;
	if (decoded.rows != run->rows || decoded.checksum != kind->checksum)
		bench_die("%s does not hold the rows that were made", kind->store);
	bench_account(kind->store, &kind->columns);
	kind->usage = bench_usage(kind->store, NULL);
	snprintf(path, sizeof(path), "%s/segments", kind->store);
	kind->segments = bench_usage(path, ".sks");
	snprintf(path, sizeof(path), "%s/catalog", kind->store);
	kind->catalogs = bench_usage(path, NULL);
}

static void size_line(struct run *run, const char *name, double bytes, double floor_bits, const char *note)
{
	double rows = (double)run->rows;

	bench_table_label(run->table, "%s", name);
	bench_table_cell(run->table, "%.3f", bytes / rows);
	bench_table_cell(run->table, floor_bits ? "%.3f" : "", floor_bits / 8 / rows);
	if (floor_bits)
		bench_table_cell(run->table, "%.3f x%s%s", bytes * 8 / floor_bits, *note ? "; " : "", note);
	else
		bench_table_cell(run->table, "%s", note);
}

static void show_sizes(struct run *run)
{
	const struct bench_columns *c = &run->rtt.columns;
	double bare_floor = 0, catalogs = (double)run->rtt.catalogs.bytes;
	double other = (double)run->rtt.usage.bytes - (double)run->rtt.segments.bytes - catalogs;
	double file_headers = (double)run->rtt.segments.bytes - (double)(c->table_bytes + c->index_bytes +
									    c->header_bytes + c->crc_bytes);
	char note[96];

	for (unsigned int i = 0; i < COLUMNS; i++) {
		bare_floor += i == COLUMN_RTT ? 0 : run->floor.bits[i];
		file_headers -= c->bits[i] / 8;
	}
	bench_table_head(run->table, "size", "bytes/record", "entropy floor", "");
	snprintf(note, sizeof(note), "bar 7.5 and 1.05 x; on disk %.3f in %llu files",
		 (double)run->bare.usage.disk_bytes / (double)run->rows,
		 (unsigned long long)run->bare.usage.files);
	size_line(run, "whole store, address, port, time", (double)run->bare.usage.bytes, bare_floor, note);
	snprintf(note, sizeof(note), "bar 8.7; on disk %.3f", (double)run->rtt.usage.disk_bytes / (double)run->rows);
	size_line(run, "whole store with round-trip times", (double)run->rtt.usage.bytes,
		  bare_floor + run->floor.bits[COLUMN_RTT], note);
	for (unsigned int i = 0; i < COLUMNS; i++)
		size_line(run, bench_column_names[i], c->bits[i] / 8, run->floor.bits[i], "of which");
	size_line(run, "code tables", (double)c->table_bytes, 0, "of which");
	size_line(run, "index", (double)c->index_bytes, 0, "of which");
	snprintf(note, sizeof(note), "of which; %llu sections", (unsigned long long)c->sections);
	size_line(run, "other headers of sections", (double)c->header_bytes, 0, note);
	size_line(run, "checksums of blocks", (double)c->crc_bytes, 0, "of which");
	snprintf(note, sizeof(note), "of which; begun and rounded bytes of blocks too");
	size_line(run, "headers of files", file_headers, 0, note);
	snprintf(note, sizeof(note), "of which; %.3f before the days were closed",
		 (double)run->rtt.open_bytes / (double)run->rows);
	size_line(run, "day catalogs", catalogs, 0, note);
	size_line(run, "ledgers and keys", other, 0, "of which");
	size_line(run, "independent columns, order of time", run->floor.time_order_bits / 8 * (double)run->rows, 0,
		  "for reference: entropy, first day");
}

static void show_tiny(struct run *run)
{
	static const uint32_t rows[] = { 1, 10, 100 };

	bench_table_head(run->table, "overhead", "bytes/section", "", "");
	for (unsigned int i = 0; i < 3; i++) {
		bench_table_label(run->table, "section of %u rows beyond their bits", rows[i]);
		bench_table_cell(run->table, "%.1f", bench_tiny(run->bare.store, rows[i]));
		bench_table_cell(run->table, "%s", "");
		bench_table_cell(run->table, "bar 100");
	}
}

static void show_journals(struct run *run)
{
	bench_table_head(run->table, "journal", "records/s", "bytes/record", "");
	for (unsigned int i = 0; i < APPENDS; i++) {
		bench_table_label(run->table, "append, %zu rows a frame", append_rows[i]);
		bench_table_cell(run->table, "%.2f M", (double)run->appended / 1e6 /
				 bench_median(run->append_cpu[i], run->set->rounds));
		bench_table_cell(run->table, "%.2f", run->append_size[i]);
		bench_table_cell(run->table, "bar 5 M; with round-trip times");
	}
	bench_table_label(run->table, "whole journals, %u rows a frame", BENCH_FRAME_ROWS);
	bench_table_cell(run->table, "%s", "");
	bench_table_cell(run->table, "%.2f", (double)run->bare.journal_usage.bytes / (double)run->rows);
	bench_table_cell(run->table, "%llu files, without round-trip times",
			 (unsigned long long)run->bare.journal_usage.files);
}

static void show_seal(struct run *run, struct kind *kind, const char *name, double zstd_rate)
{
	double rate = (double)run->rows / bench_median(kind->cpu, run->set->rounds);

	bench_table_label(run->table, "%s", name);
	bench_table_cell(run->table, "%.2f M", rate / 1e6);
	bench_table_cell(run->table, "%.2f x", rate / zstd_rate);
	bench_table_cell(run->table, "bar 3 M and 2 x; wall %.2f M; peak %llu MiB, bar 512",
			 (double)run->rows / 1e6 / bench_median(kind->wall, run->set->rounds),
			 (unsigned long long)kind->peak_kib / 1024);
}

static void show_rates(struct run *run)
{
	double zstd_rate = (double)run->first_rows / bench_median(run->zstd_cpu, run->set->rounds);

	bench_table_head(run->table, "sealing and decoding", "records/s", "to zstd -3", "");
	bench_table_label(run->table, "zstd -3 on structs of 48 bytes");
	bench_table_cell(run->table, "%.2f M", zstd_rate / 1e6);
	bench_table_cell(run->table, "1");
	bench_table_cell(run->table, "%.2f bytes/record", (double)run->zstd_bytes / (double)run->first_rows);
	show_seal(run, &run->bare, "seal", zstd_rate);
	show_seal(run, &run->rtt, "seal with round-trip times", zstd_rate);
	bench_table_label(run->table, "close the days: trailers, catalogs");
	bench_table_cell(run->table, "%.2f M", (double)run->rows / 1e6 / run->bare.close_cpu);
	bench_table_cell(run->table, "%s", "");
	bench_table_cell(run->table, "once a day, ten minutes after its end");
	bench_table_label(run->table, "decode every row");
	bench_table_cell(run->table, "%.2f M", run->bare.decode_rate / 1e6);
	bench_table_cell(run->table, "%s", "");
	bench_table_cell(run->table, "with round-trip times %.2f M; all rows as made", run->rtt.decode_rate / 1e6);
}

static void name_dirs(struct run *run, struct kind *kind, const char *name)
{
	snprintf(kind->journals, sizeof(kind->journals), "%s/journals-%s", run->path, name);
	snprintf(kind->store, sizeof(kind->store), "%s/store-%s", run->path, name);
}

void bench_set_run(const char *dir, const struct bench_set *set)
{
	struct run *run = bench_alloc(1, sizeof(*run));
	char title[160];

	run->set = set;
	snprintf(run->path, sizeof(run->path), "%s/bench-%s", dir, set->name);
	snprintf(title, sizeof(title), "%s: %llu records, %u days, %u tenants, seed %llu; sealed every %.3g h; %u rounds",
		 set->name,
		 (unsigned long long)set->mix.records, set->mix.days, set->mix.tenants,
		 (unsigned long long)set->mix.seed, set->rotate_s / 3600.0, set->rounds);
	bench_remove(run->path);
	bench_mkdir(run->path);
	name_dirs(run, &run->bare, "bare");
	name_dirs(run, &run->rtt, "rtt");
	run->table = bench_table_new(title);
	make_data(run);
	run_rounds(run);
	close_days(run, &run->bare);
	close_days(run, &run->rtt);
	read_back(run, &run->bare);
	read_back(run, &run->rtt);
	show_sizes(run);
	show_tiny(run);
	show_journals(run);
	show_rates(run);
	bench_questions_ask(&run->questions, run->bare.store, run->table);
	if (set->peers)
		bench_peers(run->path, set, run->first_day, run->first_rows, &run->questions.present[0],
			    (double)run->bare.usage.bytes / (double)run->rows, run->table);
	bench_table_print(run->table);
	bench_remove(run->path);
	free(run->first_day);
	free(run);
}
