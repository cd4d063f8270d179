/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of conns (the TCP client and server of the kernel tests) share: addresses,
 * numbers, tuples and ways to end.
 */
#ifndef TESTS_KERNEL_CONNS_H
#define TESTS_KERNEL_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>

/* Exit statuses. */
enum {
	CONNS_OK = 0,
	CONNS_FAILED = 1,     /* what was asked for did not happen */
	CONNS_USAGE = 2,      /* wrong arguments, or this machine refused a system call */
	CONNS_UNPROVEN = 3,   /* the list may lack connections that the server established */
	CONNS_IMPOSSIBLE = 77 /* cannot be done here: the test skips */
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

#define CONNS_TUPLE_MAX 128

/* Decimal digits only, at most max. */
bool conns_parse_number(const char *s, uint64_t max, uint64_t *ret_number);
/* `ADDR`, port 0. */
bool conns_parse_address(const char *s, union address *ret_address);
/* `ADDR:PORT`, IPv6 as `[ADDR]:PORT`; port 1 to 65535. */
bool conns_parse_endpoint(const char *s, union address *ret_address);

socklen_t conns_address_length(const union address *a);
/* IPv4 on the wire: an IPv4 or an IPv4-mapped address. */
bool conns_is_v4(const union address *a);

/* `own_ip,own_port,peer_ip,peer_port` and a newline, as the kernel tells them; returns the
 * length or a negative errno. */
int conns_tuple(int fd, char buf[static CONNS_TUPLE_MAX]);
/* Prints the tuple of fd, or fails with what. */
void conns_print_tuple(int fd, const char *what);

/* Waits for a local address that is just being set up; fails with text. */
void conns_bind(int fd, const union address *a, const char *text);

int64_t conns_now_ns(void); /* CLOCK_MONOTONIC */
void conns_sleep_until(int64_t ns);

void conns_raise_descriptors(void); /* to as many as allowed */
void conns_end_with_parent(void); /* and by SIGTERM or SIGINT, with CONNS_OK */

/* Both print one line on stderr and exit with CONNS_USAGE; conns_fail adds errno's text. */
_Noreturn void conns_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void conns_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The modes: argv[0] is the mode's name; each returns the exit status. */
int conns_serve(int argc, char **argv);
int conns_hold(int argc, char **argv);
int conns_obey(int argc, char **argv);
int conns_block(int argc, char **argv);
int conns_connect(int argc, char **argv);
int conns_selfconnect(int argc, char **argv);
int conns_simultaneous(int argc, char **argv);
int conns_halfopen(int argc, char **argv);
int conns_clock(int argc, char **argv);

#endif
