// SPDX-License-Identifier: BSD-2-Clause
/* A request of the control socket: read, checked, run with the client's descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/exit_status.h"
#include "base/log.h"
#include "base/output.h"
#include "link.h"
#include "serve.h"

#define REQUEST_MS 2000
#define MEMORY_MAX (UINT64_C(1) << 30)
#define FILES_MAX 4096
#define STANDARD 3 /* input, output, error */

/* Of the registrar's descriptors it has what it works with: not the lock, the store, the way to the warden. */
static void close_others(const struct serve *s, int connection)
{
	const int kept[] = { STDERR_FILENO, connection, s->link_fd, s->admitted_fd };

	/* Between each and the next larger one. */
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		unsigned int next = ~0u;

		for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++)
			if (kept[k] > kept[i] && (unsigned int)kept[k] - 1 < next)
				next = (unsigned int)kept[k] - 1;
		if (next > (unsigned int)kept[i])
			(void)syscall(SYS_close_range, kept[i] + 1, next, 0);
	}
}

/* Other processes of this user do not see into it: not its memory, not its descriptors. It ends with the registrar. */
static void confine(const struct serve *s, pid_t registrar)
{
	const struct rlimit none = {}, files = { FILES_MAX, FILES_MAX };
	const rlim_t bytes = s->memory_max ? s->memory_max : MEMORY_MAX;
	const struct rlimit memory = { bytes, bytes };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != registrar)
		_exit(SERVE_ANSWERED);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setrlimit(RLIMIT_NOFILE, &files);
#ifndef __SANITIZE_ADDRESS__ /* whose shadow is larger than any bound */
	(void)setrlimit(RLIMIT_DATA, &memory);
#else
	(void)memory;
#endif
}

/* --- The client's descriptors --- */

/*
 * What a client may hand over. Files that the kernel makes up are none of it, nor are sockets: with some of them it
 * counts who writes, not who opened them (syslog, journald: SCM_CREDENTIALS).
 */
static bool is_plain(int fd)
{
	struct stat st;
	struct statfs fs;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return false;
	switch ((unsigned long)fs.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case BPF_FS_MAGIC:
	case TRACEFS_MAGIC:
	case DEBUGFS_MAGIC:
	case SECURITYFS_MAGIC:
		return false;
	}
	if (S_ISCHR(st.st_mode))
		return isatty(fd) || st.st_rdev == makedev(1, 3) || st.st_rdev == makedev(1, 7); /* null, full */
	return S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode);
}

static int check_descriptors(const struct control_request *r, const struct descriptors *d, struct problem *p)
{
	if (d->count != STANDARD + r->file_count)
		return problem(p, -EBADMSG, "not a request: %zu descriptors, expected %zu", d->count,
			       STANDARD + r->file_count);
	for (size_t i = 0; i < d->count; i++)
		if (!is_plain(d->fds[i]))
			return problem(p, -EBADMSG, "descriptor %zu is not of a regular file, pipe or terminal", i);
	return 0;
}

/* From here on our standard output is the client's. */
static int take_standard(struct descriptors *d)
{
	for (int i = 0; i < STANDARD; i++) {
		if (dup2(d->fds[i], i) < 0)
			return -errno;
		close(d->fds[i]);
		d->fds[i] = -1;
	}
	return 0;
}

/* --- The requests --- */

__attribute__((noreturn)) static void answer(int connection, int status, const struct problem *p)
{
	(void)message_send_done(connection, status, p->text);
	_exit(SERVE_ANSWERED);
}

/* Nothing of our own environment; the client's is its language. */
static void set_language(enum control_language language)
{
	(void)clearenv();
	(void)setenv("LC_ALL", language == CONTROL_LANGUAGE_JA ? "ja_JP.UTF-8" : "C.UTF-8", 1);
}

__attribute__((noreturn)) static void run_verb(const struct serve *s, int connection, struct peer *peer, uint8_t *body, size_t size,
		     struct descriptors *d)
{
	struct control_request request;
	struct problem p;
	int status;

	if (message_parse_run(body, size, &request, &p) || check_descriptors(&request, d, &p))
		answer(connection, EXIT_USAGE, &p);
	if (take_standard(d)) {
		problem(&p, 0, "cannot take the descriptors: %s", strerror(errno));
		answer(connection, EXIT_NO, &p);
	}
	set_language(request.language);
	log_init("sekisho", false);
	status = output_finish(s->run(s, peer, &request, d->fds + STANDARD));
	_exit(status);
}

/* Root's and the store's user's to ask, who work on the store without us. */
__attribute__((noreturn)) static void ask_recorder(const struct serve *s, int connection, const struct peer *peer,
						    const uint8_t *body, size_t size)
{
	struct problem p;
	json_error_t why;
	json_t *request, *reply = NULL;
	char *text;

	if (peer->uid != 0 && peer->uid != geteuid()) {
		problem(&p, 0, "the recorder is asked by root or the store's user, not by uid %u", peer->uid);
		answer(connection, EXIT_REFUSED, &p);
	}
	serve_admitted(s);
	request = json_loadb((const char *)body, size, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(request)) {
		problem(&p, 0, "not a request: %s", request ? "not an object" : why.text);
		answer(connection, EXIT_USAGE, &p);
	}
	if (link_call_for(s->link_fd, peer, request, &reply, &p))
		answer(connection, EXIT_NO, &p);
	text = json_dumps(reply, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (text)
		(void)message_send(connection, CONTROL_ANSWER, text, strlen(text), NULL);
	_exit(SERVE_ANSWERED);
}

void serve_admitted(const struct serve *s)
{
	close(s->admitted_fd);
}

void serve_connection(const struct serve *s, int connection, pid_t registrar)
{
	struct descriptors d = {};
	enum control_type type;
	struct problem p;
	struct peer peer;
	uint8_t *body;
	size_t size;
	int error;

	close_others(s, connection);
	log_to(-1); /* to the client, not to the daemon's log */
	confine(s, registrar);
	if (peer_of(connection, &peer))
		_exit(SERVE_ANSWERED);
	error = message_receive(connection, CONTROL_REQUEST_MAX, s->request_ms ? s->request_ms : REQUEST_MS, &type, &body,
				&size, &d, &p);
	if (error == -EPROTO)
		answer(connection, EXIT_USAGE, &p);
	if (error)
		_exit(SERVE_ANSWERED); /* garbage closes this connection and nothing else */
	if (type == CONTROL_RUN)
		run_verb(s, connection, &peer, body, size, &d);
	if (type == CONTROL_ASK)
		ask_recorder(s, connection, &peer, body, size);
	problem(&p, 0, "not a request: type %u", (unsigned int)type);
	answer(connection, EXIT_USAGE, &p);
}
