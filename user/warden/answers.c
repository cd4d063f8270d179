// SPDX-License-Identifier: BSD-2-Clause
/* Answering the processes without rights. Nothing in a message is believed: a child may be somebody else's by now. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "answers.h"
#include "base/fd_pass.h"
#include "base/orders.h"
#include "capture/passive_opens.h"
#include "courier.h"
#include "recorder/chrony.h"

#define COURIER_END_MS 100

/* What the configuration does not name is not there: nobody learns of other paths here. */
static int place_of(struct warden *w, struct ask_place *place, struct selector *ret_selector)
{
	place->name[SELECTOR_NAME_MAX - 1] = '\0';
	if (place->kind == SELECTOR_ADDRESS || place->kind >= SELECTOR_KINDS ||
	    selector_make(place->kind, place->name, ret_selector) || !in_force_names(&w->in_force, ret_selector))
		return -ENOENT;
	return 0;
}

static int resolve(struct warden *w, struct ask_message *m, int *ret_fd)
{
	struct selector selectors[ASK_PLACES_MAX];
	struct resolved list[ASK_PLACES_MAX] = {};
	struct ask_place *known[ASK_PLACES_MAX];
	size_t count = 0;

	(void)ret_fd;
	if (m->count > ASK_PLACES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < m->count; i++) {
		struct ask_place *place = &m->places[i];

		place->id = 0;
		place->error = place_of(w, place, &selectors[count]);
		if (place->error)
			continue;
		list[count].selector = &selectors[count];
		known[count++] = place;
	}
	(void)resolver_run(w->resolver, list, count);
	for (size_t i = 0; i < count; i++) {
		known[i]->id = list[i].id;
		known[i]->error = list[i].error;
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
	struct problem p;
	int error = in_force_read(&w->in_force, w->options->conf_path, ret_fd, &p);

	if (error)
		snprintf(m->text, sizeof(m->text), "%s", p.text);
	return error;
}

static int applied(struct warden *w, struct ask_message *m, int *ret_fd)
{
	(void)m;
	(void)ret_fd;
	if (in_force_apply(&w->in_force))
		child_order(&w->children[CHILD_REGISTRAR], ORDER_RELOAD);
	return 0;
}

static int in_force(struct warden *w, struct ask_message *m, int *ret_fd)
{
	(void)m;
	return in_force_text(&w->in_force, ret_fd);
}

/* One of each kind at a time. One that has answered may not have come to its end yet: that is not waited for long. */
static bool courier_runs(struct warden *w, enum courier_name name)
{
	for (int i = 0; w->couriers[name] && i < COURIER_END_MS; i++) {
		if (waitpid(w->couriers[name], NULL, WNOHANG) != 0)
			w->couriers[name] = 0;
		else
			usleep(1000);
	}
	return w->couriers[name];
}

static int heads(struct warden *w, struct ask_message *m, int *ret_fd)
{
	char heads_text[ASK_TEXT_MAX];

	m->text[sizeof(m->text) - 1] = '\0';
	strcpy(heads_text, m->text);
	m->text[0] = '\0'; /* of the answer it is the reason */
	if (courier_runs(w, COURIER_HEADS)) {
		snprintf(m->text, sizeof(m->text), "head_command has not ended since the last time");
		return -EBUSY;
	}
	return courier_start(&w->ground.owner, w->in_force.conf.head_command, heads_text, &w->couriers[COURIER_HEADS], ret_fd);
}

static int chrony(struct warden *w, struct ask_message *m, int *ret_fd)
{
	if (access(CHRONY_COMMAND, X_OK) < 0)
		return -ENODATA;
	if (courier_runs(w, COURIER_CHRONY)) {
		snprintf(m->text, sizeof(m->text), "chronyd has not answered since the last time");
		return -EBUSY;
	}
	return courier_ask_chrony(&w->ground.owner, &w->couriers[COURIER_CHRONY], ret_fd);
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
	int error;

	if (m->count) {
		m->places[0].kind = SELECTOR_NETNS;
		error = place_of(w, &m->places[0], &selector);
		if (error)
			return error;
		one.netns = selector.name;
	}
	passive_opens_open(NULL, &one, 1);
	m->places[0].id = one.cookie;
	if (!one.error)
		*ret_fd = dup(m->kind == ASK_SNMP ? one.snmp : one.netstat);
	passive_opens_close(&one, 1);
	return one.error;
}

#define RECORDER (1u << CHILD_RECORDER)
#define REGISTRAR (1u << CHILD_REGISTRAR)

static const struct {
	enum ask_kind kind;
	unsigned int from; /* who may ask */
	int (*answer)(struct warden *w, struct ask_message *m, int *ret_fd);
} questions[] = {
	{ ASK_RESOLVE, RECORDER, resolve },	{ ASK_ARMED, RECORDER, armed },
	{ ASK_CONFIGURATION, RECORDER, configuration }, { ASK_APPLIED, RECORDER, applied },
	{ ASK_IN_FORCE, REGISTRAR, in_force },	{ ASK_HEADS, RECORDER, heads },
	{ ASK_PROCESSES, RECORDER, processes }, { ASK_CHRONY, RECORDER, chrony },
	{ ASK_SNMP, RECORDER, opens },		{ ASK_NETSTAT, RECORDER, opens },
};

static int answer(struct warden *w, enum child_name from, struct ask_message *m)
{
	int fd = -1, error;

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		if (questions[i].kind != m->kind || !(questions[i].from & 1u << from))
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
	if (size == 0 || size == -ECONNRESET) /* with an answer that it did not read */
		return -EPIPE;
	if (size != sizeof(m) || fd >= 0)
		return size < 0 ? size : -EBADMSG;
	if (m.kind == ASK_READY) {
		c->ready = true;
	} else if (m.kind == ASK_FAILED && !c->ready) {
		m.text[sizeof(m.text) - 1] = '\0';
		w->error = m.status < 0 ? m.status : -EIO;
		problem(&w->why, 0, "%s", m.text);
	} else {
		return answer(w, from, &m);
	}
	return 0;
}
