// SPDX-License-Identifier: BSD-2-Clause
/* Clocks, directories and children of the benchmark. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/fs.h"
#include "bench.h"

void bench_die(const char *f, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "bench-store: ");
	va_start(args, f);
	vfprintf(stderr, f, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

void *bench_alloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	if (!p)
		bench_die("no memory for %zu times %zu bytes", count, size);
	return p;
}

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_cpu(void)
{
	return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_wall(void)
{
	return seconds(CLOCK_MONOTONIC);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double bench_median(double *list, size_t count)
{
	qsort(list, count, sizeof(*list), compare_doubles);
	return count % 2 ? list[count / 2] : (list[count / 2 - 1] + list[count / 2]) / 2;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

void bench_remove(const char *path)
{
	if (!strstr(path, "bench"))
		bench_die("%s does not look like a directory of the benchmark", path);
	if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
		bench_die("cannot remove %s: %s", path, strerror(errno));
}

void bench_mkdir(const char *path)
{
	int fd = fs_open_dir(AT_FDCWD, path, 1);

	if (fd < 0)
		bench_die("cannot make %s: %s", path, strerror(-fd));
	close(fd);
}

/* nftw() has no argument to pass. */
static struct bench_usage walked;
static const char *walked_suffix;

static int add_usage(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t n = strlen(path), k = walked_suffix ? strlen(walked_suffix) : 0;

	(void)ftw;
	if (type != FTW_F || n < k || (k && strcmp(path + n - k, walked_suffix) != 0))
		return 0;
	walked.bytes += (uint64_t)st->st_size;
	walked.disk_bytes += (uint64_t)st->st_blocks * 512;
	walked.files++;
	return 0;
}

struct bench_usage bench_usage(const char *path, const char *suffix)
{
	walked = (struct bench_usage){};
	walked_suffix = suffix;
	if (nftw(path, add_usage, 16, FTW_PHYS) < 0)
		bench_die("cannot walk %s: %s", path, strerror(errno));
	return walked;
}

static int evict_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	int fd;

	(void)st, (void)ftw;
	if (type != FTW_F)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return 0;
}

/* Pages that are not written yet would stay. */
void bench_settle(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		bench_die("cannot sync %s: %s", path, strerror(errno));
	close(fd);
}

void bench_evict(const char *path)
{
	(void)nftw(path, evict_one, 16, FTW_PHYS);
}

uint64_t bench_peak_kib(void)
{
	char line[128];
	uint64_t kib = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "VmHWM:", 6) == 0)
			for (const char *c = line + 6; *c; c++)
				if (*c >= '0' && *c <= '9')
					kib = kib * 10 + (uint64_t)(*c - '0');
	if (f)
		fclose(f);
	return kib;
}

static double cpu_of_children(void)
{
	struct rusage u;

	getrusage(RUSAGE_CHILDREN, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static pid_t start(char *const argv[], int *ret_out)
{
	int ends[2];
	pid_t pid;

	fflush(stdout);
	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = vfork()) < 0)
		bench_die("cannot start %s: %s", argv[0], strerror(errno));
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	*ret_out = ends[0];
	return pid;
}

int bench_run(char *const argv[], struct bench_child *ret_child)
{
	struct bench_child child = {};
	double cpu = cpu_of_children(), wall = bench_wall();
	size_t have = 0;
	int out, status;
	pid_t pid = start(argv, &out);
	char piece[4096];
	ssize_t n;

	while ((n = read(out, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < n && have + 1 < sizeof(child.out); i++)
			child.out[have++] = piece[i];
	close(out);
	if (waitpid(pid, &status, 0) != pid)
		bench_die("lost %s", argv[0]);
	child.cpu = cpu_of_children() - cpu;
	child.wall = bench_wall() - wall;
	*ret_child = child;
	if (!WIFEXITED(status))
		return 128;
	return WEXITSTATUS(status) == 127 ? -1 : WEXITSTATUS(status);
}

bool bench_has_program(const char *name)
{
	const char *list = getenv("PATH");
	char path[512];

	for (const char *from = list; from && *from;) {
		size_t n = strcspn(from, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)n, from, name);
		if (access(path, X_OK) == 0)
			return true;
		from += n + (from[n] == ':');
	}
	return false;
}
