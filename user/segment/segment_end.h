/* SPDX-License-Identifier: BSD-2-Clause */
/* What the trailer of a closed segment states, from the first and last bytes of the file alone. */
#ifndef SEKISHO_SEGMENT_END_H
#define SEKISHO_SEGMENT_END_H

#include <stdint.h>
#include "schema/segment.h"

struct segment_end {
	uint64_t file_id, bytes, rows; /* bytes: of the file, with its trailer */
	uint32_t sections;
	uint8_t trailer[TRAILER_BYTES];
};

/* 1; 0: it has no trailer (also when it is no segment at all); -ENOENT or an I/O error. */
int segment_end_read(int dir_fd, const char *name, struct segment_end *ret_end);

#endif
