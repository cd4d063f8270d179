// SPDX-License-Identifier: BSD-2-Clause
/*
 * Makes a store of random rows through the library's writer, for a comparison of its readers.
 *
 *	build/random_store DIR extremes|sources|endpoints SEED
 *
 * extremes: every column at its ends and between, all kinds, days from 1970 to 2199, closes near and far.
 * sources: thousands of addresses of both families, some with more rows than a block holds, equal times.
 * endpoints: 70,000 destinations, which is more than one section can name.
 * Each makes two journals; the first is sealed. Prints how many rows it wrote that are no closes.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/fs.h"
#include "base/parse.h"
#include "base/rtt.h"
#include "base/store_dir.h"
#include "base/utc.h"
#include "journal/journal.h"
#include "schema/event.h"
#include "seal/seal.h"

#define DAY_NS (20522 * NS_PER_DAY)
#define LAST_DAY_NS (84004 * NS_PER_DAY) /* 2199-12-30 */
#define FRAME_ROWS 5000

static uint64_t random_state;
static struct store_dir store;

static uint64_t next_random(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return next_random() % n;
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "random_store: cannot %s\n", what);
	exit(1);
}

/* Of any size: as many bits as fall. */
static uint64_t of_any_size(unsigned int bits)
{
	unsigned int n = (unsigned int)below(bits + 1);

	return n ? next_random() >> (64 - n) : 0;
}

static struct addr extreme_addr(void)
{
	static const char *const some[] = {
		"0.0.0.0", "255.255.255.255", "127.255.255.255", "128.0.0.0", "::", "::1", "::fffe:ffff:ffff",
		"::1:0:0:0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "8000::", "2001:db8::ffff:ffff:ffff:ffff",
	};
	struct addr a = {};

	if (below(3) == 0) {
		need(addr_parse(some[below(sizeof(some) / sizeof(*some))], &a) == 0, "parse");
		return a;
	}
	for (unsigned int i = 0; i < 16; i++)
		a.bytes[i] = (uint8_t)next_random();
	if (below(2)) {
		memset(a.bytes, 0, 10);
		memset(a.bytes + 10, 0xff, 2);
	}
	return a;
}

/* Times are UTC here; the journal's only anchor makes boot time the same but for the sign. */
static int64_t extreme_time(void)
{
	int64_t day = below(3) ? DAY_NS : below(2) ? 0 : LAST_DAY_NS;

	switch (below(4)) {
	case 0:
		return day;
	case 1:
		return day + NS_PER_DAY - 1;
	case 2:
		return day + 12345; /* many at one time */
	default:
		return day + (int64_t)below((uint64_t)NS_PER_DAY);
	}
}

static void extreme_row(struct record *r, size_t i)
{
	(void)i;
	*r = (struct record){
		.time_ns = extreme_time(),
		.src = extreme_addr(),
		.dst = extreme_addr(),
		.tenant = 1 + (uint32_t)below(2),
		.consent = (uint32_t)of_any_size(32),
		.rtt_us = below(3) ? rtt_value_us((uint8_t)below(RTT_CODES)) : 0,
		.flags = (uint32_t)of_any_size(32),
		.src_port = (uint16_t)of_any_size(16),
		.dst_port = (uint16_t)of_any_size(16),
		.kind = below(8) ? 1 + (uint8_t)below(2) : (uint8_t)(4 + below(252)),
		.protocol = below(8) ? IPPROTO_TCP : (uint8_t)next_random(),
	};
	if (below(4) == 0) {
		r->orig_dst = extreme_addr();
		r->orig_dst_port = (uint16_t)of_any_size(16);
	}
}

/* The close of a row that has a tuple of its own: exactly after it, a little off, or too far off. */
static bool close_of(const struct record *opening, struct record *close)
{
	static const int64_t off[] = { 0, 0, 1, 999999999, 1000000000, 1000000001, 5000000000 };

	*close = *opening;
	close->kind = SEKISHO_KIND_CLOSE;
	close->lasted_ns = (int64_t)of_any_size(below(4) ? 38 : 50);
	close->time_ns = opening->time_ns + close->lasted_ns +
			 off[below(sizeof(off) / sizeof(*off))] * (below(2) ? 1 : -1);
	return close->time_ns >= 0 && close->time_ns < LAST_DAY_NS + NS_PER_DAY;
}

static void many_sources_row(struct record *r, size_t i)
{
	uint64_t which = below(10);

	*r = (struct record){
		.time_ns = DAY_NS + (int64_t)(below(20) ? below(3600 * (uint64_t)NS_PER_SEC) : i % 7),
		.src_port = (uint16_t)(below(2) ? 32768 + below(28232) : 49152 + i % 240),
		.dst_port = below(3) ? 443 : 80,
		.tenant = 1,
		.consent = 1,
		.kind = SEKISHO_KIND_ESTABLISHED,
		.protocol = IPPROTO_TCP,
		.rtt_us = rtt_quantise((uint32_t)below(1 << 18)),
	};
	memset(r->src.bytes + 10, 0xff, 2);
	memset(r->dst.bytes + 10, 0xff, 2);
	r->dst.bytes[15] = 1;
	if (which < 4) {
		r->src.bytes[12] = 9; /* more rows than a block holds */
	} else if (which < 6) {
		r->src.bytes[12] = (uint8_t)below(224);
		r->src.bytes[14] = (uint8_t)below(4);
		r->src.bytes[15] = (uint8_t)next_random();
	} else {
		memset(&r->src, 0, sizeof(r->src));
		r->src.bytes[0] = 0x20;
		r->src.bytes[7] = (uint8_t)below(which == 6 ? 1 : 200);
		r->src.bytes[15] = (uint8_t)(which == 7 ? 0 : next_random());
	}
}

static void endpoint_row(struct record *r, size_t i)
{
	many_sources_row(r, i);
	r->src = (struct addr){};
	memset(r->src.bytes + 10, 0xff, 2);
	r->src.bytes[14] = (uint8_t)(i >> 8);
	r->src.bytes[15] = (uint8_t)i;
	r->time_ns = DAY_NS + (int64_t)i * 1000000;
	r->dst.bytes[14] = (uint8_t)(i >> 16);
	r->dst_port = (uint16_t)i;
}

static const struct profile {
	const char *name;
	size_t rows;
	bool closes;
	void (*row)(struct record *r, size_t i);
} profiles[] = {
	{ "extremes", 2000, true, extreme_row },
	{ "sources", 6000, false, many_sources_row },
	{ "endpoints", 70000, false, endpoint_row },
};

/* Rows of a profile into one journal, in frames; returns how many are no closes. */
static size_t write_journal(const struct profile *profile, size_t count)
{
	const struct journal_origin origin = { .ring_id = 1, .rung = SEKISHO_RUNG_FEXIT };
	const struct journal_tenant tenants[] = {
		{ .number = 1, .consent = 1, .id = "one" }, { .number = 2, .consent = 2, .id = "two" },
	};
	/* Boot time is UTC. The second anchor, in the middle of the busy day, knows its error. */
	const struct anchor anchors[] = {
		{ .boot_ns = 0, .utc_ns = 0, .status = 0x40 },
		{ .boot_ns = DAY_NS + NS_PER_DAY / 2, .utc_ns = DAY_NS + NS_PER_DAY / 2, .max_error_ns = 1 << 20 },
	};
	struct record *rows = calloc(FRAME_ROWS + 1, sizeof(*rows));
	size_t n = 0, openings = 0;
	struct journal *j;
	struct problem p;

	need(rows && journal_create(store.journal, &origin, &j, &p) == 0, "create a journal");
	need(journal_append_tenants(j, tenants, 2) == 0, "append tenants");
	need(!journal_append_anchor(j, &anchors[0]) && !journal_append_anchor(j, &anchors[1]), "append anchors");
	for (size_t i = 0; i < count; i++) {
		profile->row(&rows[n++], i);
		openings++;
		if (profile->closes && below(4) == 0)
			n += close_of(&rows[n - 1], &rows[n]);
		if (n >= FRAME_ROWS || i + 1 == count) {
			need(journal_append_rows(j, rows, n, i) == 0, "append rows");
			n = 0;
		}
	}
	journal_close(j);
	free(rows);
	return openings;
}

static const struct profile *find_profile(const char *name)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(*profiles); i++)
		if (strcmp(name, profiles[i].name) == 0)
			return &profiles[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct profile *profile = argc == 4 ? find_profile(argv[2]) : NULL;
	struct seal_result result = {};
	struct problem p;
	size_t openings;

	if (!profile || parse_u64(argv[3], 0, UINT64_MAX, &random_state)) {
		fprintf(stderr, "usage: random_store DIR extremes|sources|endpoints SEED\n");
		return 2;
	}
	if (store_open(argv[1], 1, &store, &p) < 0) {
		fprintf(stderr, "random_store: %s\n", p.text);
		return 1;
	}
	openings = write_journal(profile, profile->rows);
	need(seal_all(&store, NULL, &result, &p) == 0, p.text);
	openings += write_journal(profile, profile->rows / 20);
	printf("%zu rows in %llu sections\n", openings, (unsigned long long)result.sections);
	store_close(&store);
	return 0;
}
