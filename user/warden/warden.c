// SPDX-License-Identifier: BSD-2-Clause
/* The warden's loop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answers.h"
#include "base/log.h"
#include "base/orders.h"
#include "base/sandbox.h"
#include "base/utc.h"
#include "control/registrar.h"
#include "recorder/node.h"

/* Blocked for the children as well, who are told what to do by orders alone. */
static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Failures of the start still reach the terminal; from here on syslog has the messages. */
static void leave_terminal(struct warden *w)
{
	if (w->ready < 0)
		return;
	(void)log_relay(w->log[0]);
	log_init("sekishod", true);
	dup2(STDOUT_FILENO, STDERR_FILENO); /* /dev/null */
	(void)!write(w->ready, "", 1);
	close(w->ready);
	w->ready = -1;
}

/* The registrar first, so that nobody asks a recorder that has gone. */
static void stop(struct warden *w)
{
	w->stopping = true;
	for (int i = CHILDREN - 1; i >= 0; i--)
		if (w->children[i].pid) {
			if (!w->children[i].stopping)
				child_order(&w->children[i], ORDER_STOP);
			return;
		}
}

static void give_up(struct warden *w, int error)
{
	if (!w->error)
		w->error = error;
	stop(w);
}

/* True when it died too often of late. */
static bool died_too_often(struct child *c)
{
	int64_t *oldest = &c->deaths_boot_ns[c->restarts % DEATHS_MAX], now = boot_now_ns();
	bool often = *oldest && now - *oldest < 60 * NS_PER_SEC;

	*oldest = now;
	c->restarts++;
	return often;
}

static void how_it_ended(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "ended by signal %d", WTERMSIG(status));
	else
		snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
}

static void bury(struct warden *w, enum child_name name, int status)
{
	struct child *c = &w->children[name];
	bool was_ready, first_start;
	char how[64];

	while (answers_next(w, name) == 0 && w->error == 0 && recv(c->ask, how, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		; /* its last words */
	was_ready = c->ready;
	first_start = !was_ready && !c->restarts;
	child_ended(c);
	if (w->stopping || w->error) {
		stop(w);
		return;
	}
	how_it_ended(status, how, sizeof(how));
	if (first_start || died_too_often(c)) {
		give_up(w, problem(&w->why, -EIO, "the %s %s%s", child_text(name), how,
				   first_start ? " before it was ready" : ", as often before: giving up"));
		return;
	}
	log_error("the %s %s%s: starting it again", child_text(name), how, was_ready ? "" : " before it was ready");
	if (name == CHILD_RECORDER) {
		in_force_forget(&w->in_force); /* it did not come to applying it */
		capture_set_continued(w->ground.capture);
	}
	if (child_start(w, name, &w->why))
		give_up(w, -EIO);
}

static void bury_all(struct warden *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < COURIERS; i++)
			if (w->couriers[i] == pid)
				w->couriers[i] = 0;
		for (int i = 0; i < CHILDREN; i++)
			if (w->children[i].pid == pid)
				bury(w, i, status);
	}
}

static void take_signals(struct warden *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			bury_all(w);
		} else if (info.ssi_signo == SIGHUP) {
			child_order(&w->children[CHILD_RECORDER], ORDER_RELOAD); /* the registrar's comes when it is applied */
		} else if (!w->stopping) {
			log_info("stopping; the kernel goes on recording into the ring until the heartbeat runs out");
			stop(w);
		}
	}
}

/* Who sends nonsense is not ours any more. The end of a child will be told by SIGCHLD. */
static void take_message(struct warden *w, enum child_name name)
{
	struct child *c = &w->children[name];
	int error = answers_next(w, name);

	if (!error)
		return;
	if (error != -EPIPE) {
		log_error("the %s cannot be answered (%s): killing it", child_text(name), strerror(-error));
		(void)kill(c->pid, SIGKILL);
	}
	close(c->ask);
	c->ask = -1;
}

static void turn(struct warden *w)
{
	struct pollfd fds[] = {
		{ .fd = w->log[0], .events = POLLIN },
		{ .fd = w->signals, .events = POLLIN },
		{ .fd = w->children[CHILD_RECORDER].ask, .events = POLLIN },
		{ .fd = w->children[CHILD_REGISTRAR].ask, .events = POLLIN },
	};

	if (poll(fds, 4, -1) < 0)
		return;
	(void)log_relay(w->log[0]);
	for (int i = 0; i < CHILDREN; i++)
		if (fds[2 + i].revents)
			take_message(w, i);
	if (fds[1].revents)
		take_signals(w);
	if (w->error)
		stop(w);
}

static bool any_child(const struct warden *w)
{
	return w->children[CHILD_RECORDER].pid || w->children[CHILD_REGISTRAR].pid;
}

/* Until it is ready, or nothing runs any more. */
static int await_ready(struct warden *w, enum child_name name)
{
	while (!w->children[name].ready && any_child(w))
		turn(w);
	return w->children[name].ready ? 0 : w->error ? w->error : -ECANCELED;
}

/* What arming the kernel took is not needed any more. */
static int keep_few_rights(struct warden *w)
{
	const struct sandbox_place place = { .owner = w->ground.owner, .state_dir = w->ground.store.root };
	struct problem notes;
	int error = sandbox_enter(SANDBOX_WARDEN, &place, &notes, &w->why);

	if (notes.text[0])
		log_warn("warden: %s", notes.text);
	if (error)
		give_up(w, error);
	return error;
}

static int begin(struct warden *w, struct problem *p)
{
	int error = child_start(w, CHILD_RECORDER, p);

	if (!error)
		error = await_ready(w, CHILD_RECORDER);
	if (!error) {
		error = registrar_listen(w->in_force.conf.run_dir, &w->listen_fd, &w->why);
		if (error)
			give_up(w, error);
	}
	if (!error)
		error = child_start(w, CHILD_REGISTRAR, &w->why);
	if (!error)
		error = await_ready(w, CHILD_REGISTRAR);
	return error ? error : keep_few_rights(w);
}

static int open_channels(struct warden *w, struct problem *p)
{
	w->resolver = resolver_open(NULL, 0);
	if (!w->resolver || w->signals < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->link) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->log) < 0)
		return problem(p, -ENOMEM, "cannot open what the processes speak over: %s", strerror(errno));
	return 0;
}

static void close_all(struct warden *w)
{
	const int fds[] = { w->signals, w->link[0], w->link[1], w->log[0], w->log[1], w->listen_fd };

	resolver_close(w->resolver);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	in_force_done(&w->in_force);
}

int warden_run(const struct warden_options *options, struct conf *conf, struct problem *p)
{
	struct warden w = {
		.options = options,
		.children = { { .ask = -1, .orders = -1 }, { .ask = -1, .orders = -1 } },
		.signals = watch_signals(),
		.link = { -1, -1 },
		.log = { -1, -1 },
		.listen_fd = -1,
		.ready = options->ready,
	};
	int error;

	in_force_init(&w.in_force, conf);
	error = ground_open(&w.in_force.conf, &w.ground, p);
	if (error) {
		close_all(&w);
		return error;
	}
	error = open_channels(&w, p);
	if (!error)
		error = begin(&w, &w.why);
	if (!error)
		leave_terminal(&w);
	while (any_child(&w))
		turn(&w);
	while (log_relay(w.log[0]))
		;
	registrar_unlisten(w.in_force.conf.run_dir);
	if (error)
		ground_abort(&w.ground, &w.in_force.conf);
	else
		ground_close(&w.ground);
	*p = w.why;
	close_all(&w);
	return error ? error : w.error;
}
