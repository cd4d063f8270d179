/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TcpPassiveOpens, the kernel's own count of passive openings in a network namespace
 * (/proc/net/snmp; net/ipv4/tcp_minisocks.c, tcp_create_openreq_child), and how many of them were Fast Open
 * (TcpExtTCPFastOpenPassive, /proc/net/netstat).
 *
 * Opening needs the right to enter a namespace; reading does not. An open descriptor keeps its namespace.
 */
#ifndef SEKISHO_PASSIVE_OPENS_H
#define SEKISHO_PASSIVE_OPENS_H

#include <stddef.h>
#include <stdint.h>

struct passive_opens {
	const char *netns; /* path, as in a selector; NULL = the namespace of this process */
	uint64_t cookie; /* filled */
	int snmp, netstat; /* descriptors, or -1 */
	int error; /* negative errno: it could not be opened */
};

/* Opens all of them, or asks for them; each says for itself whether that went well. `ask` NULL: with rights of our own. */
struct ask;
void passive_opens_open(struct ask *ask, struct passive_opens *list, size_t count);
void passive_opens_close(struct passive_opens *list, size_t count);

struct passive_counts {
	uint64_t opens, fastopens; /* since the namespace was made */
};

/* As it is at the time of the call. 0, or negative errno (-EBADMSG: not what the kernel writes). */
int passive_opens_read(const struct passive_opens *p, struct passive_counts *ret_counts);

/* One counter out of the text of such a file: a line of names, a line of numbers. 0 or -EBADMSG. */
int passive_opens_find(const char *text, const char *group, const char *name, uint64_t *ret_value);

#endif
