/* SPDX-License-Identifier: BSD-2-Clause */
/* How often a user may ask. */
#include "control/quota.h"

#include "base/utc.h"
#include "unit.h"

static unsigned int take(struct quota *q, uid_t uid, int64_t now_ns, unsigned int tries)
{
	unsigned int taken = 0;

	for (unsigned int i = 0; i < tries; i++)
		taken += quota_take(q, uid, now_ns);
	return taken;
}

static void each_has_a_burst_and_a_rate(void)
{
	static struct quota q;

	quota_init(&q, 10, 40);
	CHECK_INT(take(&q, 1000, 0, 100), 40);
	CHECK_INT(take(&q, 1001, 0, 100), 40); /* another one's is untouched */
	CHECK_INT(take(&q, 1000, NS_PER_SEC / 10 - 1, 100), 0);
	CHECK_INT(take(&q, 1000, NS_PER_SEC / 2, 100), 5);
	CHECK_INT(take(&q, 1000, 1000 * NS_PER_SEC, 100), 40); /* no more than the burst is kept */
}

/* Who has used up its own gets no fresh bucket by others coming. */
static void more_users_than_buckets(void)
{
	static struct quota q;

	quota_init(&q, 10, 40);
	CHECK_INT(take(&q, 1, 0, 50), 40);
	for (uid_t uid = 100; uid < 100 + 3 * QUOTA_USERS; uid++)
		CHECK_INT(take(&q, uid, 0, 1), 1);
	CHECK_INT(take(&q, 1, 0, 50), 0);
	CHECK_INT(q.count, QUOTA_USERS);
}

UNIT_SUITE(quota, TEST(each_has_a_burst_and_a_rate), TEST(more_users_than_buckets));
