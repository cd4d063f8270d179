/* SPDX-License-Identifier: BSD-2-Clause */
/* What the warden does for its children, and what it does not (AC-02, AC-62). */
#include "warden/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd_pass.h"
#include "base/log.h"
#include "base/orders.h"
#include "fixture.h"
#include "recorder/head_command.h"
#include "unit.h"

/* A warden with both children, whose ends of the sockets are this test's. */
struct scene {
	struct warden w;
	struct warden_options options;
	int ends[CHILDREN], orders[CHILDREN];
	char path[300];
};

static void write_conf(const struct scene *s, const char *text)
{
	char all[1000];

	snprintf(all, sizeof(all), "state_dir = /nowhere\n%s", text);
	write_file(unit_temp_dir(), strrchr(s->path, '/') + 1, all, strlen(all));
}

static void begin(struct scene *s, const char *text)
{
	struct problem p = { "" };
	struct conf conf;

	memset(s, 0, sizeof(*s));
	snprintf(s->path, sizeof(s->path), "%s/conf", unit_temp_path());
	write_conf(s, text);
	s->options.conf_path = s->path;
	s->w.options = &s->options;
	s->w.ground.owner = (struct owner){ geteuid(), getegid() };
	s->w.resolver = resolver_open(NULL, 0);
	REQUIRE(conf_load(s->path, &conf, &p) == 0);
	in_force_init(&s->w.in_force, &conf);
	for (int i = 0; i < CHILDREN; i++) {
		int ask[2], orders[2];

		REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ask) == 0);
		REQUIRE(pipe2(orders, O_CLOEXEC | O_NONBLOCK) == 0);
		s->w.children[i] = (struct child){ .ask = ask[0], .orders = orders[1] };
		s->ends[i] = ask[1];
		s->orders[i] = orders[0];
	}
}

static void end(struct scene *s)
{
	for (int i = 0; i < CHILDREN; i++) {
		child_ended(&s->w.children[i]);
		close(s->ends[i]);
		close(s->orders[i]);
	}
	resolver_close(s->w.resolver);
	in_force_done(&s->w.in_force);
	while (wait(NULL) > 0)
		;
}

/* The answer's status, or what answers_next() says of the question; *ret_fd (may be NULL) is the caller's. */
static int ask(struct scene *s, enum child_name who, struct ask_message *m, int *ret_fd)
{
	int fd, error;

	REQUIRE(fd_pass_send(s->ends[who], m, sizeof(*m), -1, 0) == 0);
	error = answers_next(&s->w, who);
	if (error)
		return error;
	REQUIRE(fd_pass_receive(s->ends[who], m, sizeof(*m), &fd, MSG_DONTWAIT) == sizeof(*m));
	if (ret_fd)
		*ret_fd = fd;
	else if (fd >= 0)
		close(fd);
	return m->status;
}

static int ask_for(struct scene *s, enum child_name who, enum ask_kind kind, int *ret_fd)
{
	struct ask_message m = { .kind = kind };

	return ask(s, who, &m, ret_fd);
}

/* What two interfaces mean: {error, error}. */
static void resolve_two(struct scene *s, const char *a, const char *b, int ret_errors[2])
{
	struct ask_message m = { .kind = ASK_RESOLVE, .count = 2 };
	const char *const names[] = { a, b };

	for (int i = 0; i < 2; i++) {
		m.places[i].kind = SELECTOR_INTERFACE;
		snprintf(m.places[i].name, sizeof(m.places[i].name), "%s", names[i]);
	}
	CHECK_INT(ask(s, CHILD_RECORDER, &m, NULL), 0);
	for (int i = 0; i < 2; i++) {
		ret_errors[i] = m.places[i].error;
		CHECK_ROW((m.places[i].id != 0) == (m.places[i].error == 0), "place %d", i);
	}
}

#define WITH_LO "[tenant a]\ninterface = lo\n"
#define WITH_OTHER "[tenant a]\ninterface = nothing0\n"

static void an_unknown_place_is_not_there_and_others_are(void)
{
	struct scene s;
	int errors[2];

	begin(&s, WITH_LO);
	resolve_two(&s, "lo", "nothing0", errors);
	CHECK_INT(errors[0], 0);
	CHECK_INT(errors[1], -ENOENT);
	resolve_two(&s, "nothing0", "lo", errors);
	CHECK_INT(errors[0], -ENOENT);
	CHECK_INT(errors[1], 0);
	end(&s);
}

static void the_registrar_changes_no_configuration(void)
{
	struct scene s;
	int errors[2];

	begin(&s, WITH_LO);
	write_conf(&s, WITH_OTHER);
	CHECK_INT(ask_for(&s, CHILD_REGISTRAR, ASK_CONFIGURATION, NULL), -EBADMSG);
	resolve_two(&s, "lo", "lo", errors);
	CHECK_INT(errors[0], 0);
	end(&s);
}

static void read_text(int fd, char text[static 200])
{
	ssize_t n = read(fd, text, 199);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* From reading it to being told that it is applied both count; then the registrar hears of it, and of nothing else. */
static void what_is_in_force_changes_when_it_is_applied(void)
{
	char text[200], order[4];
	struct scene s;
	int errors[2], fd = -1;

	begin(&s, WITH_LO);
	CHECK_INT(ask_for(&s, CHILD_REGISTRAR, ASK_IN_FORCE, &fd), -ENODATA);
	CHECK_INT(fd, -1);
	write_conf(&s, WITH_OTHER);
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_CONFIGURATION, &fd), 0);
	/* What was checked is what is read, whatever the file says by then. */
	write_conf(&s, "nonsense\n");
	read_text(fd, text);
	CHECK_STR(text, "state_dir = /nowhere\n" WITH_OTHER);
	CHECK_INT(ask_for(&s, CHILD_REGISTRAR, ASK_IN_FORCE, NULL), -ENODATA);
	CHECK_INT(read(s.orders[CHILD_REGISTRAR], order, sizeof(order)), -1);
	resolve_two(&s, "lo", "nothing0", errors);
	CHECK_INT(errors[0], 0);
	CHECK_INT(errors[1], -ENODEV);
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_APPLIED, NULL), 0);
	CHECK_INT(read(s.orders[CHILD_REGISTRAR], order, sizeof(order)), 1);
	CHECK_INT(order[0], ORDER_RELOAD);
	CHECK_INT(read(s.orders[CHILD_RECORDER], order, sizeof(order)), -1);
	resolve_two(&s, "lo", "nothing0", errors);
	CHECK_INT(errors[0], -ENOENT);
	CHECK_INT(errors[1], -ENODEV);
	for (int i = 0; i < 2; i++) { /* each from its start */
		CHECK_INT(ask_for(&s, CHILD_REGISTRAR, ASK_IN_FORCE, &fd), 0);
		CHECK_INT(write(fd, "x", 1), -1);
		read_text(fd, text);
		CHECK_STR(text, "state_dir = /nowhere\n" WITH_OTHER);
	}
	/* One that is wrong changes nothing, nor is there anything to apply then. */
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_CONFIGURATION, NULL), -EINVAL);
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_APPLIED, NULL), 0);
	CHECK_INT(read(s.orders[CHILD_REGISTRAR], order, sizeof(order)), -1);
	CHECK_INT(s.w.in_force.conf.tenant_count, 1);
	end(&s);
}

/* A reload that begins anew, and fails, takes nothing from the one that is under way. */
static void a_failed_read_keeps_the_next(void)
{
	char text[200], order[4];
	struct scene s;
	int errors[2], fd;

	begin(&s, WITH_LO);
	write_conf(&s, WITH_OTHER);
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_CONFIGURATION, NULL), 0);
	write_conf(&s, "[tenant b]\ninterface = lo\nnonsense\n");
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_CONFIGURATION, NULL), -EINVAL);
	REQUIRE(unlink(s.path) == 0);
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_CONFIGURATION, NULL), -ENOENT);
	resolve_two(&s, "lo", "nothing0", errors);
	CHECK_INT(errors[0], 0);
	CHECK_INT(errors[1], -ENODEV);
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_APPLIED, NULL), 0);
	CHECK_INT(read(s.orders[CHILD_REGISTRAR], order, sizeof(order)), 1);
	resolve_two(&s, "lo", "nothing0", errors);
	CHECK_INT(errors[0], -ENOENT);
	CHECK_INT(errors[1], -ENODEV);
	REQUIRE(ask_for(&s, CHILD_REGISTRAR, ASK_IN_FORCE, &fd) == 0);
	read_text(fd, text);
	CHECK_STR(text, "state_dir = /nowhere\n" WITH_OTHER);
	end(&s);
}

static void what_is_fixed_stays_when_the_file_is_read_again(void)
{
	struct scene s;

	begin(&s, "run_dir = /old\nwitness = no\napproval_rows = 5\n");
	write_conf(&s, "run_dir = /new\nwitness = yes\napproval_rows = 6\n");
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_CONFIGURATION, NULL), 0);
	CHECK_INT(ask_for(&s, CHILD_RECORDER, ASK_APPLIED, NULL), 0);
	CHECK_STR(s.w.in_force.conf.run_dir, "/old");
	CHECK(!s.w.in_force.conf.witness);
	CHECK_INT(s.w.in_force.conf.approval_rows, 6);
	end(&s);
}

static void each_asks_what_is_its_own(void)
{
	static const struct {
		enum ask_kind kind;
		bool recorder, registrar;
	} table[] = {
		{ ASK_RESOLVE, true, false }, { ASK_CONFIGURATION, true, false }, { ASK_HEADS, true, false },
		{ ASK_PROCESSES, true, false }, { ASK_SNMP, true, false }, { ASK_NETSTAT, true, false },
		{ ASK_CHRONY, true, false }, { ASK_APPLIED, true, false }, { ASK_IN_FORCE, false, true },
		{ 13, false, false }, { 99, false, false }, { 0, false, false },
	};
	struct scene s;

	begin(&s, "");
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		CHECK_ROW((ask_for(&s, CHILD_RECORDER, table[i].kind, NULL) != -EBADMSG) == table[i].recorder, "row %zu", i);
		CHECK_ROW((ask_for(&s, CHILD_REGISTRAR, table[i].kind, NULL) != -EBADMSG) == table[i].registrar, "row %zu", i);
	}
	/* Without programs there is nothing to answer; that the recorder may ask is what `sekisho status` needs. */
	CHECK_INT(ask_for(&s, CHILD_REGISTRAR, ASK_ARMED, NULL), -EBADMSG);
	/* Who has gone has sent no nonsense. */
	CHECK(send(s.ends[CHILD_RECORDER], "x", 1, 0) == 1);
	CHECK_INT(answers_next(&s.w, CHILD_RECORDER), -EBADMSG);
	CHECK_INT(shutdown(s.ends[CHILD_RECORDER], SHUT_RDWR), 0);
	CHECK_INT(answers_next(&s.w, CHILD_RECORDER), -EPIPE);
	end(&s);
}

/* However often it is asked for, head_command runs once at a time. */
static void one_courier_at_a_time(void)
{
	struct ask_message m = { .kind = ASK_HEADS };
	struct scene s;
	int fd = -1;

	begin(&s, "head_command = /bin/sleep 2\n");
	CHECK_INT(ask(&s, CHILD_RECORDER, &m, &fd), 0);
	m = (struct ask_message){ .kind = ASK_HEADS };
	CHECK_INT(ask(&s, CHILD_RECORDER, &m, NULL), -EBUSY);
	CHECK_STR(m.text, "head_command has not ended since the last time");
	CHECK_INT(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 20000), 1);
	close(fd);
	/* Its answer is its end. */
	m = (struct ask_message){ .kind = ASK_HEADS };
	CHECK_INT(ask(&s, CHILD_RECORDER, &m, NULL), 0);
	end(&s);
}

/* The heads are the command's to read; of an answer the text is a reason, and heads are none. */
static void heads_go_to_the_command_and_are_no_reason(void)
{
	static const struct {
		const char *conf, *heads;
		int status;
		bool received;
	} table[] = {
		{ "head_command = /bin/grep -qx one-head\n", "one-head\n", 0, true },
		{ "head_command = /bin/grep -qx one-head\n", "another\n", 0, false },
		{ "", "one-head\n", -ENOENT, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct ask_message m = { .kind = ASK_HEADS };
		struct head_outcome outcome = { .error = 1 };
		struct scene s;
		int fd = -1;

		begin(&s, table[i].conf);
		snprintf(m.text, sizeof(m.text), "%s", table[i].heads);
		CHECK_ROW(ask(&s, CHILD_RECORDER, &m, &fd) == table[i].status, "row %zu: %s", i, strerror(-m.status));
		CHECK_STR(m.text, "");
		CHECK_ROW((fd >= 0) == (table[i].status == 0), "row %zu", i);
		if (fd >= 0) {
			CHECK_INT(recv(fd, &outcome, sizeof(outcome), 0), sizeof(outcome));
			close(fd);
			CHECK_ROW((outcome.error == 0) == table[i].received, "row %zu: %s", i, outcome.why);
		}
		end(&s);
	}
}

static int tell(struct scene *s, enum child_name who, enum ask_kind kind, const char *text)
{
	struct ask_message m = { .kind = kind };

	snprintf(m.text, sizeof(m.text), "%s", text);
	REQUIRE(fd_pass_send(s->ends[who], &m, sizeof(m), -1, 0) == 0);
	return answers_next(&s->w, who);
}

static void who_is_ready_does_not_fail(void)
{
	struct scene s;

	begin(&s, "");
	CHECK_INT(tell(&s, CHILD_RECORDER, ASK_READY, ""), 0);
	CHECK(s.w.children[CHILD_RECORDER].ready);
	CHECK_INT(tell(&s, CHILD_RECORDER, ASK_FAILED, "stop"), -EBADMSG);
	CHECK_INT(s.w.error, 0);
	/* One that is not may. */
	CHECK_INT(tell(&s, CHILD_REGISTRAR, ASK_FAILED, "why"), 0);
	CHECK_INT(s.w.error, -EIO);
	CHECK_STR(s.w.why.text, "why");
	end(&s);
}

/* Whoever writes without end is read a little at a time. */
static void lines_of_the_log_are_bounded_for_each_turn(void)
{
	int pair[2], saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC), left = 0;
	char line[10];
	bool more;

	REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	for (int i = 0; i < 70; i++)
		REQUIRE(send(pair[0], "6line", 5, MSG_DONTWAIT) == 5);
	dup2(null, STDERR_FILENO);
	more = log_relay(pair[1]);
	dup2(saved, STDERR_FILENO);
	CHECK(more);
	while (recv(pair[1], line, sizeof(line), MSG_DONTWAIT) == 5)
		left++;
	CHECK_INT(left, 6);
	CHECK(!log_relay(pair[1]));
	close(pair[0]);
	close(pair[1]);
	close(saved);
	close(null);
}

UNIT_SUITE(answers, TEST(lines_of_the_log_are_bounded_for_each_turn),  TEST(an_unknown_place_is_not_there_and_others_are), TEST(the_registrar_changes_no_configuration),
	   TEST(what_is_in_force_changes_when_it_is_applied), TEST(a_failed_read_keeps_the_next),
	   TEST(what_is_fixed_stays_when_the_file_is_read_again), TEST(heads_go_to_the_command_and_are_no_reason),
	   TEST(each_asks_what_is_its_own), TEST(one_courier_at_a_time), TEST(who_is_ready_does_not_fail));
