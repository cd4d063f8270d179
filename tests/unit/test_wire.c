/* SPDX-License-Identifier: BSD-2-Clause */
/* Control messages over a socket pair: garbage, too long, cut off (AC-63). */
#include "control/wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include "unit.h"

struct sender {
	int fd;
	const char *bytes;
	size_t size;
};

static void *send_all(void *arg)
{
	struct sender *s = arg;
	size_t at = 0;

	while (at < s->size) {
		ssize_t n = send(s->fd, s->bytes + at, s->size - at, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

/* Reads a message from a peer that sends these bytes and then nothing more. */
static json_t *read_from(const char *bytes, size_t size, struct problem *p)
{
	struct sender s = { .bytes = bytes, .size = size };
	pthread_t thread;
	json_t *message;
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	s.fd = fds[1];
	REQUIRE(pthread_create(&thread, NULL, send_all, &s) == 0);
	message = wire_read(fds[0], p);
	close(fds[0]);
	pthread_join(thread, NULL);
	close(fds[1]);
	return message;
}

static void a_message_round_trips(void)
{
	struct problem p;
	json_t *sent = json_pack("{s:i, s:s, s:[i,i]}", "sekisho", 1, "verb", "st\xc3\xa4\ntus", "a", 1, 2);
	json_t *copy = json_deep_copy(sent), *got;
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK_INT(wire_write(fds[1], sent), 0);
	got = wire_read(fds[0], &p); /* the line is enough: the peer need not close */
	CHECK(got && json_equal(got, copy));
	json_decref(got);
	json_decref(copy);
	close(fds[0]);
	close(fds[1]);
}

static void a_message_in_pieces_is_put_together(void)
{
	struct problem p;
	int fds[2];
	json_t *got;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	for (const char *c = "{\"a\":[1,2]}\n"; *c; c++)
		REQUIRE(send(fds[1], c, 1, 0) == 1);
	got = wire_read(fds[0], &p);
	CHECK_INT(json_array_size(json_object_get(got, "a")), 2);
	json_decref(got);
	close(fds[0]);
	close(fds[1]);
}

static void anything_else_is_refused(void)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *want; /* how the message begins */
	} table[] = {
		{ "", 0, "the other side closed the control socket" },
		{ "\n", 1, "not a control message: " },
		{ "status\n", 7, "not a control message: " },
		{ "[]\n", 3, "not a control message: not an object" },
		{ "\"a\"\n", 4, "not a control message: " },
		{ "{\"a\":1", 6, "not a control message: " },
		{ "{\"a\":1\n}\n", 9, "not a control message: " },
		{ "{}\n{}\n", 6, "not a control message: " },
		{ "{} x\n", 5, "not a control message: " },
		{ "{\"a\":1,\"a\":2}\n", 14, "not a control message: " },
		{ "{\"a\":\"\xff\"}\n", 10, "not a control message: " },
		{ "{\"a\":\"\\u0000\"}\n", 15, "not a control message: " },
		{ "\0\0\0\0", 4, "not a control message: " },
		{ "{\"a\0b\":1}\n", 10, "not a control message: " },
		{ "\x16\x03\x01\x02\0\x01\0\x01\xfc\n", 10, "not a control message: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct problem p = { "" };
		json_t *got = read_from(table[i].bytes, table[i].size, &p);

		CHECK_ROW(got == NULL, "row %zu", i);
		CHECK_ROW(strncmp(p.text, table[i].want, strlen(table[i].want)) == 0, "row %zu: %s", i,
			  p.text);
		json_decref(got);
	}
}

static void deep_nesting_is_survived(void)
{
	size_t size = 200000;
	char *bytes = malloc(size);
	struct problem p = { "" };

	memset(bytes, '[', size);
	memcpy(bytes, "{\"a\":", 5);
	CHECK(read_from(bytes, size, &p) == NULL);
	CHECK(strncmp(p.text, "not a control message: ", 23) == 0);
	free(bytes);
}

/* One byte is not enough to fill memory: a line has a limit. */
static void too_long_a_line_is_refused(void)
{
	size_t size = WIRE_BYTES_MAX + 100000;
	char *bytes = malloc(size);
	struct problem p = { "" };
	json_t *got;

	memset(bytes, 'x', size);
	memcpy(bytes, "{\"a\":\"", 6);
	memcpy(bytes + size - 3, "\"}\n", 3);
	CHECK(read_from(bytes, size, &p) == NULL);
	CHECK(strncmp(p.text, "not a control message: ", 23) == 0);
	/* Control: below it the same message is fine. */
	size = WIRE_BYTES_MAX - 10;
	memcpy(bytes + size - 3, "\"}\n", 3);
	got = read_from(bytes, size, &p);
	CHECK_INT(json_string_length(json_object_get(got, "a")), size - 9);
	json_decref(got);
	free(bytes);
}

static void a_silent_peer_times_out(void)
{
	struct timeval limit = { .tv_usec = 20000 };
	struct problem p;
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	REQUIRE(setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
	REQUIRE(send(fds[1], "{", 1, 0) == 1);
	CHECK(wire_read(fds[0], &p) == NULL);
	CHECK_STR(p.text, "reading the control socket: Resource temporarily unavailable");
	close(fds[0]);
	close(fds[1]);
}

static void writing_to_a_peer_that_left(void)
{
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	close(fds[0]);
	CHECK_INT(wire_write(fds[1], json_object()), -EPIPE); /* and no SIGPIPE */
	CHECK_INT(wire_write(fds[1], NULL), -ENOMEM);
	close(fds[1]);
}

UNIT_SUITE(wire, TEST(a_message_round_trips), TEST(a_message_in_pieces_is_put_together),
	   TEST(anything_else_is_refused), TEST(deep_nesting_is_survived),
	   TEST(too_long_a_line_is_refused), TEST(a_silent_peer_times_out),
	   TEST(writing_to_a_peer_that_left));
