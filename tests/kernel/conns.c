/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conns: the TCP client and server of the kernel tests. It writes the client's own list of the
 * connections it made, which a test compares, tuple for tuple, with what was recorded.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "conns.h"

#define BIND_PATIENCE_NS 3000000000LL /* an IPv6 address may still be tentative */

static const char help[] =
	"conns MODE ...   TCP connections for the kernel tests\n"
	"\n"
	"serve [OPTIONS] ADDR:PORT ...            listen, print \"ready\", accept and close at once\n"
	"  --no-accept        never accept\n"
	"  --defer            TCP_DEFER_ACCEPT (use connect --send)\n"
	"  --read             close what the client has said something on (use connect --send)\n"
	"  --fastopen         TCP Fast Open\n"
	"  --mptcp            Multipath TCP\n"
	"  --backlog N        listen backlog (4096)\n"
	"connect --count N [OPTIONS] DST:PORT[,DST:PORT...] ...\n"
	"                     make exactly N connections, round robin over the destinations, and\n"
	"                     list those the server is proven to have established\n"
	"  --from ADDR[,...]  source addresses, used in turn for destinations of their family\n"
	"  --device NAME      bind to this device\n"
	"  --procs N          processes (2), each with up to 64 connections in flight\n"
	"  --rate N           connections per second, all processes together (no limit)\n"
	"  --fire             reset at once when connected; listed without proof\n"
	"  --fin              close at once when connected; listed without proof\n"
	"  --send             send one byte when connected\n"
	"  --fastopen         with TCP Fast Open: that byte goes with the SYN, if there is a cookie\n"
	"  --mptcp            Multipath TCP\n"
	"  --latency          print percentiles of the time from connect() until writable\n"
	"  --list FILE        where the list goes (stdout): src_ip,src_port,dst_ip,dst_port\n"
	"  --timeout SECONDS  for all of it (120)\n"
	"  --retries N        failed attempts allowed per connection (50)\n"
	"block --threads N ADDR:PORT              a server of N threads, all of them in accept() when it prints\n"
	"                     \"ready\"; each takes and closes one connection\n"
	"obey [--mptcp] ADDR:PORT ... | any       a server for hold: does to each connection what it says;\n"
	"                     any: a port of the kernel's choice, which is printed behind \"ready\"\n"
	"hold --count N --end KIND [--from ADDR] [--list FILE] [--mptcp] DST:PORT ...\n"
	"                     make N connections, print \"ready\", end them after a line of stdin. KIND:\n"
	"                     client-fin, client-reset, server-fin, server-reset; server-half,\n"
	"                     client-half: this one ends its direction first, the client the\n"
	"                     rest 0.3 s later; peer: wait until somebody else ends them; vanish: the\n"
	"                     server finds out by keepalive. The list: the tuple, then between which\n"
	"                     times the connection was opened, and ended: FROM,TO,FROM,TO\n"
	"selfconnect ADDR:PORT                    connect a socket to itself\n"
	"simultaneous ADDR1:PORT1 ADDR2:PORT2     crossing SYNs; ADDR2 must not be local here\n"
	"halfopen --count N [--rate N] SRC DST:PORT\n"
	"                     IPv4 SYNs never completed; the next SRC address after every 60,000\n"
	"clock raw            CLOCK_MONOTONIC_RAW and CLOCK_REALTIME in ns, one behind the other\n"
	"clock synchronised MAXERROR_US TICK      as a time service says it; TICK: 9000 to 11000, 10000 is right\n"
	"\n"
	"IPv6 is written [ADDR]:PORT; [::] listens for IPv4 too.\n"
	"Status: 0 done, 1 not done, 2 usage or system error, 3 the list may lack connections,\n"
	"77 impossible here. SIGTERM stops connect early with a complete list and status 0.\n";

static const struct mode {
	const char *name;
	int (*run)(int argc, char **argv);
} modes[] = {
	{ "serve", conns_serve },
	{ "connect", conns_connect },
	{ "hold", conns_hold },
	{ "obey", conns_obey },
	{ "block", conns_block },
	{ "selfconnect", conns_selfconnect },
	{ "simultaneous", conns_simultaneous },
	{ "halfopen", conns_halfopen },
	{ "clock", conns_clock },
};

_Noreturn void conns_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("conns: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(" (see conns --help)\n", stderr);
	exit(CONNS_USAGE);
}

_Noreturn void conns_fail(const char *fmt, ...)
{
	int error = errno;
	va_list ap;

	fputs("conns: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(error));
	exit(CONNS_USAGE);
}

bool conns_parse_number(const char *s, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		uint64_t digit = (uint64_t)(unsigned char)*s - '0';

		if (digit > 9 || number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*ret_number = number;
	return true;
}

bool conns_parse_address(const char *s, union address *ret_address)
{
	union address a = { .any.sa_family = AF_INET };

	if (inet_pton(AF_INET, s, &a.v4.sin_addr) != 1) {
		a.v6.sin6_family = AF_INET6;
		if (inet_pton(AF_INET6, s, &a.v6.sin6_addr) != 1)
			return false;
	}
	*ret_address = a;
	return true;
}

bool conns_parse_endpoint(const char *s, union address *ret_address)
{
	const char *colon = strrchr(s, ':');
	bool bracket = *s == '[' && colon && colon[-1] == ']';
	char text[INET6_ADDRSTRLEN];
	union address a;
	uint64_t port;
	size_t length;

	if (!colon || !conns_parse_number(colon + 1, UINT16_MAX, &port) || !port)
		return false;
	length = (size_t)(colon - s) - (bracket ? 2 : 0);
	if (length >= sizeof(text))
		return false;
	memcpy(text, s + bracket, length);
	text[length] = '\0';
	if (!conns_parse_address(text, &a) || bracket != (a.any.sa_family == AF_INET6))
		return false;
	if (bracket)
		a.v6.sin6_port = htons((uint16_t)port);
	else
		a.v4.sin_port = htons((uint16_t)port);
	*ret_address = a;
	return true;
}

socklen_t conns_address_length(const union address *a)
{
	return a->any.sa_family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

bool conns_is_v4(const union address *a)
{
	return a->any.sa_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
}

/* glibc's inet_ntop writes RFC 5952 text, except for ::/96, which no test uses. */
static int format_address(const union address *a, char *buf, size_t size)
{
	bool plain = a->any.sa_family == AF_INET;
	uint16_t port = ntohs(plain ? a->v4.sin_port : a->v6.sin6_port);
	char text[INET6_ADDRSTRLEN];

	if (plain)
		inet_ntop(AF_INET, &a->v4.sin_addr, text, sizeof(text));
	else if (conns_is_v4(a))
		inet_ntop(AF_INET, &a->v6.sin6_addr.s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, &a->v6.sin6_addr, text, sizeof(text));
	return snprintf(buf, size, "%s,%u", text, (unsigned int)port);
}

int conns_tuple(int fd, char buf[static CONNS_TUPLE_MAX])
{
	union address own = { 0 }, peer = { 0 };
	socklen_t own_length = sizeof(own), peer_length = sizeof(peer);
	int n;

	if (getsockname(fd, &own.any, &own_length) < 0 ||
	    getpeername(fd, &peer.any, &peer_length) < 0)
		return -errno;
	n = format_address(&own, buf, CONNS_TUPLE_MAX);
	buf[n++] = ',';
	n += format_address(&peer, buf + n, CONNS_TUPLE_MAX - (size_t)n);
	buf[n++] = '\n';
	buf[n] = '\0';
	return n;
}

void conns_print_tuple(int fd, const char *what)
{
	char line[CONNS_TUPLE_MAX];
	int n = conns_tuple(fd, line);

	if (n < 0) {
		errno = -n;
		conns_fail("%s", what);
	}
	fputs(line, stdout);
}

void conns_bind(int fd, const union address *a, const char *text)
{
	int64_t limit = conns_now_ns() + BIND_PATIENCE_NS;

	while (bind(fd, &a->any, conns_address_length(a)) < 0) {
		if (errno != EADDRNOTAVAIL || conns_now_ns() > limit)
			conns_fail("bind %s", text);
		conns_sleep_until(conns_now_ns() + 50000000);
	}
}

int64_t conns_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void conns_sleep_until(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

void conns_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "--help")) {
		fputs(help, argc < 2 ? stderr : stdout);
		return argc < 2 ? CONNS_USAGE : CONNS_OK;
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(argv[1], modes[i].name))
			return modes[i].run(argc - 1, argv + 1);
	conns_usage("unknown mode '%s'", argv[1]);
}
