/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock as a time service has it: what time it truly is (CLOCK_MONOTONIC_RAW, which nobody corrects),
 * and saying that the clock is right within a bound while it is slewed.
 */
#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "conns.h"

static int print_raw(void)
{
	struct timespec raw, utc;

	if (clock_gettime(CLOCK_MONOTONIC_RAW, &raw) < 0 || clock_gettime(CLOCK_REALTIME, &utc) < 0)
		conns_fail("clock_gettime");
	printf("%lld %lld\n", raw.tv_sec * 1000000000LL + raw.tv_nsec, utc.tv_sec * 1000000000LL + utc.tv_nsec);
	return CONNS_OK;
}

/* Tick: microseconds that the clock goes forward in 10 ms. */
static int synchronise(const char *error_text, const char *tick_text)
{
	struct timex t = { .modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR | ADJ_TICK, .status = STA_PLL };
	uint64_t error, tick;

	if (!conns_parse_number(error_text, 16000000, &error) || !conns_parse_number(tick_text, 11000, &tick))
		conns_usage("clock: bad number");
	t.maxerror = t.esterror = (long)error;
	t.tick = (long)tick;
	if (adjtimex(&t) < 0)
		conns_fail("adjtimex");
	return CONNS_OK;
}

int conns_clock(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "raw") == 0)
		return print_raw();
	if (argc == 4 && strcmp(argv[1], "synchronised") == 0)
		return synchronise(argv[2], argv[3]);
	conns_usage("clock: expected raw, or synchronised MAXERROR_US TICK");
}
