/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections of a day and the files they are appended to, for the tests of segments. */
#include "appending.h"

#include <stdlib.h>
#include "fixture.h"
#include "unit.h"

static const struct clock_pieces no_clock;
static const struct gaps no_gaps;

struct segment_section a_section(uint64_t journal, struct record *rows, size_t count)
{
	struct segment_section s = {
		.tenant_id = "t1", .tenant = 1, .day = DAY_NUMBER, .journal_id = journal, .rung = 1,
		.span_from_ns = DAY_NS + 1, .span_to_ns = DAY_NS + NS_PER_DAY - 1,
		.clock = &no_clock, .gaps = &no_gaps,
	};

	for (size_t i = 0; i < count; i++)
		rows[i].tenant = 1;
	if (count)
		qsort(rows, count, sizeof(*rows), record_compare_source);
	set_rows(&s, rows, count);
	return s;
}

int append(const struct segment_section *s)
{
	struct problem p = { "" };
	struct segment_place place;
	int result = segment_append(unit_temp_dir(), s, &place, &p);

	CHECK_ROW(result >= 0, "%s", p.text);
	return result;
}

void open_part(const char *name, struct segment_reader *r)
{
	struct problem p;
	int error = segment_reader_open(unit_temp_dir(), name, r, &p);

	CHECK_ROW(error == 0, "%s", error ? p.text : "");
	REQUIRE(error == 0);
}
