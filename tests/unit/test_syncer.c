/* SPDX-License-Identifier: BSD-2-Clause */
/* The syncing thread: bytes are synced within the interval, and its errors are told (AC-86 in part). */
#include "recorder/syncer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "fixture.h"
#include "unit.h"

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

/* Waits up to 30 s until all that was appended by `since_ns` is durable. */
static struct syncer_state wait_synced(struct syncer *s, int64_t since_ns)
{
	struct syncer_state state = { 0 };

	for (int i = 0; i < 6000; i++) {
		syncer_state(s, &state);
		if (state.last_utc_ns >= since_ns || state.error)
			break;
		sleep_ms(5);
	}
	return state;
}

static int a_file(const char *name)
{
	int fd;

	write_file(unit_temp_dir(), name, "x", 1);
	fd = openat(unit_temp_dir(), name, O_WRONLY | O_APPEND | O_CLOEXEC);
	REQUIRE(fd >= 0);
	return fd;
}

static void syncs_what_was_touched(void)
{
	struct syncer_state state;
	struct syncer *s = NULL;
	struct problem p;
	int64_t before;

	REQUIRE(syncer_start(5 * (uint64_t)MS, &s, &p) == 0);
	syncer_state(s, &state);
	CHECK_INT(state.last_utc_ns, 0);
	sleep_ms(20);
	syncer_state(s, &state); /* no file, nothing to do */
	CHECK_INT(state.last_utc_ns, 0);
	for (int i = 0; i < 3; i++) {
		before = utc_now_ns();
		syncer_set_file(s, a_file(i % 2 ? "a" : "b")); /* closes the one before */
		state = wait_synced(s, before);
		CHECK(state.last_utc_ns >= before);
		CHECK_INT(state.error, 0);
		before = utc_now_ns();
		syncer_touch(s);
		CHECK(wait_synced(s, before).last_utc_ns >= before);
	}
	syncer_state(s, &state);
	sleep_ms(30);
	before = state.last_utc_ns; /* untouched: not synced again */
	syncer_state(s, &state);
	CHECK_INT(state.last_utc_ns, before);
	syncer_stop(s);
	syncer_stop(NULL);
}

static void a_failure_is_told_and_tried_again(void)
{
	struct syncer_state state;
	struct syncer *s = NULL;
	struct problem p;
	int pipe_fds[2], err = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int64_t before = utc_now_ns();

	REQUIRE(pipe2(pipe_fds, O_CLOEXEC) == 0);
	(void)dup2(null, STDERR_FILENO); /* it logs */
	REQUIRE(syncer_start(5 * (uint64_t)MS, &s, &p) == 0);
	syncer_set_file(s, pipe_fds[1]); /* fdatasync() of a pipe fails */
	state = wait_synced(s, before);
	CHECK_INT(state.error, -EINVAL);
	CHECK_INT(state.last_utc_ns, 0);
	CHECK(state.suspect);
	syncer_set_file(s, a_file("a"));
	for (int i = 0; i < 6000 && state.error; i++) {
		sleep_ms(5);
		syncer_state(s, &state);
	}
	CHECK_INT(state.error, 0);
	CHECK(!state.suspect); /* it was the file before */
	CHECK(state.last_utc_ns >= before);
	syncer_stop(s);
	(void)dup2(err, STDERR_FILENO);
	close(err);
	close(null);
	close(pipe_fds[0]);
}

/* The last bytes are not lost to a long interval. */
static void syncs_once_more_before_it_ends(void)
{
	struct syncer *s = NULL;
	struct problem p;
	int64_t before = utc_now_ns();

	REQUIRE(syncer_start(3600 * (uint64_t)NS_PER_SEC, &s, &p) == 0);
	syncer_set_file(s, a_file("a"));
	syncer_set_interval(s, 1800 * (uint64_t)NS_PER_SEC);
	syncer_stop(s); /* returns at once */
	CHECK(utc_now_ns() - before < 5 * NS_PER_SEC);
}

UNIT_SUITE(syncer, TEST(syncs_what_was_touched), TEST(a_failure_is_told_and_tried_again),
	   TEST(syncs_once_more_before_it_ends));
