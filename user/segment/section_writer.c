// SPDX-License-Identifier: BSD-2-Clause
/* Counting, choosing codes, coding, and the header around it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/array.h"
#include "base/block.h"
#include "base/utc.h"
#include "block_writer.h"
#include "coding_choice.h"
#include "endpoint_list.h"
#include "merkle.h"
#include "schema/event.h"
#include "section_clock.h"
#include "section_prefix.h"
#include "section_writer.h"

struct section_room {
	/* Of the section that is being written. */
	const struct segment_section *s;
	struct block_writer coder;
	uint32_t plan_count, endpoint_count; /* blocks; endpoints in use */
	int64_t first_ns, last_ns, opened_ns;
	bool has_close;
	/* What grows and stays. */
	struct block_plan *plans;
	uint32_t *sizes; /* of each block, with its checksum */
	size_t plan_capacity, size_capacity;
	uint32_t *rank, *order; /* endpoint -> number in the section, and back */
	uint32_t *uses; /* rows of each endpoint; all zero between sections */
	bool *is_close;
	size_t endpoint_capacity;
	struct buffer tables, lists, index, rest, body;
	struct merkle merkle;
};

struct section_room *section_room_new(void)
{
	return calloc(1, sizeof(struct section_room));
}

static void free_endpoints(struct section_room *d)
{
	free(d->rank);
	free(d->order);
	free(d->uses);
	free(d->is_close);
	d->rank = d->order = d->uses = NULL;
	d->is_close = NULL;
	d->endpoint_capacity = 0;
}

void section_room_free(struct section_room *d)
{
	if (!d)
		return;
	free(d->plans);
	free(d->sizes);
	free_endpoints(d);
	buffer_done(&d->tables);
	buffer_done(&d->lists);
	buffer_done(&d->index);
	buffer_done(&d->rest);
	buffer_done(&d->body);
	free(d);
}

static int reserve_endpoints(struct section_room *d, size_t count)
{
	size_t more = d->endpoint_capacity ? d->endpoint_capacity : 64;

	if (count <= d->endpoint_capacity)
		return 0;
	while (more < count)
		more *= 2;
	free_endpoints(d);
	d->rank = malloc(more * sizeof(*d->rank));
	d->order = malloc(more * sizeof(*d->order));
	d->uses = calloc(more, sizeof(*d->uses));
	d->is_close = malloc(more * sizeof(*d->is_close));
	if (!d->rank || !d->order || !d->uses || !d->is_close) {
		free_endpoints(d);
		return -ENOMEM;
	}
	d->endpoint_capacity = more;
	return 0;
}

/* For the next section. */
static int begin(struct section_room *d, const struct segment_section *s)
{
	d->s = s;
	d->plan_count = d->endpoint_count = 0;
	d->has_close = d->coder.has_rtt = false;
	memset(d->coder.counts, 0, sizeof(d->coder.counts));
	buffer_clear(&d->tables);
	buffer_clear(&d->lists);
	buffer_clear(&d->index);
	buffer_clear(&d->rest);
	buffer_clear(&d->body);
	return s->row_count > SECTION_ROWS_MAX || s->run > SECTION_RUN_MAX || s->rung > SECTION_RUNG_MAX ?
		       -EINVAL : reserve_endpoints(d, s->endpoint_count);
}

static void end(struct section_room *d)
{
	for (uint32_t i = 0; i < d->endpoint_count; i++)
		d->uses[d->order[i]] = 0;
	d->endpoint_count = 0;
}

static bool in_order(const struct row *a, const struct row *b)
{
	int order = memcmp(&a->src, &b->src, sizeof(a->src));

	if (order)
		order = addr_compare_source(&a->src, &b->src);
	return order < 0 || (order == 0 && a->time_ns <= b->time_ns);
}

/* Ranges of the rows, and that they are what a section may hold. */
static int survey(struct section_room *d)
{
	const struct segment_section *s = d->s;
	int64_t from;

	if (__builtin_mul_overflow((int64_t)s->day, NS_PER_DAY, &from))
		return -EINVAL;
	d->first_ns = d->last_ns = d->opened_ns = s->row_count ? s->rows[0].time_ns : from;
	for (size_t i = 0; i < s->row_count; i++) {
		const struct row *r = &s->rows[i];
		int64_t opened;

		if (r->endpoint >= s->endpoint_count || r->lasted_ns < 0 ||
		    (r->lasted_ns && s->endpoints[r->endpoint].kind != SEKISHO_KIND_CLOSE) ||
		    (uint64_t)r->time_ns - (uint64_t)from >= (uint64_t)NS_PER_DAY ||
		    __builtin_sub_overflow(r->time_ns, r->lasted_ns, &opened) ||
		    (i && !in_order(r - 1, r)))
			return -EINVAL;
		if (r->time_ns < d->first_ns)
			d->first_ns = r->time_ns;
		if (r->time_ns > d->last_ns)
			d->last_ns = r->time_ns;
		if (opened < d->opened_ns)
			d->opened_ns = opened;
		d->coder.has_rtt |= r->rtt != 0;
		if (!d->uses[r->endpoint]++)
			d->order[d->endpoint_count++] = r->endpoint;
	}
	return 0;
}

static int compare_uses(const void *a, const void *b, void *uses)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const uint32_t *n = uses;

	if (n[x] != n[y])
		return n[x] > n[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* The section's own table of endpoints: those in use, the frequent ones first. */
static int rank_endpoints(struct section_room *d)
{
	uint32_t count = d->endpoint_count;

	if (count > SECTION_ENDPOINTS_MAX)
		return -EINVAL;
	if (count)
		qsort_r(d->order, count, sizeof(*d->order), compare_uses, d->uses);
	for (uint32_t i = 0; i < count; i++) {
		d->rank[d->order[i]] = i;
		d->is_close[i] = d->s->endpoints[d->order[i]].kind == SEKISHO_KIND_CLOSE;
		d->has_close |= d->is_close[i];
	}
	d->coder.endpoint_count = count;
	return 0;
}

static int plan_blocks(struct section_room *d)
{
	for (size_t at = 0; at < d->s->row_count; at += d->plans[d->plan_count++].rows) {
		if (ARRAY_RESERVE(d->plans, d->plan_count, d->plan_capacity) ||
		    ARRAY_RESERVE(d->sizes, d->plan_count, d->size_capacity))
			return -ENOMEM;
		d->plans[d->plan_count] = block_plan_next(d->s->rows, d->s->row_count, at);
	}
	return 0;
}

/* Codes of its own for each table where they pay for their lengths in the header. */
static void choose_codes(struct section_room *d, struct section_report *report)
{
	uint32_t given = 0;

	for (unsigned int t = 0; t < CODING_TABLES; t++) {
		uint64_t bits;

		given |= (uint32_t)coding_choice(t, d->coder.counts[t], &d->lists, &d->coder.codes[t], &bits) << t;
		if (report) {
			report->symbol_bits[t] += bits;
			for (unsigned int i = 0; i < coding_symbols[t]; i++)
				report->extra_bits[t] += (uint64_t)d->coder.counts[t][i] *
							 coding_plain_bits(t, i, d->coder.first_time_shift);
		}
	}
	buffer_varint(&d->tables, given);
	buffer_bytes(&d->tables, d->lists.data, d->lists.size);
	d->tables.failed |= d->lists.failed;
}

static int code_blocks(struct section_room *d)
{
	for (uint32_t i = 0; i < d->plan_count; i++) {
		uint8_t *room = buffer_room(&d->body, 4 + BLOCK_BYTES_MAX + 8);

		if (!room)
			return -ENOMEM;
		d->sizes[i] = 4 + (uint32_t)block_writer_put(&d->coder, &d->plans[i], room + 4);
		d->body.size += d->sizes[i];
	}
	return d->body.size <= UINT32_MAX ? 0 : -EINVAL;
}

static uint64_t be64_at(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

/* Per block its first source, rows and bytes (the last has what is left); IPv4 blocks come first. */
static void write_index(struct section_room *d)
{
	uint64_t v4 = 0, before = 0;

	while (v4 < d->plan_count && d->plans[v4].v4)
		v4++;
	buffer_varint(&d->index, (uint64_t)d->plan_count * 2 + (v4 < d->plan_count));
	if (v4 < d->plan_count)
		buffer_varint(&d->index, v4);
	for (uint32_t i = 0; i < d->plan_count; i++) {
		const uint8_t *src = d->s->rows[d->plans[i].first_row].src.bytes;
		uint64_t key = d->plans[i].v4 ? be64_at(src + 8) & 0xffffffffu : be64_at(src);

		if (i == v4)
			before = 0;
		buffer_varint(&d->index, key - before);
		if (!d->plans[i].v4)
			buffer_bytes(&d->index, src + 8, 8);
		before = key;
		if (i + 1 == d->plan_count)
			break;
		buffer_varint(&d->index, d->plans[i].rows - 1);
		buffer_varint(&d->index, d->sizes[i]);
	}
}

/* Whole seconds after the day's begin, rounded down. */
static int64_t seconds_of_day(const struct segment_section *s, int64_t utc_ns)
{
	int64_t seconds = utc_ns / NS_PER_SEC - (utc_ns % NS_PER_SEC < 0);

	return seconds - (int64_t)s->day * 86400;
}

static void write_facts(const struct section_room *d, struct buffer *out)
{
	const struct segment_section *s = d->s;
	int64_t day_ns = (int64_t)s->day * NS_PER_DAY; /* survey() has tried it */
	int64_t from_s = seconds_of_day(s, s->span_from_ns);
	int64_t to_s = seconds_of_day(s, s->span_to_ns) + (s->span_to_ns % NS_PER_SEC != 0);
	bool gaps = s->gaps && s->gaps->count;

	buffer_varint(out, s->row_count);
	buffer_varint(out, s->tenant);
	buffer_u8(out, (uint8_t)(s->rung << SECTION_RUNG_SHIFT | (d->coder.has_rtt ? SECTION_FLAG_RTT : 0) |
				 (s->custody ? SECTION_FLAG_CUSTODY : 0) | (gaps ? SECTION_FLAG_GAPS : 0) |
				 (d->has_close ? SECTION_FLAG_CLOSE : 0)));
	buffer_zigzag(out, from_s);
	buffer_zigzag(out, to_s - from_s);
	if (s->row_count) {
		buffer_varint(out, (uint64_t)(d->first_ns - day_ns));
		if (s->row_count > 1)
			buffer_varint(out, (uint64_t)(d->last_ns - d->first_ns));
		if (d->has_close)
			buffer_varint(out, (uint64_t)d->first_ns - (uint64_t)d->opened_ns);
	}
	if (s->custody) {
		buffer_varint(out, strlen(s->custody));
		buffer_bytes(out, s->custody, strlen(s->custody));
	}
	if (gaps) {
		buffer_varint(out, s->gaps->count);
		for (size_t i = 0; i < s->gaps->count; i++)
			gap_write(&s->gaps->list[i], out);
	}
}

/* Facts, clock, endpoints, tables, index: what stands behind the prefix. */
static int write_rest(struct section_room *d)
{
	struct buffer *out = &d->rest;

	write_facts(d, out);
	if (d->s->row_count) {
		section_clock_write(d->s, d->first_ns, d->last_ns, out);
		endpoint_list_write(d->s->endpoints, d->order, d->coder.endpoint_count, d->s->tenant, out);
		buffer_bytes(out, d->tables.data, d->tables.size);
		buffer_bytes(out, d->index.data, d->index.size);
	}
	if (!buffer_ok(out) || !buffer_ok(&d->tables) || !buffer_ok(&d->index))
		return -ENOMEM;
	return out->size <= SECTION_HEADER_MAX - SECTION_LONG_PREFIX_BYTES ? 0 : -EINVAL;
}

static int write_header(struct section_room *d, uint64_t file_id, uint64_t offset,
			const uint8_t root[static 32], struct buffer *out)
{
	int error = write_rest(d);
	bool is_long = d->rest.size + SECTION_PREFIX_BYTES >= SECTION_SIZE_LONG || d->body.size >= SECTION_SIZE_LONG;
	uint32_t prefix = is_long ? SECTION_LONG_PREFIX_BYTES : SECTION_PREFIX_BYTES;
	uint32_t size = prefix + (uint32_t)d->rest.size;
	uint8_t *h = error ? NULL : buffer_room(out, size);

	if (!h)
		return error ? error : -ENOMEM;
	put_le32(h + SECTION_AT_MAGIC, SECTION_MAGIC);
	put_le16(h + SECTION_AT_HEADER_SIZE, is_long ? SECTION_SIZE_LONG : (uint16_t)size);
	put_le16(h + SECTION_AT_BODY_SIZE, is_long ? SECTION_SIZE_LONG : (uint16_t)d->body.size);
	put_le16(h + SECTION_AT_RUN, (uint16_t)d->s->run);
	put_le64(h + SECTION_AT_JOURNAL_ID, d->s->journal_id);
	memcpy(h + SECTION_AT_ROOT, root, 32);
	if (is_long) {
		put_le32(h + SECTION_LONG_AT_HEADER_SIZE, size);
		put_le32(h + SECTION_LONG_AT_BODY_SIZE, (uint32_t)d->body.size);
	}
	memcpy(h + prefix, d->rest.data, d->rest.size);
	put_le16(h + SECTION_AT_CHECK, section_prefix_check(h, file_id, offset));
	put_le32(h + SECTION_AT_CRC, section_prefix_crc(h, size, file_id, offset));
	out->size += size;
	return 0;
}

static int write_body(struct section_room *d, uint64_t file_id, uint64_t offset, struct buffer *out)
{
	size_t at = 0;

	for (uint32_t i = 0; i < d->plan_count; i++) {
		uint8_t *block = d->body.data + at;

		put_le32(block, block_crc(file_id, offset + at, NULL, 0, block + 4, d->sizes[i] - 4));
		at += d->sizes[i];
	}
	buffer_bytes(out, d->body.data, d->body.size);
	return buffer_ok(out) ? 0 : -ENOMEM;
}

static int code_rows(struct section_room *d, struct section_report *report)
{
	int error = rank_endpoints(d);

	if (error || !d->s->row_count)
		return error;
	error = plan_blocks(d);
	if (error)
		return error;
	d->coder.rows = d->s->rows;
	d->coder.endpoints = d->s->endpoints;
	d->coder.rank = d->rank;
	d->coder.is_close = d->is_close;
	d->coder.first_utc_ns = d->first_ns;
	d->coder.first_time_shift = coding_first_time_shift((uint64_t)(d->last_ns - d->first_ns));
	for (uint32_t i = 0; i < d->plan_count; i++)
		block_writer_count(&d->coder, &d->plans[i]);
	choose_codes(d, report);
	error = code_blocks(d);
	if (!error)
		write_index(d);
	return error;
}

static void hash_rows(struct section_room *d, const uint8_t file_secret[static 32], uint8_t ret_root[static 32])
{
	const struct segment_section *s = d->s;
	uint8_t secret[32];

	merkle_secret(file_secret, s->journal_id, s->run, secret);
	merkle_begin(&d->merkle, secret);
	for (size_t i = 0; i < s->row_count; i++)
		merkle_add(&d->merkle, &s->rows[i], &s->endpoints[s->rows[i].endpoint]);
	merkle_end(&d->merkle, ret_root);
}

static int write_in(struct section_room *d, const struct segment_section *s, uint64_t file_id, uint64_t offset,
		    const uint8_t secret[static 32], struct buffer *out, struct section_report *report)
{
	size_t begun = out->size;
	uint8_t root[32] = {};
	int error = begin(d, s);

	if (!error)
		error = survey(d);
	if (!error)
		error = code_rows(d, report);
	if (!error)
		hash_rows(d, secret, root);
	if (!error)
		error = write_header(d, file_id, offset, root, out);
	if (!error)
		error = write_body(d, file_id, offset + (out->size - begun), out);
	if (!error && report) {
		report->table_bytes += d->tables.size;
		report->index_bytes += d->index.size;
		report->other_header_bytes += out->size - begun - d->body.size - d->tables.size - d->index.size;
		report->block_crc_bytes += 4 * (uint64_t)d->plan_count;
	}
	end(d);
	if (error)
		out->size = begun;
	return error;
}

int section_write(struct section_room *room, const struct segment_section *s, uint64_t file_id, uint64_t offset,
		  const uint8_t secret[static 32], struct buffer *out, struct section_report *report)
{
	struct section_room *own = room ? NULL : section_room_new();
	int error = room || own ? write_in(room ? room : own, s, file_id, offset, secret, out, report) : -ENOMEM;

	section_room_free(own);
	return error;
}
