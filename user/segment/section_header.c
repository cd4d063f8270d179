// SPDX-License-Identifier: BSD-2-Clause
/* From the bytes of a section's header to what it says, none of which is believed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/block.h"
#include "base/fs.h"
#include "base/text.h"
#include "base/utc.h"
#include "schema/event.h"
#include "schema/store.h"
#include "endpoint_list.h"
#include "section_header.h"
#include "section_prefix.h"

/* Least bytes of an entry in the header: bounds the counts that a header may claim. */
#define INDEX_LEAST_BYTES 3 /* of all but the last one */
#define CLOCK_LEAST_BYTES 3

/* The prefix of a section of which `there` bytes can be looked at and `left` are left in the file; facts has place,
 * size, journal and run. */
static int parse_prefix(const struct segment_reader *r, const uint8_t *p, size_t there, uint64_t left,
			struct section *facts)
{
	if (there < SECTION_PREFIX_BYTES)
		return -ENODATA;
	/* So little may be the begin of anything: of a trailer too. */
	if (there < section_prefix_bytes(p) || get_le32(p + SECTION_AT_MAGIC) != SECTION_MAGIC ||
	    get_le16(p + SECTION_AT_CHECK) != section_prefix_check(p, r->file_id, facts->offset))
		return there < SECTION_LONG_PREFIX_BYTES ? -ENODATA : -EBADMSG;
	facts->header_bytes = section_prefix_header_size(p);
	facts->bytes = (uint64_t)facts->header_bytes + section_prefix_body_size(p);
	facts->journal_id = get_le64(p + SECTION_AT_JOURNAL_ID);
	facts->run = get_le16(p + SECTION_AT_RUN);
	memcpy(facts->root, p + SECTION_AT_ROOT, sizeof(facts->root));
	if (facts->header_bytes < section_prefix_bytes(p) || facts->header_bytes > SECTION_HEADER_MAX ||
	    (section_prefix_is_long(p) && get_le16(p + SECTION_AT_BODY_SIZE) != SECTION_SIZE_LONG))
		return -EBADMSG;
	/* The prefix is as it was written: if the file ends before the section, it was cut off. */
	return facts->bytes > left ? -ENODATA : 0;
}

static int check_header(const struct segment_reader *r, const uint8_t *h, const struct section *facts)
{
	return get_le32(h + SECTION_AT_CRC) ==
		       section_prefix_crc(h, facts->header_bytes, r->file_id, facts->offset) ? 0 : -EBADMSG;
}

int section_header_load(struct segment_reader *r, uint64_t offset, size_t most, struct buffer *h,
			struct section *facts)
{
	uint64_t left = r->size - offset;
	size_t n = left < most ? left : most;
	uint8_t *p;
	int error;

	*facts = (struct section){ .offset = offset };
	if (offset > r->size || left < SECTION_PREFIX_BYTES)
		return -ENODATA;
	p = buffer_room(h, n);
	if (!p)
		return -ENOMEM;
	error = fs_pread_all(r->fd, p, n, (off_t)offset);
	if (!error)
		error = parse_prefix(r, p, n, left, facts);
	if (error)
		return error;
	if (facts->header_bytes > n) {
		h->size = n;
		p = buffer_room(h, facts->header_bytes - n);
		if (!p)
			return -ENOMEM;
		error = fs_pread_all(r->fd, p, facts->header_bytes - n, (off_t)(offset + n));
		if (error)
			return error;
	}
	h->size = facts->header_bytes;
	return check_header(r, h->data, facts);
}

int section_header_of_data(const struct segment_reader *r, uint64_t offset, const uint8_t *data, size_t size,
			   struct section *facts)
{
	int error;

	*facts = (struct section){ .offset = offset };
	error = parse_prefix(r, data, size, size, facts);
	return error ? error : check_header(r, data, facts);
}

static int parse_times(struct cursor *c, int64_t day_ns, struct section *facts)
{
	uint64_t first = cursor_varint(c), span = facts->rows > 1 ? cursor_varint(c) : 0;
	uint64_t opened = facts->has_close ? cursor_varint(c) : 0;

	if (first >= (uint64_t)NS_PER_DAY || span >= (uint64_t)NS_PER_DAY - first)
		return -EBADMSG;
	facts->first_utc_ns = day_ns + (int64_t)first;
	facts->last_utc_ns = facts->first_utc_ns + (int64_t)span;
	/* The difference of two i64 that were told apart as u64. */
	facts->opened_utc_ns = (int64_t)((uint64_t)facts->first_utc_ns - opened);
	return facts->opened_utc_ns <= facts->first_utc_ns ? 0 : -EBADMSG;
}

/* What a writer counts in whole seconds from each other, from the day's begin on. */
static int64_t parse_second(struct cursor *c, int64_t *seconds)
{
	if (__builtin_add_overflow(*seconds, cursor_zigzag(c), seconds))
		*seconds = *seconds < 0 ? INT64_MAX : INT64_MIN;
	return *seconds;
}

/* Seconds after the day's begin as nanoseconds; the far ends of time are bent inwards. */
static int64_t at_second(int64_t after, int32_t day)
{
	int64_t seconds, ns;

	if (__builtin_add_overflow(after, (int64_t)day * 86400, &seconds) ||
	    __builtin_mul_overflow(seconds, NS_PER_SEC, &ns))
		return after < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/* Facts up to the custody statement and the gaps, which s (may be NULL) takes. */
static int parse_facts(struct segment_reader *r, struct cursor *c, struct section *facts,
		       uint8_t *ret_flags)
{
	int64_t day_ns, seconds = 0;
	uint64_t rows = cursor_varint(c), tenant = cursor_varint(c);
	uint8_t flags;

	if (__builtin_mul_overflow((int64_t)r->day, NS_PER_DAY, &day_ns) ||
	    day_ns > INT64_MAX - NS_PER_DAY)
		return -EBADMSG;
	flags = cursor_u8(c);
	facts->rung = flags >> SECTION_RUNG_SHIFT & SECTION_RUNG_MAX;
	flags &= (uint8_t)~(SECTION_RUNG_MAX << SECTION_RUNG_SHIFT);
	facts->span_from_ns = at_second(parse_second(c, &seconds), r->day);
	facts->span_to_ns = at_second(parse_second(c, &seconds), r->day);
	facts->first_utc_ns = facts->last_utc_ns = facts->opened_utc_ns = day_ns;
	if (!cursor_ok(c) || rows > SECTION_ROWS_MAX || tenant > UINT32_MAX)
		return -EBADMSG;
	if (flags & ~SECTION_FLAGS_KNOWN)
		return -ENOTSUP;
	facts->rows = (uint32_t)rows;
	facts->tenant = (uint32_t)tenant;
	facts->has_rtt = flags & SECTION_FLAG_RTT;
	facts->has_close = flags & SECTION_FLAG_CLOSE;
	facts->imported = flags & SECTION_FLAG_CUSTODY;
	*ret_flags = flags;
	if (rows && parse_times(c, day_ns, facts))
		return -EBADMSG;
	return cursor_ok(c) ? 0 : -EBADMSG;
}

int section_header_facts(struct segment_reader *r, const struct buffer *h, struct section *facts)
{
	struct cursor c;
	uint8_t flags;

	cursor_init(&c, h->data, h->size);
	cursor_skip(&c, section_prefix_bytes(h->data));
	return parse_facts(r, &c, facts, &flags);
}

static int parse_custody(struct cursor *c, struct section_reader *s)
{
	uint64_t n = cursor_varint(c);
	const uint8_t *text = n && n <= SECTION_CUSTODY_MAX ? cursor_bytes(c, n) : NULL;

	if (!text || !text_is_plain(text, n))
		return -EBADMSG;
	s->custody = strndup((const char *)text, n);
	return s->custody ? 0 : -ENOMEM;
}

static int parse_gaps(struct cursor *c, struct section_reader *s)
{
	uint64_t n = cursor_varint(c);
	struct gap g;

	if (n > cursor_left(c) / STORE_GAP_BYTES)
		return -EBADMSG;
	for (uint64_t i = 0; i < n; i++) {
		gap_read(c, &g);
		if (gaps_add(&s->gaps, &g))
			return -ENOMEM;
	}
	return 0;
}

static int parse_clock(struct cursor *c, struct section_reader *s)
{
	uint64_t number = cursor_varint(c), n = number > 1 ? number - 1 : number;
	uint64_t boot = 0, utc = (uint64_t)s->facts.first_utc_ns;
	uint64_t span = (uint64_t)(s->facts.last_utc_ns - s->facts.first_utc_ns);

	if (n > cursor_left(c) / CLOCK_LEAST_BYTES)
		return -EBADMSG;
	s->clock.list = n ? calloc(n, sizeof(*s->clock.list)) : NULL;
	if (n && !s->clock.list)
		return -ENOMEM;
	s->clock.capacity = n;
	for (uint64_t i = 0; i < n; i++) {
		struct clock_piece *piece = &s->clock.list[i];
		uint64_t gap = cursor_varint(c), length = span + (uint64_t)(number > 1 ? cursor_zigzag(c) : 0), status;
		uint8_t code;

		if (length > INT64_MAX || __builtin_add_overflow(boot, gap, &piece->boot_from) ||
		    __builtin_add_overflow(piece->boot_from, length, &piece->boot_to))
			return -EBADMSG;
		piece->utc_from = (int64_t)(utc + (uint64_t)(number > 1 ? cursor_zigzag(c) : 0));
		code = cursor_u8(c);
		status = cursor_varint(c);
		if (!cursor_ok(c) || code > 64 || status > UINT32_MAX)
			return -EBADMSG;
		piece->max_error_ns = code ? UINT64_C(1) << (code - 1) : 0;
		piece->status = (uint32_t)status;
		boot = piece->boot_to;
		utc = (uint64_t)piece->utc_from + length;
		s->clock.count++;
	}
	return 0;
}

static int parse_endpoints(struct cursor *c, struct section_reader *s)
{
	int error = endpoint_list_read(c, s->facts.tenant, &s->endpoints, &s->endpoint_count);

	if (error)
		return error;
	s->is_close = calloc(s->endpoint_count, sizeof(*s->is_close));
	if (!s->is_close)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->endpoint_count; i++) {
		s->is_close[i] = s->endpoints[i].kind == SEKISHO_KIND_CLOSE;
		if (s->is_close[i] && !s->facts.has_close)
			return -EBADMSG;
	}
	return 0;
}

static int parse_tables(struct cursor *c, struct section_reader *s)
{
	uint64_t given = cursor_varint(c);

	if (given >> CODING_TABLES)
		return -EBADMSG;
	s->codes = malloc(sizeof(*s->codes));
	if (!s->codes)
		return -ENOMEM;
	for (unsigned int t = 0; t < CODING_TABLES; t++) {
		int constant = -1;

		s->codes->made[t] = false;
		s->codes->usual[t] = !(given >> t & 1);
		if (!s->codes->usual[t] &&
		    coding_read_lengths(c, coding_symbols[t], s->codes->lengths[t], &constant))
			return -EBADMSG;
		s->codes->constant[t] = (int16_t)constant;
	}
	return 0;
}

static void set_be64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

/* The first source of a block; *key is that of the block before. */
static int parse_first(struct cursor *c, bool v4, uint64_t *key, struct section_block *b)
{
	const uint8_t *host;

	if (__builtin_add_overflow(*key, cursor_varint(c), key) || (v4 && *key > UINT32_MAX))
		return -EBADMSG;
	if (v4) {
		set_be64(b->first.bytes + 8, *key | UINT64_C(0xffff) << 32);
		return 0;
	}
	host = cursor_bytes(c, 8);
	if (!host)
		return -EBADMSG;
	set_be64(b->first.bytes, *key);
	memcpy(b->first.bytes + 8, host, 8);
	return addr_is_v4(&b->first) ? -EBADMSG : 0;
}

/* Rows and bytes of a block; the last one has what is left of them. */
static int parse_extent(struct cursor *c, bool last, uint64_t rows_left, uint64_t bytes_left,
			struct section_block *b)
{
	uint64_t rows = last ? rows_left : cursor_varint(c) + 1;
	uint64_t bytes = last ? bytes_left : cursor_varint(c);

	if (!cursor_ok(c) || !rows || rows > BLOCK_ROWS_MAX || rows > rows_left || bytes < 5 ||
	    bytes > BLOCK_BYTES_MAX + 4 || bytes > bytes_left)
		return -EBADMSG;
	b->rows = (uint16_t)rows;
	b->bytes = (uint32_t)bytes;
	return 0;
}

static int parse_index(struct cursor *c, struct section_reader *s)
{
	uint64_t number = cursor_varint(c), blocks = number / 2, v4 = number & 1 ? cursor_varint(c) : blocks, key = 0;
	uint64_t row = 0, offset = s->facts.offset + s->facts.header_bytes;
	uint64_t end = s->facts.offset + s->facts.bytes;
	size_t most = cursor_left(c) / INDEX_LEAST_BYTES + 1;

	if (!blocks || blocks > most || v4 > blocks || (number & 1 && v4 == blocks))
		return -EBADMSG;
	s->blocks = calloc(blocks, sizeof(*s->blocks));
	if (!s->blocks)
		return -ENOMEM;
	s->block_count = (uint32_t)blocks;
	for (uint64_t i = 0; i < blocks; i++) {
		struct section_block *b = &s->blocks[i];

		if (i == v4)
			key = 0;
		if (parse_first(c, i < v4, &key, b) ||
		    parse_extent(c, i + 1 == blocks, s->facts.rows - row, end - offset, b) ||
		    (i && addr_compare_source(&s->blocks[i - 1].first, &b->first) > 0))
			return -EBADMSG;
		b->first_row = (uint32_t)row;
		b->offset = offset;
		row += b->rows;
		offset += b->bytes;
	}
	return 0;
}

int section_header_parse(struct segment_reader *r, const struct buffer *h, struct section_reader *s)
{
	struct cursor c;
	uint8_t flags = 0;
	int error;

	cursor_init(&c, h->data, h->size);
	cursor_skip(&c, section_prefix_bytes(h->data));
	error = parse_facts(r, &c, &s->facts, &flags);
	if (!error && flags & SECTION_FLAG_CUSTODY)
		error = parse_custody(&c, s);
	if (!error && flags & SECTION_FLAG_GAPS)
		error = parse_gaps(&c, s);
	if (error)
		return error;
	if (!s->facts.rows)
		return cursor_ok(&c) && !cursor_left(&c) &&
			       s->facts.bytes == s->facts.header_bytes ? 0 : -EBADMSG;
	s->first_time_shift = coding_first_time_shift(
		(uint64_t)(s->facts.last_utc_ns - s->facts.first_utc_ns));
	error = parse_clock(&c, s);
	if (!error)
		error = parse_endpoints(&c, s);
	if (!error)
		error = parse_tables(&c, s);
	if (!error)
		error = parse_index(&c, s);
	return error ? error : cursor_ok(&c) && !cursor_left(&c) ? 0 : -EBADMSG;
}
