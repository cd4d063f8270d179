/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket: deaf to nonsense, and one request is nobody's but its sender's (AC-38, AC-63). */
#include "control/registrar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "control/client.h"
#include "fixture.h"
#include "registering.h"
#include "unit.h"

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
	daemon_start(&d, (struct registrar){});
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
	/* The recorder is root's, and the store's user's, which is root here. */
	REQUIRE(client_call(run_dir(), json_pack("{s:s}", "verb", "status"), &answer, &p) == 0);
	CHECK_STR(json_string_value(json_object_get(answer, "verb")), "status");
	CHECK_INT(json_integer_value(json_object_get(answer, "uid")), 0);
	json_decref(answer);
	file = dial(USER);
	CHECK_INT(message_send(file, CONTROL_ASK, "{\"verb\":\"status\",\"uid\":0}", 25, NULL), 0);
	CHECK_INT(receive_status(file, 5000, &p), 4);
	CHECK_STR(p.text, "the recorder is asked by root or the store's user, not by uid 60001");
	close(file);
	daemon_stop(&d);
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
	daemon_start(&d, (struct registrar){});
	REQUIRE(client_call(run_dir(), json_object(), &answer, &p) == 0);
	json_decref(answer);
	daemon_stop(&d);
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

	daemon_start(&d, (struct registrar){});
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
	daemon_stop(&d);
}

enum { ENDS_STDIO, ENDS_STDERR, ENDS_CLIENTS, ENDS };

/*
 * The client of "VERB" whose input and output is one socket, as below sshd, and standard error another, or the same.
 * With ENDS_CLIENTS its side of the first stays open here as well, as it does in a shell that started it.
 */
static pid_t client_on_sockets(const char *verb, bool reads_input, bool one, int *ret_ends, size_t ends)
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
		close(io[1]);
		close(err[1]);
		if (client_run(run_dir(), &r, NULL, reads_input, &status, &p))
			dprintf(2, "%s\n", p.text);
		_exit(status);
	}
	close(err[1]);
	ret_ends[ENDS_STDIO] = io[0];
	ret_ends[ENDS_STDERR] = err[0];
	if (ends > ENDS_CLIENTS)
		ret_ends[ENDS_CLIENTS] = io[1];
	else
		close(io[1]);
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

	daemon_start(&d, (struct registrar){});
	pid = client_on_sockets("count", true, false, ends, 2);
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
	pid = client_on_sockets("flood", true, true, ends, 2);
	CHECK_INT(read_all(ends[0], said, sizeof(said)), FLOOD);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	close_all(ends, 2);
	for (int one = 0; one < 2; one++) {
		pid = client_on_sockets("nonsense", true, one, ends, 2);
		CHECK_INT(read_all(ends[!one], said, sizeof(said)), 6);
		CHECK_STR(said, "what?\n");
		CHECK_INT(waitpid(pid, &status, 0), pid);
		CHECK_INT(status, 0);
		close_all(ends, 2);
	}
	/* Nobody reads any more: neither ends well. */
	pid = client_on_sockets("flood", true, false, ends, 2);
	close_all(ends, 1);
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 1 << 8);
	close_all(ends + 1, 1);
	daemon_stop(&d);
}

/* What waits in a socket is for whoever reads it: a shell's loop around a verb that does not, say. */
static void input_of_others_stays_unread(void)
{
	static const char text[] = "for somebody else";
	char said[100];
	struct daemon d;
	int ends[ENDS], status;
	ssize_t left;
	pid_t pid;

	daemon_start(&d, (struct registrar){});
	for (int reads = 0; reads < 2; reads++) {
		pid = client_on_sockets("count", reads, false, ends, ENDS);
		CHECK(send(ends[ENDS_STDIO], text, sizeof(text), MSG_NOSIGNAL) == sizeof(text));
		CHECK_INT(shutdown(ends[ENDS_STDIO], SHUT_WR), 0);
		CHECK_INT(waitpid(pid, &status, 0), pid);
		CHECK_INT(status, 0);
		left = recv(ends[ENDS_CLIENTS], said, sizeof(said), MSG_DONTWAIT);
		CHECK_INT(left, reads ? 0 : sizeof(text));
		CHECK(reads || (left == sizeof(text) && memcmp(said, text, sizeof(text)) == 0));
		close(ends[ENDS_CLIENTS]);
		CHECK_INT(read_all(ends[ENDS_STDIO], said, sizeof(said)), reads ? 3 : 2);
		CHECK_STR(said, reads ? "18\n" : "0\n");
		CHECK_INT(read_all(ends[ENDS_STDERR], said, sizeof(said)), 0);
		close_all(ends, 2);
	}
	daemon_stop(&d);
}

static void a_crash_is_told_and_is_the_requests_alone(void)
{
	struct daemon d;
	struct problem p;
	char said[100];

	daemon_start(&d, (struct registrar){});
	CHECK_INT(ask(0, "crash", NULL, -1, said, &p), 1);
	CHECK_STR(p.text, "the request was ended: what was answered is not complete");
	CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	daemon_stop(&d);
}

/* A request's process holds its own connection and its client's descriptors, whoever else is connected. */
static void descriptors_of_others_are_out_of_reach(void)
{
	struct daemon d;
	struct problem p;
	char alone[100], beside[100];
	int fds[5], pair[2];

	daemon_start(&d, (struct registrar){});
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	CHECK_INT(ask(0, "descriptors", NULL, -1, alone, &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial(0);
		send_request(fds[i], "sleep", NULL, pair[1], -1);
	}
	await_bytes(ARRAY_SIZE(fds), pair);
	CHECK_INT(ask(0, "descriptors", NULL, -1, beside, &p), 0);
	CHECK_STR(alone, "5\n"); /* its standard ones, the connection, the link */
	CHECK_STR(beside, alone);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	close(pair[0]);
	close(pair[1]);
	daemon_stop(&d);
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

UNIT_SUITE(registrar, TEST(requests_are_answered), TEST(without_a_daemon_the_client_says_so),
	   TEST(a_dead_socket_is_replaced), TEST(nonsense_closes_only_its_connection),
	   TEST(sockets_of_a_client_are_copied), TEST(input_of_others_stays_unread),
	   TEST(a_crash_is_told_and_is_the_requests_alone),
	   TEST(descriptors_of_others_are_out_of_reach), TEST(where_it_cannot_listen));
