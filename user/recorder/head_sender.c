// SPDX-License-Identifier: BSD-2-Clause
/* Watching keys/heads, and running the command. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/conf.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/utc.h"
#include "base/worker.h"
#include "head_sender.h"
#include "ledger/ledger.h"

/* Other processes write ledgers, too: the file is looked at. */
#define LOOK_SECONDS 2
#define APART_NS (60 * NS_PER_SEC)
#define TIMEOUT_MS 30000
#define WORDS_MAX 64

extern char **environ;

struct head_sender {
	struct worker worker;
	const struct store_dir *store;
	char *sent; /* the heads that were sent last; of the thread */
	int64_t tried_ns; /* boot time; 0: never */

	/* With the worker's lock. */
	char command[CONF_PATH_MAX];
	int64_t sent_utc_ns;
	struct problem failure; /* of the last time; "" */
};

/* --- The command --- */

/* Cuts the text into words in place. */
static void split(char *text, char *words[static WORDS_MAX + 1])
{
	size_t n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(text, " \t", &rest); word && n < WORDS_MAX; word = strtok_r(NULL, " \t", &rest))
		words[n++] = word;
	words[n] = NULL;
}

/* A process group of its own, with the signals that sekishod keeps from itself. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	(void)posix_spawnattr_setsigmask(attributes, &none);
	(void)posix_spawnattr_setsigdefault(attributes, &all);
	(void)posix_spawnattr_setpgroup(attributes, 0);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
							    POSIX_SPAWN_SETPGROUP);
}

static int spawn(char *const words[], int input, pid_t *ret_child)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&files);

	if (error)
		return -error;
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		error = set_attributes(&attributes);
		if (!error)
			error = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
		for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO && !error; fd++)
			error = posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_WRONLY, 0);
		if (!error)
			error = posix_spawn(ret_child, words[0], &files, &attributes, words, environ);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return -error;
}

/* Waits for its end, or makes one. */
static int wait_for(pid_t child, const char *name, struct problem *p)
{
	int fd = (int)syscall(SYS_pidfd_open, child, 0), status = 0, ended;
	struct pollfd end = { .fd = fd, .events = POLLIN };

	do
		ended = fd < 0 ? 0 : poll(&end, 1, TIMEOUT_MS);
	while (ended < 0 && errno == EINTR);
	if (ended != 1)
		(void)kill(-child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (fd >= 0)
		close(fd);
	if (ended != 1)
		return problem(p, -ETIMEDOUT, "%s: no end after %d s, killed", name, TIMEOUT_MS / 1000);
	if (WIFSIGNALED(status))
		return problem(p, -EIO, "%s: ended by signal %d", name, WTERMSIG(status));
	return WEXITSTATUS(status) ? problem(p, -EIO, "%s: exit status %d", name, WEXITSTATUS(status)) : 0;
}

/* A pipe takes heads whole (PIPE_BUF), whether they are read or not. */
static int run_command(const char *command, const char *heads, struct problem *p)
{
	char text[CONF_PATH_MAX], *words[WORDS_MAX + 1];
	int ends[2], error;
	pid_t child;

	snprintf(text, sizeof(text), "%s", command);
	split(text, words);
	if (!words[0])
		return problem(p, -EINVAL, "head_command is empty");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return problem(p, -errno, "%s: %s", words[0], strerror(errno));
	error = fs_write_all(ends[1], heads, strlen(heads));
	close(ends[1]);
	if (!error)
		error = spawn(words, ends[0], &child);
	close(ends[0]);
	return error ? problem(p, error, "%s: %s", words[0], strerror(-error)) : wait_for(child, words[0], p);
}

/* --- When --- */

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
	error = run_command(command, heads, &p);
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

int head_sender_start(const struct store_dir *store, const char *command, struct head_sender **ret_sender,
		      struct problem *p)
{
	struct head_sender *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return problem(p, -ENOMEM, "out of memory");
	s->store = store;
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
