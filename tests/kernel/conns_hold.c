/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conns hold, obey: connections that stay open until they are told to end, in a way that is asked for. The
 * client tells the server by one byte what is wanted of it, and lists when it did what, so that a test can
 * compare when the server's kernel is said to have opened and ended each connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "conns.h"

#define HELD_MAX 20000
#define HALF_CLOSED_NS 300000000LL /* how long a connection stays open in one direction */
#define PATIENCE_S 20
#define TIME_MAX 40

/* What the client asks of the server. */
enum command {
	NOTHING = 0,
	CLOSE_NOW = 'f',
	RESET_NOW = 'r',
	HALF_CLOSE = 'd', /* one direction now, the rest when the client ends */
	IGNORE_EOF = 'w', /* stay half open when the client has ended its direction */
	KEEPALIVE = 'k', /* notice within some 2 s that the client is gone */
};

/* Ways to end. What is done when the end has come, and what the client waits for then. */
static const struct kind {
	const char *name;
	enum command at_start, at_end;
	bool half_close; /* our direction first */
	bool wait_for_peer; /* until its end is seen */
	bool linger_half; /* open in one direction for a while, then our end counts */
	bool reset;
	bool others_end; /* somebody else, all of them, when we say that we wait for it */
	bool unknown_end; /* when the server notices is not known */
} kinds[] = {
	{ "client-fin", .half_close = true, .wait_for_peer = true },
	{ "client-reset", .reset = true },
	{ "server-fin", .at_end = CLOSE_NOW, .wait_for_peer = true },
	{ "server-reset", .at_end = RESET_NOW, .wait_for_peer = true },
	{ "server-half", .at_end = HALF_CLOSE, .wait_for_peer = true, .linger_half = true },
	{ "client-half", .at_start = IGNORE_EOF, .half_close = true, .linger_half = true, .reset = true },
	{ "peer", .wait_for_peer = true, .others_end = true },
	{ "vanish", .at_start = KEEPALIVE, .unknown_end = true },
};

struct held {
	int fd;
	char tuple[CONNS_TUPLE_MAX];
	char opened_from[TIME_MAX], opened_to[TIME_MAX], ended_from[TIME_MAX], ended_to[TIME_MAX];
};

static void now_text(char text[static TIME_MAX])
{
	struct timespec t;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	n = strftime(text, TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, TIME_MAX - n, ".%09ldZ", t.tv_nsec);
}

static void order(int fd, enum command command)
{
	const char byte = (char)command;

	if (command != NOTHING && send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
		conns_fail("telling the server");
}

static void hold_open(struct held *h, const struct kind *k, const union address *from,
		      const union address *to, int protocol)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int n;

	h->fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
	if (h->fd < 0)
		conns_fail("socket");
	if (setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		conns_fail("SO_RCVTIMEO");
	if (from)
		conns_bind(h->fd, from, "--from");
	now_text(h->opened_from);
	if (connect(h->fd, &to->any, conns_address_length(to)) < 0)
		conns_fail("connect");
	order(h->fd, k->at_start);
	n = conns_tuple(h->fd, h->tuple);
	if (n < 0)
		conns_fail("the tuple of a connection that was just made");
	h->tuple[n - 1] = '\0'; /* its newline */
}

static void reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)) < 0)
		conns_fail("SO_LINGER");
	close(fd);
}

static void wait_for_peer(int fd)
{
	char scratch[16];
	ssize_t n = recv(fd, scratch, sizeof(scratch), 0);

	if (n > 0 || (n < 0 && errno != ECONNRESET))
		conns_fail("the server did not end the connection");
}

/* Up to where one direction may stay open. */
static void hold_begin_end(struct held *h, const struct kind *k)
{
	now_text(h->ended_from);
	order(h->fd, k->at_end);
	if (k->half_close && shutdown(h->fd, SHUT_WR) < 0)
		conns_fail("shutdown");
	if (k->wait_for_peer)
		wait_for_peer(h->fd);
}

static void hold_finish_end(struct held *h, const struct kind *k)
{
	if (k->linger_half)
		now_text(h->ended_from);
	if (k->reset)
		reset(h->fd);
	else
		close(h->fd);
	now_text(h->ended_to);
	if (k->unknown_end)
		strcpy(h->ended_to, "9999-12-31T23:59:59.999999999Z");
}

static void hold_end_all(struct held *held, uint64_t count, const struct kind *k)
{
	char begun[TIME_MAX];

	now_text(begun);
	if (k->others_end) {
		puts("waiting");
		fflush(stdout);
	}
	for (uint64_t i = 0; i < count; i++) {
		hold_begin_end(&held[i], k);
		if (k->others_end)
			strcpy(held[i].ended_from, begun);
		if (!k->linger_half)
			hold_finish_end(&held[i], k);
	}
	if (!k->linger_half)
		return;
	conns_sleep_until(conns_now_ns() + HALF_CLOSED_NS);
	for (uint64_t i = 0; i < count; i++)
		hold_finish_end(&held[i], k);
}

static void write_list(const char *path, const struct held *held, uint64_t count)
{
	FILE *list = path ? fopen(path, "we") : stdout;

	if (!list)
		conns_fail("%s", path);
	for (uint64_t i = 0; i < count; i++)
		fprintf(list, "%s,%s,%s,%s,%s\n", held[i].tuple, held[i].opened_from,
			held[i].opened_to, held[i].ended_from, held[i].ended_to);
	if (fflush(list) || ferror(list))
		conns_fail("writing the list");
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	conns_usage("hold: --end '%s' is no way to end", name);
}

struct hold_options {
	const struct kind *kind;
	const char *list;
	union address from;
	bool has_from;
	int protocol;
	uint64_t count;
};

static struct hold_options parse_hold(int argc, char **argv)
{
	static const struct option table[] = {
		{ "count", required_argument, NULL, 'n' }, { "end", required_argument, NULL, 'e' },
		{ "from", required_argument, NULL, 'f' },  { "list", required_argument, NULL, 'l' },
		{ "mptcp", no_argument, NULL, 'm' },
		{ 0 },
	};
	struct hold_options o = { .kind = NULL };
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'e')
			o.kind = find_kind(optarg);
		else if (c == 'l')
			o.list = optarg;
		else if (c == 'm')
			o.protocol = IPPROTO_MPTCP;
		else if (c == 'f' && conns_parse_address(optarg, &o.from))
			o.has_from = true;
		else if (c != 'n' || !conns_parse_number(optarg, HELD_MAX, &o.count))
			conns_usage("hold: bad option");
	}
	if (!o.kind || !o.count || optind == argc)
		conns_usage("hold: give --end KIND, --count N (at most %d) and DST:PORT", HELD_MAX);
	return o;
}

int conns_hold(int argc, char **argv)
{
	static struct held held[HELD_MAX];
	struct hold_options o = parse_hold(argc, argv);
	uint64_t targets = (uint64_t)(argc - optind);
	union address to;
	char line[16];

	conns_raise_descriptors();
	for (uint64_t i = 0; i < o.count; i++) {
		if (!conns_parse_endpoint(argv[optind + (int)(i % targets)], &to))
			conns_usage("hold: bad DST:PORT");
		hold_open(&held[i], o.kind, o.has_from ? &o.from : NULL, &to, o.protocol);
		now_text(held[i].opened_to);
	}
	puts("ready");
	fflush(stdout);
	(void)!fgets(line, sizeof(line), stdin);
	hold_end_all(held, o.count, o.kind);
	write_list(o.list, held, o.count);
	return CONNS_OK;
}

/* --- The server --- */

#define LISTENS (UINT64_C(1) << 32)

static void watch(int poller, int operation, int fd, uint32_t events, uint64_t listens)
{
	struct epoll_event event = { .events = events, .data.u64 = (uint32_t)fd | listens };

	if (epoll_ctl(poller, operation, fd, &event) < 0)
		conns_fail("epoll_ctl");
}

static void obey_keepalive(int fd)
{
	const int on = 1, second = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &second, sizeof(second)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &second, sizeof(second)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &second, sizeof(second)) < 0)
		conns_fail("keepalive");
}

static void obey_one(int poller, int fd)
{
	char byte = 0;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || byte == CLOSE_NOW) {
		close(fd);
		return;
	}
	switch (byte) {
	case RESET_NOW: reset(fd); break;
	case HALF_CLOSE: (void)shutdown(fd, SHUT_WR); break;
	case IGNORE_EOF: watch(poller, EPOLL_CTL_MOD, fd, 0, 0); break; /* errors are always told */
	case KEEPALIVE: obey_keepalive(fd); break;
	default: conns_usage("obey: byte %d is no command", byte);
	}
}

static int obey_listen(int poller, const char *text, int protocol)
{
	union address a = { .v6.sin6_family = AF_INET6 };
	bool any = strcmp(text, "any") == 0;
	int one = 1, fd;

	if (!any && !conns_parse_endpoint(text, &a))
		conns_usage("obey: '%s' is not ADDR:PORT", text);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		conns_fail("socket");
	if (!any)
		conns_bind(fd, &a, text);
	if (listen(fd, 4096) < 0)
		conns_fail("listen %s", text);
	watch(poller, EPOLL_CTL_ADD, fd, EPOLLIN, LISTENS);
	return fd;
}

static unsigned int port_of(int fd)
{
	union address a;
	socklen_t length = sizeof(a);

	if (getsockname(fd, &a.any, &length) < 0)
		conns_fail("getsockname");
	return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

static void accept_all(int poller, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		watch(poller, EPOLL_CTL_ADD, fd, EPOLLIN, 0);
}

int conns_obey(int argc, char **argv)
{
	int poller = epoll_create1(EPOLL_CLOEXEC), last = -1;
	struct epoll_event events[64];
	bool mptcp = argc > 1 && strcmp(argv[1], "--mptcp") == 0;

	if (poller < 0)
		conns_fail("epoll_create1");
	if (argc < 2 + mptcp)
		conns_usage("obey: where to listen?");
	conns_end_with_parent();
	conns_raise_descriptors();
	for (int i = 1 + mptcp; i < argc; i++)
		last = obey_listen(poller, argv[i], mptcp ? IPPROTO_MPTCP : 0);
	printf("ready %u\n", port_of(last));
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(poller, events, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = (int)(uint32_t)events[i].data.u64;

			if (events[i].data.u64 & LISTENS)
				accept_all(poller, fd);
			else
				obey_one(poller, fd);
		}
	}
}
