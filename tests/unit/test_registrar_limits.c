/* SPDX-License-Identifier: BSD-2-Clause */
/* However many ask, and however slow or large a request is: others are answered, and each has its limits. */
#include "control/registrar.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/orders.h"
#include "registering.h"
#include "unit.h"

#define GROWN_UP_MS 1000 /* older than a request that does not give way for its age */

/* Those who say nothing hold back nobody else, and are closed. */
static void slow_requests_are_closed(void)
{
	struct daemon d;
	struct problem p;
	char said[100];
	int fds[8];

	if (!is_root())
		SKIP("other users are played by root");
	daemon_start(&d, (struct registrar){ .serve = { .request_ms = 4000 } });
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
	CHECK_INT(ask_in_time(USER, &p), 0);
	daemon_stop(&d);
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
	daemon_start(&d, (struct registrar){ .connections_max = 10, .per_user_max = 3 });
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	dial_all(fds, 10, "sleep", pair);
	await_bytes(10, pair);
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
	CHECK_INT(ask_in_time(USER, &p), 0);
	/* The same for one user. */
	for (int i = 0; i < 3; i++) {
		fds[i] = dial(USER);
		send_request(fds[i], "sleep", NULL, pair[1], -1);
	}
	await_bytes(3, pair);
	CHECK_INT(ask(USER, "who", NULL, -1, said, &p), 1);
	CHECK_STR(p.text, "too many requests of this user at once: try again");
	close_all(fds, 3);
	close_all(pair, 2);
	daemon_stop(&d);
}

/* Who says nothing, or is not let in and does not read why, keeps nobody out. */
static void who_is_not_admitted_gives_way(void)
{
	static const char *const kinds[] = { NULL, "refuse" };
	struct daemon d;
	struct problem p;
	int fds[10], pair[2];

	if (!is_root())
		SKIP("other users are played by root");
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	for (size_t kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		daemon_start(&d, (struct registrar){ .connections_max = 10, .per_user_max = 2, .serve = { .request_ms = 600000 } });
		dial_all(fds, ARRAY_SIZE(fds), kinds[kind], pair);
		for (int i = 0; i < 3; i++)
			CHECK_ROW(ask_in_time(USER + 20, &p) == 0, "kind %zu: %s", kind, p.text);
		CHECK_ROW(ask_in_time(USER, &p) == 0, "kind %zu, one of them: %s", kind, p.text);
		/* Those that were there longest went, no more than had to. */
		CHECK_INT(receive_status(fds[0], 5000, &p), 1);
		CHECK_STR(p.text, "the request did not come in time, and sekishod is busy: try again");
		CHECK_INT(receive_status(fds[9], 1, &p), -ETIMEDOUT);
		close_all(fds, ARRAY_SIZE(fds));
		daemon_stop(&d);
	}
	close_all(pair, 2);
}

/* Of a user that has as many as it may, its own alone give way: not older ones of others, nor those that were admitted. */
static void a_user_gives_way_to_itself(void)
{
	struct daemon d;
	struct problem p;
	char said[100];
	int other, fds[2], pair[2];

	if (!is_root())
		SKIP("other users are played by root");
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	daemon_start(&d, (struct registrar){ .connections_max = 10, .per_user_max = 2 });
	other = dial(USER + 1);
	send_request(other, "refuse", NULL, pair[1], -1);
	await_bytes(1, pair);
	for (int i = 0; i < 2; i++) {
		fds[i] = dial(USER);
		send_request(fds[i], i ? "refuse" : "sleep", NULL, pair[1], -1);
		await_bytes(1, pair);
	}
	CHECK_INT(ask_in_time(USER, &p), 0);
	CHECK_INT(receive_status(fds[1], 5000, &p), 1);
	CHECK_STR(p.text, "the request did not come in time, and sekishod is busy: try again");
	CHECK_INT(receive_status(fds[0], 1, &p), -ETIMEDOUT);
	CHECK_INT(receive_status(other, 1, &p), -ETIMEDOUT);
	/* With none left that is not admitted, nobody gives way. */
	close(fds[1]);
	fds[1] = dial(USER);
	send_request(fds[1], "sleep", NULL, pair[1], -1);
	await_bytes(1, pair);
	sleep_ms(GROWN_UP_MS);
	CHECK_INT(ask(USER, "who", NULL, -1, said, &p), 1);
	CHECK_STR(p.text, "too many requests of this user at once: try again");
	CHECK_INT(receive_status(fds[1], 1, &p), -ETIMEDOUT);
	close_all(fds, 2);
	close(other);
	close_all(pair, 2);
	daemon_stop(&d);
}

/* A registrar that takes an order to reload says so, and goes on when it is told to. */
struct gate {
	int come[2], go[2];
};

static void stand_at_gate(void *ctx)
{
	const struct gate *g = ctx;
	char byte;

	if (write(g->come[1], ".", 1) != 1 || read(g->go[0], &byte, 1) != 1)
		_exit(9);
}

static void order_to_gate(const struct daemon *d)
{
	const char order = ORDER_RELOAD;

	REQUIRE(write(d->orders[1], &order, 1) == 1);
}

static void open_gate(const struct gate *g)
{
	REQUIRE(write(g->go[1], ".", 1) == 1);
}

/*
 * The only place is that of a request that is admitted, or not, between the registrar's look at all of them and the
 * connection that wants the place: it comes while the registrar takes one order, together with the next order.
 */
static void who_was_just_admitted_stays(void)
{
	struct gate g;
	struct daemon d;
	struct problem p;
	int pair[2], file[2];

	if (!is_root())
		SKIP("other users are played by root");
	REQUIRE(pipe2(g.come, O_CLOEXEC) == 0 && pipe2(g.go, O_CLOEXEC) == 0);
	for (int admitted = 0; admitted < 2; admitted++) {
		int late, next;

		daemon_start(&d, (struct registrar){ .connections_max = 1, .reload = stand_at_gate, .ctx = &g });
		REQUIRE(pipe2(pair, O_CLOEXEC) == 0 && pipe2(file, O_CLOEXEC) == 0);
		late = dial(USER);
		send_request(late, "late", "file", pair[1], file[0]);
		await_bytes(1, pair);
		sleep_ms(GROWN_UP_MS);
		order_to_gate(&d);
		await_bytes(1, g.come);
		next = dial(USER + 1);
		order_to_gate(&d);
		open_gate(&g);
		await_bytes(1, g.come);
		if (admitted) {
			REQUIRE(write(file[1], ".", 1) == 1);
			await_bytes(1, pair);
		}
		open_gate(&g);
		if (admitted) {
			CHECK_INT(receive_status(next, 30000, &p), 1);
			CHECK_STR(p.text, "sekishod is busy with as many requests as it takes: try again");
		} else {
			send_request(next, "who", NULL, pair[1], -1);
			CHECK_INT(receive_status(next, 30000, &p), 0);
		}
		close(file[1]);
		CHECK_INT(receive_status(late, 30000, &p), admitted ? 0 : 1);
		CHECK_STR(p.text, admitted ? "" : "the request did not come in time, and sekishod is busy: try again");
		close(late);
		close(next);
		close(file[0]);
		close_all(pair, 2);
		daemon_stop(&d);
	}
	close_all(g.come, 2);
	close_all(g.go, 2);
}

static void the_rate_of_a_user_is_capped(void)
{
	struct daemon d;
	struct problem p = { "" }, refused = { "" };
	char said[100];
	int answered = 0;

	if (!is_root())
		SKIP("other users are played by root");
	daemon_start(&d, (struct registrar){ .rate_burst = 5, .rate_per_second = 1 });
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
	daemon_stop(&d);
}

/* The writing end of the pipe is closed once the request's process is gone. */
static void a_request_ends_with_its_client(void)
{
	struct daemon d;
	int fd, pair[2];
	struct pollfd wait;

	daemon_start(&d, (struct registrar){});
	fd = dial(0);
	REQUIRE(pipe2(pair, O_CLOEXEC) == 0);
	send_request(fd, "sleep", NULL, pair[1], -1);
	close(pair[1]);
	wait = (struct pollfd){ .fd = pair[0], .events = POLLIN };
	await_bytes(1, pair);
	CHECK_INT(poll(&wait, 1, 300), 0); /* it is under way */
	close(fd);
	CHECK_INT(poll(&wait, 1, 30000), 1);
	CHECK(wait.revents & POLLHUP);
	close(pair[0]);
	daemon_stop(&d);
}

static void a_request_that_does_not_go_on_is_ended(void)
{
	struct daemon d;
	struct problem p;
	char said[100];

	daemon_start(&d, (struct registrar){ .stall_ms = 1500 });
	CHECK_INT(ask(0, "sleep", NULL, -1, said, &p), 1);
	CHECK_STR(p.text, "the request was ended: what was answered is not complete");
	CHECK_INT(ask(0, "spin", NULL, -1, said, &p), 0); /* what works goes on, for longer than that */
	daemon_stop(&d);
}

/* Nor does the registrar wait for it when it says that the request was ended. */
static void who_does_not_read_holds_up_nobody(void)
{
	struct daemon d;
	struct problem p;
	struct pollfd wait;
	char said[100];
	int fd;

	daemon_start(&d, (struct registrar){ .stall_ms = 1000 });
	fd = dial(0);
	CHECK_INT(message_send(fd, CONTROL_ASK, "{\"much\":1}", 10, NULL), 0);
	wait = (struct pollfd){ .fd = fd };
	CHECK_INT(poll(&wait, 1, 30000), 1); /* it is ended, and its connection closed */
	CHECK_INT(ask(0, "who", NULL, -1, said, &p), 0);
	CHECK_STR(said, "0 - 1\n");
	close(fd);
	daemon_stop(&d);
}

static void memory_is_bounded(void)
{
	struct daemon d;
	struct problem p;
	char said[100];

#ifdef __SANITIZE_ADDRESS__
	SKIP("with sanitizers memory is not bounded");
#endif
	daemon_start(&d, (struct registrar){ .serve = { .memory_max = 128u << 20 } });
	CHECK_INT(ask(0, "eat", NULL, -1, said, &p), 3);
	daemon_stop(&d);
	daemon_start(&d, (struct registrar){ .serve = { .memory_max = 512u << 20 } });
	CHECK_INT(ask(0, "eat", NULL, -1, said, &p), 0);
	daemon_stop(&d);
}

UNIT_SUITE(registrar_limits, TEST(slow_requests_are_closed), TEST(the_number_of_connections_is_capped),
	   TEST(who_is_not_admitted_gives_way), TEST(a_user_gives_way_to_itself),
	   TEST(who_was_just_admitted_stays), TEST(the_rate_of_a_user_is_capped),
	   TEST(a_request_ends_with_its_client), TEST(a_request_that_does_not_go_on_is_ended),
	   TEST(who_does_not_read_holds_up_nobody), TEST(memory_is_bounded));
