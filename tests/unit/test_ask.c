// SPDX-License-Identifier: BSD-2-Clause
/* Asking the warden, who may be long about it: nobody waits longer than they said, whoever else asks. */
#include "capture/ask.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/conf.h"
#include "base/fd_pass.h"
#include "capture/resolve.h"
#include "unit.h"

static struct ask *ask;
static int fds[2];
static atomic_int patient; /* what the patient one's question came to; 1: it waits */

static void begin(void)
{
	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	ask = ask_open(fds[0]);
	REQUIRE(ask != NULL);
}

static void begin_ready(void)
{
	struct ask_message m;
	int fd;

	begin();
	ask_ready(ask);
	CHECK_INT(fd_pass_receive(fds[1], &m, sizeof(m), &fd, 0), sizeof(m));
	CHECK_INT(m.kind, ASK_READY);
}

static void end(void)
{
	free(ask); /* elsewhere it lives as long as the process */
	close(fds[0]);
	close(fds[1]);
}

static void answer(struct ask_message *m, int32_t status)
{
	m->status = status;
	CHECK_INT(fd_pass_send(fds[1], m, sizeof(*m), -1, 0), 0);
}

static void *ask_patiently(void *arg)
{
	struct ask_message m = { .kind = ASK_CHRONY };
	struct problem p;

	(void)arg;
	patient = ask_call(ask, &m, ASK_PATIENCE_MS, NULL, &p);
	return NULL;
}

static void *ask_without_patience(void *arg)
{
	struct ask_message m = { .kind = ASK_RESOLVE };
	struct problem p;

	(void)arg;
	patient = ask_call(ask, &m, 0, NULL, &p);
	return NULL;
}

/* What a start cannot learn is its end; and nobody waits for a recorder that has not begun. */
static void a_start_has_patience(void)
{
	struct ask_message question;
	pthread_t thread;
	int fd;

	begin();
	REQUIRE(pthread_create(&thread, NULL, ask_without_patience, NULL) == 0);
	CHECK_INT(fd_pass_receive(fds[1], &question, sizeof(question), &fd, 0), sizeof(question));
	CHECK_INT(question.kind, ASK_RESOLVE);
	usleep(1000);
	answer(&question, 4);
	pthread_join(thread, NULL);
	CHECK_INT(patient, 4);
	end();
}

static void nobody_waits_for_another_ones_question(void)
{
	struct ask_message hers, mine = { .kind = ASK_ARMED };
	struct problem p = { "" };
	pthread_t thread;
	int fd;

	begin_ready();
	patient = 1;
	REQUIRE(pthread_create(&thread, NULL, ask_patiently, NULL) == 0);
	CHECK_INT(fd_pass_receive(fds[1], &hers, sizeof(hers), &fd, 0), sizeof(hers));
	CHECK_INT(ask_call(ask, &mine, 20, NULL, &p), -ETIMEDOUT);
	CHECK_STR(p.text, "sekishod's warden does not answer: Connection timed out");
	CHECK_INT(patient, 1);
	answer(&hers, 0);
	pthread_join(thread, NULL);
	CHECK_INT(patient, 0);
	end();
}

static void an_answer_that_comes_too_late_is_dropped(void)
{
	struct ask_message late = { .kind = ASK_ARMED }, question;
	struct problem p = { "" };
	pthread_t thread;
	int fd;

	begin_ready();
	CHECK_INT(ask_call(ask, &late, 0, NULL, &p), -ETIMEDOUT);
	CHECK_INT(fd_pass_receive(fds[1], &question, sizeof(question), &fd, 0), sizeof(question));
	answer(&question, 7);
	patient = 1;
	REQUIRE(pthread_create(&thread, NULL, ask_patiently, NULL) == 0);
	CHECK_INT(fd_pass_receive(fds[1], &question, sizeof(question), &fd, 0), sizeof(question));
	CHECK_INT(question.kind, ASK_CHRONY);
	answer(&question, 3);
	pthread_join(thread, NULL);
	CHECK_INT(patient, 3);
	end();
}

static void *resolve_patiently(void *arg)
{
	static const struct selector lo = { .kind = SELECTOR_INTERFACE, .name = "lo" };
	struct resolver *resolver = resolver_open(ask, ASK_PATIENCE_MS);
	struct resolved one = { .selector = &lo };

	(void)arg;
	patient = resolver_run(resolver, &one, 1) ? 0 : (int)one.id;
	resolver_close(resolver);
	return NULL;
}

/* One question, however long the answer to it takes: each further one would be another for the warden to answer. */
static void who_resolves_with_patience_asks_once(void)
{
	struct ask_message question, again;
	pthread_t thread;
	int fd;

	begin_ready();
	REQUIRE(pthread_create(&thread, NULL, resolve_patiently, NULL) == 0);
	CHECK_INT(fd_pass_receive(fds[1], &question, sizeof(question), &fd, 0), sizeof(question));
	usleep(2 * ASK_TIMEOUT_MS * 1000);
	CHECK_INT(fd_pass_receive(fds[1], &again, sizeof(again), &fd, MSG_DONTWAIT), -EAGAIN);
	question.places[0].id = 17;
	answer(&question, 0);
	pthread_join(thread, NULL);
	CHECK_INT(patient, 17);
	end();
}

struct conf_question {
	struct conf conf;
	struct problem why;
	int result;
};

static void *ask_for_conf(void *arg)
{
	struct conf_question *q = arg;

	q->result = ask_conf(ask, ASK_IN_FORCE, "the.conf", &q->conf, &q->why);
	return NULL;
}

/* What comes is read and checked; an answer that gives nothing to read is none. */
static void a_configuration_comes_as_a_file(void)
{
	static const struct {
		const char *text; /* NULL: no descriptor */
		int32_t status;
		int expected;
		const char *why;
	} table[] = {
		{ "state_dir = /somewhere\n", 0, 0, "" },
		{ "\ncolour = red\n", 0, -EINVAL, "the.conf:2: unknown key \"colour\"" },
		{ NULL, 0, -EBADMSG, "the warden gave no configuration" },
		{ NULL, -ENODATA, -ENODATA, "No data available" },
	};

	begin_ready();
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct conf_question q = { .result = 1 };
		struct ask_message m;
		pthread_t thread;
		int fd, text = -1;

		if (table[i].text) {
			text = memfd_create("text", MFD_CLOEXEC);
			REQUIRE(write(text, table[i].text, strlen(table[i].text)) == (ssize_t)strlen(table[i].text));
		}
		REQUIRE(pthread_create(&thread, NULL, ask_for_conf, &q) == 0);
		CHECK_INT(fd_pass_receive(fds[1], &m, sizeof(m), &fd, 0), sizeof(m));
		CHECK_INT(m.kind, ASK_IN_FORCE);
		m.status = table[i].status;
		CHECK_INT(fd_pass_send(fds[1], &m, sizeof(m), text, 0), 0);
		pthread_join(thread, NULL);
		CHECK_ROW(q.result == table[i].expected, "row %zu: %s", i, strerror(-q.result));
		CHECK_STR(q.why.text, table[i].why);
		if (!q.result)
			CHECK_STR(q.conf.state_dir, "/somewhere");
		conf_done(&q.conf);
		if (text >= 0)
			close(text);
	}
	end();
}

UNIT_SUITE(ask, TEST(a_configuration_comes_as_a_file), TEST(a_start_has_patience), TEST(nobody_waits_for_another_ones_question),
	   TEST(an_answer_that_comes_too_late_is_dropped), TEST(who_resolves_with_patience_asks_once));
