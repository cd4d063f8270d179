// SPDX-License-Identifier: BSD-2-Clause
/* Lock, store and programs. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/fs.h"
#include "base/log.h"
#include "base/utc.h"
#include "ground.h"

#define LOCK_WAIT_MS 5000

static int open_store(struct ground *g, const struct conf *conf, struct problem *p)
{
	int error = owner_find(conf, &g->owner, p);

	if (!error)
		error = owner_open_store(conf, &g->store, p);
	if (!error && geteuid() == 0)
		error = owner_check_store(conf, &g->owner, &g->store, p);
	if (error)
		return error;
	g->lock_fd = fs_lock(g->store.root, "lock", LOCK_WAIT_MS);
	if (g->lock_fd < 0)
		return problem(p, g->lock_fd, "cannot lock %s: %s", conf->state_dir,
			       g->lock_fd == -EBUSY ? "another sekishod or sekisho import uses it" :
						      strerror(-g->lock_fd));
	return 0;
}

static int open_capture(struct ground *g, const struct conf *conf, struct problem *p)
{
	const struct capture_options options = {
		.pin_dir = conf->pin_dir,
		.hook = conf->hook,
		.witness = conf->witness,
		.ring_bytes = conf->ring_size,
	};
	struct problem notes = {};
	int error = capture_open(&options, &g->capture, &notes, p);

	if (notes.text[0])
		log_warn("%s", notes.text);
	return error;
}

/* Recording goes on without one. */
static void open_canary(struct ground *g)
{
	struct problem p;

	if (canary_open(&g->canary, &p))
		log_warn("%s: going on without", p.text);
	else
		capture_set_canary(g->capture, canary_netns(g->canary));
}

int ground_open(const struct conf *conf, struct ground *ret_ground, struct problem *p)
{
	struct ground g = { .store = { -1, -1, -1, -1, -1 }, .lock_fd = -1 };
	int error = open_store(&g, conf, p);

	g.begun_utc_ns = utc_now_ns();
	if (!error)
		error = open_capture(&g, conf, p);
	if (!error)
		open_canary(&g);
	if (error)
		ground_close(&g);
	else
		*ret_ground = g;
	return error;
}

void ground_close(struct ground *g)
{
	canary_close(g->canary);
	g->canary = NULL;
	capture_close(g->capture);
	g->capture = NULL;
	if (g->lock_fd >= 0)
		close(g->lock_fd);
	g->lock_fd = -1;
	store_close(&g->store);
}

void ground_abort(struct ground *g, const struct conf *conf)
{
	bool armed_by_us = capture_how_started(g->capture) == CAPTURE_FRESH;
	struct problem p;

	if (armed_by_us && capture_disarm(conf->pin_dir, &p) < 0)
		log_error("%s", p.text);
	ground_close(g);
}
