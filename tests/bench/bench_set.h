/* SPDX-License-Identifier: BSD-2-Clause */
/* One data set: made, stored, measured, and one table printed. */
#ifndef SEKISHO_BENCH_SET_H
#define SEKISHO_BENCH_SET_H

#include "bench.h"

/* Makes and removes DIR/<name>. */
void bench_set_run(const char *dir, const struct bench_set *set);

#endif
