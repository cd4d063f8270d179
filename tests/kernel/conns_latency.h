/* SPDX-License-Identifier: BSD-2-Clause */
/* How long connections took to be made, for `conns connect --latency`. */
#ifndef TESTS_KERNEL_CONNS_LATENCY_H
#define TESTS_KERNEL_CONNS_LATENCY_H

#include <stdint.h>

/* Nanoseconds for each of `count` connections, 0 = not made; shared with children. */
int64_t *conns_latency_new(uint64_t count);

/* One line on stderr: how many were measured and their percentiles. Sorts them. */
void conns_latency_print(int64_t *ns, uint64_t count);

#endif
