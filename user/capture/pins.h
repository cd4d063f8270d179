/* SPDX-License-Identifier: BSD-2-Clause */
/* The pin directory: what an earlier run left there, and removing it. */
#ifndef SEKISHO_PINS_H
#define SEKISHO_PINS_H

#include <stdint.h>
#include "base/problem.h"

#define PIN_PATH_MAX 256

/* "<pin_dir>/<name>" into path; 0 or -ENAMETOOLONG. */
int pin_path(char path[static PIN_PATH_MAX], const char *pin_dir, const char *name);

struct pinned_ring {
	uint64_t bytes; /* 0: nothing usable is pinned */
};

/*
 * Makes the directory (mounting bpffs on /sys/fs/bpf when that is missing) and looks at the pins.
 * Pins of another layout version, or not complete, are removed and mentioned in *ret_notes. The
 * directory is taken for this process until *ret_lock (a descriptor) is closed: a ring has one
 * consumer. -EBUSY and *p when another one has it for longer than 2 s.
 */
int pins_prepare(const char *pin_dir, int *ret_lock, struct pinned_ring *ret_ring,
		 struct problem *ret_notes, struct problem *p);

void pins_end_grants(int grants_fd);
/* Whether the directory is missing or holds nothing. */
int pins_empty(const char *pin_dir);

/* Ends every grant, then removes all pins and the directory. 1: something was there, 0: nothing. */
int pins_remove(const char *pin_dir, struct problem *p);

#endif
