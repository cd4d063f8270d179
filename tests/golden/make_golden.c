// SPDX-License-Identifier: BSD-2-Clause
/*
 * Makes the store whose files are frozen in tests/golden/, through the library's own writer, the same
 * bytes each time (with one version of libzstd): what is random or a clock is replaced in this program.
 *
 *	build/make_golden DIR
 *
 * journal/: one whole file, one of an import, one with a damaged frame and a torn end. segments/: web with two
 * sections and a trailer and a second part, IPv4, IPv6, mapped, closes and round-trip times; mail with original
 * destinations and a day of gaps alone; old, which was imported; tiny, one row. catalog/: of each day of
 * segments, as sealing left it.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/rtt.h"
#include "base/store_dir.h"
#include "base/utc.h"
#include "import/import.h"
#include "journal/journal.h"
#include "schema/event.h"
#include "schema/journal.h"
#include "schema/store.h"
#include "seal/seal.h"
#include "segment/segment.h"

#define DAY 20522 /* 2026-03-10 */
#define DAY_NS (DAY * NS_PER_DAY)
#define BOOT_NS (INT64_C(500000) * NS_PER_SEC)

/* --- What is replaced: random numbers (splitmix64) and clocks --- */

/* Of the rows, and of what the program under it draws: how often it does changes no row. */
static uint64_t random_state = 1, drawn_state = 2;
static int64_t now_ns; /* after DAY_NS */

static uint64_t next_of(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return next_of(&random_state) % n;
}

ssize_t getrandom(void *buffer, size_t size, unsigned int flags)
{
	uint8_t *p = buffer;

	(void)flags;
	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)next_of(&drawn_state);
	return (ssize_t)size;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int64_t t = now_ns + (id == CLOCK_REALTIME ? DAY_NS : BOOT_NS);

	ts->tv_sec = t / NS_PER_SEC;
	ts->tv_nsec = t % NS_PER_SEC;
	return 0;
}

/* --- Parts of the store --- */

static struct store_dir store;

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "make_golden: cannot %s\n", what);
	exit(1);
}

static struct addr an_addr(const char *text)
{
	struct addr a = {};

	need(addr_parse(text, &a) == 0, text);
	return a;
}

static struct record a_row(uint32_t tenant, int64_t after_ns, const char *src, const char *dst)
{
	return (struct record){
		.time_ns = BOOT_NS + after_ns,
		.src = an_addr(src),
		.dst = an_addr(dst),
		.src_port = (uint16_t)(1024 + below(64512)),
		.dst_port = 443,
		.tenant = tenant,
		.consent = tenant,
		.rtt_us = rtt_quantise((uint32_t)below(1u << below(24))),
		.kind = SEKISHO_KIND_ESTABLISHED,
		.protocol = IPPROTO_TCP,
	};
}

/* As a node would begin one: tenants, the clock. */
static struct journal *begin_journal(int64_t created_ns)
{
	const struct journal_origin origin = { .ring_id = 7, .ring_position = 4096, .rung = SEKISHO_RUNG_SET_STATE };
	const struct journal_tenant tenants[] = {
		{ .number = 1, .consent = 1, .id = "web" },
		{ .number = 2, .consent = 2, .id = "mail" },
		{ .number = 3, .consent = 3, .id = "tiny" },
	};
	const struct anchor anchor = { .boot_ns = (uint64_t)(BOOT_NS + created_ns), .utc_ns = DAY_NS + created_ns,
				       .max_error_ns = 1 << 18 };
	struct journal *j;
	struct problem p;

	now_ns = created_ns;
	need(journal_create(store.journal, &origin, &j, &p) == 0, "create a journal");
	need(journal_append_tenants(j, tenants, 3) == 0 && journal_append_anchor(j, &anchor) == 0,
	     "begin a journal");
	return j;
}

static void put_row(struct journal *j, const struct record *r)
{
	static uint64_t ring_end = 4096;

	need(journal_append_rows(j, r, 1, ring_end += 128) == 0, "append a row");
}

/* A client's connection, and its close. */
static void put_pair(struct journal *j, struct record r, int64_t lasted_ns)
{
	put_row(j, &r);
	r.kind = SEKISHO_KIND_CLOSE;
	r.time_ns += lasted_ns;
	r.lasted_ns = lasted_ns;
	put_row(j, &r);
}

/* The machine's boot id would not be the same each time. */
static void end_journal(struct journal *j, char name[static 64])
{
	uint8_t h[JOURNAL_HEADER_BYTES];
	int fd;

	strcpy(name, journal_name(j));
	journal_close(j);
	fd = openat(store.journal, name, O_RDWR | O_CLOEXEC);
	need(fd >= 0 && fs_pread_all(fd, h, sizeof(h), 0) == 0, "read a journal");
	memset(h + JOURNAL_AT_BOOT_ID, 0xb0, 16);
	put_le32(h + JOURNAL_AT_CRC, block_crc(get_le64(h + JOURNAL_AT_FILE_ID), 0, h, JOURNAL_AT_CRC, NULL, 0));
	need(fs_pwrite_all(fd, h, sizeof(h), 0) == 0, "write a journal");
	close(fd);
}

static void seal(const char *name)
{
	struct seal_result result = {};
	struct problem p;

	now_ns += 60 * NS_PER_SEC;
	need(seal_journal(&store, NULL, name, &result, &p) == 0 && result.sections, "seal");
}

/* Many rows at once, in a frame of their own. */
static void put_many(struct journal *j, uint32_t tenant, int64_t from_ns, size_t count)
{
	struct record *rows = calloc(count, sizeof(*rows));
	char text[64];

	need(rows, "get memory");
	for (size_t i = 0; i < count; i++) {
		if (below(4))
			snprintf(text, sizeof(text), "198.51.%d.%d", (int)below(3), (int)below(60));
		else
			snprintf(text, sizeof(text), "2001:db8:%x::%x", (int)below(5), (int)below(9));
		rows[i] = a_row(tenant, from_ns + (int64_t)(i * 1000000 + below(999999)), text,
				below(5) ? "192.0.2.1" : "2001:db8::443");
		rows[i].dst_port = below(7) ? 443 : 80;
		rows[i].flags = below(9) ? 0 : SEKISHO_FLAG_V6_SOCKET;
	}
	need(journal_append_rows(j, rows, count, 1 << 20) == 0, "append rows");
	free(rows);
}

static void seal_first_day(void)
{
	struct journal *j = begin_journal(NS_PER_SEC);
	const struct gap gaps[] = {
		{ .first_utc_ns = DAY_NS + 5, .last_utc_ns = DAY_NS + NS_PER_SEC, .count = 9, .total = 9, .tenant = 1,
		  .reason = STORE_GAP_RING_FULL },
		{ .first_utc_ns = DAY_NS + NS_PER_DAY - 1, .last_utc_ns = DAY_NS + 2 * NS_PER_DAY,
		  .reason = STORE_GAP_NOT_ARMED, .tenant = 2 },
	};
	struct record r = a_row(2, 7 * NS_PER_SEC, "::ffff:203.0.113.9", "192.0.2.25");
	struct anchor step = { .boot_ns = (uint64_t)(BOOT_NS + 3000 * NS_PER_SEC),
			       .utc_ns = DAY_NS + 3002 * NS_PER_SEC, .status = 0x40 };
	char name[64];

	need(journal_append_gaps(j, gaps, 2) == 0, "append gaps");
	put_many(j, 1, 10 * NS_PER_SEC, 400);
	put_pair(j, a_row(1, 20 * NS_PER_SEC, "198.51.100.7", "192.0.2.1"), 5 * NS_PER_SEC + 123);
	put_pair(j, a_row(1, 21 * NS_PER_SEC, "2001:db8::7", "2001:db8::443"), 0);
	put_pair(j, a_row(1, 22 * NS_PER_SEC, "198.51.100.7", "192.0.2.1"), NS_PER_DAY); /* closed on the next day */
	r.orig_dst = an_addr("203.0.113.80");
	r.orig_dst_port = 8025;
	r.flags = SEKISHO_FLAG_LOOPBACK | SEKISHO_FLAG_CLOCK_UNSYNC;
	put_row(j, &r);
	r = a_row(3, NS_PER_DAY - 1, "255.255.255.255", "0.0.0.0");
	put_row(j, &r);
	need(journal_append_anchor(j, &step) == 0, "append an anchor");
	r = a_row(2, 3600 * NS_PER_SEC, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::");
	r.rtt_us = 0;
	put_row(j, &r);
	end_journal(j, name);
	seal(name);
}

static void seal_more(int64_t from_ns, size_t count)
{
	struct journal *j = begin_journal(from_ns);
	char name[64];

	put_many(j, 1, from_ns + 1, count);
	end_journal(j, name);
	seal(name);
}

/* As `sekisho import` does it: a journal with the custody statement, which is sealed or stays. */
static void import_rows(const char *reason, const char *csv, bool seal_it)
{
	struct import_options o = { .file = "old.csv", .reason = reason };
	struct import_result result;
	struct problem p = {};

	o.fd = memfd_create("old.csv", MFD_CLOEXEC);
	need(o.fd >= 0 && fs_write_all(o.fd, csv, strlen(csv)) == 0 && lseek(o.fd, 0, SEEK_SET) == 0,
	     "make a file to import");
	now_ns += 60 * NS_PER_SEC;
	need(import_read(&store, &o, &result, &p) == 0 && result.rows, p.text);
	if (seal_it)
		need(import_seal(&store, &result, &p) == 0 && result.sealed && result.seal.sections, p.text);
	close(o.fd);
}

/* 2025-02-03 and the day after; what stays in a journal is of the first days of 2024. */
static void import_old(void)
{
	import_rows("moved from the old log server, sheet 12",
		    "t_ns,tenant,src_ip,src_port,dst_ip,dst_port,rtt_us,t_close_ns\n"
		    "1738540800000000001,old,192.0.2.200,40000,192.0.2.1,443,,\n"
		    "1738540801500000000,old,2001:db8::c8,40001,2001:db8::443,443,1200,1738627200000000000\n"
		    "1738540802000000000,old,192.0.2.200,40002,192.0.2.1,443,90,1738540802000000000\n",
		    true);
	import_rows("\xe6\x97\xa7 log server, not sealed yet",
		    "t_ns,tenant,src_ip,src_port,dst_ip,dst_port\n"
		    "1704067200000000000,old,192.0.2.201,50000,192.0.2.1,443\n"
		    "1704067200000000001,older,192.0.2.202,50001,192.0.2.1,80\n", false);
}

/* A byte of a frame of rows is another one, and the last frame is cut off. */
static void damage(const char *name)
{
	int fd = openat(store.journal, name, O_RDWR | O_CLOEXEC);
	off_t size = lseek(fd, 0, SEEK_END);
	uint8_t *bytes = malloc((size_t)size), *at, *frame = NULL;

	need(bytes && fs_pread_all(fd, bytes, (size_t)size, 0) == 0, "read a journal");
	for (at = bytes; (at = memmem(at, (size_t)(bytes + size - at), "SKFR", 4)) && !frame; at++)
		if (at[FRAME_AT_TYPE] == FRAME_ROWS)
			frame = at;
	need(frame, "find a frame of rows");
	frame[FRAME_HEADER_BYTES + 9] ^= 0x10;
	need(fs_pwrite_all(fd, bytes, (size_t)size, 0) == 0 && ftruncate(fd, size - 11) == 0, "damage a journal");
	free(bytes);
	close(fd);
}

static void leave_journals(void)
{
	struct journal *j = begin_journal(2 * NS_PER_DAY);
	struct record r = a_row(2, 2 * NS_PER_DAY + 1, "198.51.100.77", "192.0.2.25");
	char name[64];

	put_many(j, 1, 2 * NS_PER_DAY + 5, 50);
	put_row(j, &r);
	put_pair(j, a_row(2, 2 * NS_PER_DAY + 9, "2001:db8::9", "192.0.2.25"), 77 * NS_PER_SEC);
	end_journal(j, name);
	j = begin_journal(3 * NS_PER_DAY);
	put_many(j, 1, 3 * NS_PER_DAY + 5, 20);
	put_many(j, 2, 3 * NS_PER_DAY + NS_PER_SEC, 30);
	put_many(j, 2, 3 * NS_PER_DAY + 2 * NS_PER_SEC, 10);
	end_journal(j, name);
	damage(name);
}

int main(int argc, char **argv)
{
	struct problem p;
	int web;

	need(argc == 2, "do that: usage: make_golden DIR");
	if (store_open(argv[1], 1, &store, &p) < 0) {
		fprintf(stderr, "make_golden: %s\n", p.text);
		return 1;
	}
	seal_first_day();
	seal_more(7200 * NS_PER_SEC, 3000);
	web = fs_open_dir(store.segments, "web", 0);
	need(web >= 0 && segment_close_day(web, DAY, &p) == 1, "close a day");
	close(web);
	seal_more(9000 * NS_PER_SEC, 5); /* behind the trailer: part 2 */
	import_old();
	leave_journals();
	store_close(&store);
	return 0;
}
