// SPDX-License-Identifier: BSD-2-Clause
/* Buckets of tokens. */
#include <string.h>
#include "quota.h"

void quota_init(struct quota *q, unsigned int per_second, unsigned int burst)
{
	memset(q, 0, sizeof(*q));
	q->per_second = per_second;
	q->burst = burst;
}

static void fill(const struct quota *q, struct quota_bucket *b, int64_t now_ns)
{
	b->tokens += (double)(now_ns - b->filled_ns) / 1e9 * q->per_second;
	if (b->tokens > q->burst)
		b->tokens = q->burst;
	b->filled_ns = now_ns;
}

static struct quota_bucket *bucket_of(struct quota *q, uid_t uid, int64_t now_ns)
{
	struct quota_bucket *fullest = q->buckets;

	for (size_t i = 0; i < q->count; i++) {
		struct quota_bucket *b = &q->buckets[i];

		fill(q, b, now_ns);
		if (b->uid == uid)
			return b;
		if (b->tokens > fullest->tokens)
			fullest = b;
	}
	if (q->count < QUOTA_USERS)
		fullest = &q->buckets[q->count++];
	*fullest = (struct quota_bucket){ .uid = uid, .tokens = q->burst, .filled_ns = now_ns };
	return fullest;
}

bool quota_take(struct quota *q, uid_t uid, int64_t now_ns)
{
	struct quota_bucket *b = bucket_of(q, uid, now_ns);

	if (b->tokens < 1)
		return false;
	b->tokens -= 1;
	return true;
}
