// SPDX-License-Identifier: BSD-2-Clause
/* From the generator's rows to journals, as the recorder would have written them. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/rtt.h"
#include "base/utc.h"
#include "bench.h"
#include "journal/journal.h"
#include "schema/event.h"
#include "schema/journal.h"

/* CLOCK_BOOTTIME at the begin of the data. */
#define BOOT_NS (INT64_C(500000) * NS_PER_SEC)
#define ROTATE_ROWS 2000000
#define ANCHOR_NS (10 * NS_PER_SEC)

static int64_t begin_ns(const struct mix_options *o)
{
	return (int64_t)o->first_day * NS_PER_DAY;
}

const char *bench_tenant(uint32_t tenant, char buf[static 16])
{
	snprintf(buf, 16, "tenant-%04u", tenant % 10000);
	return buf;
}

struct record bench_record(const struct mix_options *o, const struct mix_row *row, bool rtt)
{
	return (struct record){
		.time_ns = row->time_ns - begin_ns(o) + BOOT_NS,
		.src = row->src,
		.dst = row->dst,
		.tenant = row->tenant,
		.consent = row->tenant,
		.rtt_us = rtt ? rtt_quantise(row->rtt_us) : 0,
		.src_port = row->src_port,
		.dst_port = row->dst_port,
		.kind = SEKISHO_KIND_ESTABLISHED,
		.protocol = IPPROTO_TCP,
	};
}

struct bench_feed {
	struct store_dir store;
	const struct mix_options *o;
	bool rtt;
	int64_t rotate_ns;
	struct journal *journal;
	int64_t rotate_at, anchor_at; /* UTC */
	struct record *rows;
	size_t count;
};

static struct anchor anchor_at(const struct mix_options *o, int64_t utc_ns)
{
	return (struct anchor){ .boot_ns = (uint64_t)(utc_ns - begin_ns(o) + BOOT_NS), .utc_ns = utc_ns,
				.max_error_ns = 262144 };
}

static void append_anchor(struct journal *j, const struct mix_options *o, int64_t utc_ns)
{
	const struct anchor a = anchor_at(o, utc_ns);

	if (journal_append_anchor(j, &a))
		bench_die("cannot append an anchor");
}

static struct journal *begin_journal(int dir, const struct mix_options *o, int64_t utc_ns)
{
	const struct journal_origin origin = { .ring_id = 1, .rung = SEKISHO_RUNG_SET_STATE };
	struct journal_tenant *tenants = bench_alloc(o->tenants, sizeof(*tenants));
	struct journal *j;
	struct problem p;

	for (uint32_t t = 0; t < o->tenants; t++) {
		tenants[t].number = tenants[t].consent = t + 1;
		bench_tenant(t + 1, tenants[t].id);
	}
	if (journal_create(dir, &origin, &j, &p))
		bench_die("%s", p.text);
	if (journal_append_tenants(j, tenants, o->tenants))
		bench_die("cannot append tenants");
	append_anchor(j, o, utc_ns);
	free(tenants);
	return j;
}

/* The header says when the file was made: as if it had been on the day of the rows. */
static void set_created(int dir, const char *name, const struct mix_options *o, int64_t utc_ns)
{
	uint8_t h[JOURNAL_HEADER_BYTES];
	int fd = openat(dir, name, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fs_pread_all(fd, h, sizeof(h), 0))
		bench_die("cannot read the header of %s", name);
	put_le64(h + JOURNAL_AT_CREATED_UTC, (uint64_t)utc_ns);
	put_le64(h + JOURNAL_AT_CREATED_BOOT, (uint64_t)(utc_ns - begin_ns(o) + BOOT_NS));
	put_le32(h + JOURNAL_AT_CRC,
		 block_crc(get_le64(h + JOURNAL_AT_FILE_ID), 0, h, JOURNAL_AT_CRC, NULL, 0));
	if (fs_pwrite_all(fd, h, sizeof(h), 0))
		bench_die("cannot write the header of %s", name);
	close(fd);
}

struct bench_feed *bench_feed_new(const char *path, const struct bench_set *set, bool rtt)
{
	struct bench_feed *f = bench_alloc(1, sizeof(*f));
	struct problem p;

	if (store_open(path, 1, &f->store, &p))
		bench_die("%s", p.text);
	f->o = &set->mix;
	f->rotate_ns = set->rotate_s * NS_PER_SEC;
	f->rtt = rtt;
	f->rows = bench_alloc(BENCH_FRAME_ROWS, sizeof(*f->rows));
	return f;
}

static void flush(struct bench_feed *f)
{
	if (f->count && journal_append_rows(f->journal, f->rows, f->count, 0))
		bench_die("cannot append rows");
	f->count = 0;
}

static void end_journal(struct bench_feed *f)
{
	char name[64];

	flush(f);
	if (!f->journal)
		return;
	snprintf(name, sizeof(name), "%s", journal_name(f->journal));
	journal_close(f->journal);
	f->journal = NULL;
	set_created(f->store.journal, name, f->o, f->rotate_at - f->rotate_ns);
}

void bench_feed_rows(struct bench_feed *f, const struct mix_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t now = rows[i].time_ns;

		if (f->journal && (now >= f->rotate_at || journal_rows(f->journal) + f->count >= ROTATE_ROWS))
			end_journal(f);
		if (!f->journal) {
			f->journal = begin_journal(f->store.journal, f->o, now);
			f->rotate_at = now + f->rotate_ns;
			f->anchor_at = now + ANCHOR_NS;
		}
		if (now >= f->anchor_at) {
			append_anchor(f->journal, f->o, now);
			f->anchor_at = now + ANCHOR_NS;
		}
		f->rows[f->count++] = bench_record(f->o, &rows[i], f->rtt);
		if (f->count == BENCH_FRAME_ROWS)
			flush(f);
	}
}

void bench_feed_end(struct bench_feed *f)
{
	end_journal(f);
	store_close(&f->store);
	free(f->rows);
	free(f);
}

double bench_append(const char *path, const struct mix_options *o, const struct mix_row *rows,
		    size_t count, size_t frame_rows, uint64_t *ret_bytes)
{
	struct record *frame = bench_alloc(frame_rows, sizeof(*frame));
	struct store_dir store;
	struct journal *j;
	struct problem p;
	double cpu = 0;

	if (store_open(path, 1, &store, &p))
		bench_die("%s", p.text);
	j = begin_journal(store.journal, o, begin_ns(o));
	*ret_bytes = 0;
	for (size_t at = 0; at < count; at += frame_rows) {
		size_t n = count - at < frame_rows ? count - at : frame_rows;
		uint64_t before = journal_size(j);

		for (size_t i = 0; i < n; i++)
			frame[i] = bench_record(o, &rows[at + i], true);
		cpu -= bench_cpu();
		if (journal_append_rows(j, frame, n, 0))
			bench_die("cannot append rows");
		cpu += bench_cpu();
		*ret_bytes += journal_size(j) - before;
	}
	journal_close(j);
	store_close(&store);
	free(frame);
	bench_remove(path);
	return cpu;
}
