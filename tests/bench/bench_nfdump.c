// SPDX-License-Identifier: BSD-2-Clause
/*
 * nfdump beside us: the rows as flow records in its file format (version 2 of nfdump 1.7: nffileV2.h,
 * nfxV3.h there), uncompressed as a collector may write them; nfdump itself makes the compressed copies
 * and searches them. It keeps milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"
#include "base/utc.h"
#include "bench_peer.h"

#define NS_PER_MS 1000000
#define BZIP2_ROWS_MAX 2000000 /* more take minutes */
#define FILE_HEADER 40
#define BLOCK_HEADER 12
#define BLOCK_BYTES (1u << 20)
#define RECORD_HEADER 12
#define GENERIC_BYTES 52 /* with four bytes of element header, as the next two */
#define V4_BYTES 12
#define V6_BYTES 36

static void put_addr(uint8_t *p, const struct addr *a)
{
	/* Numbers in the host's order: IPv4 32 bits, IPv6 two times 64. */
	if (addr_is_v4(a)) {
		put_le32(p, (uint32_t)a->bytes[12] << 24 | (uint32_t)a->bytes[13] << 16 |
				    (uint32_t)a->bytes[14] << 8 | a->bytes[15]);
		return;
	}
	for (int half = 0; half < 2; half++)
		for (int i = 0; i < 8; i++)
			p[half * 8 + i] = a->bytes[half * 8 + 7 - i];
}

static size_t put_flow(uint8_t *p, const struct mix_row *r)
{
	bool v4 = addr_is_v4(&r->src);
	size_t size = RECORD_HEADER + GENERIC_BYTES + (v4 ? V4_BYTES : V6_BYTES);
	uint64_t ms = (uint64_t)r->time_ns / NS_PER_MS;
	uint8_t *e = p + RECORD_HEADER;

	memset(p, 0, size);
	put_le16(p, 11); /* record of version 3 */
	put_le16(p + 2, (uint16_t)size);
	put_le16(p + 4, 2); /* elements */
	put_le16(e, 1); /* generic flow */
	put_le16(e + 2, GENERIC_BYTES);
	put_le64(e + 4, ms);
	put_le64(e + 12, ms);
	put_le64(e + 28, 1); /* packets */
	put_le64(e + 36, 60); /* bytes */
	put_le16(e + 44, r->src_port);
	put_le16(e + 46, r->dst_port);
	e[48] = 6;
	e += GENERIC_BYTES;
	put_le16(e, v4 ? 2 : 3);
	put_le16(e + 2, v4 ? V4_BYTES : V6_BYTES);
	put_addr(e + 4, &r->src);
	put_addr(e + (v4 ? 8 : 20), &r->dst);
	return size;
}

static uint32_t write_blocks(FILE *f, const struct mix_row *rows, size_t count)
{
	uint8_t *block = bench_alloc(1, BLOCK_HEADER + BLOCK_BYTES);
	uint32_t blocks = 0;
	size_t i = 0;

	while (i < count) {
		uint32_t size = 0, n = 0;

		for (; i < count && size + 128 < BLOCK_BYTES; i++, n++)
			size += (uint32_t)put_flow(block + BLOCK_HEADER + size, &rows[i]);
		put_le32(block, n);
		put_le32(block + 4, size);
		put_le16(block + 8, 3);
		if (fwrite(block, 1, BLOCK_HEADER + size, f) != BLOCK_HEADER + size)
			bench_die("cannot write flows");
		blocks++;
	}
	free(block);
	return blocks;
}

static void write_flows(const char *path, const struct mix_row *rows, size_t count)
{
	uint8_t header[FILE_HEADER] = {};
	FILE *f = fopen(path, "we");

	if (!f || fwrite(header, 1, sizeof(header), f) != sizeof(header))
		bench_die("cannot write %s", path);
	put_le16(header, 0xa50c);
	put_le16(header + 2, 2);
	put_le32(header + 4, 0xf1070101);
	put_le64(header + 8, (uint64_t)(rows[0].time_ns / NS_PER_SEC));
	put_le32(header + 32, 10 * BLOCK_BYTES);
	put_le32(header + 36, write_blocks(f, rows, count));
	rewind(f);
	if (fwrite(header, 1, sizeof(header), f) != sizeof(header) || fclose(f))
		bench_die("cannot write %s", path);
}

static void try_coding(struct bench_peer *p, char *flows, char *option, const char *name)
{
	char packed[320], filter[80], source[ADDR_TEXT_MAX];
	char *pack[] = { "nfdump", "-q", "-r", flows, option, "-w", packed, NULL };
	char *search[] = { "nfdump", "-q", "-r", packed, "-o", "fmt:%ts %sap %dap", filter, NULL };
	struct bench_child child;
	char count_lines[512];
	char *count[] = { "sh", "-c", count_lines, NULL };
	double ms;

	snprintf(packed, sizeof(packed), "%s/rows.nfcapd%s", p->dir, option);
	snprintf(filter, sizeof(filter), "src ip %s", addr_format(&p->question->source, source));
	if (bench_run(pack, &child)) {
		bench_peer_missing(p->table, name, "this nfdump does not take our file");
		return;
	}
	snprintf(count_lines, sizeof(count_lines), "nfdump -q -r '%s' -o 'fmt:%%sap' 'src ip %s' | grep -c .",
		 packed, source);
	if (bench_run(count, &child) > 1 || bench_first_number(child.out) != p->question->rows) {
		bench_peer_missing(p->table, name, "this nfdump does not find the rows in our file");
		return;
	}
	/* bzip2 takes half a minute for a million rows: once. */
	ms = bench_run_timed(search, option[1] == 'j' ? 1 : p->rounds, &child);
	bench_peer_line(p->table, name, (double)bench_usage(packed, NULL).bytes / (double)p->count, ms,
			"milliseconds only, no tenant; with the program's start");
	bench_remove(packed);
}

void bench_nfdump(struct bench_peer *p)
{
	char flows[320];

	if (!bench_has_program("nfdump")) {
		bench_peer_missing(p->table, "nfdump", "no program nfdump");
		return;
	}
	snprintf(flows, sizeof(flows), "%s/rows.nfcapd", p->dir);
	write_flows(flows, p->rows, p->count);
	try_coding(p, flows, "-z", "nfdump, LZO");
	if (p->count <= BZIP2_ROWS_MAX)
		try_coding(p, flows, "-j", "nfdump, bzip2");
	bench_remove(flows);
}
