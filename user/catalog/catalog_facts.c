// SPDX-License-Identifier: BSD-2-Clause
/* Facts of a chunk, column by column: what is alike stands together for zstd. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/parse.h"
#include "base/utc.h"
#include "catalog_facts.h"
#include "schema/segment.h"
#include "schema/store.h"

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

static void write_tenants(const struct catalog *c, struct buffer *out)
{
	buffer_varint(out, c->tenant_count);
	for (size_t i = 0; i < c->tenant_count; i++) {
		size_t length = strlen(c->tenants[i]);

		buffer_u8(out, (uint8_t)length);
		buffer_bytes(out, c->tenants[i], length);
	}
}

static void write_segments(const struct catalog *c, struct buffer *out)
{
	uint32_t tenant = 0;

	buffer_varint(out, c->segment_count);
	for (size_t i = 0; i < c->segment_count; i++) {
		buffer_varint(out, c->segments[i].tenant - tenant);
		tenant = c->segments[i].tenant;
	}
	for (size_t i = 0; i < c->segment_count; i++)
		buffer_varint(out, c->segments[i].part);
	for (size_t i = 0; i < c->segment_count; i++)
		buffer_le64(out, c->segments[i].file_id);
}

/* Rounded down. */
static int64_t seconds_after(int64_t begin_ns, int64_t ns)
{
	int64_t seconds = ns / NS_PER_SEC - (ns % NS_PER_SEC < 0);

	return seconds - begin_ns / NS_PER_SEC;
}

/* As in a section; the bound is a power of two there. */
static uint8_t error_code(uint64_t max_error_ns)
{
	return max_error_ns ? (uint8_t)(64 - (unsigned int)__builtin_clzll(max_error_ns)) : 0;
}

static void write_origin(const struct catalog *c, const struct catalog_origin *o, struct buffer *out)
{
	uint64_t boot = 0, utc = (uint64_t)day_begin(c), first = utc;

	buffer_le64(out, o->journal_id);
	buffer_u8(out, o->rung);
	buffer_u8(out, o->imported ? CATALOG_ORIGIN_IMPORTED : 0);
	buffer_zigzag(out, seconds_after(day_begin(c), o->span_from_ns));
	buffer_zigzag(out, seconds_after(day_begin(c), o->span_to_ns));
	buffer_varint(out, o->clock.count);
	for (size_t i = 0; i < o->clock.count; i++) {
		const struct clock_piece *piece = &o->clock.list[i];
		uint64_t length = piece->boot_to - piece->boot_from;

		buffer_zigzag(out, (int64_t)(piece->boot_from - boot));
		buffer_varint(out, length);
		buffer_zigzag(out, (int64_t)((uint64_t)piece->utc_from - utc));
		buffer_u8(out, error_code(piece->max_error_ns));
		buffer_varint(out, piece->status);
		boot = piece->boot_to;
		utc = (uint64_t)piece->utc_from + length;
	}
	buffer_varint(out, o->gaps.count);
	for (size_t i = 0; i < o->gaps.count; i++) {
		const struct gap *g = &o->gaps.list[i];

		buffer_zigzag(out, (int64_t)((uint64_t)g->first_utc_ns - first));
		buffer_varint(out, (uint64_t)g->last_utc_ns - (uint64_t)g->first_utc_ns);
		buffer_varint(out, g->count);
		buffer_varint(out, g->total);
		buffer_varint(out, (uint64_t)(uint32_t)(g->tenant + 1));
		buffer_varint(out, g->reason);
		first = (uint64_t)g->first_utc_ns;
	}
}

/* Columns of the sections in their order. */
enum column {
	SEGMENT, ORIGIN, RUN, SKIPPED, HEADER, BODY, ROWS, FIRST, LAST, OPENED, FLAGS, CODE, COLUMNS
};

/* Rounded up to whole units. */
static uint64_t units_up(uint64_t ns)
{
	return (ns >> CATALOG_TIME_SHIFT) + !!(ns & ((UINT64_C(1) << CATALOG_TIME_SHIFT) - 1));
}

static void section_values(const struct catalog *c, size_t i, uint64_t v[static COLUMNS])
{
	const struct catalog_section *s = &c->sections[i], *before = i ? s - 1 : NULL;
	bool same = before && before->segment == s->segment;
	uint64_t first, last;
	int64_t begin;

	v[SEGMENT] = before ? s->segment - before->segment : (uint64_t)s->segment + 1;
	v[ORIGIN] = s->origin;
	v[RUN] = s->run;
	v[SKIPPED] = s->offset - (same ? before->offset + before->bytes : SEGMENT_HEADER_BYTES);
	v[HEADER] = s->header_bytes - SECTION_PREFIX_BYTES;
	v[BODY] = s->bytes - s->header_bytes;
	v[ROWS] = s->rows;
	first = (uint64_t)(s->first_utc_ns - day_begin(c)) >> CATALOG_TIME_SHIFT;
	last = units_up((uint64_t)(s->last_utc_ns - day_begin(c)));
	v[FIRST] = first;
	v[LAST] = last - first;
	begin = day_begin(c) + (int64_t)(first << CATALOG_TIME_SHIFT);
	v[OPENED] = s->opened_utc_ns < begin ? units_up((uint64_t)begin - (uint64_t)s->opened_utc_ns) : 0;
}

/* A column of n sections from `first` on: one value when all are the same. */
static void write_column(const uint64_t (*v)[COLUMNS], size_t n, enum column column, struct buffer *out)
{
	bool same = true;

	for (size_t i = 1; i < n; i++)
		same &= v[i][column] == v[0][column];
	buffer_u8(out, same);
	for (size_t i = 0; i < (same ? 1 : n); i++)
		buffer_varint(out, v[i][column]);
}

void catalog_facts_write(const struct catalog *c, const uint8_t *flags, const uint8_t *code_bits,
			 struct buffer *out)
{
	uint64_t v[CATALOG_GROUP_SECTIONS][COLUMNS];

	write_tenants(c, out);
	write_segments(c, out);
	buffer_varint(out, c->origin_count);
	for (size_t i = 0; i < c->origin_count; i++)
		write_origin(c, &c->origins[i], out);
	buffer_varint(out, c->section_count);
	for (size_t at = 0, n; at < c->section_count; at += n) {
		n = c->section_count - at;
		n = n < CATALOG_GROUP_SECTIONS ? n : CATALOG_GROUP_SECTIONS;
		for (size_t i = 0; i < n; i++) {
			section_values(c, at + i, v[i]);
			v[i][FLAGS] = flags[at + i];
			v[i][CODE] = code_bits[at + i];
		}
		for (int column = 0; column < COLUMNS; column++)
			write_column(v, n, column, out);
	}
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
static int64_t read_second(struct cursor *in, int64_t begin_ns)
{
	int64_t ns = cursor_zigzag(in);

	if (__builtin_mul_overflow(ns, NS_PER_SEC, &ns) || __builtin_add_overflow(ns, begin_ns, &ns))
		return ns < 0 ? INT64_MIN : INT64_MAX;
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
		o->span_from_ns = read_second(in, day_begin(c));
		o->span_to_ns = read_second(in, day_begin(c));
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
static inline bool take_place(struct catalog *c, enum column column, size_t i, uint64_t v)
{
	struct catalog_section *s = &c->sections[i], *before = i ? s - 1 : NULL;
	uint64_t start = SEGMENT_HEADER_BYTES;

	switch (column) {
	case SEGMENT:
		v += before ? (uint64_t)before->segment : UINT64_MAX; /* the first one's is one more */
		s->segment = (uint32_t)v;
		return v < c->segment_count;
	case ORIGIN:
		s->origin = (uint32_t)v;
		return v < c->origin_count;
	case RUN:
		s->run = (uint32_t)v;
		return v <= UINT32_MAX;
	case SKIPPED:
		s->offset = v; /* made absolute with the body */
		return v <= INT64_MAX / 2;
	case HEADER:
		s->header_bytes = (uint32_t)v + SECTION_PREFIX_BYTES;
		return v <= SECTION_HEADER_MAX - SECTION_PREFIX_BYTES;
	default: /* BODY */
		if (before && before->segment == s->segment)
			start = before->offset + before->bytes;
		s->offset += start;
		s->bytes = s->header_bytes + v;
		return v <= UINT32_MAX && s->offset <= INT64_MAX / 2;
	}
}

static inline bool take_time(struct catalog *c, enum column column, size_t i, uint64_t v)
{
	struct catalog_section *s = &c->sections[i];
	int64_t ns, end = day_begin(c) + NS_PER_DAY - 1;

	if (column == ROWS) {
		s->rows = (uint32_t)v;
		return v <= SECTION_ROWS_MAX;
	}
	ns = v > INT64_MAX >> CATALOG_TIME_SHIFT ? INT64_MAX : (int64_t)(v << CATALOG_TIME_SHIFT);
	switch (column) {
	case FIRST:
		s->first_utc_ns = day_begin(c) + ns;
		return ns < NS_PER_DAY;
	case LAST:
		if (ns > NS_PER_DAY)
			return false;
		s->last_utc_ns = s->first_utc_ns + ns < end ? s->first_utc_ns + ns : end;
		return true;
	default: /* OPENED; the far end of time is bent inwards */
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
							      size_t at, size_t end, enum column column)
{
	struct column_reader r = column_begin(in);

	for (size_t i = at; i < end; i++) {
		uint64_t v = column_next(&r);

		if (!(column <= BODY ? take_place(c, column, i, v) : take_time(c, column, i, v)))
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
	if (!read_column(in, c, at, end, SEGMENT) || !read_column(in, c, at, end, ORIGIN) ||
	    !read_column(in, c, at, end, RUN) || !read_column(in, c, at, end, SKIPPED) ||
	    !read_column(in, c, at, end, HEADER) || !read_column(in, c, at, end, BODY) ||
	    !read_column(in, c, at, end, ROWS) || !read_column(in, c, at, end, FIRST) ||
	    !read_column(in, c, at, end, LAST) || !read_column(in, c, at, end, OPENED))
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

int catalog_facts_read(struct cursor *in, struct catalog *c, uint8_t **ret_flags,
		       uint8_t **ret_code_bits)
{
	int error;

	/* A day whose nanoseconds cannot be told. */
	if (c->day < INT64_MIN / NS_PER_DAY || c->day > INT64_MAX / NS_PER_DAY - 1)
		return -EBADMSG;
	error = read_tenants(in, c);
	if (!error)
		error = read_segments(in, c);
	if (!error)
		error = read_origins(in, c);
	if (!error)
		error = read_sections(in, c, ret_flags, ret_code_bits);
	return error;
}
