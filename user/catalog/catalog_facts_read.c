// SPDX-License-Identifier: BSD-2-Clause
/* Facts of a chunk from its bytes; everything bounded before it is believed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/parse.h"
#include "base/utc.h"
#include "catalog_facts.h"
#include "schema/segment.h"

/* Least bytes of an entry: bounds what the counts may claim. */
#define TENANT_LEAST 2
#define SEGMENT_LEAST 10
#define ORIGIN_LEAST 14
#define PIECE_LEAST 5
#define GAP_LEAST 6
#define GROUP_LEAST 24

static int64_t day_begin(const struct catalog *c)
{
	return (int64_t)c->day * NS_PER_DAY;
}

/* An array for `count` entries of at least `least` bytes each; NULL when there cannot be so many. */
static int reserve(struct cursor *in, uint64_t count, uint64_t least, size_t size, void *ret_list)
{
	void *list;

	if (!cursor_ok(in) || count > CATALOG_SECTIONS_MAX || count > cursor_left(in) / least)
		return -EBADMSG;
	list = calloc(count + 1, size);
	if (!list)
		return -ENOMEM;
	memcpy(ret_list, &list, sizeof(list));
	return 0;
}

static int read_tenants(struct cursor *in, struct catalog *c)
{
	uint64_t count = cursor_varint(in);
	int error = reserve(in, count, TENANT_LEAST, sizeof(*c->tenants), &c->tenants);

	if (error)
		return error;
	c->tenant_capacity = count + 1;
	for (; c->tenant_count < count; c->tenant_count++) {
		size_t length = cursor_u8(in);
		const uint8_t *id = length < CATALOG_TENANT_BYTES ? cursor_bytes(in, length) : NULL;
		char *tenant = c->tenants[c->tenant_count];
		bool zero = !id;

		/* Ids are short: a copy that starts slowly is half of reading them. */
		for (size_t i = 0; !zero && i < length; i++) {
			tenant[i] = (char)id[i];
			zero = !id[i];
		}
		if (zero || parse_tenant_id(tenant))
			return -EBADMSG;
	}
	return 0;
}

static int read_segments(struct cursor *in, struct catalog *c)
{
	uint64_t count = cursor_varint(in), tenant = 0;
	int error = reserve(in, count, SEGMENT_LEAST, sizeof(*c->segments), &c->segments);

	if (error)
		return error;
	c->segment_capacity = count + 1;
	c->segment_count = count;
	for (size_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(tenant, cursor_varint(in), &tenant) ||
		    tenant >= c->tenant_count)
			return -EBADMSG;
		c->segments[i].tenant = (uint32_t)tenant;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t part = cursor_varint(in);

		if (!part || part > UINT32_MAX)
			return -EBADMSG;
		c->segments[i].part = (uint32_t)part;
	}
	for (size_t i = 0; i < count; i++)
		c->segments[i].file_id = cursor_le64(in);
	return cursor_ok(in) ? 0 : -EBADMSG;
}

/* Whole seconds after the day's begin; the far ends of time are bent inwards. */
static int64_t read_second(struct cursor *in, int32_t day)
{
	int64_t after = cursor_zigzag(in), seconds, ns;

	if (__builtin_add_overflow(after, (int64_t)day * 86400, &seconds) ||
	    __builtin_mul_overflow(seconds, NS_PER_SEC, &ns))
		return after < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static int read_clock(struct cursor *in, const struct catalog *c, struct clock_pieces *clock)
{
	uint64_t count = cursor_varint(in), boot = 0, utc = (uint64_t)day_begin(c);
	int error = reserve(in, count, PIECE_LEAST, sizeof(*clock->list), &clock->list);

	if (error)
		return error;
	clock->capacity = count + 1;
	clock->count = count;
	for (size_t i = 0; i < count; i++) {
		struct clock_piece *piece = &clock->list[i];
		uint64_t length, status;
		uint8_t code;

		piece->boot_from = boot + (uint64_t)cursor_zigzag(in);
		length = cursor_varint(in);
		piece->utc_from = (int64_t)(utc + (uint64_t)cursor_zigzag(in));
		code = cursor_u8(in);
		status = cursor_varint(in);
		if (!cursor_ok(in) || code > 64 || status > UINT32_MAX ||
		    __builtin_add_overflow(piece->boot_from, length, &piece->boot_to))
			return -EBADMSG;
		piece->max_error_ns = code ? UINT64_C(1) << (code - 1) : 0;
		piece->status = (uint32_t)status;
		boot = piece->boot_to;
		utc = (uint64_t)piece->utc_from + length;
	}
	return 0;
}

static int read_gaps(struct cursor *in, const struct catalog *c, struct gaps *gaps)
{
	uint64_t count = cursor_varint(in), first = (uint64_t)day_begin(c);
	int error = reserve(in, count, GAP_LEAST, sizeof(*gaps->list), &gaps->list);

	if (error)
		return error;
	gaps->capacity = count + 1;
	gaps->count = count;
	for (size_t i = 0; i < count; i++) {
		struct gap *g = &gaps->list[i];
		uint64_t tenant, reason;

		first += (uint64_t)cursor_zigzag(in);
		g->first_utc_ns = (int64_t)first;
		g->last_utc_ns = (int64_t)(first + cursor_varint(in));
		g->count = cursor_varint(in);
		g->total = cursor_varint(in);
		tenant = cursor_varint(in);
		reason = cursor_varint(in);
		if (!cursor_ok(in) || tenant > c->tenant_count || reason > UINT32_MAX)
			return -EBADMSG;
		g->tenant = tenant ? (uint32_t)tenant - 1 : CATALOG_EVERY_TENANT;
		g->reason = (uint32_t)reason;
	}
	return 0;
}

static int read_origins(struct cursor *in, struct catalog *c)
{
	uint64_t count = cursor_varint(in);
	int error = reserve(in, count, ORIGIN_LEAST, sizeof(*c->origins), &c->origins);

	if (error)
		return error;
	c->origin_capacity = count + 1;
	c->origin_count = count;
	for (size_t i = 0; i < count && !error; i++) {
		struct catalog_origin *o = &c->origins[i];
		uint8_t flags;

		o->journal_id = cursor_le64(in);
		o->rung = cursor_u8(in);
		flags = cursor_u8(in);
		if (flags & ~CATALOG_ORIGIN_FLAGS_KNOWN)
			return cursor_ok(in) ? -ENOTSUP : -EBADMSG;
		o->imported = flags & CATALOG_ORIGIN_IMPORTED;
		o->span_from_ns = read_second(in, c->day);
		o->span_to_ns = read_second(in, c->day);
		o->stated = true;
		error = read_clock(in, c, &o->clock);
		if (!error)
			error = read_gaps(in, c, &o->gaps);
		o->settled = o->gaps.count + o->clock.count;
	}
	return error;
}

/* Most values are small, and there are twelve for each section. */
static inline uint64_t take(struct cursor *in)
{
	if (in->at < in->size && in->data[in->at] < 0x80 && !in->failed)
		return in->data[in->at++];
	return cursor_varint(in);
}

/* One value of section i, in the order of the columns: what stands before it is there already. */
static inline bool take_place(struct catalog *c, enum catalog_column column, size_t i, uint64_t v)
{
	struct catalog_section *s = &c->sections[i], *before = i ? s - 1 : NULL;
	uint64_t start = SEGMENT_HEADER_BYTES;

	switch (column) {
	case COLUMN_SEGMENT:
		v += before ? (uint64_t)before->segment : UINT64_MAX; /* the first one's is one more */
		s->segment = (uint32_t)v;
		return v < c->segment_count;
	case COLUMN_ORIGIN:
		s->origin = (uint32_t)v;
		return v < c->origin_count;
	case COLUMN_RUN:
		s->run = (uint32_t)v;
		return v <= UINT32_MAX;
	case COLUMN_SKIPPED:
		s->offset = v; /* made absolute with the body */
		return v <= INT64_MAX / 2;
	case COLUMN_HEADER:
		s->header_bytes = (uint32_t)v + SECTION_PREFIX_BYTES;
		return v <= SECTION_HEADER_MAX - SECTION_PREFIX_BYTES;
	default: /* COLUMN_BODY */
		if (before && before->segment == s->segment)
			start = before->offset + before->bytes;
		s->offset += start;
		s->bytes = s->header_bytes + v;
		return v <= UINT32_MAX && s->offset <= INT64_MAX / 2;
	}
}

static inline bool take_time(struct catalog *c, enum catalog_column column, size_t i, uint64_t v)
{
	struct catalog_section *s = &c->sections[i];
	int64_t ns, end = day_begin(c) + NS_PER_DAY - 1;

	if (column == COLUMN_ROWS) {
		s->rows = (uint32_t)v;
		return v <= SECTION_ROWS_MAX;
	}
	ns = v > INT64_MAX >> CATALOG_TIME_SHIFT ? INT64_MAX : (int64_t)(v << CATALOG_TIME_SHIFT);
	switch (column) {
	case COLUMN_FIRST:
		if (ns >= NS_PER_DAY)
			return false;
		s->first_utc_ns = day_begin(c) + ns;
		return true;
	case COLUMN_LAST:
		/* A day is no whole number of units: the last one, rounded up, ends behind it. */
		if (ns > NS_PER_DAY + (INT64_C(1) << CATALOG_TIME_SHIFT))
			return false;
		s->last_utc_ns = ns < end - s->first_utc_ns ? s->first_utc_ns + ns : end;
		return true;
	default: /* COLUMN_OPENED; the far end of time is bent inwards */
		if (ns == INT64_MAX || __builtin_sub_overflow(s->first_utc_ns, ns, &s->opened_utc_ns))
			s->opened_utc_ns = INT64_MIN;
		return true;
	}
}

/* Values of a column one after the other, or one for all. */
struct column_reader {
	struct cursor *in;
	bool same;
	uint64_t value;
};

static struct column_reader column_begin(struct cursor *in)
{
	uint8_t form = cursor_u8(in);

	if (form > 1)
		in->failed = true;
	return (struct column_reader){ .in = in, .same = form, .value = form ? take(in) : 0 };
}

static inline uint64_t column_next(struct column_reader *r)
{
	return r->same ? r->value : take(r->in);
}

/* Sections from `at` to `end` - 1. Inline, so that each column has a loop of its own. */
static inline __attribute__((always_inline)) bool read_column(struct cursor *in, struct catalog *c,
							      size_t at, size_t end, enum catalog_column column)
{
	struct column_reader r = column_begin(in);

	for (size_t i = at; i < end; i++) {
		uint64_t v = column_next(&r);

		if (!(column <= COLUMN_BODY ? take_place(c, column, i, v) : take_time(c, column, i, v)))
			return false;
	}
	return cursor_ok(in);
}

static int read_flags(struct cursor *in, struct catalog *c, size_t at, size_t end, uint8_t *flags,
		      uint8_t *code_bits)
{
	struct column_reader r = column_begin(in);

	for (size_t i = at; i < end; i++) {
		uint64_t v = column_next(&r);

		if (v & ~(uint64_t)CATALOG_SECTION_FLAGS_KNOWN)
			return -ENOTSUP;
		flags[i] = (uint8_t)v;
		c->sections[i].has_close = v & CATALOG_SECTION_CLOSE;
	}
	r = column_begin(in);
	for (size_t i = at; i < end; i++) {
		uint64_t v = column_next(&r);

		if (v > CATALOG_CODE_MAX)
			return -EBADMSG;
		code_bits[i] = (uint8_t)v;
	}
	return cursor_ok(in) ? 0 : -EBADMSG;
}

static int read_group(struct cursor *in, struct catalog *c, size_t at, size_t end, uint8_t *flags,
		      uint8_t *code_bits)
{
	if (!read_column(in, c, at, end, COLUMN_SEGMENT) || !read_column(in, c, at, end, COLUMN_ORIGIN) ||
	    !read_column(in, c, at, end, COLUMN_RUN) || !read_column(in, c, at, end, COLUMN_SKIPPED) ||
	    !read_column(in, c, at, end, COLUMN_HEADER) || !read_column(in, c, at, end, COLUMN_BODY) ||
	    !read_column(in, c, at, end, COLUMN_ROWS) || !read_column(in, c, at, end, COLUMN_FIRST) ||
	    !read_column(in, c, at, end, COLUMN_LAST) || !read_column(in, c, at, end, COLUMN_OPENED))
		return -EBADMSG;
	return read_flags(in, c, at, end, flags, code_bits);
}

static int read_columns(struct cursor *in, struct catalog *c, uint8_t *flags, uint8_t *code_bits)
{
	int error = 0;

	for (size_t at = 0, end; at < c->section_count && !error; at = end) {
		end = at + CATALOG_GROUP_SECTIONS;
		end = end < c->section_count ? end : c->section_count;
		error = read_group(in, c, at, end, flags, code_bits);
	}
	return error ? error : cursor_ok(in) && !cursor_left(in) ? 0 : -EBADMSG;
}

static int read_sections(struct cursor *in, struct catalog *c, uint8_t **ret_flags,
			 uint8_t **ret_code_bits)
{
	uint64_t count = cursor_varint(in);
	uint8_t *flags, *code_bits;
	/* A group may be a few bytes, when its sections are alike. */
	int error = reserve(in, (count + CATALOG_GROUP_SECTIONS - 1) / CATALOG_GROUP_SECTIONS, GROUP_LEAST,
			    sizeof(*c->sections) * CATALOG_GROUP_SECTIONS, &c->sections);

	if (error)
		return error;
	if (count > CATALOG_SECTIONS_MAX)
		return -EBADMSG;
	c->section_capacity = count;
	c->section_count = count;
	flags = calloc(count + 1, 1);
	code_bits = calloc(count + 1, 1);
	error = flags && code_bits ? read_columns(in, c, flags, code_bits) : -ENOMEM;
	if (error) {
		free(flags);
		free(code_bits);
		return error;
	}
	*ret_flags = flags;
	*ret_code_bits = code_bits;
	return 0;
}

int catalog_facts_read_segments(struct cursor *in, struct catalog *c)
{
	int error = read_tenants(in, c);

	return error ? error : read_segments(in, c);
}

int catalog_facts_read(struct cursor *in, struct catalog *c, uint8_t **ret_flags,
		       uint8_t **ret_code_bits)
{
	int error;

	/* A day whose nanoseconds cannot be told. */
	if (c->day < INT64_MIN / NS_PER_DAY || c->day > INT64_MAX / NS_PER_DAY - 1)
		return -EBADMSG;
	error = catalog_facts_read_segments(in, c);
	if (!error)
		error = read_origins(in, c);
	if (!error)
		error = read_sections(in, c, ret_flags, ret_code_bits);
	return error;
}
