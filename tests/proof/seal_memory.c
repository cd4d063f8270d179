// SPDX-License-Identifier: BSD-2-Clause
/*
 * seal_memory: makes a journal that is hard on sealing, seals it, and prints what
 * came of it and the most memory that the process ever had (VmHWM). The journal is
 * made by a child, so that its memory is not counted.
 *
 *	seal_memory DIR ROWS TENANTS DAYS ENDPOINTS FRAME [FRESH]
 *
 * Rows with random IPv6 and IPv4 sources, over so many tenants, days and
 * destinations, FRAME rows in each frame of the journal; every third row is a
 * close. FRESH 1: each row has a destination of its own, and the rows of a tenant
 * and day stand one behind the other (a section's table of endpoints fills up).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/parse.h"
#include "base/rtt.h"
#include "base/store_dir.h"
#include "base/utc.h"
#include "journal/journal.h"
#include "query/verify.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "seal/seal.h"

#define DAY_NS (20522 * NS_PER_DAY)
#define BOOT_NS (UINT64_C(50000000) * 1000000000)

struct shape {
	uint64_t rows, tenants, days, endpoints, frame, fresh;
};

static uint64_t state = 1;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "seal_memory: %s: %s\n", what, why);
	exit(1);
}

static void random_address(struct addr *a, bool v6)
{
	uint64_t high = next(), low = next();

	memset(a->bytes, 0, 10);
	memset(a->bytes + 10, 0xff, 2);
	memcpy(a->bytes + 12, &low, 4);
	if (v6) {
		memcpy(a->bytes, &high, 8);
		memcpy(a->bytes + 8, &low, 8);
		a->bytes[0] = 0x20;
	}
}

static void make_row(const struct shape *s, uint64_t i, struct record *r)
{
	uint64_t endpoint = s->fresh ? i : next() % s->endpoints;
	uint64_t group = s->fresh ? i * s->days * s->tenants / s->rows : next() % (s->days * s->tenants);

	memset(r, 0, sizeof(*r));
	random_address(&r->src, i % 2);
	/* A destination is its number. */
	r->dst.bytes[0] = 0x20;
	memcpy(r->dst.bytes + 8, &endpoint, 8);
	r->src_port = (uint16_t)next();
	r->dst_port = 443;
	r->tenant = (uint32_t)(group % s->tenants) + 1;
	r->consent = r->tenant;
	r->kind = i % 3 ? SEKISHO_KIND_ESTABLISHED : SEKISHO_KIND_CLOSE;
	r->lasted_ns = i % 3 ? 0 : (int64_t)(next() % (3600 * (uint64_t)NS_PER_SEC));
	r->protocol = 6;
	r->rtt_us = rtt_quantise((uint32_t)(next() % 1000000));
	r->time_ns = (int64_t)(BOOT_NS + group / s->tenants * (uint64_t)NS_PER_DAY +
			       next() % (uint64_t)NS_PER_DAY);
}

static void make_journal(const struct store_dir *store, const struct shape *s)
{
	static const struct journal_origin origin = { .ring_id = 7, .rung = 1 };
	const struct anchor anchor = { .boot_ns = BOOT_NS, .utc_ns = DAY_NS };
	struct record *rows = calloc(JOURNAL_FRAME_ROWS_MAX, sizeof(*rows));
	struct journal *j;
	struct problem p;

	if (!rows || journal_create(store->journal, &origin, &j, &p))
		fail("cannot create a journal", p.text);
	for (uint64_t i = 0; i < s->tenants; i++) {
		struct journal_tenant t = { .number = (uint32_t)i + 1, .consent = (uint32_t)i + 1 };

		snprintf(t.id, sizeof(t.id), "t%llu", (unsigned long long)i + 1);
		if (journal_append_tenants(j, &t, 1))
			fail("cannot write", "tenants");
	}
	if (journal_append_anchor(j, &anchor))
		fail("cannot write", "the anchor");
	for (uint64_t at = 0; at < s->rows;) {
		uint64_t n = 0;

		for (; n < s->frame && at < s->rows; n++, at++)
			make_row(s, at, &rows[n]);
		if (journal_append_rows(j, rows, n, at))
			fail("cannot write", "rows");
	}
	printf("journal   %llu bytes\n", (unsigned long long)journal_size(j));
	fflush(stdout);
	journal_close(j);
}

static unsigned long long status_kib(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t value = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0) {
			char *digits = line + strcspn(line, "0123456789");

			digits[strspn(digits, "0123456789")] = '\0';
			if (parse_u64(digits, 0, UINT64_MAX, &value))
				fail("cannot read", key);
		}
	if (f)
		fclose(f);
	return value;
}

static void in_a_child(void (*fn)(const struct store_dir *, const struct shape *), const struct store_dir *store,
		       const struct shape *s)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn(store, s);
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		fail("a child failed", "see above");
}

static void seal(const struct store_dir *store, const struct shape *s)
{
	struct seal_result result = {};
	int64_t began = boot_now_ns();
	struct problem p;
	double seconds;

	if (seal_all(store, NULL, &result, &p))
		fail("sealing", p.text);
	seconds = (double)(boot_now_ns() - began) / 1e9;
	printf("sealed    %llu rows in %llu sections, %.1f s\n", (unsigned long long)result.rows,
	       (unsigned long long)result.sections, seconds);
	printf("sealing   %llu KiB\n", status_kib("VmHWM:"));
	fflush(stdout);
	if (result.rows != s->rows)
		fail("rows", "not as many as there were");
}

static void verify(const struct store_dir *store, const struct shape *s)
{
	const struct verify_request request = { .full = true };
	struct verify_facts f;
	struct problem p;

	if (verify_run(store, &request, &f, &p))
		fail("verify", p.text);
	if (f.bad || f.torn || f.decoded_rows != s->rows)
		fail("verify", f.bad ? f.first_bad.text : "not as many rows as there were");
	printf("verified  %llu rows, %llu lookups\n", (unsigned long long)f.decoded_rows,
	       (unsigned long long)f.lookups);
	printf("verifying %llu KiB\n", status_kib("VmHWM:"));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct shape s = {};
	uint64_t *fields[] = { &s.rows, &s.tenants, &s.days, &s.endpoints, &s.frame, &s.fresh };
	struct store_dir store;
	struct problem p;

	if (argc < 7 || argc > 8)
		fail("usage", "seal_memory DIR ROWS TENANTS DAYS ENDPOINTS FRAME [FRESH]");
	for (int i = 2; i < argc; i++)
		if (parse_u64(argv[i], i < 7, UINT32_MAX, fields[i - 2]))
			fail("not a number", argv[i]);
	if (s.frame > JOURNAL_FRAME_ROWS_MAX)
		fail("rows of a frame", "too many");
	if (store_open(argv[1], 1, &store, &p))
		fail("cannot open the store", p.text);
	in_a_child(make_journal, &store, &s);
	in_a_child(seal, &store, &s);
	in_a_child(verify, &store, &s);
	store_close(&store);
	return 0;
}
