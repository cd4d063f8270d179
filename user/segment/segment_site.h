/* SPDX-License-Identifier: BSD-2-Clause */
/* Where in a tenant's day a section goes, or stands already. */
#ifndef SEKISHO_SEGMENT_SITE_H
#define SEKISHO_SEGMENT_SITE_H

#include "segment.h"
#include "segment_tail.h"

/* Begins with part 1 and fd -1. */
struct segment_site {
	uint32_t part; /* to append to */
	uint64_t file_id, size; /* size 0: the part is to be made */
	uint8_t secret[32];
	bool found; /* the section is there, intact */
	struct segment_place where; /* if found */
	struct journal_ids journals; /* with a section in the parts that were looked at */
	int fd; /* of the part, or -1 */
};

/* Walks the parts of the day. 0, or negative errno and *p; what the site holds is the caller's in any case. */
int segment_site_find(int dir_fd, const struct segment_section *s, struct segment_site *site, struct problem *p);

#endif
