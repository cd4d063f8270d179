// SPDX-License-Identifier: BSD-2-Clause
/* Watching keys/heads, and running the command. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/conf.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/utc.h"
#include "base/worker.h"
#include "capture/ask.h"
#include "head_command.h"
#include "head_sender.h"
#include "ledger/ledger.h"

/* Other processes write ledgers, too: the file is looked at. */
#define LOOK_SECONDS 2
#define APART_NS (60 * NS_PER_SEC)
#define OUTCOME_MS ((HEAD_COMMAND_SECONDS + 5) * 1000)

struct head_sender {
	struct worker worker;
	const struct store_dir *store;
	struct ask *warden; /* runs it for us; NULL: we run it */
	char *sent; /* the heads that were sent last; of the thread */
	int64_t tried_ns; /* boot time; 0: never */

	/* With the worker's lock. */
	char command[CONF_PATH_MAX];
	int64_t sent_utc_ns;
	struct problem failure; /* of the last time; "" */
};

/* The heads as a line, when they are not those that were sent. Caller frees. */
static char *new_heads(const struct head_sender *s)
{
	struct problem ignored;
	char *text, *line = NULL;

	if (ledger_heads(s->store, &text, &ignored))
		return NULL; /* nothing was written yet, or it cannot be read: that is told elsewhere */
	if ((!s->sent || strncmp(s->sent, text, strlen(text)) != 0) && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

static void note(struct head_sender *s, int error, const struct problem *p)
{
	bool before;

	pthread_mutex_lock(&s->worker.lock);
	before = s->failure.text[0] != '\0';
	s->failure = error ? *p : (struct problem){};
	if (!error)
		s->sent_utc_ns = utc_now_ns();
	pthread_mutex_unlock(&s->worker.lock);
	if (error && !before)
		log_error("the heads of the ledgers cannot be sent: %s; trying again each minute", p->text);
	else if (!error && before)
		log_info("the heads of the ledgers are sent again");
}

/* The recorder may not start programs. */
static int run_command(struct head_sender *s, const char *command, const char *heads, struct problem *p)
{
	struct ask_message m = { .kind = ASK_HEADS };
	struct head_outcome outcome;
	int error;

	if (!s->warden)
		return head_command_run(command, heads, p);
	if (strlen(heads) >= sizeof(m.text))
		return problem(p, -E2BIG, "the heads are too long for a pipe");
	strcpy(m.text, heads);
	error = ask_errand(s->warden, &m, "head_command", OUTCOME_MS, &outcome, sizeof(outcome), p);
	if (error)
		return error;
	outcome.why[sizeof(outcome.why) - 1] = '\0';
	return outcome.error ? problem(p, outcome.error, "%s", outcome.why) : 0;
}

/* Sends what has changed, if it is time or the last chance. */
static void look(struct head_sender *s, const char *command, bool last)
{
	struct problem p;
	char *heads;
	int error;

	if (!*command || (!last && s->tried_ns && boot_now_ns() - s->tried_ns < APART_NS))
		return;
	heads = new_heads(s);
	if (!heads)
		return;
	s->tried_ns = boot_now_ns();
	error = run_command(s, command, heads, &p);
	note(s, error, &p);
	if (error) {
		free(heads);
		return;
	}
	free(s->sent);
	s->sent = heads;
}

static void *run(void *arg)
{
	struct head_sender *s = arg;
	char command[CONF_PATH_MAX];
	bool last = false;

	(void)pthread_setname_np(pthread_self(), "heads");
	pthread_mutex_lock(&s->worker.lock);
	while (!last) {
		last = s->worker.stop;
		memcpy(command, s->command, sizeof(command));
		pthread_mutex_unlock(&s->worker.lock);
		look(s, command, last);
		pthread_mutex_lock(&s->worker.lock);
		if (!s->worker.stop)
			(void)worker_wait(&s->worker, LOOK_SECONDS * (uint64_t)NS_PER_SEC);
	}
	pthread_mutex_unlock(&s->worker.lock);
	return NULL;
}

int head_sender_start(const struct store_dir *store, const char *command, struct ask *warden,
		      struct head_sender **ret_sender, struct problem *p)
{
	struct head_sender *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return problem(p, -ENOMEM, "out of memory");
	s->store = store;
	s->warden = warden;
	snprintf(s->command, sizeof(s->command), "%s", command);
	error = worker_start(&s->worker, run, s, p);
	if (error) {
		free(s);
		return error;
	}
	*ret_sender = s;
	return 0;
}

void head_sender_stop(struct head_sender *s)
{
	if (!s)
		return;
	worker_stop(&s->worker);
	free(s->sent);
	free(s);
}

void head_sender_set_command(struct head_sender *s, const char *command)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->worker.lock);
	snprintf(s->command, sizeof(s->command), "%s", command);
	pthread_cond_signal(&s->worker.wake);
	pthread_mutex_unlock(&s->worker.lock);
}

json_t *head_sender_json(struct head_sender *s)
{
	char time_text[UTC_TEXT_MAX];
	json_t *json = NULL;

	if (!s)
		return json_null();
	pthread_mutex_lock(&s->worker.lock);
	if (s->command[0])
		json = json_pack("{s:s, s:s?, s:s?}", "command", s->command, "last_sent",
				 s->sent_utc_ns ? utc_format(s->sent_utc_ns, time_text) : NULL, "error",
				 s->failure.text[0] ? s->failure.text : NULL);
	pthread_mutex_unlock(&s->worker.lock);
	return json ? json : json_null();
}
