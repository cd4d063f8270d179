// SPDX-License-Identifier: BSD-2-Clause
/* Parsing a line in place: no copy, no allocation, one pass. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include "base/parse.h"
#include "base/rtt.h"
#include "import_line.h"
#include "schema/event.h"

#define REQUIRED "t_ns,tenant,src_ip,src_port,dst_ip,dst_port"
/* How much of a bad value is shown. */
#define SHOWN_MAX 80

/* What is left of a line; an empty last field is one too. */
struct fields {
	const char *at, *end; /* at NULL: none left */
};

struct field {
	const char *text; /* NULL: there is none */
	size_t size;
};

static struct field next_field(struct fields *f)
{
	struct field field = { f->at, 0 };
	const char *comma;

	if (!f->at)
		return field;
	comma = memchr(f->at, ',', (size_t)(f->end - f->at));
	field.size = (size_t)((comma ? comma : f->end) - f->at);
	f->at = comma ? comma + 1 : NULL;
	return field;
}

static const char *header_of(const struct import_columns *c)
{
	return c->rtt ? c->close ? REQUIRED ",rtt_us,t_close_ns" : REQUIRED ",rtt_us" :
	       c->close ? REQUIRED ",t_close_ns" : REQUIRED;
}

static int shown(size_t size)
{
	return size > SHOWN_MAX ? SHOWN_MAX : (int)size;
}

int import_line_header(const char *line, size_t size, struct import_columns *ret_columns,
		       struct problem *p)
{
	for (int i = 0; i < 4; i++) {
		const struct import_columns c = { .rtt = i & 1, .close = i & 2 };
		const char *header = header_of(&c);

		if (strlen(header) == size && memcmp(header, line, size) == 0) {
			*ret_columns = c;
			return 0;
		}
	}
	return problem(p, -EINVAL, "header \"%.*s\": expected " REQUIRED "[,rtt_us][,t_close_ns]",
		       shown(size), line);
}

static int bad(struct problem *p, const char *name, const struct field *f, const char *expected)
{
	return problem(p, -EINVAL, "%s \"%.*s\": expected %s", name, shown(f->size), f->text, expected);
}

static int parse_time(const char *name, const struct field *f, int64_t min, int64_t *ret_ns,
		      struct problem *p)
{
	uint64_t value;
	char expected[120];

	if (parse_u64_n(f->text, f->size, (uint64_t)min, IMPORT_TIME_MAX, &value) == 0) {
		*ret_ns = (int64_t)value;
		return 0;
	}
	snprintf(expected, sizeof(expected), "nanoseconds since 1970 (UTC), %s%" PRId64 " to %" PRId64,
		 min ? "not before t_ns: " : "", min, IMPORT_TIME_MAX);
	return bad(p, name, f, expected);
}

static int parse_addr(const char *name, const struct field *f, struct addr *ret_addr,
		      struct problem *p)
{
	return addr_parse_n(f->text, f->size, ret_addr) == 0 ?
		       0 : bad(p, name, f, "an IPv4 or IPv6 address");
}

static int parse_port_of(const char *name, const struct field *f, uint16_t *ret_port,
			 struct problem *p)
{
	uint64_t value;

	if (parse_u64_n(f->text, f->size, 1, UINT16_MAX, &value) < 0)
		return bad(p, name, f, "1 to 65535");
	*ret_port = (uint16_t)value;
	return 0;
}

static int parse_tenant(const struct field *f, struct import_line *line, struct problem *p)
{
	if (parse_tenant_id_n(f->text, f->size) < 0)
		return bad(p, "tenant", f,
			   "1 to 64 of A-Z a-z 0-9 . _ - beginning with a letter or digit");
	line->tenant = f->text;
	line->tenant_size = f->size;
	return 0;
}

static int parse_rtt(const struct field *f, uint32_t *ret_rtt_us, struct problem *p)
{
	uint64_t value = 0;

	if (f->size && parse_u64_n(f->text, f->size, 0, UINT32_MAX, &value) < 0)
		return bad(p, "rtt_us", f, "microseconds, 0 to 4294967295, or nothing");
	*ret_rtt_us = rtt_quantise((uint32_t)value);
	return 0;
}

static int parse_fields(const struct field *f, const struct import_columns *c, struct import_line *l,
			struct problem *p)
{
	struct record *row = &l->row;
	const struct field *close = &f[c->rtt ? 7 : 6];
	int error = parse_time("t_ns", &f[0], 0, &row->time_ns, p);

	if (!error)
		error = parse_tenant(&f[1], l, p);
	if (!error)
		error = parse_addr("src_ip", &f[2], &row->src, p);
	if (!error)
		error = parse_port_of("src_port", &f[3], &row->src_port, p);
	if (!error)
		error = parse_addr("dst_ip", &f[4], &row->dst, p);
	if (!error)
		error = parse_port_of("dst_port", &f[5], &row->dst_port, p);
	if (!error && c->rtt)
		error = parse_rtt(&f[6], &row->rtt_us, p);
	if (!error && c->close && close->size) {
		error = parse_time("t_close_ns", close, row->time_ns, &l->close_ns, p);
		l->closed = true;
	}
	return error;
}

static size_t count_fields(const char *line, size_t size)
{
	size_t count = 1;

	for (size_t i = 0; i < size; i++)
		count += line[i] == ',';
	return count;
}

int import_line_parse(const struct import_columns *columns, const char *line, size_t size,
		      struct import_line *ret_line, struct problem *p)
{
	const size_t count = 6u + columns->rtt + columns->close;
	struct fields rest = { line, line + size };
	struct field fields[8];
	int error;

	for (size_t i = 0; i < count; i++)
		fields[i] = next_field(&rest);
	if (!fields[count - 1].text || rest.at)
		error = problem(p, -EINVAL, "\"%.*s\" has %zu fields: expected the %zu of %s", shown(size),
				line, size ? count_fields(line, size) : 0, count, header_of(columns));
	else {
		memset(ret_line, 0, sizeof(*ret_line));
		ret_line->row.flags = SEKISHO_FLAG_IMPORTED;
		ret_line->row.kind = SEKISHO_KIND_ESTABLISHED;
		ret_line->row.protocol = IPPROTO_TCP;
		error = parse_fields(fields, columns, ret_line, p);
	}
	if (error && memchr(line, '"', size))
		return problem(p, error, "\"%.*s\": expected plain values, without quotes", shown(size),
			       line);
	return error;
}

void import_line_close_row(const struct import_line *line, struct record *ret_row)
{
	*ret_row = line->row;
	ret_row->kind = SEKISHO_KIND_CLOSE;
	ret_row->lasted_ns = line->close_ns - line->row.time_ns;
	ret_row->time_ns = line->close_ns;
	ret_row->rtt_us = 0; /* it was the opening's */
}
