// SPDX-License-Identifier: BSD-2-Clause
/* Answering the processes without rights. Nothing in a message is believed: a child may be somebody else's by now. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "answers.h"
#include "base/fd_pass.h"
#include "base/log.h"
#include "capture/passive_opens.h"
#include "courier.h"
#include "recorder/chrony.h"

static bool in_configuration(const struct conf *c, const struct selector *s)
{
	for (size_t i = 0; i < c->tenant_count; i++)
		for (size_t k = 0; k < c->tenants[i].selector_count; k++)
			if (selector_equal(&c->tenants[i].selectors[k], s))
				return true;
	return false;
}

/* Only what the configuration names: nobody learns of other paths here. */
static int resolve(struct warden *w, struct ask_message *m, int *ret_fd)
{
	struct selector selectors[ASK_PLACES_MAX];
	struct resolved list[ASK_PLACES_MAX] = {};

	(void)ret_fd;
	if (m->count > ASK_PLACES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < m->count; i++) {
		m->places[i].name[SELECTOR_NAME_MAX - 1] = '\0';
		if (m->places[i].kind == SELECTOR_ADDRESS || m->places[i].kind >= SELECTOR_KINDS ||
		    selector_make(m->places[i].kind, m->places[i].name, &selectors[i]) ||
		    !in_configuration(&w->conf, &selectors[i]))
			return -EINVAL;
		list[i].selector = &selectors[i];
	}
	(void)resolver_run(w->resolver, list, m->count);
	for (size_t i = 0; i < m->count; i++) {
		m->places[i].id = list[i].id;
		m->places[i].error = list[i].error;
	}
	return 0;
}

static int armed(struct warden *w, struct ask_message *m, int *ret_fd)
{
	(void)m;
	(void)ret_fd;
	return capture_armed(w->ground.capture);
}

/* Before a child gets it: what is wrong with it is told by name and line. */
static int configuration(struct warden *w, struct ask_message *m, int *ret_fd)
{
	int fd = open(w->options->conf_path, O_RDONLY | O_CLOEXEC), error;
	struct problem p;
	struct conf conf;

	error = fd < 0 ? problem(&p, -errno, "cannot open configuration %s: %s", w->options->conf_path, strerror(errno)) :
			 conf_load_open(fd, w->options->conf_path, &conf, &p);
	if (error) {
		if (fd >= 0)
			close(fd);
		snprintf(m->text, sizeof(m->text), "%s", p.text);
		return error;
	}
	/* Where we stand cannot change while we run; the recorder says so. */
	memcpy(conf.run_dir, w->conf.run_dir, sizeof(conf.run_dir));
	memcpy(conf.pin_dir, w->conf.pin_dir, sizeof(conf.pin_dir));
	memcpy(conf.state_dir, w->conf.state_dir, sizeof(conf.state_dir));
	memcpy(conf.user, w->conf.user, sizeof(conf.user));
	conf.hook = w->conf.hook;
	conf.ring_size = w->conf.ring_size;
	conf_done(&w->conf);
	w->conf = conf;
	*ret_fd = fd;
	return 0;
}

static int heads(struct warden *w, struct ask_message *m, int *ret_fd)
{
	m->text[sizeof(m->text) - 1] = '\0';
	return courier_start(&w->ground.owner, w->conf.head_command, m->text, ret_fd);
}

static int chrony(struct warden *w, struct ask_message *m, int *ret_fd)
{
	(void)m;
	if (access(CHRONY_COMMAND, X_OK) < 0)
		return -ENODATA;
	return courier_ask_chrony(&w->ground.owner, ret_fd);
}

static void name_process(struct ask_process *process, const char *name, pid_t pid, uid_t uid,
			 uint32_t restarts)
{
	*process = (struct ask_process){ .pid = pid, .uid = uid, .restarts = restarts };
	snprintf(process->name, sizeof(process->name), "%s", name);
}

static int processes(struct warden *w, struct ask_message *m, int *ret_fd)
{
	(void)ret_fd;
	name_process(&m->processes[0], "warden", getpid(), geteuid(), 0);
	for (int i = 0; i < CHILDREN; i++)
		name_process(&m->processes[1 + i], child_text(i), w->children[i].pid, w->ground.owner.uid,
			     w->children[i].restarts);
	m->count = 1 + CHILDREN;
	return 0;
}

/* Only of the node and of what the configuration names. */
static int opens(struct warden *w, struct ask_message *m, int *ret_fd)
{
	struct passive_opens one = {};
	struct selector selector;

	if (m->count) {
		m->places[0].name[SELECTOR_NAME_MAX - 1] = '\0';
		if (selector_make(SELECTOR_NETNS, m->places[0].name, &selector) || !in_configuration(&w->conf, &selector))
			return -EINVAL;
		one.netns = selector.name;
	}
	passive_opens_open(NULL, &one, 1);
	m->places[0].id = one.cookie;
	if (!one.error)
		*ret_fd = dup(m->kind == ASK_SNMP ? one.snmp : one.netstat);
	passive_opens_close(&one, 1);
	return one.error;
}

static const struct {
	enum ask_kind kind;
	int (*answer)(struct warden *w, struct ask_message *m, int *ret_fd);
} questions[] = {
	{ ASK_RESOLVE, resolve }, { ASK_ARMED, armed },		{ ASK_CONFIGURATION, configuration },
	{ ASK_HEADS, heads },	  { ASK_PROCESSES, processes }, { ASK_CHRONY, chrony },
	{ ASK_SNMP, opens },	  { ASK_NETSTAT, opens },
};

static int answer(struct warden *w, enum child_name from, struct ask_message *m)
{
	int fd = -1, error;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		if (questions[i].kind != m->kind)
			continue;
		m->status = questions[i].answer(w, m, &fd);
		/* A child that does not read its answers does not hold us up. */
		error = fd_pass_send(w->children[from].ask, m, sizeof(*m), fd, MSG_DONTWAIT);
		if (fd >= 0)
			close(fd);
		return error == -EAGAIN ? 0 : error;
	}
	return -EBADMSG;
}

int answers_next(struct warden *w, enum child_name from)
{
	struct child *c = &w->children[from];
	struct ask_message m;
	int fd, size = fd_pass_receive(c->ask, &m, sizeof(m), &fd, MSG_DONTWAIT);

	if (fd >= 0)
		close(fd); /* nobody passes us any */
	if (size == -EAGAIN)
		return 0;
	if (size != sizeof(m) || fd >= 0)
		return size < 0 ? size : size == 0 ? -EPIPE : -EBADMSG;
	if (m.kind == ASK_READY) {
		c->ready = true;
	} else if (m.kind == ASK_FAILED) {
		m.text[sizeof(m.text) - 1] = '\0';
		w->error = m.status < 0 ? m.status : -EIO;
		problem(&w->why, 0, "%s", m.text);
	} else {
		return answer(w, from, &m);
	}
	return 0;
}
