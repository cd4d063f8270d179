// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the day catalogs cost: bytes, time to open and to ask. Makes a store in DIR
 * (new) from the mix, through journals and sealing as the daemon does, measures its
 * catalogs as sealing left them and again when each is rebuilt in one chunk.
 *
 * usage: catalog_probe DIR RECORDS DAYS TENANTS JOURNALS-A-DAY [as-sealed]
 *
 * as-sealed: leaves them so, several chunks a day.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/parse.h"
#include "base/rtt.h"
#include "base/utc.h"
#include "catalog/catalog.h"
#include "journal/journal.h"
#include "mix.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "seal/seal.h"

#define FIRST_DAY 20522
#define QUESTIONS 2000
#define ROUNDS 20

struct probe {
	struct store_dir store;
	uint64_t records, days, tenants, journals;
	struct addr known[QUESTIONS]; /* sources that are there, some of each day */
	size_t known_count;
	double seal_s;
};

/* Of this thread: what others do on the machine does not count. */
static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "catalog_probe: %s: %s\n", what, why);
	exit(1);
}

static void put_tenants(struct probe *b, struct journal *j)
{
	struct journal_tenant *list = calloc(b->tenants, sizeof(*list));

	for (uint32_t i = 0; i < b->tenants; i++) {
		list[i].number = list[i].consent = i + 1;
		snprintf(list[i].id, sizeof(list[i].id), "tenant%u", i + 1);
	}
	if (!list || journal_append_tenants(j, list, b->tenants))
		die("journal", "cannot append tenants");
	free(list);
}

/* Boot time is UTC here. */
static void put_rows(struct probe *b, const struct mix_row *rows, size_t count)
{
	const struct journal_origin origin = { .ring_id = 1, .rung = SEKISHO_RUNG_SET_STATE };
	struct record *frame = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*frame));
	struct anchor anchor = { .max_error_ns = 1 << 20 };
	struct journal *j = NULL;
	struct problem p;

	if (!frame || journal_create(b->store.journal, &origin, &j, &p))
		die("journal", p.text);
	put_tenants(b, j);
	anchor.boot_ns = (uint64_t)rows[0].time_ns;
	anchor.utc_ns = rows[0].time_ns;
	if (journal_append_anchor(j, &anchor))
		die("journal", "cannot append an anchor");
	for (size_t at = 0; at < count; at += JOURNAL_FRAME_ROWS_MAX) {
		size_t n = count - at < JOURNAL_FRAME_ROWS_MAX ? count - at : JOURNAL_FRAME_ROWS_MAX;

		for (size_t i = 0; i < n; i++)
			frame[i] = (struct record){
				.time_ns = rows[at + i].time_ns,
				.src = rows[at + i].src,
				.dst = rows[at + i].dst,
				.tenant = rows[at + i].tenant,
				.consent = rows[at + i].tenant,
				.src_port = rows[at + i].src_port,
				.dst_port = rows[at + i].dst_port,
				.kind = SEKISHO_KIND_ESTABLISHED,
				.protocol = 6,
			};
		if (journal_append_rows(j, frame, n, at))
			die("journal", "cannot append rows");
	}
	journal_close(j);
	free(frame);
}

static void make_store(struct probe *b)
{
	const struct mix_options o = { .seed = 1, .records = b->records, .days = (uint32_t)b->days,
				       .tenants = (uint32_t)b->tenants, .first_day = FIRST_DAY };
	struct mix *m = mix_new(&o);
	const struct mix_row *rows;
	struct seal_result result = {};
	struct problem p;
	size_t count;

	while (m && (count = mix_next_day(m, &rows)) > 0) {
		for (uint64_t i = 0; i < b->journals; i++) {
			size_t from = count * i / b->journals, to = count * (i + 1) / b->journals;
			double before;

			put_rows(b, rows + from, to - from);
			before = cpu_s();
			if (seal_all(&b->store, NULL, &result, &p))
				die("seal", p.text);
			b->seal_s += cpu_s() - before;
		}
		for (size_t i = 0; i < QUESTIONS / b->days && b->known_count < QUESTIONS; i++)
			b->known[b->known_count++] = rows[(count / (QUESTIONS / b->days)) * i].src;
	}
	mix_free(m);
	printf("sealed %llu rows in %.1f s of CPU: %.2f M/s, %llu sections, %llu days without catalog\n",
	       (unsigned long long)result.rows, b->seal_s, (double)result.rows / b->seal_s / 1e6,
	       (unsigned long long)result.sections, (unsigned long long)result.days_without_catalog);
}

static struct addr an_absent(uint64_t i)
{
	struct addr a = { { 0x3f, 0xff } };

	i *= UINT64_C(0x9e3779b97f4a7c15);
	memcpy(a.bytes + 2, &i, 6);
	return a;
}

/* Marked sections per question and day, and microseconds per question and day. */
static void ask(struct catalog **c, size_t days, const struct addr *src, size_t count, const char *what)
{
	size_t found = 0, asked = 0;
	double spent = 0;

	for (size_t d = 0; d < days; d++) {
		bool *wanted = calloc(c[d]->section_count + 1, 1);
		double before = cpu_s();

		for (size_t i = 0; i < count; i++)
			if (catalog_find(c[d], &src[i], wanted))
				die("find", "a bucket is damaged");
		spent += cpu_s() - before;
		for (size_t i = 0; i < count; i++) {
			memset(wanted, 0, c[d]->section_count);
			(void)catalog_find(c[d], &src[i], wanted);
			for (size_t k = 0; k < c[d]->section_count; k++)
				found += wanted[k];
			asked++;
		}
		free(wanted);
	}
	printf("  %s: %.3f sections and %.2f us of CPU a question and day\n", what,
	       (double)found / (double)asked, spent / (double)asked * 1e6);
}

static void measure(struct probe *b, const char *title)
{
	struct catalog **c = calloc(b->days, sizeof(struct catalog *));
	struct addr absent[QUESTIONS];
	uint64_t bytes = 0, sections = 0, chunks = 0, pairs = 0;
	double spent = 0;
	struct problem p;

	for (size_t i = 0; i < QUESTIONS; i++)
		absent[i] = an_absent(i + 1);
	spent = cpu_s();
	for (int round = 0; round < ROUNDS; round++)
		for (size_t d = 0; d < b->days; d++) {
			catalog_close(c[d]);
			c[d] = NULL;
			if (catalog_open(b->store.catalog, FIRST_DAY + (int32_t)d, &c[d], &p))
				die("open", p.text);
		}
	spent = cpu_s() - spent;
	for (size_t d = 0; d < b->days; d++) {
		struct catalog_facts facts;

		if (catalog_check(b->store.catalog, FIRST_DAY + (int32_t)d, &facts, &p))
			die("check", p.text);
		if (facts.bad || facts.torn)
			die("check", "damaged");
		bytes += c[d]->size;
		sections += c[d]->section_count;
		chunks += facts.chunks;
		pairs += facts.pairs;
	}
	printf("%s: %llu bytes, %.4f bytes/record, %.2f bits/pair (all of it), %llu pairs, %.1f chunks and "
	       "%.0f sections a day\n",
	       title, (unsigned long long)bytes, (double)bytes / (double)b->records,
	       (double)bytes * 8 / (double)pairs, (unsigned long long)pairs,
	       (double)chunks / (double)b->days, (double)sections / (double)b->days);
	printf("  open and close: %.3f ms of CPU a day\n", spent / ROUNDS / (double)b->days * 1e3);
	ask(c, b->days, absent, QUESTIONS, "absent");
	ask(c, b->days, b->known, b->known_count, "known ");
	for (size_t d = 0; d < b->days; d++)
		catalog_close(c[d]);
	free(c);
}

static void rebuild(struct probe *b)
{
	double before = cpu_s(), compared;
	struct problem p;

	for (size_t d = 0; d < b->days; d++)
		if (catalog_rebuild(&b->store, FIRST_DAY + (int32_t)d, &p))
			die("rebuild", p.text);
	compared = cpu_s();
	printf("rebuilt in %.3f s of CPU a day\n", (compared - before) / (double)b->days);
	for (size_t d = 0; d < b->days; d++)
		if (catalog_compare(&b->store, FIRST_DAY + (int32_t)d, NULL, NULL, &p))
			die("compare", p.text);
	printf("compared with the segments in %.3f s of CPU a day\n", (cpu_s() - compared) / (double)b->days);
}

int main(int argc, char **argv)
{
	struct probe b = {};
	struct rusage usage;
	uint64_t disk = 0;
	struct problem p;

	if ((argc != 6 && (argc != 7 || strcmp(argv[6], "as-sealed") != 0)) || parse_u64(argv[2], 1, 1000000000, &b.records) ||
	    parse_u64(argv[3], 1, 400, &b.days) || parse_u64(argv[4], 1, 20000, &b.tenants) ||
	    parse_u64(argv[5], 1, 1440, &b.journals)) {
		fprintf(stderr, "usage: catalog_probe DIR RECORDS DAYS TENANTS JOURNALS-A-DAY [as-sealed]\n");
		return 2;
	}
	if (store_open(argv[1], 1, &b.store, &p))
		die("store", p.text);
	make_store(&b);
	getrusage(RUSAGE_SELF, &usage);
	printf("peak memory %ld MiB\n", usage.ru_maxrss / 1024);
	measure(&b, "as sealed");
	if (argc == 6) {
		rebuild(&b);
		measure(&b, "rebuilt");
	}
	(void)fs_disk_usage(b.store.segments, &disk);
	printf("segments on disk: %.3f bytes/record\n", (double)disk / (double)b.records);
	store_close(&b.store);
	return 0;
}
