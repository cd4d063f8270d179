// SPDX-License-Identifier: BSD-2-Clause
/* Reading the file, line by line, into the writer's batches. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include <nettle/sha2.h>
#include "base/fs.h"
#include "base/parse.h"
#include "base/text.h"
#include "base/utc.h"
#include "import.h"
#include "seal/adopt.h"
#include "seal/day_closer.h"
#include "import_line.h"
#include "import_tenants.h"
#include "import_writer.h"
#include "schema/journal.h"
#include "schema/segment.h"

#define CHUNK_BYTES (1u << 20)
/* A line and its end. */
#define CARRY_BYTES (IMPORT_LINE_MAX + 2)
#define PROGRESS_NS (NS_PER_SEC / 4)
/* What a row may take in a segment and catalog: an address of IPv6, time and port that nothing tells before. */
#define SEALED_ROW_BYTES 30

struct import {
	const struct store_dir *store;
	const struct import_options *o;
	struct import_result *result;
	struct import_columns columns;
	uint64_t line_number;
	struct import_tenants *tenants;
	size_t tenants_named; /* to the writer */
	struct import_writer *writer;
	struct import_batch *batch; /* NULL: none at hand */
	char *buffer;
	struct sha256_ctx sha;
	int64_t begun_ns, shown_ns;
	struct problem *p;
};

static int64_t monotonic_ns(void)
{
	struct timespec ts = {};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static int at_line(struct import *im, int error, const char *why)
{
	return problem(im->p, error, "%s:%llu: %s", im->o->file, (unsigned long long)im->line_number, why);
}

static void put_batch(struct import *im)
{
	const struct journal_tenant *list;
	size_t count;

	if (!im->batch)
		return;
	list = import_tenants_list(im->tenants, &count);
	im->batch->tenants = list + im->tenants_named;
	im->batch->tenant_count = count - im->tenants_named;
	im->tenants_named = count;
	import_writer_put(im->writer, im->batch);
	im->batch = NULL;
}

/* Room for an opening and its close in one batch. -EPIPE: writing failed. */
static int have_batch(struct import *im)
{
	if (im->batch && im->batch->count + 2 > IMPORT_BATCH_ROWS)
		put_batch(im);
	if (!im->batch)
		im->batch = import_writer_batch(im->writer);
	return im->batch ? 0 : -EPIPE;
}

static void take_row(struct import *im, const struct import_line *line, uint32_t tenant)
{
	struct import_result *r = im->result;
	struct record *row = &im->batch->rows[im->batch->count++];
	int64_t last_ns = line->closed ? line->close_ns : line->row.time_ns;

	*row = line->row;
	row->tenant = tenant;
	if (line->closed) {
		row = &im->batch->rows[im->batch->count++];
		import_line_close_row(line, row);
		row->tenant = tenant;
		r->close_rows++;
	}
	if (!r->rows || line->row.time_ns < r->first_ns)
		r->first_ns = line->row.time_ns;
	if (!r->rows || last_ns > r->last_ns)
		r->last_ns = last_ns;
	r->rows += 1u + line->closed;
	r->lines++;
}

/* A line without its newline. */
static int take_line(struct import *im, const char *text, size_t size)
{
	struct import_line line;
	struct problem why;
	uint32_t tenant;
	int error;

	im->line_number++;
	if (size && text[size - 1] == '\r')
		size--;
	if (size > IMPORT_LINE_MAX)
		return at_line(im, -EINVAL, "longer than 512 bytes: expected a line of CSV");
	if (im->line_number == 1) {
		error = import_line_header(text, size, &im->columns, &why);
		return error ? at_line(im, error, why.text) : 0;
	}
	error = import_line_parse(&im->columns, text, size, &line, &why);
	if (error)
		return at_line(im, error, why.text);
	error = have_batch(im);
	if (error)
		return error;
	error = import_tenants_number(im->tenants, line.tenant, line.tenant_size, &tenant);
	if (error)
		return at_line(im, error, "more than 65536 tenants in one import: split the file");
	take_row(im, &line, tenant);
	return 0;
}

/* All whole lines of the buffer; what is left is moved to its front. */
static int take_lines(struct import *im, size_t *size)
{
	const char *at = im->buffer, *end = im->buffer + *size, *newline;
	int error = 0;

	while (!error && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		error = take_line(im, at, (size_t)(newline - at));
		at = newline + 1;
	}
	if (error)
		return error;
	*size = (size_t)(end - at);
	if (*size >= CARRY_BYTES)
		return take_line(im, at, *size); /* too long, whatever follows */
	memmove(im->buffer, at, *size);
	return 0;
}

static int interrupted(struct import *im)
{
	return problem(im->p, -EINTR, "interrupted: nothing was stored");
}

static bool stopped(const struct import *im)
{
	return im->o->stop && *im->o->stop;
}

/* As read(), but a signal that ends the import is not missed while it waits. */
static int read_some(struct import *im, char *to, size_t *ret_size)
{
	struct pollfd input = { .fd = im->o->fd, .events = POLLIN };

	for (;;) {
		ssize_t n;

		if (stopped(im))
			return interrupted(im);
		if (ppoll(&input, 1, NULL, im->o->waiting) < 0 && errno != EINTR)
			return problem(im->p, -errno, "cannot read %s: %s", im->o->file, strerror(errno));
		if (stopped(im))
			continue;
		n = read(im->o->fd, to, CHUNK_BYTES);
		if (n >= 0) {
			*ret_size = (size_t)n;
			return 0;
		}
		if (errno != EINTR && errno != EAGAIN)
			return problem(im->p, -errno, "cannot read %s: %s", im->o->file, strerror(errno));
	}
}

/* Sections are written before the journal goes: both have to fit in. A file system that does not tell is taken. */
static int check_room(struct import *im)
{
	struct statvfs v;
	uint64_t keep, need = im->result->rows * SEALED_ROW_BYTES;
	char kept[16];

	if (fstatvfs(im->store->journal, &v) < 0)
		return 0;
	keep = room_limit_bytes(&im->o->room, (uint64_t)v.f_blocks * v.f_frsize);
	if (!keep || (uint64_t)v.f_bavail * v.f_frsize >= keep + need)
		return 0;
	return problem(im->p, -ENOSPC,
		       "%s:%llu: the disk would have less room than min_free (%s) when these rows are sealed: nothing was stored",
		       im->o->file, (unsigned long long)im->line_number, format_bytes(keep, kept));
}

static void tell(struct import *im)
{
	int64_t now = monotonic_ns();

	if (!im->o->progress || now - im->shown_ns < PROGRESS_NS)
		return;
	im->shown_ns = now;
	im->result->read_ns = now - im->begun_ns;
	im->o->progress(im->result);
}

static int read_all(struct import *im)
{
	size_t held = 0, more = 0;
	int error;

	do {
		error = check_room(im);
		if (!error)
			error = read_some(im, im->buffer + held, &more);
		if (error)
			return error;
		sha256_update(&im->sha, more, (const uint8_t *)im->buffer + held);
		held += more;
		im->result->bytes += more;
		if (more)
			error = take_lines(im, &held);
		else if (held)
			error = take_line(im, im->buffer, held);
		tell(im);
	} while (!error && more);
	if (!error && !im->line_number) {
		im->line_number = 1;
		return at_line(im, -EINVAL, "empty: expected a header line");
	}
	return error;
}

/* The journal is there but for its name: the line makes it count. */
static int state_and_publish(struct import *im)
{
	struct import_result *r = im->result;
	struct custody_import line = { .rows = r->rows, .tenants = r->tenants, .bytes = r->bytes,
				       .first_ns = r->first_ns, .last_ns = r->last_ns,
				       .reason = im->o->reason, .uid = getuid() };
	struct problem why;
	int error = import_writer_settle(im->writer, &line.journal_id, im->p);

	if (error)
		return error;
	memcpy(line.sha256, r->sha256, sizeof(line.sha256));
	import_writer_keep(im->writer, true);
	error = custody_import_write(im->store, &line, im->p);
	if (error) {
		/* Whether the line stands the next sweep will see. */
		import_writer_keep(im->writer, error == -ENOTRECOVERABLE);
		return error;
	}
	error = import_writer_publish(im->writer, r->journal, &r->journal_bytes, &why);
	/* A name that only may be lost again with the power comes back then. */
	r->unnamed = error && faccessat(im->store->journal, r->journal, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
	return r->unnamed ? problem(im->p, error,
				    "%s; the rows are stored and stated in custody, and can be searched once the next import or start of sekishod has given the journal its name",
				    why.text) : 0;
}

/* -EPIPE of the reading side means that the writer knows why. */
static int finish(struct import *im, int error)
{
	struct import_result *r = im->result;
	size_t count;
	uint64_t ignored;

	sha256_digest(&im->sha, sizeof(r->sha256), r->sha256);

	put_batch(im);
	import_tenants_list(im->tenants, &count);
	r->tenants = count;
	r->new_tenants = import_tenants_new(im->tenants);
	if (error && error != -EPIPE)
		return error;
	/* What came since the last read: after this it is too late. */
	(void)ppoll(NULL, 0, &(struct timespec){}, im->o->waiting);
	if (stopped(im))
		return interrupted(im);
	if (error) /* of the writer, which tells it */
		return import_writer_settle(im->writer, &ignored, im->p);
	return r->rows ? state_and_publish(im) : 0;
}

int import_read(const struct store_dir *store, const struct import_options *o,
		struct import_result *ret_result, struct problem *p)
{
	struct import im = { .store = store, .o = o, .result = ret_result, .p = p };
	int error;

	memset(ret_result, 0, sizeof(*ret_result));
	im.begun_ns = im.shown_ns = monotonic_ns();
	sha256_init(&im.sha);
	error = adopt_imports(store, p);
	if (error)
		return error;
	im.buffer = malloc(CARRY_BYTES + CHUNK_BYTES);
	error = im.buffer ? import_tenants_open(store, &im.tenants, p) :
			    problem(p, -ENOMEM, "out of memory");
	if (!error)
		error = import_writer_start(store->journal, o->reason,
					    o->journal_max ? o->journal_max : JOURNAL_FILE_MAX,
					    &im.writer, p);
	if (!error)
		error = finish(&im, read_all(&im));
	import_writer_stop(im.writer);
	import_tenants_close(im.tenants);
	free(im.buffer);
	ret_result->read_ns = monotonic_ns() - im.begun_ns;
	return error;
}

/* Days long past get their trailers at once; those that sekishod still records are its own. */
static int close_days(const struct store_dir *store, struct seal_result *result, struct problem *p)
{
	struct day_closer closer = { .swept = true, .swept_on = utc_day(utc_now_ns()) };
	struct problem note;
	int error;

	day_closer_note(&closer, result);
	error = day_closer_run(&closer, store, utc_now_ns(), result, &note, p);
	day_closer_done(&closer);
	return error;
}

int import_seal(const struct store_dir *store, struct import_result *r, struct problem *p)
{
	int64_t begun_ns = monotonic_ns();
	int lock = fs_lock(store->root, "lock", 0), error;

	if (lock == -EBUSY)
		return 0;
	if (lock < 0)
		return problem(p, lock, "cannot lock the store: %s", strerror(-lock));
	error = seal_imports(store, &r->seal, p);
	if (!error)
		error = close_days(store, &r->seal, p);
	close(lock);
	r->sealed = !error;
	r->seal_ns = monotonic_ns() - begun_ns;
	return error;
}

int import_check_reason(const char *reason, struct problem *p)
{
	size_t size = strlen(reason);

	if (!size)
		return problem(p, -EINVAL, "--reason \"\": expected a text");
	if (size > SECTION_CUSTODY_MAX)
		return problem(p, -EINVAL, "--reason has %zu bytes: expected at most %d", size,
			       SECTION_CUSTODY_MAX);
	if (!text_is_plain(reason, size))
		return problem(p, -EINVAL,
			       "--reason \"%.80s\": expected one line of UTF-8 without control characters",
			       reason);
	return 0;
}
