/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes without rights ask of the warden, who has them: a closed list, one message of fixed width each
 * way over a SOCK_SEQPACKET pair. The warden's side is warden/answers.h, with who may ask what: who asks anything else
 * is ended.
 */
#ifndef SEKISHO_ASK_H
#define SEKISHO_ASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/problem.h"
#include "base/selector.h"

enum ask_kind {
	ASK_READY = 1, /* told, not answered: this process does its work from here on */
	ASK_FAILED = 2, /* told, not answered: it cannot, see status and text; it ends now */
	ASK_RESOLVE = 3, /* places[0..count): what selectors of the configuration mean now */
	ASK_ARMED = 4, /* whether our programs are attached and pinned: status 1 or 0 */
	ASK_CONFIGURATION = 5, /* read it again: a descriptor of its text, checked, comes with the answer; in force with: */
	ASK_HEADS = 6, /* run head_command with `text` as its input; a descriptor of the outcome comes along */
	ASK_PROCESSES = 7, /* who runs: processes[] */
	/*
	 * places[0], a network namespace of the configuration, or count 0, the node's own: places[0].id becomes its
	 * cookie, and a descriptor of its /proc/net/snmp or /proc/net/netstat comes along.
	 */
	ASK_SNMP = 8,
	ASK_NETSTAT = 9,
	ASK_CHRONY = 10, /* how far the clock is off; a descriptor of the answer comes along (recorder/chrony.h) */
	ASK_APPLIED = 11, /* the configuration that was read last is in force now: the registrar is ordered to take it */
	ASK_IN_FORCE = 12, /* the registrar: a descriptor of the text of the configuration in force comes along */
};

#define ASK_PLACES_MAX 24
#define ASK_TEXT_MAX 4096 /* PIPE_BUF: heads go into a pipe whole */
#define ASK_PROCESSES_MAX 3

struct ask_place {
	uint32_t kind; /* enum selector_kind */
	int32_t error; /* of the answer, as struct resolved; -ENOENT also for what no configuration names */
	uint64_t id;
	char name[SELECTOR_NAME_MAX];
};

struct ask_process {
	char name[16];
	int32_t pid;
	uint32_t uid, restarts;
	uint32_t reserved;
};

struct ask_message {
	uint32_t kind; /* enum ask_kind; of an answer: that of the question */
	uint32_t number; /* of the question */
	int32_t status; /* of an answer: >= 0 or negative errno */
	uint32_t count;
	union {
		struct ask_place places[ASK_PLACES_MAX];
		struct ask_process processes[ASK_PROCESSES_MAX];
		char text[ASK_TEXT_MAX]; /* with its end; of an answer with a negative status: why */
	};
};

#define ASK_TIMEOUT_MS 200 /* what the recorder's thread waits for; a warden that runs needs a hundredth */
#define ASK_PATIENCE_MS 5000 /* what others wait for, and everybody before ask_ready(): what is not known then ends a start */

struct ask;
struct conf;

/* `fd` becomes the ask's, as long as the process lives. NULL without memory. One question at a time; thread-safe. */
struct ask *ask_open(int fd);

void ask_ready(struct ask *a);
void ask_failed(struct ask *a, int error, const struct problem *why);
/*
 * Puts a question, whose kind is set, and waits for its turn and the answer: its status, or -ETIMEDOUT and *p, -EPIPE without a
 * warden. An answer that comes too late is dropped. `ret_fd` (may be NULL) takes the descriptor that came along, or -1.
 */
int ask_call(struct ask *a, struct ask_message *message, int timeout_ms, int *ret_fd, struct problem *p);

/* Asks for a configuration, by ASK_CONFIGURATION or ASK_IN_FORCE, and reads what comes; `path` is for messages. 0 or negative
 * errno and *p. Undo with conf_done(). */
int ask_conf(struct ask *a, enum ask_kind kind, const char *path, struct conf *ret_conf, struct problem *p);

/*
 * As ask_call() for what is run in a process of its own (ASK_HEADS, ASK_CHRONY; `what`: its name): waits, up to `run_ms` more,
 * for what becomes of it, one message of `size` bytes that comes on the descriptor. 0, or negative errno and *p.
 */
int ask_errand(struct ask *a, struct ask_message *message, const char *what, int run_ms, void *ret_outcome,
	       size_t size, struct problem *p);

#endif
