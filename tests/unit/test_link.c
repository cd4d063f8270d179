/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls to the recorder: many at once, from other processes, to one that hangs or is gone. */
#include "control/link.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/descriptors.h"
#include "unit.h"

struct recorder {
	struct link_server *server;
	int fds[2];
	pthread_mutex_t lock;
	unsigned int calls;
	long delay_ms;
};

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static json_t *echo(void *ctx, const json_t *request)
{
	struct recorder *r = ctx;

	pthread_mutex_lock(&r->lock);
	r->calls++;
	pthread_mutex_unlock(&r->lock);
	if (r->delay_ms)
		sleep_ms(r->delay_ms);
	return json_pack("{s:i, s:O?}", "status", 0, "echo", json_object_get(request, "n"));
}

static void prepare(struct recorder *r, long delay_ms)
{
	memset(r, 0, sizeof(*r));
	r->delay_ms = delay_ms;
	pthread_mutex_init(&r->lock, NULL);
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->fds) == 0);
}

static void serve_calls(struct recorder *r)
{
	struct problem p = { "" };

	REQUIRE(link_server_start(r->fds[1], echo, r, &r->server, &p) == 0);
}

static void start(struct recorder *r, long delay_ms)
{
	prepare(r, delay_ms);
	serve_calls(r);
}

static void stop(struct recorder *r)
{
	link_server_stop(r->server);
	close(r->fds[0]);
}

/* The number that came back; negative errno. */
static long long call(int fd, long long n)
{
	struct problem p;
	json_t *answer = NULL;
	int error = link_call(fd, json_pack("{s:I}", "n", (json_int_t)n), &answer, &p);

	if (error)
		return error;
	n = json_integer_value(json_object_get(answer, "echo"));
	json_decref(answer);
	return n;
}

/* Each gets its own answer, whoever else asks. */
static void processes_call_at_once(void)
{
	enum { PROCESSES = 8, CALLS = 50 };
	struct recorder r;
	pid_t pids[PROCESSES];
	int status;

	/* Forked before the threads start: a sanitizer's allocator may be locked by one of them, and in a child for ever. */
	prepare(&r, 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		REQUIRE(pids[i] >= 0);
		if (pids[i] == 0) {
			for (int k = 0; k < CALLS; k++)
				if (call(r.fds[0], i * 1000 + k) != i * 1000 + k)
					_exit(1);
			_exit(0);
		}
	}
	serve_calls(&r);
	for (int i = 0; i < PROCESSES; i++) {
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		CHECK_INT(status, 0);
	}
	CHECK_INT(r.calls, PROCESSES * CALLS);
	stop(&r);
	link_server_stop(NULL);
}

static void a_recorder_that_is_gone_is_told(void)
{
	struct problem p = { "" };
	json_t *answer = NULL;
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	close(fds[1]);
	CHECK_INT(link_call(fds[0], json_object(), &answer, &p), -EPIPE);
	CHECK_STR(p.text, "sekishod's recorder ended before it had answered: try again");
	close(fds[0]);
}

/* Nobody takes the call: it waits for so long and no longer. */
static void a_recorder_that_takes_nothing_is_told(void)
{
	struct problem p = { "" };
	json_t *answer = NULL;
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK_INT(link_call(fds[0], json_object(), &answer, &p), -ETIMEDOUT);
	CHECK_STR(p.text, "sekishod's recorder does not answer within 5 s");
	close(fds[0]);
	close(fds[1]);
}

/* What brings no descriptor, or too many, is no call, and others go on. */
static void nonsense_is_passed_over(void)
{
	struct recorder r;

	start(&r, 0);
	CHECK_INT(send(r.fds[0], "x", 1, 0), 1);
	CHECK_INT(descriptors_send(r.fds[0], "x", 1, (int[]){ 0, 1, 2 }, 3, 0), 0);
	CHECK_INT(call(r.fds[0], 3), 3);
	CHECK_INT(r.calls, 1);
	stop(&r);
}

static void *call_once(void *arg)
{
	*(long long *)arg = call((int)*(long long *)arg, 5);
	return NULL;
}

static void stopping_waits_for_answers_under_way(void)
{
	pthread_t threads[4];
	long long results[4];
	struct recorder r;

	start(&r, 100);
	for (size_t i = 0; i < 4; i++) {
		results[i] = r.fds[0];
		REQUIRE(pthread_create(&threads[i], NULL, call_once, &results[i]) == 0);
	}
	for (unsigned int calls = 0; calls < 4;) {
		pthread_mutex_lock(&r.lock);
		calls = r.calls;
		pthread_mutex_unlock(&r.lock);
		sleep_ms(1);
	}
	link_server_stop(r.server);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INT(results[i], 5);
	}
	close(r.fds[0]);
}

UNIT_SUITE(link, TEST(processes_call_at_once), TEST(a_recorder_that_is_gone_is_told),
	   TEST(a_recorder_that_takes_nothing_is_told), TEST(nonsense_is_passed_over),
	   TEST(stopping_waits_for_answers_under_way));
