/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conns selfconnect, simultaneous, halfopen: connections that TCP allows although nobody
 * accepts them, and SYNs that never become one.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conns.h"

#define PATIENCE_MS 3000
#define RELAYED_MAX 64
#define PORTS_PER_SOURCE 60000
#define FIRST_PORT 2000

/* One end of the simultaneous open, in its own network namespace. */
struct side {
	union address own, other;
	int tun;       /* carries what fd sends */
	int fd;
	int snmp;      /* the namespace's TCP counters */
	uint64_t passive_before;
	uint8_t packet[2048];
	size_t length;
};

static _Noreturn void impossible(const char *why)
{
	fprintf(stderr, "conns: impossible here: %s: %s\n", why, strerror(errno));
	exit(CONNS_IMPOSSIBLE);
}

static int bound_socket(const union address *own, int flags)
{
	const struct linger reset = { .l_onoff = 1 };
	int one = 1;
	int fd = socket(own->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		conns_fail("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		conns_fail("setsockopt");
	conns_bind(fd, own, "own address");
	return fd;
}

static union address endpoint_or_usage(const char *text)
{
	union address a;

	if (!conns_parse_endpoint(text, &a))
		conns_usage("'%s' is not ADDR:PORT or [ADDR]:PORT", text);
	return a;
}

int conns_selfconnect(int argc, char **argv)
{
	union address self;
	int fd;

	if (argc != 2)
		conns_usage("selfconnect: give one ADDR:PORT");
	self = endpoint_or_usage(argv[1]);
	fd = bound_socket(&self, 0);
	if (connect(fd, &self.any, conns_address_length(&self)) < 0) {
		perror("conns: self-connect");
		return CONNS_FAILED;
	}
	puts("self-connected");
	conns_print_tuple(fd, "self-connect");
	close(fd);
	return CONNS_OK;
}

static void tun_open(struct side *s, struct ifreq *ret_request)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "conns%%d");
	s->tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (s->tun < 0 || ioctl(s->tun, TUNSETIFF, &request) < 0)
		impossible("/dev/net/tun");
	*ret_request = request;
}

static void tun_up(int control, struct ifreq *request)
{
	if (ioctl(control, SIOCGIFFLAGS, request) < 0)
		impossible("SIOCGIFFLAGS");
	request->ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, request) < 0)
		impossible("SIOCSIFFLAGS");
}

/* A point-to-point address brings its own route to the other end. */
static void tun_address_v4(int control, const struct side *s, struct ifreq request)
{
	struct sockaddr_in own = s->own.v4, other = s->other.v4;

	own.sin_port = other.sin_port = 0;
	memcpy(&request.ifr_addr, &own, sizeof(own));
	if (ioctl(control, SIOCSIFADDR, &request) < 0)
		impossible("SIOCSIFADDR");
	memcpy(&request.ifr_dstaddr, &other, sizeof(other));
	if (ioctl(control, SIOCSIFDSTADDR, &request) < 0)
		impossible("SIOCSIFDSTADDR");
}

static void tun_address_v6(int control, const struct side *s, struct ifreq request)
{
	struct in6_ifreq address = { .ifr6_prefixlen = 128 };
	struct in6_rtmsg route = { .rtmsg_dst_len = 128, .rtmsg_metric = 1, .rtmsg_flags = RTF_UP };

	if (ioctl(control, SIOCGIFINDEX, &request) < 0)
		impossible("SIOCGIFINDEX");
	address.ifr6_ifindex = route.rtmsg_ifindex = request.ifr_ifindex;
	address.ifr6_addr = s->own.v6.sin6_addr;
	route.rtmsg_dst = s->other.v6.sin6_addr;
	if (ioctl(control, SIOCSIFADDR, &address) < 0)
		impossible("IPv6 address");
	if (ioctl(control, SIOCADDRT, &route) < 0)
		impossible("IPv6 route");
}

static uint64_t passive_opens(int snmp)
{
	char text[16384], *names, *values, *name, *value, *line = text;
	ssize_t n = pread(snmp, text, sizeof(text) - 1, 0);
	uint64_t number;

	if (n < 0)
		conns_fail("/proc/self/net/snmp");
	text[n] = '\0';
	while ((names = strsep(&line, "\n")) && strncmp(names, "Tcp:", 4))
		;
	values = strsep(&line, "\n");
	while ((name = strsep(&names, " ")) && values && (value = strsep(&values, " ")))
		if (!strcmp(name, "PassiveOpens") &&
		    conns_parse_number(value, UINT64_MAX, &number))
			return number;
	conns_usage("no PassiveOpens in /proc/self/net/snmp");
}

/* Everything of this side belongs to the namespace that the process is in now. */
static void side_open(struct side *s)
{
	int control = socket(s->own.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request;

	if (control < 0)
		conns_fail("socket");
	tun_open(s, &request);
	tun_up(control, &request);
	if (s->own.any.sa_family == AF_INET)
		tun_address_v4(control, s, request);
	else
		tun_address_v6(control, s, request);
	close(control);
	s->snmp = open("/proc/self/net/snmp", O_RDONLY | O_CLOEXEC);
	if (s->snmp < 0)
		conns_fail("/proc/self/net/snmp");
	s->passive_before = passive_opens(s->snmp);
	s->fd = bound_socket(&s->own, SOCK_NONBLOCK);
}

/* Flags of the TCP packet, or -1 for anything else (IPv6 devices also send MLD and RS). */
static int packet_flags(const struct side *s)
{
	size_t at;

	if (s->length >= 20 && s->packet[0] >> 4 == 4 && s->packet[9] == IPPROTO_TCP)
		at = (size_t)(s->packet[0] & 15) * 4;
	else if (s->length >= 40 && s->packet[0] >> 4 == 6 && s->packet[6] == IPPROTO_TCP)
		at = 40;
	else
		return -1;
	return s->length >= at + 20 ? s->packet[at + 13] & (TH_SYN | TH_ACK | TH_RST | TH_FIN) : -1;
}

/* Where that takes a second, the SYN comes again meanwhile. */
static void expect_packet(struct side *s, int flags, const char *what)
{
	struct pollfd wanted = { .fd = s->tun, .events = POLLIN };

	do {
		ssize_t n;

		if (poll(&wanted, 1, PATIENCE_MS) != 1) {
			errno = ETIMEDOUT;
			impossible(what);
		}
		n = read(s->tun, s->packet, sizeof(s->packet));
		s->length = n > 0 ? (size_t)n : 0;
	} while (packet_flags(s) < 0 || (flags != TH_SYN && packet_flags(s) == TH_SYN));
	if (packet_flags(s) != flags) {
		fprintf(stderr, "conns: expected %s, saw TCP flags 0x%02x\n", what,
			(unsigned int)packet_flags(s));
		exit(CONNS_FAILED);
	}
}

static void deliver(const struct side *from, const struct side *to)
{
	if (write(to->tun, from->packet, from->length) != (ssize_t)from->length)
		conns_fail("writing to the tun device");
}

static int tcp_state(const struct side *s)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		conns_fail("TCP_INFO");
	return info.tcpi_state;
}

static void start_connect(const struct side *s)
{
	if (connect(s->fd, &s->other.any, conns_address_length(&s->other)) < 0 &&
	    errno != EINPROGRESS)
		impossible("connect");
}

static bool both_in(const struct side *a, const struct side *b, int state)
{
	return tcp_state(a) == state && tcp_state(b) == state;
}

/* Kernels before 6.11 answer the crossed SYN-ACK with a challenge ACK first. */
static void relay_until_established(struct side *a, struct side *b)
{
	struct pollfd wanted[2] = { { .fd = a->tun, .events = POLLIN },
				    { .fd = b->tun, .events = POLLIN } };

	for (int i = 0; i < RELAYED_MAX && !both_in(a, b, TCP_ESTABLISHED); i++) {
		struct side *from;
		ssize_t n;

		if (poll(wanted, 2, PATIENCE_MS) < 1)
			return;
		from = wanted[0].revents ? a : b;
		n = read(from->tun, from->packet, sizeof(from->packet));
		from->length = n > 0 ? (size_t)n : 0;
		if (packet_flags(from) >= 0)
			deliver(from, from == a ? b : a);
	}
}

/* Both SYNs are held until both exist: neither end can see the other's before it sent its own. */
static void cross_syns(struct side *a, struct side *b)
{
	start_connect(a);
	start_connect(b);
	expect_packet(a, TH_SYN, "the first end's SYN (is ADDR2 local here?)");
	expect_packet(b, TH_SYN, "the second end's SYN");
	deliver(a, b);
	deliver(b, a);
	expect_packet(a, TH_SYN | TH_ACK, "the first end's SYN-ACK");
	expect_packet(b, TH_SYN | TH_ACK, "the second end's SYN-ACK");
	if (!both_in(a, b, TCP_SYN_RECV)) {
		fputs("conns: not both ends are in SYN_RECV\n", stderr);
		exit(CONNS_FAILED);
	}
	deliver(a, b);
	deliver(b, a);
	relay_until_established(a, b);
}

static int prove_simultaneous(const struct side *a, const struct side *b)
{
	uint64_t here = passive_opens(a->snmp) - a->passive_before;
	uint64_t there = passive_opens(b->snmp) - b->passive_before;

	if (!both_in(a, b, TCP_ESTABLISHED)) {
		fputs("conns: not both ends became established\n", stderr);
		return CONNS_FAILED;
	}
	if (here || there) {
		fprintf(stderr, "conns: TcpPassiveOpens rose by %llu here and %llu there\n",
			(unsigned long long)here, (unsigned long long)there);
		return CONNS_FAILED;
	}
	puts("simultaneous open");
	conns_print_tuple(a->fd, "the first end");
	conns_print_tuple(b->fd, "the second end");
	return CONNS_OK;
}

/*
 * The second end lives in a fresh network namespace: within one, the kernel sends packets for
 * a local address over loopback, where the first SYN always arrives before the second is sent.
 */
int conns_simultaneous(int argc, char **argv)
{
	static struct side a, b;

	if (argc != 3)
		conns_usage("simultaneous: give ADDR1:PORT1 ADDR2:PORT2");
	a.own = b.other = endpoint_or_usage(argv[1]);
	a.other = b.own = endpoint_or_usage(argv[2]);
	if (a.own.any.sa_family != a.other.any.sa_family ||
	    (a.own.any.sa_family == AF_INET6 && (conns_is_v4(&a.own) || conns_is_v4(&a.other))))
		conns_usage("simultaneous: give two IPv4 or two IPv6 addresses, not IPv4-mapped");
	side_open(&a);
	if (unshare(CLONE_NEWNET) < 0)
		impossible("unshare(CLONE_NEWNET)");
	side_open(&b);
	cross_syns(&a, &b);
	return prove_simultaneous(&a, &b);
}

struct syn_packet {
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t mss_option[4];
};

_Static_assert(sizeof(struct syn_packet) == 44, "no padding in the packet");

static uint16_t tcp_checksum(const struct syn_packet *p)
{
	uint16_t words[(sizeof(*p) - sizeof(p->ip) + 8) / 2];
	uint32_t sum = htons(IPPROTO_TCP) + htons(sizeof(*p) - sizeof(p->ip));

	memcpy(words, &p->ip.saddr, 8); /* source and destination */
	memcpy(words + 4, &p->tcp, sizeof(*p) - sizeof(p->ip));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The kernel fills in the IP header's length, id and checksum (raw(7), IP_HDRINCL). */
static void send_syn(int fd, const union address *src, const union address *dst, uint64_t i)
{
	struct syn_packet p = {
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP },
		.tcp = { .doff = 6, .syn = 1, .window = htons(64240) },
		.mss_option = { TCPOPT_MAXSEG, TCPOLEN_MAXSEG, 1460 >> 8, 1460 & 255 },
	};

	p.ip.saddr = htonl(ntohl(src->v4.sin_addr.s_addr) + (uint32_t)(i / PORTS_PER_SOURCE));
	p.ip.daddr = dst->v4.sin_addr.s_addr;
	p.tcp.source = htons((uint16_t)(FIRST_PORT + i % PORTS_PER_SOURCE));
	p.tcp.dest = dst->v4.sin_port;
	p.tcp.seq = htonl((uint32_t)(i * 2654435761u));
	p.tcp.check = tcp_checksum(&p);
	while (sendto(fd, &p, sizeof(p), 0, &dst->any, sizeof(dst->v4)) < 0) {
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			conns_fail("sending a SYN");
		conns_sleep_until(conns_now_ns() + 1000000);
	}
}

static void halfopen_options(int argc, char **argv, uint64_t *ret_count, uint64_t *ret_rate)
{
	static const struct option table[] = {
		{ "count", required_argument, NULL, 'n' },
		{ "rate", required_argument, NULL, 'r' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1)
		if ((c != 'n' && c != 'r') ||
		    !conns_parse_number(optarg, 1000000000, c == 'n' ? ret_count : ret_rate))
			conns_usage("halfopen: bad option");
	if (!*ret_count || argc - optind != 2)
		conns_usage("halfopen: give --count N SRC DST:PORT");
}

int conns_halfopen(int argc, char **argv)
{
	uint64_t count = 0, rate = 0;
	union address src, dst;
	int64_t start = conns_now_ns();
	int fd;

	halfopen_options(argc, argv, &count, &rate);
	if (!conns_parse_address(argv[optind], &src) || src.any.sa_family != AF_INET)
		conns_usage("'%s' is not an IPv4 address", argv[optind]);
	dst = endpoint_or_usage(argv[optind + 1]);
	if (dst.any.sa_family != AF_INET)
		conns_usage("halfopen: IPv4 only");
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		conns_fail("raw socket");
	for (uint64_t i = 0; i < count; i++) {
		if (rate)
			conns_sleep_until(start + (int64_t)((double)i * 1e9 / (double)rate));
		send_syn(fd, &src, &dst, i);
	}
	close(fd);
	printf("sent %llu SYNs\n", (unsigned long long)count);
	return CONNS_OK;
}
