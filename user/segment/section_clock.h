/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock in a section's header (FORMAT.md 3.10): by which its rows' times were made from the kernel's. */
#ifndef SEKISHO_SECTION_CLOCK_H
#define SEKISHO_SECTION_CLOCK_H

#include "base/cursor.h"
#include "segment.h"

/*
 * Appends those pieces of s->clock in which a row lies, cut to the rows' times: of the first and the last one, which
 * the caller knows. No memory: a fact of *out.
 */
void section_clock_write(const struct segment_section *s, int64_t first_ns, int64_t last_ns, struct buffer *out);

#endif
