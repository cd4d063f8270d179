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
static void leave_terminal(const struct warden *w)
{
	int ready = w->options->ready;

	if (ready < 0)
		return;
	log_relay(w->log[0]);
	log_init("sekishod", true);
	dup2(STDOUT_FILENO, STDERR_FILENO); /* /dev/null */
	(void)!write(ready, "", 1);
	close(ready);
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
	bool was_ready = c->ready;
	char how[64];

	while (answers_next(w, name) == 0 && w->error == 0 && recv(c->ask, how, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		; /* its last words */
	child_ended(c);
	if (w->stopping || w->error) {
		stop(w);
		return;
	}
	how_it_ended(status, how, sizeof(how));
	if (!was_ready || died_too_often(c)) {
		give_up(w, problem(&w->why, -EIO, "the %s %s%s", child_text(name), how,
				   was_ready ? ", as often before: giving up" : " before it was ready"));
		return;
	}
	log_error("the %s %s: starting it again", child_text(name), how);
	if (name == CHILD_RECORDER)
		capture_set_continued(w->ground.capture);
	if (child_start(w, name, &w->why))
		give_up(w, -EIO);
}

static void bury_all(struct warden *w)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < CHILDREN; i++)
			if (w->children[i].pid == pid)
				bury(w, i, status); /* others are couriers */
}

static void take_signals(struct warden *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD) {
			bury_all(w);
		} else if (info.ssi_signo == SIGHUP) {
			for (int i = 0; i < CHILDREN; i++)
				child_order(&w->children[i], ORDER_RELOAD);
		} else if (!w->stopping) {
			log_info("stopping; the kernel goes on recording into the ring until the heartbeat runs out");
			stop(w);
		}
	}
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
	log_relay(w->log[0]);
	for (int i = 0; i < CHILDREN; i++)
		if (fds[2 + i].revents && answers_next(w, i) < 0) {
			close(w->children[i].ask); /* its end will be told by SIGCHLD */
			w->children[i].ask = -1;
		}
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
		error = registrar_listen(w->conf.run_dir, &w->listen_fd, &w->why);
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
	w->resolver = resolver_open(NULL);
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
	conf_done(&w->conf);
}

int warden_run(const struct warden_options *options, struct conf *conf, struct problem *p)
{
	struct warden w = {
		.options = options,
		.conf = *conf,
		.children = { { .ask = -1, .orders = -1 }, { .ask = -1, .orders = -1 } },
		.signals = watch_signals(),
		.link = { -1, -1 },
		.log = { -1, -1 },
		.listen_fd = -1,
	};
	int error;

	memset(conf, 0, sizeof(*conf));
	error = ground_open(&w.conf, &w.ground, p);
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
	log_relay(w.log[0]);
	registrar_unlisten(w.conf.run_dir);
	if (error)
		ground_abort(&w.ground, &w.conf);
	else
		ground_close(&w.ground);
	*p = w.why;
	close_all(&w);
	return error ? error : w.error;
}
