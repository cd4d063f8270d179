/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cost of calling a program at the tracepoint: a loop that changes a socket's state, timed without any
 * program and with some that do nothing.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"

#define LOOPS 4000
#define ROUNDS 15

/* CLOSE to LISTEN and back: no peer, no packet, no other process. */
static void change_states(unsigned int loops)
{
	while (loops--) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || listen(fd, 1))
			meter_fail("a listening socket");
		close(fd);
	}
}

/* The best of many: whatever disturbs only adds. */
static double loop_ns(void)
{
	double best = 1e18;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct timespec a, b;
		double ns;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
		change_states(LOOPS);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
		ns = ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) / LOOPS;
		best = ns < best ? ns : best;
	}
	return best;
}

/* How many runs one pass of the loop is, for all these programs together. */
static double runs_of_loop(const struct meter_programs *p)
{
	int statistics = meter_statistics_on();
	struct meter_runs before = meter_programs_read(p), after;

	change_states(LOOPS);
	after = meter_programs_read(p);
	close(statistics);
	return (double)(after.runs - before.runs) / LOOPS;
}

double meter_dispatch_ns(void)
{
	struct meter_programs empty;
	double without, with;

	change_states(LOOPS);
	without = loop_ns();
	meter_programs_empty(METER_PROGRAMS_MAX, &empty);
	with = loop_ns();
	return (with - without) / runs_of_loop(&empty);
}
