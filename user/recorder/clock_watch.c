// SPDX-License-Identifier: BSD-2-Clause
/* Asking chronyd now and then. */
#include <errno.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/utc.h"
#include "base/worker.h"
#include "capture/ask.h"
#include "chrony.h"
#include "clock_watch.h"

#define ASK_NS (15 * NS_PER_SEC)
#define ANSWER_MS ((CHRONY_SECONDS + 3) * 1000)
/* An answer counts for so long, growing: chronyd may be away for a moment, or another one is in its place. */
#define ANSWER_AGE_NS (3600 * NS_PER_SEC)

struct clock_watch {
	struct worker worker;
	struct ask *warden;
	bool failed; /* the last time: said once */

	/* With the worker's lock. */
	bool ask;
	struct chrony_bound bound; /* boot_ns 0: no answer */
};

/* The recorder may not start programs. */
static int ask_somebody(struct clock_watch *w, struct chrony_bound *ret_bound, struct problem *p)
{
	struct ask_message m = { .kind = ASK_CHRONY };
	struct chrony_answer answer;
	int error;

	if (!w->warden)
		return chrony_ask(CHRONY_COMMAND, ret_bound, p);
	error = ask_errand(w->warden, &m, "chronyc", ANSWER_MS, &answer, sizeof(answer), p);
	if (error)
		return error;
	answer.why[sizeof(answer.why) - 1] = '\0';
	if (answer.error)
		return problem(p, answer.error, "%s", answer.why);
	*ret_bound = answer.bound;
	return 0;
}

/* Leaves *bound as it is when there is no answer. */
static void ask_chrony(struct clock_watch *w, struct chrony_bound *bound)
{
	struct chrony_bound answer;
	struct problem p;
	int error = ask_somebody(w, &answer, &p);

	if (!error)
		*bound = answer;
	if (error && error != -ENODATA && !w->failed)
		log_warn("%s; ignoring it, the kernel's bound of the clock counts", p.text);
	w->failed = error && error != -ENODATA;
}

static void *run(void *arg)
{
	struct clock_watch *w = arg;

	(void)pthread_setname_np(pthread_self(), "clock");
	pthread_mutex_lock(&w->worker.lock);
	while (!w->worker.stop) {
		struct chrony_bound bound = w->bound;

		(void)worker_wait(&w->worker, ASK_NS);
		if (w->worker.stop || !w->ask)
			continue;
		pthread_mutex_unlock(&w->worker.lock);
		ask_chrony(w, &bound);
		pthread_mutex_lock(&w->worker.lock);
		if (w->ask)
			w->bound = bound;
	}
	pthread_mutex_unlock(&w->worker.lock);
	return NULL;
}

int clock_watch_start(bool ask, struct ask *warden, struct clock_watch **ret_watch, struct problem *p)
{
	struct clock_watch *w = calloc(1, sizeof(*w));
	int error;

	if (!w)
		return problem(p, -ENOMEM, "out of memory");
	w->warden = warden;
	w->ask = ask;
	if (ask)
		ask_chrony(w, &w->bound);
	error = worker_start(&w->worker, run, w, p);
	if (error) {
		free(w);
		return error;
	}
	*ret_watch = w;
	return 0;
}

void clock_watch_stop(struct clock_watch *w)
{
	if (!w)
		return;
	worker_stop(&w->worker);
	free(w);
}

void clock_watch_set(struct clock_watch *w, bool ask)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->worker.lock);
	w->ask = ask;
	if (!ask)
		w->bound = (struct chrony_bound){};
	pthread_cond_signal(&w->worker.wake);
	pthread_mutex_unlock(&w->worker.lock);
}

uint64_t clock_watch_error_ns(struct clock_watch *w, int64_t boot_ns)
{
	struct chrony_bound b;

	if (!w)
		return 0;
	pthread_mutex_lock(&w->worker.lock);
	b = w->bound;
	pthread_mutex_unlock(&w->worker.lock);
	if (!b.boot_ns || boot_ns - b.boot_ns > ANSWER_AGE_NS)
		return 0;
	return b.error_ns + anchor_growth_ns(boot_ns > b.boot_ns ? (uint64_t)(boot_ns - b.boot_ns) : 0);
}

void clock_watch_widen(struct clock_watch *w, struct anchor *a)
{
	uint64_t error_ns = clock_watch_error_ns(w, (int64_t)a->boot_ns);

	if (error_ns)
		error_ns = anchor_error_bound(error_ns + anchor_growth_ns(ANCHOR_LIFE_NS));
	if (error_ns > a->max_error_ns)
		a->max_error_ns = error_ns;
}
