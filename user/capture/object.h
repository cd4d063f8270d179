/* SPDX-License-Identifier: BSD-2-Clause */
/* The BPF objects that are part of the program (bpf/), bound to the pins. */
#ifndef SEKISHO_OBJECT_H
#define SEKISHO_OBJECT_H

#include <stdint.h>

struct bpf_object;

enum object_kind {
	OBJECT_ACCEPT, /* accept.bpf.c: the kernel needs BTF, also for its maps alone */
	OBJECT_SOCKOPS, /* sockops.bpf.c: needs none, and has all shared maps */
};

/*
 * Opened, not loaded: only these programs (a NULL-ended list, or NULL for none) are to be loaded, its maps to
 * be taken from their pins or pinned. NULL and errno on failure. bpf_object__close() frees it.
 */
struct bpf_object *object_open(enum object_kind kind, const char *pin_dir,
			       const char *const *programs, uint64_t ring_bytes);

#endif
