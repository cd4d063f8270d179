/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the store share: a generator with a fixed seed, rows, whole
 * files, a full disk. Instants are fixed, so that no result depends on the day.
 */
#ifndef SEKISHO_FIXTURE_H
#define SEKISHO_FIXTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include "base/addr.h"
#include "base/anchor.h"
#include "base/gap.h"
#include "base/record.h"
#include "base/store_dir.h"
#include "base/utc.h"
#include "journal/journal.h"
#include "segment/section_reader.h"
#include "segment/segment.h"

/* 2026-03-10T00:00:00Z, and what CLOCK_BOOTTIME is then in every fixture. */
#define DAY_NUMBER 20522
#define DAY_NS (DAY_NUMBER * NS_PER_DAY)
#define BOOT_NS (UINT64_C(500000) * 1000000000)
#define MS INT64_C(1000000)

/* splitmix64 */
struct rng {
	uint64_t state;
};
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0..n-1 */

struct addr an_addr(const char *text);
struct prefix a_prefix(const char *text);
int64_t a_time(const char *text);

/* Every column filled, addresses of both families, some columns zero in some rows. */
void random_rows(struct rng *r, struct record *rows, size_t count, int64_t from_ns, int64_t span_ns);
/* A plain row: 198.51.100.n -> 192.0.2.1:443, tenant 1, consent 1. */
struct record plain_row(int64_t time_ns, unsigned int n);
bool same_rows(const struct record *a, const struct record *b, size_t count);

/* Whole files. read_file: caller frees. write_file replaces. */
uint8_t *read_file(int dir_fd, const char *name, size_t *ret_size);
void write_file(int dir_fd, const char *name, const void *data, size_t size);
long long size_of(int dir_fd, const char *name); /* -1: not there */
unsigned int mode_of_file(int dir_fd, const char *name);
size_t count_files(int dir_fd, const char *suffix);
/* The only name with that suffix. */
void only_name(int dir_fd, const char *suffix, char ret_name[static 64]);

/* Writes past `bytes` of any file fail until the second call, as on a full disk. */
struct rlimit disk_full_at(rlim_t bytes);
void disk_has_space(struct rlimit before);

/* Runs fn in a child, which must not use CHECK; 0 when it returned 0, else what it returned or the
 * signal's number. For input on which a sanitizer may abort. */
int in_child(int (*fn)(void *ctx), void *ctx);

/* A store in the test's own directory. */
struct store_dir a_store(void);
/* As a copy of journals and segments without their ledger: what was changed is told by the files alone. */
void forget_custody(const struct store_dir *store);

/* A journal of ring 7 with the tenants t1 (number 1, consent 1), t2 (2, 2) and an anchor BOOT_NS = DAY_NS. */
struct journal *a_journal(int dir_fd);
/* Rows with UTC times are appended as boot times of that anchor. */
void put_rows(struct journal *j, const struct record *rows, size_t count, uint64_t ring_end);
/* Makes the header of a journal file say when it was created (the real clock would leak into spans). */
void set_created(int dir_fd, const char *name, int64_t utc_ns);
/* Closes it, created at DAY_NS, and gives its name. */
void end_journal(int dir_fd, struct journal *j, char ret_name[static 64]);

/* Makes the rows those of the section; they live as long as the next few dozen of calls. */
void set_rows(struct segment_section *s, const struct record *rows, size_t count);
/* All rows of a section as records, its gaps (added to *out), its clock (*out is the caller's). */
int read_section(struct segment_reader *r, const struct section *s, struct record *rows);
int read_gaps(struct segment_reader *r, const struct section *s, struct gaps *out);
int read_clock(struct segment_reader *r, const struct section *s, struct clock_pieces *out);

/* Recomputes a journal's header checksum after an edit. */
void fix_header(uint8_t *file);
/* The same for a segment's header. */
void fix_segment_header(uint8_t *file);
/* The same for a section's header; `offset` is where it lies in its file. */
void fix_section_header(uint8_t *section, uint64_t file_id, uint64_t offset);

#endif
