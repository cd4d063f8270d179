/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Our own consumer of a BPF ring buffer (kernel/bpf/ringbuf.c): one read-write
 * page with the consumer position, one read-only mapping with the producer
 * position and the data, mapped twice in a row so that records never wrap.
 *
 * libbpf's consumer releases each record as it is handled; this one releases
 * only when told, so that a record stays in the (pinned) ring until the frame
 * that holds it is written.
 */
#ifndef SEKISHO_RING_H
#define SEKISHO_RING_H

#include <stddef.h>
#include <stdint.h>
#include "base/problem.h"

struct ring;

int ring_open(int map_fd, struct ring **ret_ring, struct problem *p);
void ring_close(struct ring *r);

uint64_t ring_consumer(const struct ring *r); /* bytes released since the ring was made */
uint64_t ring_producer(const struct ring *r); /* bytes reserved since the ring was made */
uint64_t ring_size(const struct ring *r);

/*
 * The record at *position: 1 and its bytes (valid until it is released), *position moved behind it;
 * 0 when there is no finished record there yet; -EBADMSG when the header cannot be one. A record
 * that the program discarded gives 1 and NULL.
 */
int ring_next(const struct ring *r, uint64_t *position, const void **ret_data, uint32_t *ret_size);

/* Gives everything before `position` back to the kernel; never moves backwards. */
void ring_release(struct ring *r, uint64_t position);

#endif
