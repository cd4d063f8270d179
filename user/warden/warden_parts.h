/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the warden share. */
#ifndef SEKISHO_WARDEN_PARTS_H
#define SEKISHO_WARDEN_PARTS_H

#include <stdbool.h>
#include <sys/types.h>
#include "capture/ask.h"
#include "capture/resolve.h"
#include "in_force.h"
#include "recorder/ground.h"
#include "warden.h"

enum child_name { CHILD_RECORDER, CHILD_REGISTRAR, CHILDREN };

enum courier_name { COURIER_HEADS, COURIER_CHRONY, COURIERS };

#define DEATHS_MAX 30 /* of one process within a minute: then something is wrong that a new one does not mend */

struct child {
	pid_t pid; /* 0: does not run */
	int ask, orders; /* our ends */
	bool ready, stopping;
	uint32_t restarts;
	int64_t deaths_boot_ns[DEATHS_MAX]; /* a ring */
};

struct warden {
	const struct warden_options *options;
	struct in_force in_force;
	struct ground ground;
	struct resolver *resolver;
	struct child children[CHILDREN];
	pid_t couriers[COURIERS]; /* 0: does not run */
	int signals; /* signalfd */
	int link[2]; /* [0] the registrar's, [1] the recorder's */
	int log[2]; /* [0] ours, [1] the children's */
	int listen_fd;
	int ready; /* options->ready, until it was told */
	bool stopping;
	int error; /* why it stops by itself, and: */
	struct problem why;
};

/* "recorder", "registrar" */
const char *child_text(enum child_name name);
/* Forks it; returns in the parent only. 0 or negative errno and *p. */
int child_start(struct warden *w, enum child_name name, struct problem *p);
void child_order(struct child *c, char order);
/* Forgets one that has ended. */
void child_ended(struct child *c);

/* Their work; the status to exit with. */
struct child_ends {
	int ask, orders;
};
int recorder_process(struct warden *w, const struct child_ends *ends);
int registrar_process(struct warden *w, const struct child_ends *ends);

#endif
