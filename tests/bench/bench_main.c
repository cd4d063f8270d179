// SPDX-License-Identifier: BSD-2-Clause
/* bench-store: what the store costs and how fast it is, beside others, on made-up data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <zstd.h>
#include "base/parse.h"
#include "base/utc.h"
#include "bench.h"
#include "bench_set.h"
#include "seal/day_closer.h"

/* 2026-03-10: a fixed day, so that no size depends on when it is run. */
#define FIRST_DAY 20522

static const struct bench_set sets[] = {
	{ "D1", { 1, 10000000, 1, 200, FIRST_DAY }, 3, true, 3600 },
	{ "D2", { 2, 100000000, 30, 500, FIRST_DAY }, 1, false, 3600 },
	{ "D2-day", { 2, 3333333, 1, 500, FIRST_DAY }, 1, false, 3600 }, /* one day of it */
	{ "D3", { 3, 1000000, 1, 50, FIRST_DAY }, 5, true, 3600 },
	{ "tiny", { 4, 20000, 2, 8, FIRST_DAY }, 1, true, 3600 },
};

static void usage(void)
{
	fprintf(stderr, "Usage: bench-store [--dir DIR] [--no-peers] [--rotate SECONDS] D1|D2|D2-day|D3|tiny...\n"
			"Measures the store on made-up data: sizes, rates, searches, and other stores beside it.\n"
			"--rotate: how long rows wait in a journal before they are sealed (rotate_interval; default 3600).\n"
			"DIR (default build/bench) holds what is made meanwhile; D2 needs 6 GB there, D1 with the other stores 4 GB.\n");
	exit(2);
}

static void print_cpu(void)
{
	char line[256], *name;
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		name = strstr(line, ": ");
		if (strncmp(line, "model name", 10) != 0 || !name)
			continue;
		printf("cpu %s", name + 2);
		break;
	}
	if (f)
		fclose(f);
}

static void print_head(int argc, char **argv)
{
	struct utsname u;

	for (int i = 0; i < argc; i++)
		printf("%s%s", i ? " " : "$ ", argv[i]);
	uname(&u);
	printf("\nkernel %s, libzstd %s, ", u.release, ZSTD_versionString());
	print_cpu();
	printf("rates are of one core's CPU time unless wall is said; cold: the pages of the store's files were\n"
	       "dropped from the page cache (posix_fadvise), directories and inodes were not\n\n");
}

static void check_space(const char *dir, const struct bench_set *set)
{
	/* Journals twice, stores with and without round-trip times, others' files. */
	uint64_t need = set->mix.records * (set->peers ? 400 : 60), have;
	struct statvfs st;

	if (statvfs(dir, &st) < 0)
		bench_die("cannot look at %s", dir);
	have = (uint64_t)st.f_bavail * st.f_frsize;
	printf("%s needs up to %.1f GB below %s, where %.1f GB are free\n", set->name, (double)need / 1e9, dir,
	       (double)have / 1e9);
	fflush(stdout);
	if (have < need)
		bench_die("not enough space for %s", set->name);
}

/* A child of the benchmark: seals all journals of a store and says what it took. */
static int seal(const char *path)
{
	struct seal_result result = {};
	struct store_dir store;
	struct problem p;

	if (store_open(path, 0, &store, &p) || seal_all(&store, NULL, &result, &p)) {
		fprintf(stderr, "bench-store: %s\n", p.text);
		return 1;
	}
	printf("%llu %llu %llu\n", (unsigned long long)result.rows, (unsigned long long)result.sections,
	       (unsigned long long)bench_peak_kib());
	store_close(&store);
	return 0;
}

/* Another child: closes the days as sekishod does ten minutes after their end, when nothing more can come. */
static int close_days(const char *path)
{
	struct seal_result result = { .more_days = true };
	struct day_closer closer = {};
	struct store_dir store;
	struct problem note, p;

	if (store_open(path, 0, &store, &p) || day_closer_run(&closer, &store, utc_now_ns(), &result, &note, &p)) {
		fprintf(stderr, "bench-store: %s\n", p.text);
		return 1;
	}
	printf("%llu %llu\n", (unsigned long long)result.closed_days, (unsigned long long)result.closed_files);
	day_closer_done(&closer);
	store_close(&store);
	return 0;
}

static const struct bench_set *find_set(const char *name)
{
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (strcmp(sets[i].name, name) == 0)
			return &sets[i];
	fprintf(stderr, "bench-store: no data set '%s': D1, D2, D2-day, D3 or tiny\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	const char *dir = "build/bench";
	uint64_t rotate_s = 0;
	bool peers = true;
	int i = 1;

	if (argc == 3 && strcmp(argv[1], "--seal") == 0)
		return seal(argv[2]);
	if (argc == 3 && strcmp(argv[1], "--close") == 0)
		return close_days(argv[2]);
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--dir") == 0 && i + 1 < argc)
			dir = argv[++i];
		else if (strcmp(argv[i], "--no-peers") == 0)
			peers = false;
		else if (strcmp(argv[i], "--rotate") == 0 && i + 1 < argc &&
			 !parse_u64(argv[i + 1], 1, 86400, &rotate_s))
			i++;
		else
			usage();
	}
	if (i == argc)
		usage();
	for (int k = i; k < argc; k++)
		(void)find_set(argv[k]);
	print_head(argc, argv);
	for (; i < argc; i++) {
		struct bench_set set = *find_set(argv[i]);

		set.peers &= peers;
		set.rotate_s = rotate_s ? (uint32_t)rotate_s : set.rotate_s;
		bench_mkdir(dir);
		check_space(dir, &set);
		bench_set_run(dir, &set);
	}
	return 0;
}
