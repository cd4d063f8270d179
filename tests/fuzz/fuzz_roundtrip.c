// SPDX-License-Identifier: BSD-2-Clause
/*
 * Bytes as a recipe for rows, extreme ones among them: what the writer makes of them is read back and must
 * be the same rows (AC-63), under a Merkle root that a second pass over the decoded rows finds again; one
 * row's proof holds, and holds for no other row (AC-68, the proof part).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "base/rtt.h"
#include "base/utc.h"
#include "fuzz.h"
#include "schema/event.h"
#include "segment/merkle.h"
#include "segment/section_reader.h"
#include "segment/section_writer.h"

#define ROWS_MAX 3000
#define ENDPOINTS_MAX 1024
#define SLOTS 4096
#define TENANT "fuzz"

static const int32_t days[] = { 20522, 0, -1, 106750, -106751, 1, -25000, 47482 };
static const char *const sources[] = {
	"0.0.0.0", "255.255.255.255", "::", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	"::fffe:ffff:ffff", "::1:0:0:0", "2001:db8::", "2001:db8:0:0:ffff:ffff:ffff:ffff", "10.0.0.255",
	"::feff:0:0", "7fff:ffff:ffff:ffff::", "8000::", "127.255.255.255",
};
static const uint16_t repeats[] = { 1, 1, 1, 2, 3, 9, 40, 600 };
static const int64_t time_steps[] = { 0, 0, 1, 1000, 999999999, 60 * NS_PER_SEC, 3, 127 };

/* What is being cooked. */
struct recipe {
	struct cursor c;
	struct row rows[ROWS_MAX];
	size_t count;
	struct endpoint endpoints[ENDPOINTS_MAX];
	size_t endpoint_count;
	uint16_t slots[SLOTS]; /* hash table: 1 + index */
	int64_t day_ns;
	/* The row that the next ones are made from. */
	struct row row;
	struct endpoint e;
	int64_t offset; /* of its time in the day */
};

static uint64_t take(struct recipe *r, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | cursor_u8(&r->c);
	return v;
}

static void take_addr(struct recipe *r, struct addr *a)
{
	uint8_t mode = cursor_u8(&r->c);

	if (mode < 0x40) {
		FUZZ_ASSERT(addr_parse(sources[mode % (sizeof(sources) / sizeof(*sources))], a) == 0);
	} else if (mode < 0x80) {
		memset(a, 0, sizeof(*a));
		memset(a->bytes + 10, 0xff, 2);
		for (unsigned int i = 12; i < 16; i++)
			a->bytes[i] = cursor_u8(&r->c);
	} else if (mode < 0xc0) {
		for (unsigned int i = 0; i < 16; i++)
			a->bytes[i] = cursor_u8(&r->c);
	} else {
		a->bytes[15 - (mode & 15)] = cursor_u8(&r->c);
	}
}

/* The address after this one, in network order; the last is followed by the first. */
static void step_addr(struct addr *a)
{
	for (unsigned int i = 16; i-- > 0;)
		if (++a->bytes[i])
			return;
}

static void take_time(struct recipe *r)
{
	uint8_t mode = cursor_u8(&r->c);

	if (mode < 16)
		r->offset = mode & 1 ? NS_PER_DAY - 1 : 0;
	else if (mode < 128)
		r->offset = (int64_t)(take(r, 6) % (uint64_t)NS_PER_DAY);
	else
		r->offset += (int64_t)take(r, 1 + mode % 5);
}

static void take_endpoint(struct recipe *r)
{
	uint8_t what = cursor_u8(&r->c);

	if (what & 1)
		take_addr(r, &r->e.dst);
	if (what & 2)
		r->e.dst_port = (uint16_t)take(r, 2);
	if (what & 4)
		r->e.flags = (uint32_t)take(r, 4);
	if (what & 8)
		r->e.consent = (uint32_t)take(r, 4);
	if (what & 16)
		r->e.protocol = cursor_u8(&r->c);
	if (what & 32)
		take_addr(r, &r->e.orig_dst);
	if (what & 64)
		r->e.orig_dst_port = (uint16_t)take(r, 2);
	if (what & 128)
		r->e.kind = cursor_u8(&r->c);
}

/* How long a close row lasted: nothing, as long as since an earlier row, something, or all that can be. */
static int64_t take_lasted(struct recipe *r, int64_t time_ns)
{
	uint8_t mode = cursor_u8(&r->c);
	int64_t least;

	if (mode < 32)
		return 0;
	if (mode < 128 && r->count && time_ns >= r->rows[r->count - 1].time_ns)
		return time_ns - r->rows[r->count - 1].time_ns;
	if (mode < 240)
		return (int64_t)take(r, 1 + mode % 6);
	return __builtin_sub_overflow(time_ns, INT64_MIN, &least) ? INT64_MAX : least;
}

static uint32_t intern(struct recipe *r)
{
	uint32_t slot = block_crc(0, 0, &r->e, sizeof(r->e), NULL, 0) % SLOTS;

	for (; r->slots[slot]; slot = (slot + 1) % SLOTS)
		if (memcmp(&r->endpoints[r->slots[slot] - 1], &r->e, sizeof(r->e)) == 0)
			return r->slots[slot] - 1u;
	if (r->endpoint_count == ENDPOINTS_MAX)
		return ENDPOINTS_MAX - 1;
	r->endpoints[r->endpoint_count++] = r->e;
	r->slots[slot] = (uint16_t)r->endpoint_count;
	return (uint32_t)r->endpoint_count - 1;
}

static void add_row(struct recipe *r, int64_t lasted)
{
	struct row *row = &r->rows[r->count++];
	int64_t opened;

	*row = r->row;
	row->time_ns = r->day_ns + r->offset;
	row->endpoint = intern(r);
	row->lasted_ns = r->endpoints[row->endpoint].kind == SEKISHO_KIND_CLOSE ? lasted : 0;
	if (__builtin_sub_overflow(row->time_ns, row->lasted_ns, &opened))
		row->lasted_ns = 0;
}

/* One instruction: what changes, how many rows, and how these differ from each other. */
static void take_rows(struct recipe *r)
{
	uint8_t op = cursor_u8(&r->c), steps = op & 7 ? cursor_u8(&r->c) : 0;
	int64_t lasted;

	if (op & 8)
		take_addr(r, &r->row.src);
	if (op & 16)
		take_time(r);
	if (op & 32)
		take_endpoint(r);
	if (op & 64)
		r->row.src_port = (uint16_t)take(r, 2);
	if (op & 128)
		r->row.rtt = (uint8_t)(cursor_u8(&r->c) % RTT_CODES);
	lasted = r->e.kind == SEKISHO_KIND_CLOSE ? take_lasted(r, r->day_ns + r->offset) : 0;
	for (unsigned int n = repeats[op & 7]; n && r->count < ROWS_MAX; n--) {
		r->offset %= NS_PER_DAY;
		add_row(r, lasted);
		r->offset += time_steps[steps & 7];
		r->row.src_port = (uint16_t)(r->row.src_port + (steps >> 3 & 3));
		if (steps & 32)
			step_addr(&r->row.src);
		if (steps & 64)
			r->e.dst_port++;
		if (steps & 128)
			r->row.rtt = (uint8_t)((r->row.rtt + 7) % RTT_CODES);
	}
}

static int compare_rows(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = addr_compare_source(&x->src, &y->src);

	return order ? order : x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

static void cook(struct recipe *r, struct segment_section *s, struct gaps *gaps, uint8_t *custody)
{
	uint8_t options = cursor_u8(&r->c);

	s->day = days[options & 7];
	r->day_ns = s->day * NS_PER_DAY;
	s->journal_id = take(r, 8);
	s->run = (uint32_t)take(r, 4) & SECTION_RUN_MAX;
	s->tenant = (uint32_t)take(r, 4);
	s->rung = cursor_u8(&r->c) & SECTION_RUNG_MAX;
	s->span_from_ns = options & 32 ? INT64_MIN : r->day_ns;
	s->span_to_ns = options & 32 ? INT64_MAX : r->day_ns + (int64_t)take(r, 5);
	if (options & 8) {
		memset(custody, 'c', 1 + take(r, 1) * 4);
		s->custody = (const char *)custody;
	}
	for (uint64_t n = options & 16 ? take(r, 1) % 4 : 0; n; n--) {
		struct gap g = { .first_utc_ns = (int64_t)take(r, 8), .last_utc_ns = (int64_t)take(r, 8),
				 .count = take(r, 8), .tenant = (uint32_t)take(r, 4), .reason = 1 };

		FUZZ_ASSERT(gaps_add(gaps, &g) == 0);
	}
	r->e = (struct endpoint){ .kind = SEKISHO_KIND_ESTABLISHED, .protocol = 6, .dst_port = 443 };
	memset(r->e.dst.bytes + 10, 0xff, 2);
	r->row.src = r->e.dst;
	while (cursor_left(&r->c) && r->count < ROWS_MAX)
		take_rows(r);
	qsort(r->rows, r->count, sizeof(*r->rows), compare_rows);
	s->rows = r->rows;
	s->row_count = r->count;
	s->endpoints = r->endpoints;
	s->endpoint_count = r->endpoint_count;
}

/* A file of this one section. */
static void write_segment(const struct segment_section *s, const uint8_t secret[static 32],
			  struct buffer *out)
{
	size_t size = SEGMENT_HEADER_BYTES + strlen(TENANT);
	uint8_t *h = buffer_extend(out, size);

	memcpy(h + SEGMENT_AT_MAGIC, SEGMENT_MAGIC, 8);
	put_le16(h + SEGMENT_AT_VERSION, SEGMENT_VERSION);
	put_le16(h + SEGMENT_AT_HEADER_SIZE, (uint16_t)size);
	put_le32(h + SEGMENT_AT_DAY, (uint32_t)s->day);
	put_le64(h + SEGMENT_AT_FILE_ID, 42);
	put_le32(h + SEGMENT_AT_PART, 1);
	memcpy(h + SEGMENT_AT_SECRET, secret, 32);
	memcpy(h + SEGMENT_AT_TENANT, TENANT, strlen(TENANT));
	put_le32(h + SEGMENT_AT_CRC, block_crc(42, 0, h, SEGMENT_AT_CRC, h + SEGMENT_AT_SECRET,
					       size - SEGMENT_AT_SECRET));
	FUZZ_ASSERT(section_write(NULL, s, 42, size, secret, out, NULL) == 0);
}

/* One column of one row is another value: no proof may hold for that. */
static void spoil(struct record *r, uint8_t how)
{
	switch (how % 8) {
	case 0:
		r->time_ns ^= 1;
		break;
	case 1:
		r->src.bytes[how / 8 % 16] ^= 1;
		break;
	case 2:
		r->src_port ^= 0x100;
		break;
	case 3:
		r->dst.bytes[how / 8 % 16] ^= 0x80;
		break;
	case 4:
		r->consent ^= 1;
		break;
	case 5:
		r->rtt_us = rtt_value_us((uint8_t)((rtt_code(r->rtt_us) + 1) % RTT_CODES));
		break;
	case 6:
		r->kind ^= 4;
		break;
	default:
		r->orig_dst_port ^= 1;
	}
}

static void check_proof(const struct segment_section *s, const uint8_t secret[static 32],
			const uint8_t root[static 32], uint32_t at)
{
	const struct row *row = &s->rows[at];
	struct merkle_proof proof, copy;
	struct record record, spoiled;
	struct buffer bytes = {};

	row_to_record(row, &s->endpoints[row->endpoint], s->tenant, &record);
	FUZZ_ASSERT(merkle_prove(secret, s->rows, (uint32_t)s->row_count, s->endpoints, at, &proof) == 0);
	merkle_proof_write(&proof, &bytes);
	FUZZ_ASSERT(merkle_proof_read(bytes.data, bytes.size, &copy) == 0);
	FUZZ_ASSERT(merkle_check(&record, &copy, root));
	spoiled = record;
	spoil(&spoiled, (uint8_t)(at + row->src_port));
	FUZZ_ASSERT(!merkle_check(&spoiled, &copy, root));
	copy.row = (at + 1) % copy.rows;
	FUZZ_ASSERT(copy.rows == 1 || !merkle_check(&record, &copy, root));
	buffer_done(&bytes);
}

static struct block_rows block;

static void check_rows(struct segment_reader *r, const struct section_reader *section,
		       const struct segment_section *s, struct merkle *tree)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < section->block_count; i++) {
		FUZZ_ASSERT(section_read_block(r, section, i, BLOCK_ALL, &block) == 0);
		for (uint32_t k = 0; k < block.rows; k++, at++, fuzz_rows++) {
			const struct row *row = &s->rows[at];
			struct record got, want;
			struct endpoint e;
			struct row decoded;

			FUZZ_ASSERT(at < s->row_count);
			section_record(section, &block, k, &got);
			row_to_record(row, &s->endpoints[row->endpoint], s->tenant, &want);
			FUZZ_ASSERT(memcmp(&got, &want, sizeof(got)) == 0);
			row_from_record(&got, 0, &decoded, &e);
			merkle_add(tree, &decoded, &e);
		}
	}
	FUZZ_ASSERT(at == s->row_count);
}

/* Every source is found in the blocks that the index names, and in no other. */
static void check_index(const struct section_reader *section, const struct segment_section *s)
{
	uint32_t of_row = 0;

	for (size_t i = 0; i < s->row_count; i += 1 + i / 8) {
		uint32_t first, end;

		while (i >= section->blocks[of_row].first_row + section->blocks[of_row].rows)
			of_row++;
		section_find(section, &s->rows[i].src, &s->rows[i].src, &first, &end);
		FUZZ_ASSERT(first <= of_row && of_row < end);
		/* One block before the first that begins with it can hold it, and that one. */
		for (uint32_t k = first + 1; k < end; k++)
			FUZZ_ASSERT(addr_compare(&section->blocks[k].first, &s->rows[i].src) == 0);
	}
}

static void check_facts(const struct section *f, const struct segment_section *s)
{
	int64_t first = INT64_MAX, last = INT64_MIN, opened = INT64_MAX;

	for (size_t i = 0; i < s->row_count; i++) {
		const struct row *row = &s->rows[i];

		first = row->time_ns < first ? row->time_ns : first;
		last = row->time_ns > last ? row->time_ns : last;
		if (row->time_ns - row->lasted_ns < opened)
			opened = row->time_ns - row->lasted_ns;
	}
	FUZZ_ASSERT(f->rows == s->row_count && f->tenant == s->tenant && f->rung == s->rung);
	FUZZ_ASSERT(f->journal_id == s->journal_id && f->run == s->run);
	FUZZ_ASSERT(f->span_from_ns <= s->span_from_ns && f->span_to_ns >= s->span_to_ns);
	FUZZ_ASSERT(!f->rows || (f->first_utc_ns == first && f->last_utc_ns == last &&
				 f->opened_utc_ns == opened));
}

static void check_segment(struct segment_reader *r, const struct segment_section *s,
			  const uint8_t file_secret[static 32])
{
	const struct section *f = &r->sections[0];
	struct section_reader *section;
	uint8_t secret[32], root[32];
	uint32_t blocks;
	uint64_t bad;
	struct merkle tree;

	FUZZ_ASSERT(r->section_count == 1 && !r->damaged_bytes && !r->torn);
	FUZZ_ASSERT(section_check(r, f, &blocks, &bad) == 0);
	check_facts(f, s);
	FUZZ_ASSERT(section_open(r, f->offset, &section) == 0);
	FUZZ_ASSERT(section->gaps.count == s->gaps->count);
	for (size_t i = 0; i < s->gaps->count; i++)
		FUZZ_ASSERT(!memcmp(&section->gaps.list[i], &s->gaps->list[i], sizeof(struct gap)));
	FUZZ_ASSERT(!s->custody == !section->custody &&
		    (!s->custody || strcmp(s->custody, section->custody) == 0));
	merkle_secret(file_secret, s->journal_id, s->run, secret);
	merkle_begin(&tree, secret);
	check_rows(r, section, s, &tree);
	merkle_end(&tree, root);
	FUZZ_ASSERT(memcmp(root, f->root, sizeof(root)) == 0);
	check_index(section, s);
	if (s->row_count)
		check_proof(s, secret, root, (uint32_t)(s->journal_id % s->row_count));
	section_close(section);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t secret[32] = "a secret of the fuzz target ...";
	static uint8_t custody[SECTION_CUSTODY_MAX + 1];
	struct segment_section s = { .tenant_id = TENANT };
	struct recipe *r = calloc(1, sizeof(*r));
	char name[SEGMENT_NAME_MAX];
	struct segment_reader reader;
	struct buffer file = {};
	struct gaps gaps = {};
	struct problem p;

	FUZZ_ASSERT(r);
	memset(custody, 0, sizeof(custody));
	cursor_init(&r->c, data, size);
	cook(r, &s, &gaps, custody);
	s.gaps = &gaps;
	write_segment(&s, secret, &file);
	segment_part_name(s.day, 1, name);
	fuzz_file(name, file.data, file.size);
	FUZZ_ASSERT(segment_reader_open(fuzz_dir(), name, &reader, &p) == 0);
	check_segment(&reader, &s, secret);
	segment_reader_close(&reader);
	fuzz_file_gone(name);
	buffer_done(&file);
	gaps_done(&gaps);
	free(r);
	return 0;
}
