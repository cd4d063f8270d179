// SPDX-License-Identifier: BSD-2-Clause
/* Facts of a chunk, column by column: what is alike stands together for zstd. */
#include <string.h>
#include "base/utc.h"
#include "catalog_facts.h"
#include "schema/segment.h"

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
	buffer_zigzag(out, seconds_after(day_begin(c), o->span_to_ns) + (o->span_to_ns % NS_PER_SEC != 0));
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

/* Rounded up to whole units. */
static uint64_t units_up(uint64_t ns)
{
	return (ns >> CATALOG_TIME_SHIFT) + !!(ns & ((UINT64_C(1) << CATALOG_TIME_SHIFT) - 1));
}

static void section_values(const struct catalog *c, size_t i, uint64_t v[static COLUMN_COUNT])
{
	const struct catalog_section *s = &c->sections[i], *before = i ? s - 1 : NULL;
	bool same = before && before->segment == s->segment;
	uint64_t first, last;
	int64_t begin;

	v[COLUMN_SEGMENT] = before ? s->segment - before->segment : (uint64_t)s->segment + 1;
	v[COLUMN_ORIGIN] = s->origin;
	v[COLUMN_RUN] = s->run;
	v[COLUMN_SKIPPED] = s->offset - (same ? before->offset + before->bytes : SEGMENT_HEADER_BYTES);
	v[COLUMN_HEADER] = s->header_bytes - SECTION_PREFIX_BYTES;
	v[COLUMN_BODY] = s->bytes - s->header_bytes;
	v[COLUMN_ROWS] = s->rows;
	first = (uint64_t)(s->first_utc_ns - day_begin(c)) >> CATALOG_TIME_SHIFT;
	last = units_up((uint64_t)(s->last_utc_ns - day_begin(c)));
	v[COLUMN_FIRST] = first;
	v[COLUMN_LAST] = last - first;
	begin = day_begin(c) + (int64_t)(first << CATALOG_TIME_SHIFT);
	v[COLUMN_OPENED] = s->opened_utc_ns < begin ?
				   units_up((uint64_t)begin - (uint64_t)s->opened_utc_ns) : 0;
}

/* A column of n sections from `first` on: one value when all are the same. */
static void write_column(const uint64_t (*v)[COLUMN_COUNT], size_t n, enum catalog_column column,
			 struct buffer *out)
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
	uint64_t v[CATALOG_GROUP_SECTIONS][COLUMN_COUNT];

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
			v[i][COLUMN_FLAGS] = flags[at + i];
			v[i][COLUMN_CODE] = code_bits[at + i];
		}
		for (int column = 0; column < COLUMN_COUNT; column++)
			write_column(v, n, column, out);
	}
}
