/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conns serve: listens on any number of addresses and closes what it accepts at once, so that
 * the client sees EOF as proof that the connection was established.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conns.h"

#define ACCEPTS_PER_TURN 256

struct serve_options {
	bool accept;
	bool defer;
	bool read; /* wait for what the client says */
	bool fastopen;
	int protocol;
	int backlog;
};

static void stop(int signal)
{
	(void)signal;
	_exit(CONNS_OK);
}

void conns_end_with_parent(void)
{
	struct sigaction action = { .sa_handler = stop };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		conns_fail("prctl(PR_SET_PDEATHSIG)");
}

static void warn_truncated_backlog(int backlog)
{
	int fd = open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
	char text[32] = "";
	uint64_t limit;
	ssize_t n;

	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	if (conns_parse_number(text, INT32_MAX, &limit) && limit < (uint64_t)backlog)
		fprintf(stderr, "conns: warning: backlog %d is cut to net.core.somaxconn = %llu\n",
			backlog, (unsigned long long)limit);
}

static void set_option(int fd, int level, int option, int value, const char *name)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		conns_fail("%s", name);
}

static int listen_on(const char *text, const struct serve_options *options)
{
	union address a;
	int fd;

	if (!conns_parse_endpoint(text, &a))
		conns_usage("'%s' is not ADDR:PORT or [ADDR]:PORT", text);
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, options->protocol);
	if (fd < 0)
		conns_fail("socket for %s", text);
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
	if (a.any.sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY,
			   !IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr) && !conns_is_v4(&a),
			   "IPV6_V6ONLY");
	if (options->defer)
		set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1, "TCP_DEFER_ACCEPT");
	if (options->fastopen)
		set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, options->backlog, "TCP_FASTOPEN");
	conns_bind(fd, &a, text);
	if (listen(fd, options->backlog) < 0)
		conns_fail("listen %s", text);
	return fd;
}

#define LISTENS (UINT64_C(1) << 32)

static void watch(int poller, int fd, uint64_t listens)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = (uint32_t)fd | listens };

	if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) < 0)
		conns_fail("epoll_ctl");
}

/* Unread data would turn the close into a reset, which proves nothing to the client. */
static void read_and_close(int fd)
{
	char scratch[4096];

	(void)!recv(fd, scratch, sizeof(scratch), MSG_DONTWAIT);
	close(fd);
}

static void accept_some(int poller, int listener, const struct serve_options *options)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0)
			return;
		if (options->read)
			watch(poller, fd, 0);
		else if (options->defer)
			read_and_close(fd);
		else
			close(fd);
	}
}

static _Noreturn void accept_forever(int poller, const struct serve_options *options)
{
	struct epoll_event events[64];

	while (!options->accept)
		pause();
	for (;;) {
		int n = epoll_wait(poller, events, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = (int)(uint32_t)events[i].data.u64;

			if (events[i].data.u64 & LISTENS)
				accept_some(poller, fd, options);
			else
				read_and_close(fd);
		}
	}
}

static struct serve_options parse_options(int argc, char **argv)
{
	static const struct option table[] = {
		{ "no-accept", no_argument, NULL, 'n' },
		{ "defer", no_argument, NULL, 'd' },
		{ "read", no_argument, NULL, 'r' },
		{ "fastopen", no_argument, NULL, 'f' },
		{ "mptcp", no_argument, NULL, 'm' },
		{ "backlog", required_argument, NULL, 'b' },
		{ 0 },
	};
	struct serve_options options = { .accept = true, .backlog = 4096 };
	uint64_t number;
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == 'n')
			options.accept = false;
		else if (c == 'd')
			options.defer = true;
		else if (c == 'r')
			options.read = true;
		else if (c == 'f')
			options.fastopen = true;
		else if (c == 'm')
			options.protocol = IPPROTO_MPTCP;
		else if (c == 'b' && conns_parse_number(optarg, INT32_MAX, &number))
			options.backlog = (int)number;
		else
			conns_usage("serve: bad option");
	}
	if (optind == argc)
		conns_usage("serve: where to listen?");
	return options;
}

int conns_serve(int argc, char **argv)
{
	struct serve_options options = parse_options(argc, argv);
	int poller = epoll_create1(EPOLL_CLOEXEC);

	if (poller < 0)
		conns_fail("epoll_create1");
	conns_end_with_parent();
	warn_truncated_backlog(options.backlog);
	for (int i = optind; i < argc; i++)
		watch(poller, listen_on(argv[i], &options), LISTENS);
	puts("ready");
	if (fflush(stdout))
		conns_fail("stdout");
	accept_forever(poller, &options);
}
