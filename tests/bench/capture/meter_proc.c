/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU time and memory from /proc. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "meter.h"

static FILE *open_or_fail(const char *path)
{
	FILE *f = fopen(path, "re");

	if (!f)
		meter_fail(path);
	return f;
}

/* Reads up to max numbers that follow `text`; returns how many there are. */
static size_t numbers(const char *text, uint64_t *ret_values, size_t max)
{
	size_t n = 0;
	char *end;

	for (; n < max; text = end) {
		errno = 0;
		ret_values[n] = strtoumax(text, &end, 10);
		if (end == text || errno)
			break;
		n++;
	}
	return n;
}

/*
 * Not the busy columns: they count ticks, each charged whole to what runs when it comes. The idle column is
 * exact to /proc/stat's unit with CONFIG_NO_HZ (get_cpu_idle_time_us), so what is left of the time is busy.
 */
uint64_t meter_machine_busy(void)
{
	uint64_t unit_ns = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK), now_ns, value[8], idle;
	char line[512] = "";
	struct timespec t;
	FILE *f = open_or_fail("/proc/stat");
	bool read = fgets(line, sizeof(line), f);

	clock_gettime(CLOCK_MONOTONIC, &t);
	fclose(f);
	if (!read || strncmp(line, "cpu ", 4) || numbers(line + 4, value, 8) < 8) {
		errno = EPROTO;
		meter_fail("/proc/stat");
	}
	now_ns = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	idle = (value[3] + value[4] + value[7]) * unit_ns; /* idle, iowait, steal */
	/* From an arbitrary zero: only differences mean anything. */
	return now_ns * (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) - idle;
}

static struct meter_thread *thread_named(struct meter_threads *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->at[i].name, name))
			return &t->at[i];
	if (t->n == METER_THREADS_MAX)
		return &t->at[METER_THREADS_MAX - 1];
	snprintf(t->at[t->n].name, sizeof(t->at[t->n].name), "%s", name);
	return &t->at[t->n++];
}

/* The first line of a file of a thread, without the newline; false if the thread has ended. */
static bool thread_line(uint64_t pid, const char *tid, const char *file, char *buf, int size)
{
	char path[320];
	bool read;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task/%s/%s", pid, tid, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	read = fgets(buf, size, f);
	fclose(f);
	if (read)
		buf[strcspn(buf, "\n")] = '\0';
	return read;
}

void meter_threads_read(uint64_t pid, struct meter_threads *ret_threads)
{
	char path[64], name[32], text[128];
	struct dirent *entry;
	DIR *dir;

	ret_threads->n = 0;
	memset(ret_threads->at, 0, sizeof(ret_threads->at));
	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/task", pid);
	dir = opendir(path);
	if (!dir)
		meter_fail(path);
	while ((entry = readdir(dir))) {
		uint64_t cpu_ns;

		if (entry->d_name[0] == '.' ||
		    !thread_line(pid, entry->d_name, "comm", name, sizeof(name)) ||
		    !thread_line(pid, entry->d_name, "schedstat", text, sizeof(text)) ||
		    numbers(text, &cpu_ns, 1) != 1)
			continue;
		thread_named(ret_threads, name)->cpu_ns += cpu_ns;
	}
	closedir(dir);
}

void meter_threads_print(const char *label, const struct meter_threads *before,
			 const struct meter_threads *after)
{
	struct meter_threads start = *before;
	uint64_t sum = 0;

	for (size_t i = 0; i < after->n; i++) {
		uint64_t ns = after->at[i].cpu_ns - thread_named(&start, after->at[i].name)->cpu_ns;

		printf("%s.%s_ns %" PRIu64 "\n", label, after->at[i].name, ns);
		sum += ns;
	}
	printf("%s_ns %" PRIu64 "\n", label, sum);
}

void meter_memory_print(const char *label, uint64_t pid)
{
	char path[64], line[256];
	uint64_t kib;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/status", pid);
	f = open_or_fail(path);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "VmHWM:", 6) && numbers(line + 6, &kib, 1) == 1)
			printf("%s_hwm_kib %" PRIu64 "\n", label, kib);
		if (!strncmp(line, "VmRSS:", 6) && numbers(line + 6, &kib, 1) == 1)
			printf("%s_rss_kib %" PRIu64 "\n", label, kib);
	}
	fclose(f);
}
