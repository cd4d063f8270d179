// SPDX-License-Identifier: BSD-2-Clause
/* The recorder: ring to journal to segments, without rights. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/log.h"
#include "base/orders.h"
#include "control/link.h"
#include "control/service.h"
#include "recorder/node.h"
#include "warden_parts.h"

/* For NODE_SIGNAL_CLOCK, which the recorder's thread sends; before any thread. */
static int clock_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, NODE_SIGNAL_CLOCK);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void refresh(struct node *node, const char *why)
{
	struct problem p;

	if (node_refresh(node, &p))
		log_error("%s: %s", why, p.text);
}

static void reload(struct node *node)
{
	struct problem p;
	bool in_force;

	if (node_reload(node, &in_force, &p) == 0)
		log_info("configuration and consents reloaded");
	else if (in_force)
		log_error("reload: %s", p.text);
	else
		log_error("reload: %s; ignoring it, the old configuration stays in force", p.text);
}

/* Waits for orders until one says stop; meanwhile consents may begin. */
static void run_until_stopped(struct node *node, int orders, int clock)
{
	struct pollfd wait[] = { { .fd = orders, .events = POLLIN }, { .fd = clock, .events = POLLIN } };
	struct signalfd_siginfo info;
	char order;

	for (;;) {
		if (poll(wait, 2, node_refresh_due_ms(node)) == 0)
			refresh(node, "a consent begins");
		if (wait[1].revents && read(clock, &info, sizeof(info)) == sizeof(info))
			refresh(node, "after the clock was set");
		if (!wait[0].revents)
			continue;
		if (read(orders, &order, 1) != 1 || order == ORDER_STOP)
			return;
		if (order == ORDER_RELOAD)
			reload(node);
	}
}

static int begin(struct warden *w, struct ask *ask, struct node **ret_node, struct link_server **ret_server,
		 struct problem *p)
{
	int error = node_start(w->options->conf_path, &w->in_force.conf, &w->ground, w->options->version, ret_node, p);

	if (error)
		return error;
	error = link_server_start(w->link[1], service_answer, *ret_node, ret_server, p);
	if (error)
		node_stop(*ret_node);
	else
		ask_ready(ask);
	return error;
}

int recorder_process(struct warden *w, const struct child_ends *ends)
{
	int clock = clock_signal(), error;
	struct ask *ask = ask_open(ends->ask);
	struct link_server *server;
	struct problem p;
	struct node *node;

	if (!ask)
		return EXIT_FAILURE;
	capture_set_ask(w->ground.capture, ask);
	error = begin(w, ask, &node, &server, &p);
	if (error) {
		ask_failed(ask, error, &p);
		return EXIT_FAILURE;
	}
	run_until_stopped(node, ends->orders, clock);
	link_server_stop(server);
	node_stop(node);
	return EXIT_SUCCESS;
}
