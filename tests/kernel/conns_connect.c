/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conns connect: makes a given number of connections and lists each one that the server is
 * proven to have established: it has sent EOF or data.
 *
 * With net.ipv4.tcp_syncookies=2 and IPv6 over veth the server can establish more than was ever
 * made (measured: 308 of 100,000). Our reset overtakes our ACK of the server's FIN when they
 * leave from two CPUs, and that ACK, one above the cookie, is itself a valid cookie of the next
 * MSS class. One CPU in the server interface's rps_cpus keeps them in order (measured: 0).
 */
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conns.h"
#include "conns_latency.h"
#include "conns_plan.h"

#define SLOTS 64
#define SECOND_NS 1000000000LL
#define DRAIN_NS (5 * SECOND_NS)    /* for connections in flight after SIGTERM */
#define RETRY_MIN_NS 10000000LL     /* doubles with each try */
#define RETRY_MAX_NS SECOND_NS
#define TURN_NS 100000000LL         /* how late a signal or the deadline may be noticed */
#define SYN_RETRIES 6               /* the kernel gives up a SYN after some 10 s */

/* One per process, in memory shared with the parent. */
struct tally {
	uint64_t made, retries, unproven;
	bool gave_up;
};

/* A slot keeps its connection's number until that connection is made or given up. */
struct slot {
	enum { IDLE, WAITING, IN_FLIGHT } state;
	int fd;
	uint64_t number;
	uint64_t tries;
	int64_t due_ns;
	int64_t begun_ns;                /* connect() was called */
};

struct worker {
	const struct plan *plan;
	struct tally *tally;
	int poller;
	uint64_t next; /* connections are dealt out: worker i has i, i + procs, ... */
	int64_t limit_ns;
	struct slot slots[SLOTS];
	char lines[PIPE_BUF];
	size_t lines_length;
};

static volatile sig_atomic_t stopping;
static volatile pid_t children[PROCS_MAX];

/* Writes of whole lines up to PIPE_BUF: atomic on a pipe, and on a file in append mode. */
static void flush_lines(struct worker *w)
{
	for (size_t done = 0; done < w->lines_length;) {
		ssize_t n = write(w->plan->list, w->lines + done, w->lines_length - done);

		if (n < 0 && errno != EINTR)
			conns_fail("writing the list");
		if (n > 0)
			done += (size_t)n;
	}
	w->lines_length = 0;
}

static void add_line(struct worker *w, const char *line, size_t length)
{
	if (w->lines_length + length > sizeof(w->lines))
		flush_lines(w);
	memcpy(w->lines + w->lines_length, line, length);
	w->lines_length += length;
}

static void slot_close(struct slot *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->state = IDLE;
}

static const union address *slot_destination(const struct worker *w, const struct slot *s)
{
	const struct targets *all = &w->plan->destinations;

	return &all->at[s->number % all->n];
}

/* Starts nothing more; said once, although many slots may come to it together. */
static void worker_give_up(struct worker *w, uint64_t tries, int error)
{
	if (!w->tally->gave_up)
		fprintf(stderr, "conns: %llu failed attempts at one connection, the last: %s\n",
			(unsigned long long)tries, strerror(error));
	w->tally->gave_up = true;
}

/* The attempt failed; the slot tries the same connection again later. */
static void slot_failed(struct worker *w, struct slot *s, int error)
{
	int64_t delay_ns = RETRY_MIN_NS << (s->tries < 10 ? s->tries : 10);

	/* SYN_SENT only knows ECONNREFUSED: these two came after the handshake. */
	if (error == ECONNRESET || error == EPIPE)
		w->tally->unproven++;
	w->tally->retries++;
	slot_close(s);
	if (++s->tries > w->plan->retries) {
		worker_give_up(w, s->tries, error);
		return;
	}
	s->due_ns = conns_now_ns() + (delay_ns < RETRY_MAX_NS ? delay_ns : RETRY_MAX_NS);
	s->state = WAITING;
}

static void slot_made(struct worker *w, struct slot *s)
{
	char line[CONNS_TUPLE_MAX];
	int n = conns_tuple(s->fd, line);

	if (n < 0) { /* already reset */
		slot_failed(w, s, ECONNRESET);
		return;
	}
	slot_close(s);
	add_line(w, line, (size_t)n);
	w->tally->made++;
}

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* The port is left to connect(), which needs only the whole tuple to be unused. */
static int bind_source(const struct worker *w, const struct slot *s)
{
	const union address *to = slot_destination(w, s);
	const struct targets *from = conns_is_v4(to) ? &w->plan->from_v4 : &w->plan->from_v6;
	union address a;

	if (!from->n)
		return 0;
	a = from->at[s->number / w->plan->destinations.n % from->n];
	if (to->any.sa_family == AF_INET6 && a.any.sa_family == AF_INET) {
		struct in_addr v4 = a.v4.sin_addr;

		a = *to;
		a.v6.sin6_port = 0;
		memcpy(&a.v6.sin6_addr.s6_addr[12], &v4, sizeof(v4));
	}
	if (set_int(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) < 0)
		return -errno;
	return bind(s->fd, &a.any, conns_address_length(&a)) < 0 ? -errno : 0;
}

static int watch(const struct worker *w, struct slot *s, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = s };

	return epoll_ctl(w->poller, operation, s->fd, &event) < 0 ? -errno : 0;
}

static int slot_connect(struct worker *w, struct slot *s)
{
	const struct linger reset = { .l_onoff = 1 };
	const union address *to = slot_destination(w, s);
	bool wants_write = w->plan->ending != UNTIL_EOF || w->plan->send || w->plan->latency;
	int r;

	s->fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, w->plan->protocol);
	if (s->fd < 0)
		return -errno;
	if (set_int(s->fd, IPPROTO_TCP, TCP_SYNCNT, SYN_RETRIES) < 0 && !w->plan->protocol)
		return -errno; /* Multipath TCP need not know it */
	if (w->plan->fastopen && set_int(s->fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1) < 0)
		return -errno;
	if (w->plan->ending != FIN &&
	    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		return -errno;
	if (w->plan->device && setsockopt(s->fd, SOL_SOCKET, SO_BINDTODEVICE, w->plan->device,
					  (socklen_t)strlen(w->plan->device)) < 0)
		return -errno;
	r = bind_source(w, s);
	if (r < 0)
		return r;
	s->begun_ns = w->plan->latency ? conns_now_ns() : 0;
	if (connect(s->fd, &to->any, conns_address_length(to)) < 0 && errno != EINPROGRESS)
		return -errno;
	return watch(w, s, EPOLL_CTL_ADD, wants_write ? EPOLLOUT : EPOLLIN | EPOLLRDHUP);
}

static void slot_try(struct worker *w, struct slot *s)
{
	int r = slot_connect(w, s);

	if (r < 0)
		slot_failed(w, s, -r);
	else
		s->state = IN_FLIGHT;
}

static int pending_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return errno;
	return error;
}

/* Writable: the client's side is connected. */
static void slot_connected(struct worker *w, struct slot *s)
{
	int error = pending_error(s->fd);

	if (!error && w->plan->latency)
		w->plan->latency[s->number] = conns_now_ns() - s->begun_ns;
	if (!error && w->plan->send && send(s->fd, "x", 1, MSG_NOSIGNAL) < 0)
		error = errno;
	if (error)
		slot_failed(w, s, error);
	else if (w->plan->ending != UNTIL_EOF)
		slot_made(w, s);
	else if (watch(w, s, EPOLL_CTL_MOD, EPOLLIN | EPOLLRDHUP) < 0)
		conns_fail("epoll_ctl");
}

static void slot_readable(struct worker *w, struct slot *s)
{
	char scratch[64];

	if (recv(s->fd, scratch, sizeof(scratch), MSG_DONTWAIT) >= 0)
		slot_made(w, s);
	else if (errno != EAGAIN && errno != EINTR)
		slot_failed(w, s, errno);
}

/* Given up in flight: if the handshake is over, the server may have a connection we do not list. */
static void slot_abandon(struct worker *w, struct slot *s)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (s->state == IN_FLIGHT &&
	    getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
	    info.tcpi_state != TCP_SYN_SENT && info.tcpi_state != TCP_CLOSE)
		w->tally->unproven++;
	slot_close(s);
}

static void slot_take(struct worker *w, struct slot *s)
{
	const struct plan *p = w->plan;

	if (w->next >= p->count)
		return;
	s->number = w->next;
	s->tries = 0;
	s->due_ns = p->start_ns;
	if (p->rate)
		s->due_ns += (int64_t)((double)s->number * SECOND_NS / (double)p->rate);
	s->state = WAITING;
	w->next += p->procs;
}

/* Starts what is due; returns how many slots have work left. */
static unsigned int worker_fill(struct worker *w)
{
	int64_t now = conns_now_ns();
	bool more = !stopping && !w->tally->gave_up;
	unsigned int busy = 0;

	for (struct slot *s = w->slots; s < w->slots + SLOTS; s++) {
		if (more && s->state == IDLE)
			slot_take(w, s);
		if (!more && s->state == WAITING)
			s->state = IDLE;
		if (s->state == WAITING && s->due_ns <= now)
			slot_try(w, s);
		busy += s->state != IDLE;
	}
	if (!more && w->limit_ns > now + DRAIN_NS)
		w->limit_ns = now + DRAIN_NS;
	return busy;
}

static int worker_patience_ms(const struct worker *w)
{
	int64_t now = conns_now_ns();
	int64_t due = now + TURN_NS;

	for (const struct slot *s = w->slots; s < w->slots + SLOTS; s++)
		if (s->state == WAITING && s->due_ns < due)
			due = s->due_ns;
	return due <= now ? 0 : (int)((due - now + 999999) / 1000000);
}

static void worker_poll(struct worker *w)
{
	struct epoll_event events[SLOTS];
	int n = epoll_wait(w->poller, events, SLOTS, worker_patience_ms(w));

	if (n < 0 && errno != EINTR)
		conns_fail("epoll_wait");
	for (int i = 0; i < n; i++) {
		struct slot *s = events[i].data.ptr;

		if (w->plan->ending != UNTIL_EOF || events[i].events & EPOLLOUT)
			slot_connected(w, s);
		else
			slot_readable(w, s);
	}
}

static void worker_run(const struct plan *plan, struct tally *tally, uint64_t index)
{
	struct worker w = { .plan = plan, .tally = tally, .next = index };

	w.limit_ns = plan->start_ns + (int64_t)plan->timeout_s * SECOND_NS;
	w.poller = epoll_create1(EPOLL_CLOEXEC);
	if (w.poller < 0)
		conns_fail("epoll_create1");
	for (size_t i = 0; i < SLOTS; i++)
		w.slots[i].fd = -1;
	while (worker_fill(&w) && conns_now_ns() < w.limit_ns)
		worker_poll(&w);
	for (size_t i = 0; i < SLOTS; i++)
		slot_abandon(&w, &w.slots[i]);
	flush_lines(&w);
}

/* The parent passes the signal on; a worker has no children. */
static void stop(int signal)
{
	(void)signal;
	stopping = 1;
	for (size_t i = 0; i < PROCS_MAX; i++)
		if (children[i])
			kill(children[i], SIGTERM);
}

static pid_t start_worker(const struct plan *plan, struct tally *tally, uint64_t index,
			  const sigset_t *unblocked)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid)
		return pid;
	for (size_t i = 0; i < PROCS_MAX; i++)
		children[i] = 0;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		stopping = 1;
	sigprocmask(SIG_SETMASK, unblocked, NULL);
	worker_run(plan, tally, index);
	_exit(CONNS_OK);
}

static bool start_workers(const struct plan *plan, struct tally *tallies)
{
	struct sigaction action = { .sa_handler = stop };
	sigset_t blocked, before;
	bool all = true;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	for (uint64_t i = 0; i < plan->procs && all; i++) {
		pid_t pid = start_worker(plan, &tallies[i], i, &before);

		all = pid > 0;
		children[i] = all ? pid : 0;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (!all) {
		perror("conns: fork");
		stop(SIGTERM);
	}
	return all;
}

static bool wait_workers(const struct plan *plan)
{
	bool good = true;

	for (uint64_t i = 0; i < plan->procs; i++) {
		pid_t pid = children[i];
		int status = 0;

		if (!pid)
			continue;
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		children[i] = 0;
		good = good && WIFEXITED(status) && WEXITSTATUS(status) == CONNS_OK;
	}
	return good;
}

static int report(const struct plan *plan, const struct tally *tallies, int64_t elapsed_ns)
{
	double seconds = (double)elapsed_ns / SECOND_NS;
	struct tally sum = { 0 };

	for (uint64_t i = 0; i < plan->procs; i++) {
		sum.made += tallies[i].made;
		sum.retries += tallies[i].retries;
		sum.unproven += tallies[i].unproven;
	}
	if (sum.made < plan->count)
		fprintf(stderr, "conns: %s: only %llu of %llu connections made\n",
			stopping ? "stopped" : "gave up", (unsigned long long)sum.made,
			(unsigned long long)plan->count);
	if (sum.unproven)
		fprintf(stderr, "conns: %llu unproven: the server may have more than is listed\n",
			(unsigned long long)sum.unproven);
	fprintf(stderr, "made %llu connections in %.3f s (%.0f per second), %llu retries\n",
		(unsigned long long)sum.made, seconds, (double)sum.made / seconds,
		(unsigned long long)sum.retries);
	if (plan->latency)
		conns_latency_print(plan->latency, plan->count);
	if (sum.unproven)
		return CONNS_UNPROVEN;
	return sum.made == plan->count || stopping ? CONNS_OK : CONNS_FAILED;
}

int conns_connect(int argc, char **argv)
{
	static struct plan plan;
	struct tally *tallies;
	bool good;
	int status;

	conns_plan(&plan, argc, argv);
	tallies = mmap(NULL, PROCS_MAX * sizeof(*tallies), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		conns_fail("mmap");
	plan.start_ns = conns_now_ns();
	good = start_workers(&plan, tallies);
	good = wait_workers(&plan) && good;
	status = report(&plan, tallies, conns_now_ns() - plan.start_ns);
	if (!good)
		fputs("conns: a worker failed: the list is not complete\n", stderr);
	return good ? status : CONNS_USAGE;
}
