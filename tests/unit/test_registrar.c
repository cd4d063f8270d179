/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: capped, deaf to nonsense, and one request is nobody's but its sender's (AC-38, AC-63). */
#include "control/registrar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "control/client.h"
#include "control/link.h"
#include "fixture.h"
#include "unit.h"

#define USER 60001 /* has no name */
#define FLOOD (1 << 20)

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static const char *run_dir(void)
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

static int run(const struct serve *s, const struct peer *peer, const struct control_request *r, const int *files)
{
	char byte;

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

struct daemon {
	pid_t pid;
	int link[2], orders[2];
	struct link_server *recorder;
};

static json_t *recorder(void *ctx, const json_t *request)
{
	static const char long_text[1 << 20] = { [0 ... (1 << 20) - 2] = 'x' };

	(void)ctx;
	if (json_object_get(request, "much"))
		return json_pack("{s:i, s:s}", "status", 0, "much", long_text);
	return json_pack("{s:i, s:O, s:O}", "status", 0, "uid", json_object_get(request, "uid"), "verb",
			 json_object_get(request, "verb"));
}

static void start(struct daemon *d, struct registrar r)
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
	for (int i = 0; i < 500; i++) {
		json_t *answer;

		if (client_call(run_dir(), json_object(), &answer, &p) == 0) {
			json_decref(answer);
			return;
		}
		sleep_ms(10);
	}
	REQUIRE(!"the daemon is up");
}

static void stop(struct daemon *d)
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

/* A connection of that user: the kernel takes the effective one. */
static int dial(uid_t uid)
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

/* Sends "VERB [ARG]" with these as input, output and error, and the file. */
static void send_request(int fd, const char *verb, const char *arg, int out, int file)
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

/* The status of the answer, its text in *p; negative errno without one. */
static int receive_status(int fd, unsigned int timeout_ms, struct problem *p)
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

/* All in one; what it printed, at most 99 bytes, into said. */
static int ask(uid_t uid, const char *verb, const char *arg, int file, char said[static 100], struct problem *p)
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

/* Whether nothing but the end comes. */
static bool is_closed(int fd, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char byte;

	return poll(&wait, 1, timeout_ms) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

/* --- The tests --- */

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static bool is_root(void)
{
	return geteuid() == 0;
}

static void requests_are_answered(void)
{
	struct daemon d;
	char said[100];
	struct problem p = { "" };
	json_t *answer;
	mode_t old = umask(0077);
	int file;

	if (!is_root())
		SKIP("other users are played by root");
	start(&d, (struct registrar){});
	umask(old);
	CHECK_INT(mode_of_file(unit_temp_dir(), "run"), 0755);
	CHECK_INT(mode_of_file(unit_temp_dir(), "run/control.sock"), 0666);
	CHECK_INT(ask(0, "who", "me", -1, said, &p), 0);
	CHECK_STR(said, "0 me 1\n");
	CHECK_INT(ask(USER, "who", NULL, -1, said, &p), 0);
	CHECK_STR(said, "60001 - 1\n");
	for (int status = 0; status <= 5; status++)
		CHECK_INT(ask(USER, "status", (char[]){ (char)('0' + status), 0 }, -1, said, &p), status);
	CHECK_STR(p.text, "");
	write_file(unit_temp_dir(), "file", "what is in it", 13);
	file = openat(unit_temp_dir(), "file", O_RDONLY | O_CLOEXEC);
	CHECK_INT(ask(USER, "cat", "file", file, said, &p), 0);
	CHECK_STR(said, "what is in it");
	close(file);
	/* The recorder is root's. */
	REQUIRE(client_call(run_dir(), json_pack("{s:s}", "verb", "status"), &answer, &p) == 0);
	CHECK_STR(json_string_value(json_object_get(answer, "verb")), "status");
	CHECK_INT(json_integer_value(json_object_get(answer, "uid")), 0);
	json_decref(answer);
	file = dial(USER);
	CHECK_INT(message_send(file, CONTROL_ASK, "{\"verb\":\"status\",\"uid\":0}", 25, NULL), 0);
	CHECK_INT(receive_status(file, 5000, &p), 4);
	CHECK_STR(p.text, "the recorder is asked by root alone, not by uid 60001");
	close(file);
	stop(&d);
}

static void without_a_daemon_the_client_says_so(void)
{
	struct problem p = { "" };
	json_t *answer;
	char want[200], long_dir[200];

	snprintf(want, sizeof(want), "sekishod is not running (%s/control.sock: Connection refused)", run_dir());
	CHECK_INT(client_call(run_dir(), json_object(), &answer, &p), -ECONNREFUSED);
	CHECK_STR(p.text, want);
	memset(long_dir, 'd', sizeof(long_dir));
	long_dir[199] = '\0';
	CHECK_INT(client_call(long_dir, json_object(), &answer, &p), -ENAMETOOLONG);
}

/* What a killed daemon left behind is replaced, and refuses calls until then. */
static void a_dead_socket_is_replaced(void)
{
	struct sockaddr_un address;
	struct problem p;
	struct daemon d;
	json_t *answer;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK_INT(mkdir(run_dir(), 0700), 0);
	REQUIRE(message_address(run_dir(), &address) == 0);
	REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(fd);
	CHECK_INT(client_call(run_dir(), json_object(), &answer, &p), -ECONNREFUSED);
	start(&d, (struct registrar){});
	REQUIRE(client_call(run_dir(), json_object(), &answer, &p) == 0);
	json_decref(answer);
	stop(&d);
}

/* Nonsense closes its own connection and nothing else; another version is told. */
static void nonsense_closes_only_its_connection(void)
{
#define BYTES(text) text, sizeof(text) - 1
	static const struct {
		const char *bytes;
		size_t size;
	} nonsense[] = {
		{ BYTES("GET / HTTP/1.0\r\n\r\n") },
		{ BYTES("{\"sekisho\":1,\"verb\":\"status\"}\n") },
		{ BYTES("SKSH\2\0\1\0\xff\xff\xff\xff\0\0\0\0") },
		{ BYTES("SKSH\2\0\1\0\4\0\0\0\1\0\0\0ab") },
	};
	struct daemon d;
	struct problem p;
	char said[100];
	int fd;

	start(&d, (struct registrar){});
	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		fd = dial(0);
		CHECK(send(fd, nonsense[i].bytes, nonsense[i].size, MSG_NOSIGNAL) > 0);
		CHECK_ROW(is_closed(fd, 30000), "row %zu", i);
		close(fd);
	}
	fd = dial(0);
	CHECK(send(fd, "SKSH\7\0\1\0\0\0\0\0\0\0\0\0", 16, MSG_NOSIGNAL) == 16);
	CHECK_INT(receive_status(fd, 30000, &p), 2);
	CHECK_STR(p.text, "version 7 of the control protocol: version 2 is spoken here");
	close(fd);
	/* Without descriptors, or with such as nobody writes to for others. */
	fd = dial(0);
	CHECK_INT(message_send(fd, CONTROL_RUN, "\1\0\0\0\0\0\0\0who", 12, NULL), 0);
	CHECK_INT(receive_status(fd, 30000, &p), 2);
	CHECK_STR(p.text, "not a request: 0 descriptors, expected 3");
	close(fd);
	for (int i = 0; i < 2; i++) {
		int out = open(i ? "/proc/self/comm" : "/dev/zero", O_RDWR | O_CLOEXEC);

		fd = dial(0);
		send_request(fd, "who", NULL, out, -1);
		CHECK_INT(receive_status(fd, 30000, &p), 2);
		CHECK_STR(p.text, "descriptor 0 is not of a regular file, pipe or terminal");
		close(fd);
		close(out);
	}
	/* What root's process writes into a socket is root's word to whoever listens there, such as syslog. */
	fd = dial(0);
	send_request(fd, "who", NULL, fd, -1);
	CHECK_INT(receive_status(fd, 30000, &p), 2);
	CHECK_STR(p.text, "descriptor 0 is not of a regular file, pipe or terminal");
	close(fd);
	CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	stop(&d);
}

/* The client of "VERB" whose input and output is one socket, as below sshd, and standard error another, or the same. */
static pid_t client_on_sockets(const char *verb, int ret_ends[2], bool one)
{
	const struct control_request r = { .argc = 1, .argv = { (char *)verb } };
	int io[2], err[2], status = 9;
	struct problem p;
	pid_t pid;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, io) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, err) == 0);
	pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0) {
		close(io[0]);
		close(err[0]);
		for (int fd = 0; fd < 3; fd++)
			dup2(fd == 2 && !one ? err[1] : io[1], fd);
		if (client_run(run_dir(), &r, NULL, &status, &p))
			dprintf(2, "%s\n", p.text);
		_exit(status);
	}
	close(io[1]);
	close(err[1]);
	ret_ends[0] = io[0];
	ret_ends[1] = err[0];
	return pid;
}

static size_t read_all(int fd, char *text, size_t size)
{
	size_t n = 0;
	char chunk[4096];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		for (ssize_t i = 0; i < got; i++, n++)
			if (n < size - 1)
				text[n] = chunk[i];
	text[n < size ? n : size - 1] = '\0';
	return n;
}

/* The daemon takes no sockets: the client copies. */
static void sockets_of_a_client_are_copied(void)
{
	char said[100], *input = calloc(1, 300000);
	struct daemon d;
	int ends[2], status;
	pid_t pid;

	start(&d, (struct registrar){});
	pid = client_on_sockets("count", ends, false);
	CHECK(send(ends[0], input, 300000, MSG_NOSIGNAL) == 300000);
	free(input);
	CHECK_INT(shutdown(ends[0], SHUT_WR), 0);
	CHECK_INT(read_all(ends[0], said, sizeof(said)), 7);
	CHECK_STR(said, "300000\n");
	CHECK_INT(read_all(ends[1], said, sizeof(said)), 0);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	close_all(ends, 2);
	/* All of it, although its input never ends. */
	pid = client_on_sockets("flood", ends, true);
	CHECK_INT(read_all(ends[0], said, sizeof(said)), FLOOD);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	close_all(ends, 2);
	for (int one = 0; one < 2; one++) {
		pid = client_on_sockets("nonsense", ends, one);
		CHECK_INT(read_all(ends[!one], said, sizeof(said)), 6);
		CHECK_STR(said, "what?\n");
		CHECK_INT(waitpid(pid, &status, 0), pid);
		CHECK_INT(status, 0);
		close_all(ends, 2);
	}
	/* Nobody reads any more: neither ends well. */
	pid = client_on_sockets("flood", ends, false);
	close_all(ends, 1);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 1 << 8);
	close_all(ends + 1, 1);
	stop(&d);
}

static void a_crash_is_told_and_is_the_requests_alone(void)
{
	struct daemon d;
	struct problem p;
	char said[100];

	start(&d, (struct registrar){});
	CHECK_INT(ask(0, "crash", NULL, -1, said, &p), 1);
	CHECK_STR(p.text, "the request was ended: what was answered is not complete");
	CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	stop(&d);
}

/* Those who say nothing hold back nobody else, and are closed. */
static void slow_requests_are_closed(void)
{
	struct daemon d;
	struct problem p;
	char said[100];
	int fds[8], status = 0;

	if (!is_root())
		SKIP("other users are played by root");
	start(&d, (struct registrar){ .serve = { .request_ms = 4000 } });
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(USER);
		CHECK_INT(send(fds[i], "SKSH\2", i % 6, 0), i % 6);
	}
	CHECK_INT(ask(USER + 1, "who", NULL, -1, said, &p), 0);
	CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		CHECK_ROW(is_closed(fds[i], 60000), "connection %zu", i);
		close(fds[i]);
	}
	for (int i = 0; i < 100 && (status = ask(USER, "who", NULL, -1, said, &p)) != 0; i++)
		sleep_ms(100);
	CHECK_INT(status, 0);
	stop(&d);
}

/* Until so many requests have come to sleeping. */
static void await_sleepers(size_t count, const int pair[2])
{
	char byte;

	for (size_t i = 0; i < count; i++)
		REQUIRE(read(pair[0], &byte, 1) == 1);
}

/* Requests under way, or that are not admitted and do not end: their input and output is pair. */
static void dial_all(int *fds, size_t count, const char *verb, const int pair[2])
{
	for (size_t i = 0; i < count; i++) {
		fds[i] = dial(USER + (uid_t)i / 2);
		if (verb)
			send_request(fds[i], verb, NULL, pair[1], -1);
	}
}

/* However many users ask, root finds a place. */
static void the_number_of_connections_is_capped(void)
{
	struct daemon d;
	struct problem p;
	char said[100];
	int fds[12], pair[2];

	if (!is_root())
		SKIP("other users are played by root");
	start(&d, (struct registrar){ .connections_max = 10, .per_user_max = 3 });
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	dial_all(fds, 10, "sleep", pair);
	await_sleepers(10, pair);
	dial_all(fds + 10, 2, "sleep", pair);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		int status = i < 10 ? -ETIMEDOUT : 1;

		CHECK_ROW(receive_status(fds[i], i < 10 ? 1 : 30000, &p) == status, "connection %zu", i);
		if (i == 10)
			CHECK_STR(p.text, "sekishod is busy with as many requests as it takes: try again");
	}
	CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	CHECK_INT(ask(USER, "who", NULL, -1, said, &p), 1);
	close_all(fds, ARRAY_SIZE(fds));
	sleep_ms(500);
	/* The same for one user. */
	for (int i = 0; i < 3; i++) {
		fds[i] = dial(USER);
		send_request(fds[i], "sleep", NULL, pair[1], -1);
	}
	await_sleepers(3, pair);
	CHECK_INT(ask(USER, "who", NULL, -1, said, &p), 1);
	CHECK_STR(p.text, "too many requests of this user at once: try again");
	close_all(fds, 3);
	close_all(pair, 2);
	stop(&d);
}

/* Who says nothing, or is not let in and does not read why, keeps nobody out. */
static void who_is_not_admitted_gives_way(void)
{
	static const char *const kinds[] = { NULL, "refuse" };
	struct daemon d;
	struct problem p;
	char said[100];
	int fds[10], pair[2];

	if (!is_root())
		SKIP("other users are played by root");
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		start(&d, (struct registrar){ .connections_max = 10, .per_user_max = 2, .serve = { .request_ms = 20000 } });
		dial_all(fds, ARRAY_SIZE(fds), kinds[kind], pair);
		sleep_ms(1000);
		for (int i = 0; i < 3; i++)
			CHECK_ROW(ask(USER + 20, "who", NULL, -1, said, &p) == 0, "kind %zu: %s", kind, p.text);
		CHECK_ROW(ask(USER, "who", NULL, -1, said, &p) == 0, "kind %zu, one of them: %s", kind, p.text);
		/* Those that were there longest went, no more than had to. */
		CHECK_INT(receive_status(fds[0], 5000, &p), 1);
		CHECK_STR(p.text, "the request did not come in time, and sekishod is busy: try again");
		CHECK_INT(receive_status(fds[9], 1, &p), -ETIMEDOUT);
		close_all(fds, ARRAY_SIZE(fds));
		stop(&d);
	}
	close_all(pair, 2);
}

static void the_rate_of_a_user_is_capped(void)
{
	struct daemon d;
	struct problem p = { "" }, refused = { "" };
	char said[100];
	int answered = 0;

	if (!is_root())
		SKIP("other users are played by root");
	start(&d, (struct registrar){ .rate_burst = 5, .rate_per_second = 1 });
	for (int i = 0; i < 50; i++)
		if (ask(USER, "who", NULL, -1, said, &p) == 0)
			answered++;
		else
			refused = p;
	CHECK_STR(refused.text, "too many requests of this user: try again in a second");
	CHECK_ROW(answered >= 5 && answered < 50, "%d", answered);
	CHECK_INT(ask(USER + 1, "who", NULL, -1, said, &p), 0);
	for (int i = 0; i < 20; i++)
		CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	stop(&d);
}

/* The writing end of the pipe is closed once the request's process is gone. */
static void a_request_ends_with_its_client(void)
{
	struct daemon d;
	int fd, pair[2];
	struct pollfd wait;

	start(&d, (struct registrar){});
	fd = dial(0);
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	send_request(fd, "sleep", NULL, pair[1], -1);
	close(pair[1]);
	wait = (struct pollfd){ .fd = pair[0], .events = POLLIN };
	await_sleepers(1, pair);
	CHECK_INT(poll(&wait, 1, 300), 0); /* it is under way */
	close(fd);
	CHECK_INT(poll(&wait, 1, 30000), 1);
	CHECK(wait.revents & POLLHUP);
	close(pair[0]);
	stop(&d);
}

static void a_request_that_does_not_go_on_is_ended(void)
{
	struct daemon d;
	struct problem p;
	char said[100];

	start(&d, (struct registrar){ .stall_ms = 1500 });
	CHECK_INT(ask(0, "sleep", NULL, -1, said, &p), 1);
	CHECK_STR(p.text, "the request was ended: what was answered is not complete");
	CHECK_INT(ask(0, "spin", NULL, -1, said, &p), 0); /* what works goes on, for longer than that */
	stop(&d);
}

/* Nor does the registrar wait for it when it says that the request was ended. */
static void who_does_not_read_holds_up_nobody(void)
{
	struct daemon d;
	struct problem p;
	char said[100];
	int fd;

	start(&d, (struct registrar){ .stall_ms = 1000 });
	fd = dial(0);
	CHECK_INT(message_send(fd, CONTROL_ASK, "{\"much\":1}", 10, NULL), 0);
	sleep_ms(5000); /* meanwhile it is ended */
	CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	CHECK_STR(said, "0 - 1\n");
	close(fd);
	stop(&d);
}

static void memory_is_bounded(void)
{
	struct daemon d;
	struct problem p;
	char said[100];

#ifdef __SANITIZE_ADDRESS__
	SKIP("with sanitizers memory is not bounded");
#endif
	start(&d, (struct registrar){ .serve = { .memory_max = 128u << 20 } });
	CHECK_INT(ask(0, "eat", NULL, -1, said, &p), 3);
	stop(&d);
	start(&d, (struct registrar){ .serve = { .memory_max = 512u << 20 } });
	CHECK_INT(ask(0, "eat", NULL, -1, said, &p), 0);
	stop(&d);
}

/* A request's process holds its own connection and its client's descriptors, whoever else is connected. */
static void descriptors_of_others_are_out_of_reach(void)
{
	struct daemon d;
	struct problem p;
	char alone[100], beside[100];
	int fds[5], pair[2];

	start(&d, (struct registrar){});
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	CHECK_INT(ask(0, "descriptors", NULL, -1, alone, &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(0);
		send_request(fds[i], "sleep", NULL, pair[1], -1);
	}
	sleep_ms(100);
	CHECK_INT(ask(0, "descriptors", NULL, -1, beside, &p), 0);
	CHECK_STR(alone, "5\n"); /* its standard ones, the connection, the link */
	CHECK_STR(beside, alone);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	close(pair[0]);
	close(pair[1]);
	stop(&d);
}

static void where_it_cannot_listen(void)
{
	struct problem p;
	char path[300], want[400];
	int fd = -1;

	write_file(unit_temp_dir(), "file", "", 0);
	snprintf(path, sizeof(path), "%s/file", unit_temp_path());
	snprintf(want, sizeof(want), "cannot listen on %s/control.sock: Not a directory", path);
	CHECK_INT(registrar_listen(path, &fd, &p), -ENOTDIR);
	CHECK_STR(p.text, want);
	snprintf(path, sizeof(path), "%s/%0100d", unit_temp_path(), 0);
	CHECK_INT(registrar_listen(path, &fd, &p), -ENAMETOOLONG);
}

UNIT_SUITE(registrar, TEST(requests_are_answered), TEST(without_a_daemon_the_client_says_so), TEST(a_dead_socket_is_replaced),
	   TEST(nonsense_closes_only_its_connection), TEST(sockets_of_a_client_are_copied),
	   TEST(a_crash_is_told_and_is_the_requests_alone),
	   TEST(slow_requests_are_closed), TEST(the_number_of_connections_is_capped), TEST(who_is_not_admitted_gives_way),
	   TEST(the_rate_of_a_user_is_capped),
	   TEST(a_request_ends_with_its_client), TEST(a_request_that_does_not_go_on_is_ended), TEST(who_does_not_read_holds_up_nobody),
	   TEST(memory_is_bounded),
	   TEST(descriptors_of_others_are_out_of_reach), TEST(where_it_cannot_listen));
