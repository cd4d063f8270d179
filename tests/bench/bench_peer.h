/* SPDX-License-Identifier: BSD-2-Clause */
/* Other stores beside ours: what the files that try one share. */
#ifndef SEKISHO_BENCH_PEER_H
#define SEKISHO_BENCH_PEER_H

#include "bench.h"

struct bench_peer {
	const char *dir;
	const struct mix_row *rows; /* of one day */
	size_t count;
	struct bench_question counted;
	const struct bench_question *question; /* one address; its rows are those of this day */
	unsigned int rounds;
	struct bench_table *table;
};

void bench_peer_line(struct bench_table *t, const char *name, double bytes_per_record, double ms,
		     const char *note);
/* One that is not there is a line that says why. */
void bench_peer_missing(struct bench_table *t, const char *name, const char *why);
/* The median of so many runs in ms; an exit status over 1 ends the benchmark. */
double bench_run_timed(char *const argv[], unsigned int rounds, struct bench_child *ret_child);
uint64_t bench_first_number(const char *text);

/* bench_nfdump.c: its own file format, written here, compressed and searched by nfdump. */
void bench_nfdump(struct bench_peer *p);

#endif
