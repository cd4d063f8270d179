/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many questions at once: who connected from this address (and port) at that
 * second? Read from a CSV file, answered in one pass over the store.
 */
#ifndef SEKISHO_QUESTIONS_H
#define SEKISHO_QUESTIONS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/addr.h"
#include "base/problem.h"

#define QUESTIONS_MAX 1000000

struct question {
	struct addr src;
	int64_t from_ns, to_ns; /* UTC, both included */
	uint32_t number; /* from 1, in the order of the file */
	uint16_t src_port; /* 0 = any */
};

struct questions {
	struct question *list; /* by addr_compare_source(), then by from_ns */
	size_t count, capacity;
	int64_t from_ns, to_ns; /* of all: from <= t < to */
	uint8_t sha256[32]; /* of the file's lines, each ended by a newline: what was asked */
};

/*
 * Header `src_ip,src_port,t,tolerance`, then a line each: an address, a port or nothing, a time (RFC 3339
 * with a zone), a duration ("500ms", "2s"; nothing: one second). `name` is for messages.
 * -EINVAL and *p with the line; I/O errors. Undo with questions_done().
 */
int questions_read(FILE *in, const char *name, struct questions *ret_questions, struct problem *p);
void questions_done(struct questions *q);

/* Questions [*ret_first, *ret_end) of the list are about this address. */
void questions_about(const struct questions *q, const struct addr *src, size_t *ret_first,
		     size_t *ret_end);
/* The first question about an address from `src` on (in the order of sources); count if none. */
size_t questions_from(const struct questions *q, const struct addr *src);

#endif
