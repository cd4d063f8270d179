/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running somebody's program, without a shell and not for ever: in a process group of its own, with the signals that
 * sekishod keeps from itself.
 */
#ifndef SEKISHO_PROGRAM_H
#define SEKISHO_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct program {
	char *const *words; /* the first is an absolute path; both lists end in NULL */
	char *const *environment;
	int input, output; /* descriptors, which stay the caller's; -1: /dev/null. Errors go there always. */
};

/* 0 or negative errno (-ENOENT: there is none). */
int program_start(const struct program *program, pid_t *ret_child);
/*
 * Waits for its end until then (CLOCK_BOOTTIME, ns), and kills its group if there is none: -ETIMEDOUT. *ret_status as
 * of waitpid(2).
 */
int program_wait(pid_t child, int64_t end_boot_ns, int *ret_status);
/* Until `fd` can be read; false: not before the end of the time. */
bool program_says(int fd, int64_t end_boot_ns);

#endif
