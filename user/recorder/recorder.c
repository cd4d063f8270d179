// SPDX-License-Identifier: BSD-2-Clause
/* The recorder's thread: events, timers and calls from other threads. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "base/utc.h"
#include "pump.h"
#include "recorder.h"

#define TICK_NS (200 * 1000000L)
/* Every tick a few more things are looked at, each at its own pace. */
#define LOSS_INTERVAL_NS (NS_PER_SEC)
#define ANCHOR_INTERVAL_NS (10 * NS_PER_SEC)
#define PLACES_INTERVAL_NS (400 * 1000000L)
#define ARMED_INTERVAL_NS (10 * NS_PER_SEC)
/* So often before the programs would stop (DESIGN 3). */
#define BEATS 12

struct call {
	int (*run)(struct recorder *r, void *arg, struct problem *p);
	void *arg;
	struct problem *p;
	int result;
	bool done;
	struct call *next;
};

struct recorder {
	pthread_t thread;
	int epoll, tick, clock_set, wake;
	struct recorder_parts parts;
	struct pump *pump;
	int64_t next_loss_ns, next_anchor_ns, next_heartbeat_ns, next_armed_ns, next_places_ns; /* boot time */

	uint64_t pause; /* number of the act of consent under way; 0: none */
	uint64_t last_pause;
	uint64_t judged; /* how often a pause has ended and what waited was judged */
	int64_t pause_ends_ns; /* boot time */
	bool pause_is_over; /* with the next roster */

	pthread_mutex_t lock; /* for what follows */
	pthread_cond_t called;
	struct call *calls;
	bool stop;
	struct recorder_status status;
};

/* How long an act of consent may take. */
#define PAUSE_NS (5 * NS_PER_SEC)

static void publish_status(struct recorder *r)
{
	struct recorder_status s = {};

	pump_status(r->pump, &s);
	pthread_mutex_lock(&r->lock);
	s.started_ns = r->status.started_ns;
	s.armed = r->status.armed;
	r->status = s;
	pthread_mutex_unlock(&r->lock);
}

static void check_armed(struct recorder *r)
{
	bool armed = capture_armed(r->parts.capture);

	if (r->status.armed && !armed)
		log_error("the BPF program is no longer attached or pinned: nothing is recorded");
	pthread_mutex_lock(&r->lock);
	r->status.armed = armed;
	pthread_mutex_unlock(&r->lock);
}

static bool due(int64_t *next, int64_t now, int64_t interval)
{
	if (now < *next)
		return false;
	*next = now + interval;
	return true;
}

static void beat(struct recorder *r, int64_t now)
{
	capture_heartbeat(r->parts.capture, (uint64_t)now + r->parts.limits.heartbeat_ns);
}

static void begin_pause(struct recorder *r, uint64_t number)
{
	r->pause = number;
	r->pause_ends_ns = boot_now_ns() + PAUSE_NS;
	r->pause_is_over = false;
	pump_pause(r->pump, true);
}

static int end_pause(struct recorder *r, struct problem *p)
{
	int error;

	r->pause = 0;
	r->pause_is_over = false;
	pump_pause(r->pump, false);
	error = pump_drain(r->pump, p);
	if (!error)
		r->judged++;
	return error;
}

/* Whoever is changing a consent does not come back. A ledger that cannot be read is tried again. */
static void check_pause(struct recorder *r, int64_t now)
{
	if (!r->pause || now < r->pause_ends_ns)
		return;
	if (!r->pause_is_over)
		log_warn("a change of consent was begun and not ended: reading the ledger");
	r->pause_is_over = true;
	r->pause_ends_ns = now + PAUSE_NS;
	r->parts.clock_was_set();
}

static void work(struct recorder *r)
{
	int64_t now = boot_now_ns();
	struct problem p;

	check_pause(r, now);

	if (due(&r->next_heartbeat_ns, now, (int64_t)r->parts.limits.heartbeat_ns / BEATS))
		beat(r, now);
	if (due(&r->next_anchor_ns, now, ANCHOR_INTERVAL_NS))
		pump_anchor(r->pump);
	if (due(&r->next_places_ns, now, PLACES_INTERVAL_NS))
		pump_places(r->pump);
	(void)pump_drain(r->pump, &p); /* a failure is logged once and retried with the next tick */
	pump_reconcile(r->pump);
	pump_judge_witness(r->pump);
	pump_canary(r->pump);
	if (due(&r->next_loss_ns, now, LOSS_INTERVAL_NS)) {
		pump_losses(r->pump);
		pump_arm_again(r->pump);
		(void)pump_seal(r->pump, &p);
	}
	if (due(&r->next_armed_ns, now, ARMED_INTERVAL_NS))
		check_armed(r);
	if (pump_rotation_due(r->pump) && pump_rotate(r->pump, &p))
		log_error("%s; the old journal goes on", p.text);
	publish_status(r);
}

static void run_calls(struct recorder *r)
{
	struct call *c;

	pthread_mutex_lock(&r->lock);
	while ((c = r->calls)) {
		r->calls = c->next;
		pthread_mutex_unlock(&r->lock);
		c->result = c->run(r, c->arg, c->p);
		publish_status(r);
		pthread_mutex_lock(&r->lock);
		c->done = true;
		pthread_cond_broadcast(&r->called);
	}
	pthread_mutex_unlock(&r->lock);
}

/* Arms the timer that ends with ECANCELED when the clock is set (timerfd_create(2)). */
static void watch_clock(struct recorder *r)
{
	struct itimerspec far = { .it_value.tv_sec = utc_now_ns() / NS_PER_SEC + 10L * 365 * 86400 };

	(void)timerfd_settime(r->clock_set, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
}

static void check_clock(struct recorder *r)
{
	uint64_t ticks;

	if (read(r->clock_set, &ticks, sizeof(ticks)) < 0 && errno == ECANCELED) {
		watch_clock(r);
		pump_clock_was_set(r->pump);
		r->parts.clock_was_set();
	}
}

static void clear(int fd)
{
	uint64_t value;

	while (read(fd, &value, sizeof(value)) > 0)
		;
}

static void *run(void *arg)
{
	struct recorder *r = arg;
	struct epoll_event events[4];

	/* Names for top -H and for the bench, which counts each thread apart. */
	(void)pthread_setname_np(pthread_self(), "recorder");
	for (;;) {
		int n = epoll_wait(r->epoll, events, 4, -1);

		for (int i = 0; i < n; i++)
			if (events[i].data.fd == r->tick || events[i].data.fd == r->wake)
				clear(events[i].data.fd);
		/* Before anything is drained: events after a step need the anchor after it. */
		check_clock(r);
		run_calls(r);
		work(r);
		pthread_mutex_lock(&r->lock);
		if (r->stop && !r->calls) {
			pthread_mutex_unlock(&r->lock);
			return NULL;
		}
		pthread_mutex_unlock(&r->lock);
	}
}

static int watch(struct recorder *r, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_descriptors(struct recorder *r)
{
	struct itimerspec tick = { .it_value.tv_nsec = TICK_NS, .it_interval.tv_nsec = TICK_NS };
	int error;

	r->epoll = epoll_create1(EPOLL_CLOEXEC);
	r->tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r->clock_set = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->epoll < 0 || r->tick < 0 || r->clock_set < 0 || r->wake < 0 ||
	    timerfd_settime(r->tick, 0, &tick, NULL) < 0)
		return -errno;
	watch_clock(r);
	/* The ring is watched by edge: it stays readable while records wait for a slow disk. */
	error = watch(r, capture_ring_fd(r->parts.capture), EPOLLIN | EPOLLET);
	if (!error)
		error = watch(r, r->tick, EPOLLIN);
	if (!error)
		error = watch(r, r->clock_set, EPOLLIN);
	return error ? error : watch(r, r->wake, EPOLLIN);
}

static void destroy(struct recorder *r)
{
	const int fds[] = { r->epoll, r->tick, r->clock_set, r->wake };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pump_close(r->pump);
	pthread_cond_destroy(&r->called);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

int recorder_start(const struct recorder_parts *parts, struct roster *roster,
		   struct consents *consents, struct recorder **ret_recorder, struct problem *p)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return problem(p, -ENOMEM, "out of memory");
	r->parts = *parts;
	r->epoll = r->tick = r->clock_set = r->wake = -1;
	r->status.started_ns = utc_now_ns();
	r->status.armed = true;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->called, NULL);
	error = pump_open(&r->parts, roster, consents, &r->pump, p);
	if (!error) {
		beat(r, boot_now_ns());
		publish_status(r);
		error = open_descriptors(r);
		if (!error)
			error = -pthread_create(&r->thread, NULL, run, r);
		if (error)
			problem(p, error, "cannot start the recorder: %s", strerror(-error));
	}
	if (error) {
		destroy(r);
		return error;
	}
	*ret_recorder = r;
	return 0;
}

static int call(struct recorder *r, int (*fn)(struct recorder *, void *, struct problem *),
		void *arg, struct problem *p)
{
	struct call c = { .run = fn, .arg = arg, .p = p };
	struct call **last = &r->calls;
	uint64_t one = 1;

	pthread_mutex_lock(&r->lock);
	while (*last)
		last = &(*last)->next;
	*last = &c;
	(void)!write(r->wake, &one, sizeof(one));
	while (!c.done)
		pthread_cond_wait(&r->called, &r->lock);
	pthread_mutex_unlock(&r->lock);
	return c.result;
}

struct drain {
	bool waits;
	uint64_t judged; /* when it began to wait */
};

/* Between two acts, too, all has been judged that was there before. */
static int do_drain(struct recorder *r, void *arg, struct problem *p)
{
	struct drain *d = arg;

	pump_places(r->pump);
	pump_state_places(r->pump, true);
	pump_state_canary(r->pump);
	pump_look_at_witness(r->pump);
	if (!r->pause)
		return pump_drain(r->pump, p);
	if (d->waits && d->judged != r->judged)
		return 0;
	*d = (struct drain){ .waits = true, .judged = r->judged };
	return problem(p, -EAGAIN, "a consent is being changed");
}

/* Somebody else's that has not ended yet is taken over, with its end. */
static int do_pause(struct recorder *r, void *arg, struct problem *p)
{
	bool taken_over = r->pause != 0;

	(void)p;
	*(uint64_t *)arg = ++r->last_pause;
	if (!taken_over) {
		begin_pause(r, r->last_pause);
		return 0;
	}
	r->pause = r->last_pause;
	r->pause_is_over = false;
	return 1;
}

static int do_pause_anew(struct recorder *r, void *arg, struct problem *p)
{
	(void)end_pause(r, p); /* a failure is retried when this one ends */
	begin_pause(r, *(uint64_t *)arg);
	return 0;
}

static int do_resume(struct recorder *r, void *arg, struct problem *p)
{
	return r->pause == *(uint64_t *)arg ? end_pause(r, p) : 0;
}

static int do_rotate(struct recorder *r, void *arg, struct problem *p)
{
	int error = pump_drain(r->pump, p);

	(void)arg;
	pump_losses(r->pump);
	pump_state_canary(r->pump);
	if (!error)
		error = pump_rotate(r->pump, p);
	return error ? error : pump_seal(r->pump, p);
}

static int do_revoke(struct recorder *r, void *arg, struct problem *p)
{
	return pump_revoke(r->pump, *(uint32_t *)arg, p);
}

struct new_roster {
	struct roster *roster;
	struct consents *consents;
	const struct recorder_limits *limits;
};

static int do_set_roster(struct recorder *r, void *arg, struct problem *p)
{
	struct new_roster *n = arg;
	struct problem later; /* a failure is retried with the next tick */
	int error;

	r->parts.limits = *n->limits;
	beat(r, boot_now_ns());
	error = pump_set_roster(r->pump, n->roster, n->consents, p);
	if (r->pause_is_over)
		(void)end_pause(r, &later);
	return error;
}

int recorder_pause(struct recorder *r, uint64_t *ret_number, struct problem *p)
{
	return call(r, do_pause, ret_number, p);
}

int recorder_pause_anew(struct recorder *r, uint64_t number, struct problem *p)
{
	return call(r, do_pause_anew, &number, p);
}

int recorder_resume(struct recorder *r, uint64_t number, struct problem *p)
{
	return call(r, do_resume, &number, p);
}

int recorder_drain(struct recorder *r, struct problem *p)
{
	const struct timespec moment = { .tv_nsec = TICK_NS / 10 };
	int64_t end = boot_now_ns() + 2 * PAUSE_NS;
	struct drain drain = {};
	int error;

	while ((error = call(r, do_drain, &drain, p)) == -EAGAIN && boot_now_ns() < end)
		(void)nanosleep(&moment, NULL);
	return error;
}

int recorder_rotate(struct recorder *r, struct problem *p)
{
	return call(r, do_rotate, NULL, p);
}

int recorder_revoke(struct recorder *r, uint32_t tenant, struct problem *p)
{
	return call(r, do_revoke, &tenant, p);
}

static int do_state_stop(struct recorder *r, void *arg, struct problem *p)
{
	(void)arg;
	return pump_state_stop(r->pump, p);
}

int recorder_state_stop(struct recorder *r, struct problem *p)
{
	return call(r, do_state_stop, NULL, p);
}

int recorder_set_roster(struct recorder *r, struct roster *roster, struct consents *consents,
			const struct recorder_limits *limits, struct problem *p)
{
	struct new_roster n = {
		.roster = roster,
		.consents = consents,
		.limits = limits,
	};

	return call(r, do_set_roster, &n, p);
}

void recorder_stop(struct recorder *r)
{
	struct problem p;
	uint64_t one = 1;

	if (!r)
		return;
	if (recorder_rotate(r, &p))
		log_warn("%s; the journal is sealed at the next start", p.text);
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	(void)!write(r->wake, &one, sizeof(one));
	pthread_join(r->thread, NULL);
	destroy(r);
}

static int do_places(struct recorder *r, void *arg, struct problem *p)
{
	const struct places *now = pump_places_now(r->pump);
	struct recorder_places *copy = arg;

	copy->list = calloc(now->count + 1, sizeof(*copy->list));
	if (!copy->list)
		return problem(p, -ENOMEM, "out of memory");
	copy->count = now->count;
	if (now->count)
		memcpy(copy->list, now->list, now->count * sizeof(*copy->list));
	return 0;
}

int recorder_places(struct recorder *r, struct recorder_places *ret_places, struct problem *p)
{
	return call(r, do_places, ret_places, p);
}

void recorder_status(struct recorder *r, struct recorder_status *ret_status)
{
	pthread_mutex_lock(&r->lock);
	*ret_status = r->status;
	pthread_mutex_unlock(&r->lock);
}
