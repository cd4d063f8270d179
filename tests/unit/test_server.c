/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket, both sides: private, capped, and deaf to nonsense (AC-38, AC-63). */
#include "control/server.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "control/client.h"
#include "control/wire.h"
#include "fixture.h"
#include "unit.h"

#define CONNECTIONS_MAX 16

struct daemon {
	struct server *server;
	pthread_mutex_t lock;
	unsigned int calls;
	long delay_ms;
};

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	(void)nanosleep(&ts, NULL);
}

static json_t *echo(void *ctx, const json_t *request, unsigned int uid)
{
	struct daemon *d = ctx;

	pthread_mutex_lock(&d->lock);
	d->calls++;
	pthread_mutex_unlock(&d->lock);
	if (d->delay_ms)
		sleep_ms(d->delay_ms);
	return json_pack("{s:i, s:I, s:O?}", "status", 0, "uid", (json_int_t)uid, "echo",
			 json_object_get(request, "verb"));
}

static const char *run_dir(void)
{
	static char path[100];

	snprintf(path, sizeof(path), "%s/run", unit_temp_path());
	return path;
}

static void start(struct daemon *d)
{
	struct problem p = { "" };
	int error;

	memset(d, 0, sizeof(*d));
	pthread_mutex_init(&d->lock, NULL);
	error = server_start(run_dir(), echo, d, &d->server, &p);
	CHECK_ROW(error == 0, "%s", p.text);
	REQUIRE(error == 0);
}

static int dial(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	REQUIRE(wire_address(run_dir(), &address) == 0);
	REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void a_call_is_answered(void)
{
	struct daemon d;
	struct problem p = { "" };
	json_t *answer = NULL;
	mode_t old = umask(0);

	start(&d);
	umask(old);
	CHECK_INT(mode_of_file(unit_temp_dir(), "run"), 0700);
	CHECK_INT(mode_of_file(unit_temp_dir(), "run/control.sock"), 0600);
	for (int i = 0; i < 50; i++) {
		CHECK_INT(client_call(run_dir(), json_pack("{s:s, s:i}", "verb", "status", "n", i),
				      &answer, &p), 0);
		CHECK_INT(json_integer_value(json_object_get(answer, "status")), 0);
		CHECK_INT(json_integer_value(json_object_get(answer, "uid")), getuid());
		CHECK_STR(json_string_value(json_object_get(answer, "echo")), "status");
		json_decref(answer);
	}
	CHECK_INT(d.calls, 50);
	server_stop(d.server);
	CHECK_INT(size_of(unit_temp_dir(), "run/control.sock"), -1);
	server_stop(NULL);
}

static void without_a_daemon_the_client_says_so(void)
{
	struct problem p = { "" };
	json_t *answer;
	char want[200], long_dir[200];

	snprintf(want, sizeof(want), "sekishod is not running (%s/control.sock: Connection refused)",
		 run_dir());
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
	REQUIRE(wire_address(run_dir(), &address) == 0);
	REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(fd);
	CHECK_INT(client_call(run_dir(), json_object(), &answer, &p), -ECONNREFUSED);
	start(&d);
	REQUIRE(client_call(run_dir(), json_object(), &answer, &p) == 0);
	json_decref(answer);
	server_stop(d.server);
}

static void another_version_is_told(void)
{
	struct daemon d;
	struct problem p;
	json_t *answer;
	int fd;

	start(&d);
	fd = dial();
	CHECK_INT(wire_write(fd, json_pack("{s:i, s:s}", "sekisho", 2, "verb", "status")), 0);
	answer = wire_read(fd, &p);
	CHECK_INT(json_integer_value(json_object_get(answer, "status")), 2);
	CHECK_STR(json_string_value(json_object_get(answer, "error")),
		  "this sekishod speaks version 1 of the control protocol");
	json_decref(answer);
	close(fd);
	CHECK_INT(d.calls, 0);
	server_stop(d.server);
}

/* Nonsense closes its own connection and nothing else. */
static void nonsense_closes_only_its_connection(void)
{
	static const char *const nonsense[] = { "GET / HTTP/1.0\r\n\r\n", "\n", "[]\n", "{\"sekisho\":\n",
						"null\n" };
	struct daemon d;
	struct problem p;
	json_t *answer;
	char byte;

	start(&d);
	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		int fd = dial();

		CHECK(send(fd, nonsense[i], strlen(nonsense[i]), MSG_NOSIGNAL) > 0);
		CHECK_ROW(recv(fd, &byte, 1, 0) <= 0, "%s", nonsense[i]);
		close(fd);
	}
	CHECK_INT(d.calls, 0);
	REQUIRE(client_call(run_dir(), json_object(), &answer, &p) == 0);
	json_decref(answer);
	CHECK_INT(d.calls, 1);
	server_stop(d.server);
}

/* A few connections at a time: one more is closed, and there is room again afterwards. */
static void the_number_of_connections_is_capped(void)
{
	struct daemon d;
	struct problem p;
	json_t *answer = NULL;
	int fds[CONNECTIONS_MAX + 8];
	size_t closed = 0, answered = 0;

	start(&d);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) { /* they say nothing and keep a thread each */
		fds[i] = dial();
		sleep_ms(2);
	}
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		char byte;

		sleep_ms(1);
		closed += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0;
	}
	CHECK_INT(closed, 8);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	for (int tries = 0; tries < 200 && !answered; tries++) {
		sleep_ms(5);
		if (client_call(run_dir(), json_object(), &answer, &p) == 0) {
			answered++;
			json_decref(answer);
		}
	}
	CHECK_INT(answered, 1);
	server_stop(d.server);
}

static void *call_once(void *arg)
{
	struct problem p;
	json_t *answer;
	int error = client_call(run_dir(), json_pack("{s:s}", "verb", "slow"), &answer, &p);

	if (!error) {
		if (!json_object_get(answer, "echo"))
			error = -EBADMSG;
		json_decref(answer);
	}
	*(int *)arg = error;
	return NULL;
}

static void stopping_waits_for_answers_under_way(void)
{
	pthread_t threads[4];
	int errors[4];
	struct daemon d;

	start(&d);
	d.delay_ms = 100;
	for (size_t i = 0; i < 4; i++)
		REQUIRE(pthread_create(&threads[i], NULL, call_once, &errors[i]) == 0);
	for (unsigned int calls = 0; calls < 4;) {
		pthread_mutex_lock(&d.lock);
		calls = d.calls;
		pthread_mutex_unlock(&d.lock);
		sleep_ms(1);
	}
	server_stop(d.server);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		CHECK_INT(errors[i], 0);
	}
}

static json_t *answers_nothing(void *ctx, const json_t *request, unsigned int uid)
{
	(void)ctx, (void)request, (void)uid;
	return NULL;
}

static void a_handler_without_memory_closes_the_connection(void)
{
	struct server *server;
	struct problem p;
	json_t *answer;

	REQUIRE(server_start(run_dir(), answers_nothing, NULL, &server, &p) == 0);
	CHECK_INT(client_call(run_dir(), json_object(), &answer, &p), -EIO);
	CHECK_STR(p.text, "the other side closed the control socket");
	server_stop(server);
}

static void where_it_cannot_listen(void)
{
	struct server *server = NULL;
	struct problem p;
	char path[300], want[400];

	write_file(unit_temp_dir(), "file", "", 0);
	snprintf(path, sizeof(path), "%s/file", unit_temp_path());
	snprintf(want, sizeof(want), "cannot listen on %s/control.sock: Not a directory", path);
	CHECK_INT(server_start(path, echo, NULL, &server, &p), -ENOTDIR);
	CHECK_STR(p.text, want);
	snprintf(path, sizeof(path), "%s/%0100d", unit_temp_path(), 0);
	CHECK_INT(server_start(path, echo, NULL, &server, &p), -ENAMETOOLONG);
	CHECK(server == NULL);
}

UNIT_SUITE(server, TEST(a_call_is_answered), TEST(without_a_daemon_the_client_says_so),
	   TEST(a_dead_socket_is_replaced), TEST(another_version_is_told),
	   TEST(nonsense_closes_only_its_connection), TEST(the_number_of_connections_is_capped),
	   TEST(stopping_waits_for_answers_under_way),
	   TEST(a_handler_without_memory_closes_the_connection), TEST(where_it_cannot_listen));
