/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of meter share: readings of counters that only grow, taken before and after a command.
 * All times are nanoseconds.
 */
#ifndef TESTS_BENCH_METER_H
#define TESTS_BENCH_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METER_THREADS_MAX 16
#define METER_PROGRAMS_MAX 8

_Noreturn void meter_fail(const char *what);

/* The whole machine: time that its CPUs spent neither idle nor waiting nor stolen by a hypervisor. */
uint64_t meter_machine_busy(void);

/* CPU time of a process by thread name; threads of one name are added up. */
struct meter_threads {
	size_t n;
	struct meter_thread {
		char name[16];
		uint64_t cpu_ns;
	} at[METER_THREADS_MAX];
};
void meter_threads_read(uint64_t pid, struct meter_threads *ret_threads);
/* What `after` has more than `before`: lines "LABEL.THREAD_ns N" and their sum, "LABEL_ns N". */
void meter_threads_print(const char *label, const struct meter_threads *before,
			 const struct meter_threads *after);
/* Lines "LABEL_hwm_kib N" and "LABEL_rss_kib N". */
void meter_memory_print(const char *label, uint64_t pid);

/* Programs by file descriptor, and what the kernel has counted for them. */
struct meter_programs {
	size_t n;
	int fds[METER_PROGRAMS_MAX];
};
struct meter_runs {
	uint64_t ns, runs, skipped;
};
/* BPF statistics stay on while the descriptor is open. */
int meter_statistics_on(void);
/* The programs behind the links pinned in a directory. */
void meter_programs_pinned(const char *dir, struct meter_programs *ret_programs);
/* Programs that do nothing, attached where rung set_state attaches its two, until the process ends. */
void meter_programs_empty(size_t count, struct meter_programs *ret_programs);
struct meter_runs meter_programs_read(const struct meter_programs *p);

/* What one run of an empty program costs with all that the kernel does to call it, which BPF statistics do
 * not count. Statistics must be off. */
double meter_dispatch_ns(void);

#endif
