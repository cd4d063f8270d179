/* SPDX-License-Identifier: BSD-2-Clause */
/* Files: nothing is replaced, nothing is left behind, locks end in time. */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include "filing.h"
#include "fixture.h"
#include "unit.h"

static long now_ms(void)
{
	struct timespec ts = { 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void positioned_read_and_write(void)
{
	int fd = openat(unit_temp_dir(), "f", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char buf[8] = "";

	REQUIRE(fd >= 0);
	CHECK_INT(fs_write_all(fd, "hello", 5), 0);
	CHECK_INT(fs_write_all(fd, NULL, 0), 0);
	CHECK_INT(fs_pwrite_all(fd, "J", 1, 0), 0);
	CHECK_INT(fs_pwrite_all(fd, "world", 5, 5), 0);
	CHECK_INT(fs_pread_all(fd, buf, 5, 3), 0);
	CHECK(memcmp(buf, "lowor", 5) == 0);
	CHECK_INT(fs_pread_all(fd, buf, 5, 5), 0);
	CHECK_INT(fs_pread_all(fd, buf, 5, 6), -ENODATA);
	CHECK_INT(fs_pread_all(fd, buf, 1, 10), -ENODATA);
	CHECK_INT(fs_pread_all(fd, buf, 0, 10), 0);
	close(fd);
	CHECK_INT(fs_write_all(-1, "x", 1), -EBADF);
	CHECK_INT(fs_pread_all(-1, buf, 1, 0), -EBADF);
	check_file("f", "Jelloworld");
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* A slow reader and a timer: write() is interrupted and comes back short, many times. */
static void write_survives_signals_and_short_counts(void)
{
	enum { SIZE = 1 << 20 };
	const struct sigaction action = { .sa_handler = on_alarm }; /* no SA_RESTART */
	const struct itimerval often = { { 0, 200 }, { 0, 200 } }, never = { 0 };
	unsigned char *data = malloc(SIZE);
	int ends[2];
	pid_t child;

	REQUIRE(data != NULL && pipe(ends) == 0);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	child = fork();
	if (child == 0) {
		size_t at = 0;
		unsigned char part[4096];
		ssize_t n;

		close(ends[1]);
		while ((n = read(ends[0], part, sizeof(part))) > 0) {
			if (at + (size_t)n > SIZE || memcmp(part, data + at, (size_t)n) != 0)
				_exit(1);
			at += (size_t)n;
			usleep(500);
		}
		_exit(at == SIZE ? 0 : 2);
	}
	close(ends[0]);
	alarms = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	CHECK_INT(fs_write_all(ends[1], data, SIZE), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_DFL);
	close(ends[1]);
	CHECK_INT(wait_for(child), 0);
	CHECK(alarms > 0); /* positive control */
	free(data);
}

static void open_dir_creates_parents(void)
{
	mode_t before = umask(0);
	int top = unit_temp_dir(), fd;
	char path[200];

	CHECK_INT(fs_open_dir(top, "a/b/c", 0), -ENOENT);
	CHECK_INT(count_entries(), 0);
	fd = fs_open_dir(top, "a/b/c", 1);
	REQUIRE(fd >= 0);
	CHECK_INT(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
	CHECK_INT(mode_of("a"), 0700);
	CHECK_INT(mode_of("a/b"), 0700);
	CHECK_INT(mode_of("a/b/c"), 0700);
	fd = fs_open_dir(top, "a/b", 0); /* positive control of the refusal above */
	CHECK(fd >= 0);
	close(fd);
	fd = fs_open_dir(top, "a//b/./d///", 1);
	CHECK(fd >= 0);
	close(fd);
	CHECK_INT(mode_of("a/b/d"), 0700);
	snprintf(path, sizeof(path), "%s/x/y", unit_temp_path());
	fd = fs_open_dir(-1, path, 1);
	CHECK(fd >= 0);
	close(fd);
	CHECK_INT(mode_of("x/y"), 0700);
	umask(before);
}

static void open_dir_refuses(void)
{
	int top = unit_temp_dir();

	put_file("file", "x", 1);
	CHECK_INT(fs_open_dir(top, "file", 0), -ENOTDIR);
	CHECK_INT(fs_open_dir(top, "file", 1), -ENOTDIR);
	CHECK_INT(fs_open_dir(top, "file/below", 1), -ENOTDIR);
	CHECK_INT(fs_open_dir(top, "", 1), -ENOENT);
	CHECK_INT(count_entries(), 1);
}

static void publish_writes_all(void)
{
	mode_t before = umask(0);
	size_t size = 3 << 20;
	char *data = malloc(size), *back;
	size_t back_size = 0;

	REQUIRE(data != NULL);
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 31 + i / 977);
	CHECK_INT(fs_publish(unit_temp_dir(), "big", data, size), 0);
	CHECK_INT(fs_publish(unit_temp_dir(), "empty", NULL, 0), 0);
	CHECK_INT(mode_of("big"), 0600); /* AC-38 in part */
	back = get_file("big", &back_size);
	CHECK(back_size == size && memcmp(back, data, size) == 0);
	check_file("empty", "");
	CHECK_INT(count_entries(), 2);
	free(back);
	free(data);
	umask(before);
}

static void publish_never_replaces(void)
{
	int top = unit_temp_dir();

	CHECK_INT(fs_publish(top, "name", "first", 5), 0);
	CHECK_INT(fs_publish(top, "name", "second", 6), -EEXIST);
	check_file("name", "first");
	REQUIRE(mkdirat(top, "dir", 0700) == 0);
	REQUIRE(symlinkat("nowhere", top, "link") == 0);
	CHECK_INT(fs_publish(top, "dir", "x", 1), -EEXIST);
	CHECK_INT(fs_publish(top, "link", "x", 1), -EEXIST);
	CHECK_INT(count_entries(), 3);
}

static void publish_leaves_nothing_on_failure(void)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/etc/x", "dir/" };
	int top = unit_temp_dir(), closed;
	struct rlimit before;
	char longer[300];

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_ROW(fs_publish(top, bad[i], "x", 1) == -EINVAL, "\"%s\"", bad[i]);
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	CHECK_INT(fs_publish(top, longer, "x", 1), -ENAMETOOLONG);
	before = disk_full_at(10);
	CHECK_INT(fs_publish(top, "name", "0123456789abcdef", 16), -EFBIG);
	CHECK_INT(fs_publish(top, "fits", "0123456789", 10), 0); /* positive control */
	disk_has_space(before);
	CHECK_INT(count_entries(), 1);
	closed = dup(top);
	close(closed);
	CHECK_INT(fs_publish(closed, "name", "x", 1), -EBADF);
}

static void maps(void)
{
	int top = unit_temp_dir();
	struct mapped_file f = { .data = NULL };

	put_file("ten", "0123456789", 10);
	put_file("none", "", 0);
	CHECK_INT(fs_map(top, "ten", 10, &f), 0);
	CHECK_INT(f.size, 10);
	REQUIRE(f.data != NULL);
	CHECK(memcmp(f.data, "0123456789", 10) == 0);
	fs_unmap(&f);
	CHECK(f.data == NULL && f.size == 0);
	fs_unmap(&f);
	fs_unmap(NULL);
	f.size = 77;
	CHECK_INT(fs_map(top, "none", 0, &f), 0);
	CHECK(f.data == NULL && f.size == 0);
	fs_unmap(&f);
}

static void map_refuses(void)
{
	int top = unit_temp_dir();
	struct mapped_file f = { .size = 77 };

	put_file("ten", "0123456789", 10);
	REQUIRE(mkdirat(top, "dir", 0700) == 0);
	REQUIRE(mkfifoat(top, "fifo", 0600) == 0);
	CHECK_INT(fs_map(top, "ten", 9, &f), -EFBIG);
	CHECK_INT(fs_map(top, "missing", 9, &f), -ENOENT);
	CHECK_INT(fs_map(top, "dir", 9999, &f), -EISDIR);
	CHECK_INT(fs_map(top, "fifo", 9999, &f), -EINVAL); /* and does not wait for a writer */
	CHECK(f.data == NULL && f.size == 77);
}

static void check_names(char **names, size_t count, const char *want)
{
	char joined[500] = "";

	for (size_t i = 0; i < count; i++) {
		strcat(joined, names[i]);
		strcat(joined, " ");
	}
	CHECK_STR(joined, want);
	fs_free_names(names, count);
}

static void lists(void)
{
	int top = unit_temp_dir(), r;
	char **names = NULL;
	size_t n = 77;

	CHECK_INT(fs_list(top, ".seg", &names, &n), 0);
	check_names(names, n, "");
	put_file("b.seg", "", 0);
	put_file("a.seg", "", 0);
	put_file("a.seg.tmp", "", 0);
	put_file("seg", "", 0);
	put_file(".hidden.seg", "", 0);
	REQUIRE(mkdirat(top, "dir.seg", 0700) == 0);
	REQUIRE(mkdirat(top, ".dir", 0700) == 0);
	REQUIRE(mkdirat(top, "Dir", 0700) == 0);
	REQUIRE(symlinkat("a.seg", top, "link.seg") == 0);
	CHECK_INT(fs_list(top, ".seg", &names, &n), 0);
	check_names(names, n, "a.seg b.seg ");
	CHECK_INT(fs_list(top, "", &names, &n), 0); /* again: the position of top is not moved */
	check_names(names, n, "a.seg a.seg.tmp b.seg seg ");
	CHECK_INT(fs_list_dirs(top, &names, &n), 0);
	check_names(names, n, "Dir dir.seg ");
	r = fs_list(-1, "", &names, &n);
	CHECK_INT(r, -EBADF);
}

static void list_of_many_is_sorted(void)
{
	char name[32], **names = NULL;
	size_t n = 0;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "%08d.x", i * 7919 % 500);
		put_file(name, "", 0);
	}
	CHECK_INT(fs_list(unit_temp_dir(), ".x", &names, &n), 0);
	CHECK_INT(n, 500);
	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%08zu.x", i);
		CHECK_STR(names[i], name);
	}
	fs_free_names(names, n);
}

static void lock_contention_times_out(void)
{
	int top = unit_temp_dir(), lock = fs_lock(top, "lock", 0);
	long start, waited;

	REQUIRE(lock >= 0);
	CHECK_INT(fcntl(lock, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_INT(mode_of("lock"), 0600);
	CHECK_INT(fs_lock(top, "lock", 0), -EBUSY);
	start = now_ms();
	CHECK_INT(fs_lock(top, "lock", 150), -EBUSY);
	waited = now_ms() - start;
	CHECK_ROW(waited >= 149 && waited < 2000, "%ld ms", waited);
	close(lock);
	lock = fs_lock(top, "lock", 0); /* positive control */
	CHECK(lock >= 0);
	close(lock);
}

/* The lock is between processes, and ends with the holder however it ends. */
static void lock_ends_with_its_holder(void)
{
	int top = unit_temp_dir(), ends[2], lock;
	pid_t child;
	char byte;

	REQUIRE(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		if (fs_lock(top, "lock", 0) >= 0)
			(void)!write(ends[1], "x", 1);
		pause();
		_exit(0);
	}
	close(ends[1]);
	CHECK_INT(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	CHECK_INT(fs_lock(top, "lock", 0), -EBUSY);
	kill(child, SIGKILL);
	lock = fs_lock(top, "lock", 5000);
	CHECK(lock >= 0);
	close(lock);
	CHECK_INT(wait_for(child), -1);
}

static uint64_t blocks_of(const char *name)
{
	struct stat st = { 0 };

	CHECK(fstatat(unit_temp_dir(), name, &st, AT_SYMLINK_NOFOLLOW) == 0);
	return (uint64_t)st.st_blocks * 512;
}

static void disk_usage_counts_blocks(void)
{
	static char megabyte[1 << 20];
	int top = unit_temp_dir(), fd;
	uint64_t bytes = 77, want;

	CHECK_INT(fs_disk_usage(top, &bytes), 0);
	CHECK_INT(bytes, 0);
	REQUIRE(mkdirat(top, "a", 0700) == 0 && mkdirat(top, "a/b", 0700) == 0);
	memset(megabyte, 'x', sizeof(megabyte));
	put_file("a/b/full", megabyte, sizeof(megabyte));
	put_file("a/.hidden", megabyte, sizeof(megabyte));
	put_file("sparse", "x", 1);
	fd = openat(top, "sparse", O_WRONLY | O_CLOEXEC);
	CHECK_INT(ftruncate(fd, (off_t)1 << 32), 0);
	close(fd);
	REQUIRE(symlinkat("/usr", top, "a/link") == 0);
	CHECK_INT(syncfs(top), 0); /* blocks are allocated late */
	want = blocks_of("a") + blocks_of("a/b") + blocks_of("a/b/full") + blocks_of("a/.hidden") +
	       blocks_of("sparse") + blocks_of("a/link");
	CHECK_INT(fs_disk_usage(top, &bytes), 0);
	CHECK_INT(bytes, want);
	CHECK(bytes >= 2 * sizeof(megabyte) && bytes < 4 * sizeof(megabyte));
	CHECK_INT(fs_disk_usage(top, &bytes), 0); /* not consumed */
	CHECK_INT(bytes, want);
	CHECK_INT(fs_disk_usage(-1, &bytes), -EBADF);
	CHECK_INT(bytes, want);
}

static void disk_usage_has_a_depth_limit(void)
{
	char path[200] = "d";
	uint64_t bytes = 77;
	int depth = 1, fd;

	for (; depth < 32; depth++)
		strcat(path, "/d");
	fd = fs_open_dir(unit_temp_dir(), path, 1);
	REQUIRE(fd >= 0);
	CHECK_INT(fs_disk_usage(unit_temp_dir(), &bytes), 0); /* positive control */
	REQUIRE(mkdirat(fd, "e", 0700) == 0);
	close(fd);
	bytes = 77;
	CHECK_INT(fs_disk_usage(unit_temp_dir(), &bytes), -ELOOP);
	CHECK_INT(bytes, 77);
}

UNIT_SUITE(fs,
	   TEST(positioned_read_and_write),
	   TEST(write_survives_signals_and_short_counts),
	   TEST(open_dir_creates_parents),
	   TEST(open_dir_refuses),
	   TEST(publish_writes_all),
	   TEST(publish_never_replaces),
	   TEST(publish_leaves_nothing_on_failure),
	   TEST(maps),
	   TEST(map_refuses),
	   TEST(lists),
	   TEST(list_of_many_is_sorted),
	   TEST(lock_contention_times_out),
	   TEST(lock_ends_with_its_holder),
	   TEST(disk_usage_counts_blocks),
	   TEST(disk_usage_has_a_depth_limit));
