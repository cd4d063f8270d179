// SPDX-License-Identifier: BSD-2-Clause
/* Runs in one unlinked file, merged with a heap. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "array.h"
#include "fs.h"
#include "heap.h"
#include "spool.h"

#define FIRST_RECORDS 256
#define RUN_RECORDS_LEAST 16 /* read at once from a run while merging */

struct run {
	uint64_t begin, end; /* in the file */
	uint64_t at; /* what is read next */
	uint8_t *records; /* read ahead */
	size_t have, next;
};

struct spool {
	struct spool_kind kind;
	int dir_fd, fd;
	uint8_t *scratch; /* one record */
	uint8_t *buffer;
	size_t used, room; /* records */
	uint64_t count, file_bytes;
	struct run *runs;
	size_t run_count, run_capacity;
	uint8_t *ahead; /* all runs' read-ahead */
	size_t ahead_records; /* of each run */
	size_t *heap, heap_count; /* indexes of runs, least record first */
	size_t next; /* without runs: in the buffer */
	bool sorted;
};

int spool_new(const struct spool_kind *kind, int dir_fd, struct spool **ret_spool)
{
	struct spool *s = calloc(1, sizeof(*s));

	if (s)
		s->scratch = malloc(kind->record_bytes);
	if (!s || !s->scratch) {
		free(s);
		return -ENOMEM;
	}
	s->kind = *kind;
	s->dir_fd = dir_fd;
	s->fd = -1;
	*ret_spool = s;
	return 0;
}

void spool_free(struct spool *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->scratch);
	free(s->buffer);
	free(s->runs);
	free(s->ahead);
	free(s->heap);
	free(s);
}

static uint8_t *record_at(const struct spool *s, size_t i)
{
	return s->buffer + i * s->kind.record_bytes;
}

/* Some file systems have no O_TMPFILE. */
static int make_named(int dir_fd)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), ".spool-%ld-%p.tmp", (long)getpid(), (void *)name);
	fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (unlinkat(dir_fd, name, 0) == 0)
		return fd;
	close(fd);
	return -EIO;
}

static int make_file(struct spool *s)
{
	if (s->fd >= 0)
		return 0;
	s->fd = openat(s->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		s->fd = make_named(s->dir_fd);
	else if (s->fd < 0)
		return -errno;
	return s->fd < 0 ? s->fd : 0;
}

/* Equal neighbours become one; returns how many are left. */
static size_t combine_neighbours(struct spool *s)
{
	size_t size = s->kind.record_bytes, kept = s->used > 0;

	if (!s->kind.combine)
		return s->used;
	for (size_t i = 1; i < s->used; i++) {
		uint8_t *last = record_at(s, kept - 1);

		if (s->kind.compare(last, record_at(s, i)) == 0)
			s->kind.combine(last, record_at(s, i));
		else if (kept++ != i)
			memcpy(record_at(s, kept - 1), record_at(s, i), size);
	}
	return kept;
}

static void sort_buffer(struct spool *s)
{
	if (s->used > 1)
		qsort(s->buffer, s->used, s->kind.record_bytes, s->kind.compare);
	s->used = combine_neighbours(s);
}

static int write_run(struct spool *s)
{
	size_t bytes = s->used * s->kind.record_bytes;
	int error = make_file(s);

	if (!error && ARRAY_RESERVE(s->runs, s->run_count, s->run_capacity))
		error = -ENOMEM;
	if (!error)
		error = fs_pwrite_all(s->fd, s->buffer, bytes, (off_t)s->file_bytes);
	if (error)
		return error;
	s->runs[s->run_count++] = (struct run){ .begin = s->file_bytes, .end = s->file_bytes + bytes };
	s->file_bytes += bytes;
	s->used = 0;
	return 0;
}

/* Room for one more record: a larger buffer, or an emptied one. */
static int make_room(struct spool *s)
{
	size_t most = s->kind.memory_bytes / s->kind.record_bytes, wanted;
	uint8_t *grown;

	if (s->room < most || !s->room) {
		wanted = s->room ? 2 * s->room : FIRST_RECORDS;
		wanted = wanted > most && most ? most : wanted;
		grown = reallocarray(s->buffer, wanted, s->kind.record_bytes);
		if (!grown)
			return -ENOMEM;
		s->buffer = grown;
		s->room = wanted;
		return 0;
	}
	sort_buffer(s);
	/* Combining may have made enough room. */
	return s->used <= s->room / 2 ? 0 : write_run(s);
}

int spool_add(struct spool *s, const void *record)
{
	int error = s->used == s->room ? make_room(s) : 0;

	if (error)
		return error;
	memcpy(record_at(s, s->used++), record, s->kind.record_bytes);
	s->count++;
	return 0;
}

uint64_t spool_count(const struct spool *s)
{
	return s->count;
}

bool spool_spilled(const struct spool *s)
{
	return s->run_count > 0;
}

static const void *first_of(const struct spool *s, size_t run)
{
	return s->runs[run].records + s->runs[run].next * s->kind.record_bytes;
}

static int compare_runs(const void *ctx, size_t a, size_t b)
{
	const struct spool *s = ctx;

	return s->kind.compare(first_of(s, a), first_of(s, b));
}

/* 1: the run has a record; 0: it is at its end. */
static int fill(struct spool *s, struct run *r)
{
	size_t size = s->kind.record_bytes;
	uint64_t left = (r->end - r->at) / size;
	size_t n = left < s->ahead_records ? (size_t)left : s->ahead_records;
	int error;

	if (r->next < r->have)
		return 1;
	if (!n)
		return 0;
	error = fs_pread_all(s->fd, r->records, n * size, (off_t)r->at);
	if (error)
		return error;
	r->at += n * size;
	r->have = n;
	r->next = 0;
	return 1;
}

static int begin_merge(struct spool *s)
{
	int state;

	s->heap_count = 0;
	for (size_t i = 0; i < s->run_count; i++) {
		struct run *r = &s->runs[i];

		r->records = s->ahead + i * s->ahead_records * s->kind.record_bytes;
		r->at = r->begin;
		r->have = r->next = 0;
		state = fill(s, r);
		if (state < 0)
			return state;
		if (state)
			s->heap[s->heap_count++] = i;
	}
	heap_make(s->heap, s->heap_count, compare_runs, s);
	return 0;
}

int spool_sort(struct spool *s)
{
	int error;

	if (s->sorted)
		return spool_rewind(s);
	sort_buffer(s);
	s->sorted = true;
	if (!s->run_count)
		return 0;
	error = s->used ? write_run(s) : 0;
	if (error)
		return error;
	free(s->buffer);
	s->buffer = NULL;
	s->room = 0;
	s->ahead_records = s->kind.memory_bytes / s->kind.record_bytes / s->run_count;
	if (s->ahead_records < RUN_RECORDS_LEAST)
		s->ahead_records = RUN_RECORDS_LEAST;
	s->ahead = reallocarray(NULL, s->run_count * s->ahead_records, s->kind.record_bytes);
	s->heap = calloc(s->run_count, sizeof(*s->heap));
	return s->ahead && s->heap ? begin_merge(s) : -ENOMEM;
}

int spool_rewind(struct spool *s)
{
	s->next = 0;
	return s->run_count ? begin_merge(s) : 0;
}

/* Takes the least record off the merge: 1, 0 at the end, or an I/O error. */
static int pop(struct spool *s, void *ret_record)
{
	struct run *r;
	int state;

	if (!s->heap_count)
		return 0;
	r = &s->runs[s->heap[0]];
	memcpy(ret_record, first_of(s, s->heap[0]), s->kind.record_bytes);
	r->next++;
	state = fill(s, r);
	if (state < 0)
		return state;
	if (!state)
		s->heap[0] = s->heap[--s->heap_count];
	heap_sift(s->heap, s->heap_count, 0, compare_runs, s);
	return 1;
}

int spool_next(struct spool *s, void *ret_record)
{
	int state;

	if (!s->run_count) {
		if (s->next == s->used)
			return 0;
		memcpy(ret_record, record_at(s, s->next++), s->kind.record_bytes);
		return 1;
	}
	state = pop(s, ret_record);
	while (state > 0 && s->kind.combine && s->heap_count &&
	       s->kind.compare(ret_record, first_of(s, s->heap[0])) == 0) {
		state = pop(s, s->scratch);
		if (state > 0)
			s->kind.combine(ret_record, s->scratch);
	}
	return state;
}
