// SPDX-License-Identifier: BSD-2-Clause
/*
 * conns block: threads that are all inside accept() when "ready" is printed, for hooks that would have to
 * be there when the call begins. Each takes one connection, so that each of the first N connections is
 * taken by a call that was blocked by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conns.h"

#define THREADS_MAX 10000
#define STACK_BYTES 65536
#define PATIENCE_NS 60000000000LL

static int listener;
static pid_t threads[THREADS_MAX];

static void *accept_one(void *arg)
{
	pid_t *tid = arg;
	int fd;

	__atomic_store_n(tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && errno == ECONNABORTED);
	if (fd < 0)
		conns_fail("accept");
	close(fd);
	for (;;)
		pause();
}

/* Whether the kernel says that it sleeps in accept4(): proc(5), /proc/PID/syscall. */
static bool is_blocked(const pid_t *tid)
{
	pid_t id = __atomic_load_n(tid, __ATOMIC_ACQUIRE);
	char path[64], text[64] = "", wanted[16];
	ssize_t n;
	int fd;

	if (!id)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)id);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		conns_fail("%s", path);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		conns_fail("%s", path);
	snprintf(wanted, sizeof(wanted), "%d ", SYS_accept4);
	return strncmp(text, wanted, strlen(wanted)) == 0;
}

static void start_threads(uint64_t count)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (uint64_t i = 0; i < count; i++) {
		errno = pthread_create(&thread, &attr, accept_one, &threads[i]);
		if (errno)
			conns_fail("thread %llu", (unsigned long long)i);
	}
	pthread_attr_destroy(&attr);
}

static void wait_blocked(uint64_t count)
{
	int64_t limit = conns_now_ns() + PATIENCE_NS;

	for (uint64_t i = 0; i < count; i++)
		while (!is_blocked(&threads[i])) {
			if (conns_now_ns() > limit) {
				errno = ETIMEDOUT;
				conns_fail("thread %llu is not in accept()", (unsigned long long)i);
			}
			conns_sleep_until(conns_now_ns() + 1000000);
		}
}

int conns_block(int argc, char **argv)
{
	static const struct option table[] = { { "threads", required_argument, NULL, 't' }, { 0 } };
	uint64_t count = 0;
	union address a;
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		if (c != 't' || !conns_parse_number(optarg, THREADS_MAX, &count))
			conns_usage("block: bad option");
	if (!count || argc - optind != 1 || !conns_parse_endpoint(argv[optind], &a))
		conns_usage("block: give --threads N (at most %d) and one ADDR:PORT", THREADS_MAX);
	conns_end_with_parent();
	conns_raise_descriptors(); /* accept() takes its descriptor before it waits */
	listener = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		conns_fail("socket");
	conns_bind(listener, &a, argv[optind]);
	if (listen(listener, 65535) < 0)
		conns_fail("listen");
	start_threads(count);
	wait_blocked(count);
	puts("ready");
	if (fflush(stdout))
		conns_fail("stdout");
	for (;;)
		pause();
}
