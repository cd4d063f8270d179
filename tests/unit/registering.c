/* SPDX-License-Identifier: BSD-2-Clause */
/* A daemon behind the control socket and its clients, for the tests of the registrar. */
#include "registering.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "control/client.h"
#include "unit.h"

void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

const char *run_dir(void)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/run", unit_temp_path());
	return path;
}

/* --- What the daemon of these tests does --- */

static size_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", ".." and its own */
}

static size_t count_input(void)
{
	size_t n = 0;

	while (getchar() != EOF)
		n++;
	return n;
}

/* Says ".", is admitted with the first byte of the file, says so by another ".", and ends with the file. */
static int be_late(const struct serve *s, int file)
{
	char byte;

	if (write(STDOUT_FILENO, ".", 1) != 1 || read(file, &byte, 1) != 1)
		return 1;
	serve_admitted(s);
	return write(STDOUT_FILENO, ".", 1) == 1 && read(file, &byte, 1) == 0 ? 0 : 1;
}

static int run(const struct serve *s, const struct peer *peer, const struct control_request *r, const int *files)
{
	char byte;

	if (strcmp(r->argv[0], "late") == 0)
		return be_late(s, files[0]);
	if (strcmp(r->argv[0], "refuse") != 0)
		serve_admitted(s);
	if (strcmp(r->argv[0], "who") == 0)
		printf("%u %s %d\n", peer->uid, r->argc > 1 ? r->argv[1] : "-", peer->by_socket);
	else if (strcmp(r->argv[0], "cat") == 0)
		while (read(files[0], &byte, 1) == 1)
			putchar(byte);
	else if (strcmp(r->argv[0], "stdin") == 0)
		printf("%c\n", getchar());
	else if (strcmp(r->argv[0], "count") == 0)
		printf("%zu\n", count_input());
	else if (strcmp(r->argv[0], "flood") == 0)
		for (int i = 0; i < FLOOD; i++)
			putchar('x');
	else if (strcmp(r->argv[0], "descriptors") == 0)
		printf("%zu\n", open_descriptors());
	else if (strcmp(r->argv[0], "crash") == 0 && signal(SIGSEGV, SIG_DFL) != SIG_ERR) /* a sanitizer's handler exits */
		raise(SIGSEGV);
	else if (strcmp(r->argv[0], "sleep") == 0 || strcmp(r->argv[0], "refuse") == 0)
		sleep_ms(write(STDOUT_FILENO, ".", 1) == 1 ? 60000 : 0);
	else if (strcmp(r->argv[0], "spin") == 0)
		for (struct timespec t = {}; t.tv_sec < 3;)
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	else if (strcmp(r->argv[0], "eat") == 0)
		for (int i = 0; i < 64; i++) {
			void *p = malloc(4u << 20);

			if (!p)
				return 3;
			memset(p, 1, 4u << 20);
		}
	else if (strcmp(r->argv[0], "status") == 0)
		return r->argv[1][0] - '0';
	else
		fprintf(stderr, "what?\n");
	return 0;
}

static json_t *recorder(void *ctx, const json_t *request)
{
	static const char long_text[1 << 20] = { [0 ... (1 << 20) - 2] = 'x' };

	(void)ctx;
	if (json_object_get(request, "much"))
		return json_pack("{s:i, s:s}", "status", 0, "much", long_text);
	return json_pack("{s:i, s:O, s:O}", "status", 0, "uid", json_object_get(request, "uid"), "verb",
			 json_object_get(request, "verb"));
}

void daemon_start(struct daemon *d, struct registrar r)
{
	struct problem p = { "" };

	(void)run_dir(); /* both use this process's */
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, d->link) == 0);
	REQUIRE(pipe2(d->orders, O_CLOEXEC) == 0);
	d->pid = fork();
	REQUIRE(d->pid >= 0);
	if (d->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(d->link[1]);
		close(d->orders[1]);
		r.serve.run = run;
		r.serve.link_fd = d->link[0];
		r.orders_fd = d->orders[0];
		_exit(registrar_listen(run_dir(), &r.listen_fd, &p) || registrar_run(&r, &p) ? 1 : 0);
	}
	close(d->orders[0]);
	REQUIRE(link_server_start(d->link[1], recorder, NULL, &d->recorder, &p) == 0);
	for (int i = 0; i < 3000; i++) {
		json_t *answer;

		if (client_call(run_dir(), json_object(), &answer, &p) == 0) {
			json_decref(answer);
			return;
		}
		sleep_ms(10);
	}
	REQUIRE(!"the daemon is up");
}

void daemon_stop(struct daemon *d)
{
	int status;

	close(d->orders[1]);
	CHECK(waitpid(d->pid, &status, 0) == d->pid);
	CHECK_INT(status, 0);
	link_server_stop(d->recorder);
	close(d->link[0]);
	registrar_unlisten(run_dir());
}

/* --- Clients --- */

int dial(uid_t uid)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(message_address(run_dir(), &address) == 0);
	if (uid) {
		REQUIRE(seteuid(uid) == 0);
		setfsuid(0); /* the way to the socket is this test's own */
	}
	REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	if (uid)
		REQUIRE(seteuid(0) == 0);
	return fd;
}

void send_request(int fd, const char *verb, const char *arg, int out, int file)
{
	struct control_request r = { .argc = arg ? 2 : 1, .argv = { (char *)verb, (char *)arg }, .file_args = { 1 },
				     .file_count = file >= 0 };
	struct descriptors d = { .fds = { out, out, out, file }, .count = 3 + (file >= 0) };
	struct buffer body = {};

	REQUIRE(message_build_run(&r, &body) == 0);
	/* Who is refused may be so before all is sent. */
	(void)message_send(fd, CONTROL_RUN, body.data, body.size, &d);
	buffer_done(&body);
}

int receive_status(int fd, unsigned int timeout_ms, struct problem *p)
{
	struct descriptors none = {};
	enum control_type type;
	uint8_t *body;
	size_t size;
	int status, error = message_receive(fd, CONTROL_ANSWER_MAX, timeout_ms, &type, &body, &size, &none, p);

	if (error)
		return error;
	CHECK_INT(type, CONTROL_DONE);
	status = (int)get_le32(body);
	problem(p, 0, "%s", (char *)body + 4);
	free(body);
	return status;
}

int ask(uid_t uid, const char *verb, const char *arg, int file, char said[static 100], struct problem *p)
{
	int fd = dial(uid), pair[2], status;
	ssize_t n;

	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	send_request(fd, verb, arg, pair[1], file);
	close(pair[1]);
	status = receive_status(fd, 120000, p);
	n = read(pair[0], said, 99);
	said[n > 0 ? n : 0] = '\0';
	close(pair[0]);
	close(fd);
	return status;
}

bool is_closed(int fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&wait, 1, timeout_ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

void await_bytes(size_t count, const int pair[2])
{
	char byte;

	for (size_t i = 0; i < count; i++)
		REQUIRE(read(pair[0], &byte, 1) == 1);
}

int ask_in_time(uid_t uid, struct problem *p)
{
	char said[100];
	int status = -1;

	for (int i = 0; i < 300 && (status = ask(uid, "who", NULL, -1, said, p)) != 0; i++)
		sleep_ms(100);
	return status;
}

bool is_root(void)
{
	return geteuid() == 0;
}
