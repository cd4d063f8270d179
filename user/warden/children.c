// SPDX-License-Identifier: BSD-2-Clause
/* Starting recorder and registrar. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/log.h"
#include "base/orders.h"
#include "base/process_title.h"
#include "base/sandbox.h"
#include "warden_parts.h"

static const struct {
	const char *text, *title;
	enum sandbox_role role;
	int (*work)(struct warden *w, const struct child_ends *ends);
} table[CHILDREN] = {
	[CHILD_RECORDER] = { "recorder", "sekishod: recorder", SANDBOX_RECORDER, recorder_process },
	[CHILD_REGISTRAR] = { "registrar", "sekishod: registrar", SANDBOX_REGISTRAR, registrar_process },
};

const char *child_text(enum child_name name)
{
	return table[name].text;
}

static void close_if(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What is the warden's, and the other child's, alone. */
static void close_others(struct warden *w, enum child_name name)
{
	for (int i = 0; i < CHILDREN; i++) {
		close_if(&w->children[i].ask);
		close_if(&w->children[i].orders);
	}
	close_if(&w->signals);
	close_if(&w->log[0]);
	close_if(&w->ready);
	close_if(&w->in_force.text);
	close_if(&w->in_force.next_text);
	close_if(&w->link[name == CHILD_RECORDER ? 0 : 1]);
	resolver_close(w->resolver);
	w->resolver = NULL;
	if (name == CHILD_RECORDER) {
		close_if(&w->listen_fd);
	} else {
		canary_close(w->ground.canary);
		w->ground.canary = NULL;
		capture_close(w->ground.capture);
		w->ground.capture = NULL;
	}
}

/* Gives up all rights. It ends with its parent; a change of user would forget that (prctl(2)). */
static int enter(struct warden *w, enum child_name name, pid_t parent, struct problem *p)
{
	const struct sandbox_place place = { .owner = w->ground.owner, .state_dir = w->ground.store.root };
	struct problem notes;
	int error = sandbox_enter(table[name].role, &place, &notes, p);

	if (notes.text[0])
		log_warn("%s: %s", table[name].text, notes.text);
	if (!error && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(EXIT_FAILURE);
	return error;
}

/* It stops when it is told to, or with us: not by a signal that was meant for the warden's whole group. */
static void run(struct warden *w, enum child_name name, pid_t parent, const struct child_ends *ends)
{
	struct problem p;

	close_others(w, name);
	log_to(w->log[1]);
	if (w->options->ready >= 0)
		(void)dup2(STDOUT_FILENO, STDERR_FILENO); /* /dev/null */
	process_title(table[name].title);
	if (enter(w, name, parent, &p)) {
		log_error("%s", p.text);
		_exit(EXIT_FAILURE);
	}
	_exit(table[name].work(w, ends));
}

int child_start(struct warden *w, enum child_name name, struct problem *p)
{
	int ask[2] = { -1, -1 }, orders[2] = { -1, -1 }, error = 0;
	struct child *c = &w->children[name];
	pid_t parent = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ask) < 0 || pipe2(orders, O_CLOEXEC) < 0 ||
	    (c->pid = fork()) < 0)
		error = -errno;
	if (!error && c->pid == 0) {
		close(ask[0]);
		close(orders[1]);
		run(w, name, parent, &(struct child_ends){ .ask = ask[1], .orders = orders[0] });
	}
	close_if(&ask[1]);
	close_if(&orders[0]);
	if (error) {
		c->pid = 0;
		close_if(&ask[0]);
		close_if(&orders[1]);
		return problem(p, error, "cannot start the %s: %s", table[name].text, strerror(-error));
	}
	c->ask = ask[0];
	c->orders = orders[1];
	(void)fcntl(c->orders, F_SETFL, O_NONBLOCK);
	c->ready = c->stopping = false;
	return 0;
}

/* One that does not read its orders does not hold us up: it has many to reload, and the end of the pipe is to stop. */
void child_order(struct child *c, char order)
{
	bool full = c->orders >= 0 && write(c->orders, &order, 1) != 1;

	c->stopping |= order == ORDER_STOP;
	if (full && c->stopping)
		close_if(&c->orders);
}

void child_ended(struct child *c)
{
	c->pid = 0;
	c->ready = false;
	close_if(&c->ask);
	close_if(&c->orders);
}
