/* SPDX-License-Identifier: BSD-2-Clause */
/* What `conns connect` was asked to do. */
#ifndef TESTS_KERNEL_CONNS_PLAN_H
#define TESTS_KERNEL_CONNS_PLAN_H

#include "conns.h"

#define PROCS_MAX 64
#define TARGETS_MAX 256

enum ending { UNTIL_EOF, FIRE, FIN };

struct targets {
	size_t n;
	union address at[TARGETS_MAX];
};

struct plan {
	struct targets destinations;
	struct targets from_v4, from_v6; /* from_v4 holds plain AF_INET only */
	uint64_t count, procs, rate, retries, timeout_s;
	enum ending ending;
	bool times;                      /* how long connect() takes */
	bool send;                       /* one byte when connected, for a server that defers accept */
	bool fastopen;                   /* that byte with the SYN */
	int protocol;                    /* of the sockets; 0: TCP */
	int list;                        /* a file descriptor */
	const char *device;              /* NULL: any */
	int64_t start_ns;
	int64_t *latency;                /* by number, shared by the processes; NULL: not wanted */
};

/* From the command line and defaults; ends the process on a wrong one. */
void conns_plan(struct plan *ret_plan, int argc, char **argv);

#endif
