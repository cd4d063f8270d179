/* SPDX-License-Identifier: BSD-2-Clause */
/* How often each user may ask: a bucket of tokens for each, filled at a steady rate. */
#ifndef SEKISHO_QUOTA_H
#define SEKISHO_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define QUOTA_USERS 256

struct quota {
	struct quota_bucket {
		uid_t uid;
		double tokens;
		int64_t filled_ns;
	} buckets[QUOTA_USERS];
	size_t count;
	double per_second, burst;
};

void quota_init(struct quota *q, unsigned int per_second, unsigned int burst);
/*
 * Takes a token of the user at an instant of a clock that never goes back; false: there is none. Where there are more
 * users than buckets, the one that is fullest is given away: its user has lost nothing if it was full.
 */
bool quota_take(struct quota *q, uid_t uid, int64_t now_ns);

#endif
