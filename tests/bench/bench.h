/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of bench-store share: the data set, the rows in memory, the stores
 * made of them, the table of results. Numbers are never estimated: sizes are
 * counted, times are medians of rounds in which what is compared takes turns.
 * An error ends the program (bench_die): a benchmark with a hole in it is none.
 */
#ifndef SEKISHO_BENCH_H
#define SEKISHO_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/record.h"
#include "base/store_dir.h"
#include "mix.h"

struct bench_set {
	const char *name;
	struct mix_options mix;
	unsigned int rounds;
	bool peers; /* other stores are tried with it */
	uint32_t rotate_s; /* a journal is turned over after so many seconds, or 2,000,000 rows */
};

/* --- bench_table.c: label, value, what it is compared with, the two's ratio or a remark --- */
struct bench_table;
struct bench_table *bench_table_new(const char *title);
void bench_table_head(struct bench_table *t, const char *label, const char *value, const char *other,
		      const char *note); /* a line of its own before it */
__attribute__((format(printf, 2, 3))) void bench_table_label(struct bench_table *t, const char *f, ...);
/* The next cell of the line that the last label began. */
__attribute__((format(printf, 2, 3))) void bench_table_cell(struct bench_table *t, const char *f, ...);
void bench_table_print(struct bench_table *t); /* and frees it */

/* --- bench_tool.c --- */
__attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *f, ...);
void *bench_alloc(size_t count, size_t size); /* zeroed */
double bench_cpu(void); /* seconds of this process */
double bench_wall(void); /* seconds */
double bench_median(double *list, size_t count); /* sorts it */
void bench_remove(const char *path); /* with all below it; only below build/ or a directory of the bench */
void bench_mkdir(const char *path);
/* Sums over regular files below path. suffix NULL: all. */
struct bench_usage {
	uint64_t bytes, disk_bytes, files;
};
struct bench_usage bench_usage(const char *path, const char *suffix);
/* Writes what waits to be written; then bench_evict() makes the kernel forget the pages of all files below. */
void bench_settle(const char *path);
void bench_evict(const char *path);
struct bench_child {
	double cpu, wall; /* seconds */
	char out[4096]; /* the begin of what it printed */
};
/* Runs a program and waits for it. -1 when it cannot be run, else its status. */
int bench_run(char *const argv[], struct bench_child *ret_child);
uint64_t bench_peak_kib(void); /* VmHWM of this process */
bool bench_has_program(const char *name);

/* --- bench_feed.c: rows to journals --- */
#define BENCH_FRAME_ROWS 8192
/* A record as the recorder makes it (time_ns is boot time). */
struct record bench_record(const struct mix_options *o, const struct mix_row *row, bool rtt);
const char *bench_tenant(uint32_t tenant, char buf[static 16]);
struct bench_feed;
/* Journals below `path`, turned over as sekishod does. */
struct bench_feed *bench_feed_new(const char *path, const struct bench_set *set, bool rtt);
void bench_feed_rows(struct bench_feed *f, const struct mix_row *rows, size_t count);
void bench_feed_end(struct bench_feed *f);
/* CPU seconds of appending the rows in frames of so many; and the bytes they took. */
double bench_append(const char *path, const struct mix_options *o, const struct mix_row *rows,
		    size_t count, size_t frame_rows, uint64_t *ret_bytes);

/* --- bench_model.c: what simple models say that the rows must cost --- */
enum bench_column {
	COLUMN_TIMES,
	COLUMN_PORTS,
	COLUMN_SOURCES,
	COLUMN_COUNTS,
	COLUMN_DESTINATIONS,
	COLUMN_RTT,
	COLUMNS,
};
extern const char *const bench_column_names[COLUMNS];
struct bench_model;
struct bench_model *bench_model_new(const struct mix_options *o);
void bench_model_day(struct bench_model *m, const struct mix_row *rows, size_t count);
struct bench_floor {
	double bits[COLUMNS]; /* of all rows, in the order (tenant, source, time) */
	double time_order_bits; /* per row: columns for themselves, in the order of time, first day only */
};
struct bench_floor bench_model_end(struct bench_model *m); /* frees it */

/* --- bench_columns.c: reading a store back --- */
struct bench_columns {
	uint64_t rows, sections, blocks, checksum; /* checksum: sum of bench_row_hash() */
	double bits[COLUMNS]; /* of the rows, by the writer's own account */
	uint64_t table_bytes, index_bytes, header_bytes, crc_bytes;
};
uint64_t bench_row_hash(uint32_t tenant, const struct record *utc);
/* Decodes every row; CPU seconds. */
double bench_decode(const char *path, struct bench_columns *ret);
/* Writes every section once more, to account for its bits; the bytes must be those of the store. */
void bench_account(const char *path, struct bench_columns *ret);
/* Bytes that a section of the first n rows costs beyond the rows' own bits. */
double bench_tiny(const char *path, uint32_t n);

/* --- bench_search.c: the one place that knows the search's interface --- */
struct bench_question {
	bool by_source;
	struct addr source;
	uint32_t tenant; /* 0 = all */
	int64_t from_ns, to_ns;
	uint64_t rows; /* that the generator made */
};
uint64_t bench_search(const struct store_dir *store, const struct bench_question *q);

/* --- bench_questions.c --- */
#define BENCH_QUESTIONS 8
struct bench_questions {
	struct bench_question present[BENCH_QUESTIONS], present_tenant[BENCH_QUESTIONS],
		absent[BENCH_QUESTIONS], absent_tenant[BENCH_QUESTIONS], minute[BENCH_QUESTIONS];
};
void bench_questions_choose(struct bench_questions *q, const struct mix_options *o,
			    const struct mix_row *rows, size_t count); /* from the first day */
void bench_questions_count(struct bench_questions *q, const struct mix_row *rows, size_t count);
void bench_questions_ask(const struct bench_questions *q, const char *path, struct bench_table *t);

/* --- bench_peers.c --- */
void bench_peers(const char *dir, const struct bench_set *set, const struct mix_row *rows, size_t count,
		 const struct bench_question *q, double store_bytes, struct bench_table *t);
/* CPU seconds and bytes of zstd -3, one thread, over the rows as structs of 48 bytes. */
double bench_raw_zstd(const struct mix_row *rows, size_t count, uint64_t *ret_bytes);
struct bench_raw {
	int64_t time_ns;
	struct addr src, dst;
	uint16_t src_port, dst_port;
	uint32_t tenant;
};

#endif
