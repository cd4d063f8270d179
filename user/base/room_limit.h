/* SPDX-License-Identifier: BSD-2-Clause */
/* How much of a file system is to stay free: `min_free` of the configuration. */
#ifndef SEKISHO_ROOM_LIMIT_H
#define SEKISHO_ROOM_LIMIT_H

#include <stdint.h>

/* Of both the one that is less; percent 0: bytes alone; bytes 0: percent alone; both 0: nothing. */
struct room_limit {
	uint64_t bytes;
	unsigned int percent; /* of the file system's size */
};

/* In bytes, of a file system of that size. */
uint64_t room_limit_bytes(const struct room_limit *l, uint64_t total_bytes);

#endif
