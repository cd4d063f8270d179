/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of segments share: sections of one tenant's day DAY_NUMBER, appended to files of the test's directory. */
#ifndef SEKISHO_APPENDING_H
#define SEKISHO_APPENDING_H

#include "base/record.h"
#include "segment/segment.h"
#include "segment/segment_reader.h"

/* Of that day. */
#define DAY_FILE "2026-03-10.sks"
#define PART_2 "2026-03-10.2.sks"
#define PART_3 "2026-03-10.3.sks"

/* A section of `journal` with these rows, sorted here; it has neither clock nor gaps. */
struct segment_section a_section(uint64_t journal, struct record *rows, size_t count);
/* As segment_append(); a failure is a failed check. */
int append(const struct segment_section *s);
/* A part that does not open ends the test. */
void open_part(const char *name, struct segment_reader *r);

#endif
