/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the control socket: what a request says, and what is none (AC-63). */
#include "control/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "unit.h"

static void a_request_round_trips(void)
{
	struct control_request sent = { .argc = 4, .argv = { "search", "--case", "", "令和8年" }, .file_args = { 1, 3 },
					.file_count = 2, .language = CONTROL_LANGUAGE_JA };
	struct control_request got;
	struct buffer body = {};
	struct problem p = { "" };

	REQUIRE(message_build_run(&sent, &body) == 0);
	CHECK_INT(body.size, sizeof(struct control_run) + 2 * sizeof(struct control_file) + 7 + 7 + 1 + 11);
	REQUIRE(message_parse_run(body.data, body.size, &got, &p) == 0);
	CHECK_INT(got.argc, 4);
	for (int i = 0; i < 4; i++)
		CHECK_STR(got.argv[i], sent.argv[i]);
	CHECK(got.argv[4] == NULL);
	CHECK_INT(got.file_count, 2);
	CHECK_INT(got.file_args[0], 1);
	CHECK_INT(got.file_args[1], 3);
	CHECK_INT(got.language, CONTROL_LANGUAGE_JA);
	/* Any end cut off, any byte more: none. */
	for (size_t size = 0; size < body.size; size++)
		CHECK_INT(message_parse_run(body.data, size, &got, &p), -EBADMSG);
	buffer_u8(&body, 0);
	CHECK_INT(message_parse_run(body.data, body.size, &got, &p), -EBADMSG);
	buffer_done(&body);
}

static void what_is_no_request_is_refused(void)
{
#define BODY(text) text, sizeof(text) - 1
	static const struct {
		const char *bytes;
		size_t size;
		const char *why;
	} table[] = {
		{ BODY(""), "not a request: its head" },
		{ BODY("\0\0\0\0\0\0\0\0"), "not a request: too many arguments or files, or none" },
		{ BODY("\1\4\0\0\0\0\0\0a\0"), "not a request: too many arguments or files, or none" },
		{ BODY("\1\0\11\0\0\0\0\0a\0"), "not a request: too many arguments or files, or none" },
		{ BODY("\1\0\0\0\2\0\0\0a\0"), "not a request: its head" },
		{ BODY("\1\0\0\0\0\0\1\0a\0"), "not a request: its head" },
		{ BODY("\1\0\0\0\0\0\0\0a"), "not a request: an argument without an end" },
		{ BODY("\2\0\0\0\0\0\0\0a\0"), "not a request: an argument without an end" },
		{ BODY("\1\0\0\0\0\0\0\0a\0b\0"), "not a request: bytes behind its arguments" },
		{ BODY("\2\0\1\0\0\0\0\0\0\0a\0b\0"), "not a request: a file of no argument" },
		{ BODY("\2\0\1\0\0\0\0\0\2\0a\0b\0"), "not a request: a file of no argument" },
		{ BODY("\3\0\2\0\0\0\0\0\2\0\1\0a\0b\0c\0"), "not a request: a file of no argument" },
		{ BODY("\3\0\2\0\0\0\0\0\1\0\1\0a\0b\0c\0"), "not a request: a file of no argument" },
	};
	uint8_t body[64];
	struct control_request r;
	struct problem p;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		memcpy(body, table[i].bytes, table[i].size);
		CHECK_INT(message_parse_run(body, table[i].size, &r, &p), -EBADMSG);
		CHECK_STR(p.text, table[i].why);
	}
	/* A control: the smallest that is one. */
	memcpy(body, "\1\0\0\0\0\0\0\0a", 10);
	CHECK_INT(message_parse_run(body, 10, &r, &p), 0);
	CHECK_STR(r.argv[0], "a");
}

static void what_does_not_fit_is_not_built(void)
{
	static char large[CONTROL_REQUEST_MAX];
	struct control_request r = { .argc = 1, .argv = { large } };
	struct buffer body = {};

	memset(large, 'x', sizeof(large) - 1);
	CHECK_INT(message_build_run(&r, &body), -E2BIG);
	buffer_clear(&body);
	large[sizeof(large) - 1 - sizeof(struct control_run)] = '\0';
	CHECK_INT(message_build_run(&r, &body), 0);
	CHECK_INT(body.size, CONTROL_REQUEST_MAX);
	buffer_done(&body);
	r.argc = 0;
	CHECK_INT(message_build_run(&r, &body), -E2BIG);
	buffer_done(&body);
}

static void a_message_brings_its_descriptors(void)
{
	struct descriptors sent = { .count = 2 }, got = {};
	enum control_type type;
	struct problem p;
	uint8_t *body = NULL;
	size_t size;
	int fds[2], pair[2];
	char byte;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	memcpy(sent.fds, pair, sizeof(pair));
	REQUIRE(message_send(fds[0], CONTROL_RUN, "abc", 3, &sent) == 0);
	REQUIRE(message_receive(fds[1], 3, 1000, &type, &body, &size, &got, &p) == 0);
	CHECK_INT(type, CONTROL_RUN);
	CHECK_INT(size, 3);
	CHECK_STR((char *)body, "abc");
	CHECK_INT(got.count, 2);
	CHECK_INT(fcntl(got.fds[0], F_GETFD), FD_CLOEXEC);
	CHECK_INT(write(got.fds[1], "x", 1), 1);
	CHECK(read(pair[0], &byte, 1) == 1 && byte == 'x');
	free(body);
	descriptors_close(&got);
	CHECK_INT(message_send_done(fds[0], 4, "why"), 0);
	REQUIRE(message_receive(fds[1], 100, 1000, &type, &body, &size, &got, &p) == 0);
	CHECK_INT(type, CONTROL_DONE);
	CHECK_INT(get_le32(body), 4);
	CHECK_STR((char *)body + 4, "why");
	free(body);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(pair[i]);
	}
}

/* What receiving says to these bytes, after which the other side closes or stays silent. */
static int receive(const void *bytes, size_t size, bool closes, struct problem *p)
{
	struct descriptors got = {};
	enum control_type type;
	uint8_t *body = NULL;
	int fds[2], error;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	CHECK(send(fds[0], bytes, size, 0) == (ssize_t)size);
	if (closes)
		shutdown(fds[0], SHUT_WR);
	error = message_receive(fds[1], 16, 50, &type, &body, &size, &got, p);
	if (!error)
		free(body);
	descriptors_close(&got);
	close(fds[0]);
	close(fds[1]);
	return error;
}

static void what_is_no_message_is_refused(void)
{
	static const uint8_t good[18] = "SKSH\2\0\1\0\2\0\0\0\0\0\0\0ab";
	struct problem p;
	uint8_t bytes[18];

	CHECK_INT(receive(good, 18, true, &p), 0);
	CHECK_INT(receive("GET / HTTP/1.0\r\n\r\n", 18, true, &p), -EBADMSG);
	CHECK_STR(p.text, "not a control message");
	memcpy(bytes, good, 18);
	bytes[4] = 3;
	CHECK_INT(receive(bytes, 18, true, &p), -EPROTO);
	CHECK_STR(p.text, "version 3 of the control protocol: version 2 is spoken here");
	memcpy(bytes, good, 18);
	bytes[8] = 17;
	CHECK_INT(receive(bytes, 18, false, &p), -EBADMSG);
	CHECK_STR(p.text, "a control message of 17 bytes: at most 16 are taken");
	memcpy(bytes, good, 18);
	bytes[12] = 1;
	CHECK_INT(receive(bytes, 18, true, &p), -EBADMSG);
	for (size_t size = 1; size < 18; size++) {
		CHECK_INT(receive(good, size, true, &p), -EBADMSG);
		CHECK_STR(p.text, "a message that was cut off");
	}
	CHECK_INT(receive(good, 17, false, &p), -ETIMEDOUT);
	CHECK_INT(receive(good, 5, false, &p), -ETIMEDOUT);
}

/* More descriptors than a request may have are closed, and it is none. */
static void too_many_descriptors_are_refused(void)
{
	struct descriptors sent = { .count = DESCRIPTORS_MAX }, got = {};
	enum control_type type;
	struct problem p;
	uint8_t *body;
	size_t size;
	int fds[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	for (int i = 0; i < DESCRIPTORS_MAX; i++)
		sent.fds[i] = fds[0];
	CHECK_INT(descriptors_send(fds[0], "SK", 2, sent.fds, sent.count, 0), 0);
	CHECK_INT(descriptors_send(fds[0], "SH", 2, sent.fds, 1, 0), 0);
	CHECK_INT(message_receive(fds[1], 16, 1000, &type, &body, &size, &got, &p), -EBADMSG);
	CHECK_STR(p.text, "too many descriptors");
	CHECK_INT(got.count, DESCRIPTORS_MAX);
	descriptors_close(&got);
	close(fds[0]);
	close(fds[1]);
}

static void addresses(void)
{
	struct sockaddr_un a;
	char dir[120];

	CHECK_INT(message_address("/run/sekisho", &a), 0);
	CHECK_STR(a.sun_path, "/run/sekisho/control.sock");
	CHECK_INT(a.sun_family, AF_UNIX);
	memset(dir, 'd', sizeof(dir));
	dir[94] = '\0'; /* 94 + 13 + NUL = 108 */
	CHECK_INT(message_address(dir, &a), 0);
	CHECK_INT(strlen(a.sun_path), 107);
	dir[94] = 'd';
	dir[95] = '\0';
	CHECK_INT(message_address(dir, &a), -ENAMETOOLONG);
}

UNIT_SUITE(message, TEST(a_request_round_trips), TEST(what_is_no_request_is_refused), TEST(what_does_not_fit_is_not_built),
	   TEST(a_message_brings_its_descriptors), TEST(what_is_no_message_is_refused),
	   TEST(too_many_descriptors_are_refused), TEST(addresses));
