/* SPDX-License-Identifier: BSD-2-Clause */
/* A thread that waits for work or time: neither a wake nor the end is missed. */
#include "base/worker.h"

#include <stdint.h>
#include "base/utc.h"
#include "fixture.h"
#include "unit.h"

struct counted {
	struct worker worker;
	uint64_t wait_ns;
	unsigned int asked, done, timeouts; /* with its lock */
};

static void *count(void *arg)
{
	struct counted *c = arg;

	pthread_mutex_lock(&c->worker.lock);
	while (!c->worker.stop) {
		c->done = c->asked;
		if (!worker_wait(&c->worker, c->wait_ns))
			c->timeouts++;
	}
	pthread_mutex_unlock(&c->worker.lock);
	return NULL;
}

static bool reached(struct counted *c, const unsigned int *value, unsigned int want)
{
	bool yes = false;

	for (int64_t end = boot_now_ns() + 20 * NS_PER_SEC; !yes && boot_now_ns() < end;) {
		pthread_mutex_lock(&c->worker.lock);
		yes = *value >= want;
		pthread_mutex_unlock(&c->worker.lock);
	}
	return yes;
}

static void work_and_end_wake_it(void)
{
	struct counted c = { .wait_ns = 3600 * (uint64_t)NS_PER_SEC };
	struct problem p = { "" };
	int64_t begun = boot_now_ns();

	REQUIRE(worker_start(&c.worker, count, &c, &p) == 0);
	for (unsigned int i = 1; i <= 1000; i++) {
		pthread_mutex_lock(&c.worker.lock);
		c.asked = i;
		pthread_cond_signal(&c.worker.wake);
		pthread_mutex_unlock(&c.worker.lock);
	}
	CHECK(reached(&c, &c.done, 1000));
	worker_stop(&c.worker);
	CHECK_INT(c.timeouts, 0);
	CHECK(boot_now_ns() - begun < 60 * NS_PER_SEC); /* far below its time */
}

static void time_wakes_it(void)
{
	const uint64_t waits[] = { 0, 1, 999999999, NS_PER_SEC + 1 };
	struct problem p = { "" };

	for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
		struct counted c = { .wait_ns = waits[i] };
		int64_t begun = boot_now_ns();

		REQUIRE(worker_start(&c.worker, count, &c, &p) == 0);
		CHECK(reached(&c, &c.timeouts, 1));
		CHECK((uint64_t)(boot_now_ns() - begun) >= waits[i]);
		worker_stop(&c.worker);
	}
}

UNIT_SUITE(worker, TEST(work_and_end_wake_it), TEST(time_wakes_it));
