// SPDX-License-Identifier: BSD-2-Clause
/* The kernel's own count of passive openings. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/parse.h"
#include "ask.h"
#include "netns.h"
#include "passive_opens.h"

/* netstat had about 4,000 bytes on 6.18. */
#define TEXT_MAX 16384

static int open_here(struct passive_opens *p)
{
	int error = netns_cookie(&p->cookie);

	if (error)
		return error;
	/* Of the calling thread, whatever namespace its process has. */
	p->snmp = open("/proc/thread-self/net/snmp", O_RDONLY | O_CLOEXEC);
	if (p->snmp >= 0)
		p->netstat = open("/proc/thread-self/net/netstat", O_RDONLY | O_CLOEXEC);
	return p->netstat < 0 ? -errno : 0;
}

struct batch {
	struct passive_opens *list;
	size_t count;
};

/* A thread of its own, which ends in some other namespace. */
static void *open_others(void *arg)
{
	const struct batch *b = arg;

	for (size_t i = 0; i < b->count; i++) {
		struct passive_opens *p = &b->list[i];

		if (!p->netns)
			continue;
		p->error = netns_enter(p->netns);
		if (!p->error)
			p->error = open_here(p);
	}
	return NULL;
}

static int ask_for(struct ask *ask, enum ask_kind kind, struct passive_opens *p, int *ret_fd)
{
	struct ask_message m = { .kind = kind, .count = p->netns != NULL };
	struct problem ignored;
	int error;

	if (p->netns) {
		if (strlen(p->netns) >= sizeof(m.places[0].name))
			return -ENAMETOOLONG;
		m.places[0].kind = SELECTOR_NETNS;
		strcpy(m.places[0].name, p->netns);
	}
	error = ask_call(ask, &m, ASK_TIMEOUT_MS, ret_fd, &ignored);
	if (error >= 0 && *ret_fd < 0)
		error = -EBADF;
	/* Between the two questions another namespace may have come there. */
	if (error >= 0 && kind == ASK_NETSTAT && m.places[0].id != p->cookie)
		error = -ESTALE;
	p->cookie = m.places[0].id;
	return error < 0 ? error : 0;
}

static int ask_both(struct ask *ask, struct passive_opens *p)
{
	int error = ask_for(ask, ASK_SNMP, p, &p->snmp);

	return error ? error : ask_for(ask, ASK_NETSTAT, p, &p->netstat);
}

void passive_opens_open(struct ask *ask, struct passive_opens *list, size_t count)
{
	struct batch batch = { list, count };
	size_t others = 0;
	pthread_t thread;

	for (size_t i = 0; i < count; i++) {
		list[i].snmp = list[i].netstat = -1;
		list[i].error = -EAGAIN; /* stays when no thread can be made */
		if (ask)
			list[i].error = ask_both(ask, &list[i]);
		else if (!list[i].netns)
			list[i].error = open_here(&list[i]);
		else
			others++;
	}
	if (others && pthread_create(&thread, NULL, open_others, &batch) == 0)
		pthread_join(thread, NULL);
}

void passive_opens_close(struct passive_opens *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].snmp >= 0)
			close(list[i].snmp);
		if (list[i].netstat >= 0)
			close(list[i].netstat);
		list[i].snmp = list[i].netstat = -1;
	}
}

/* The n-th word of a line; its length, or 0 when the line has fewer. */
static size_t word(const char *line, size_t n, const char **ret_word)
{
	size_t length = strcspn(line, " \n");

	for (; n && line[length] == ' '; n--) {
		line += length + 1;
		length = strcspn(line, " \n");
	}
	*ret_word = line;
	return n ? 0 : length;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : NULL;
}

int passive_opens_find(const char *text, const char *group, const char *name, uint64_t *ret_value)
{
	size_t group_length = strlen(group), name_length = strlen(name), length, n = 1;
	const char *line = text, *values, *at;

	while (line && (strncmp(line, group, group_length) != 0 || line[group_length] != ':'))
		line = next_line(line);
	values = line ? next_line(line) : NULL;
	if (!values || strncmp(values, line, group_length + 1) != 0)
		return -EBADMSG;
	for (; (length = word(line, n, &at)) != 0; n++)
		if (length == name_length && memcmp(at, name, length) == 0)
			break;
	if (length)
		length = word(values, n, &at);
	return length && parse_u64_n(at, length, 0, UINT64_MAX, ret_value) == 0 ? 0 : -EBADMSG;
}

/* The kernel makes the text anew for a read from the start. */
static int read_counter(int fd, const char *group, const char *name, uint64_t *ret_value)
{
	char text[TEXT_MAX];
	size_t got = 0;
	ssize_t n;

	do {
		n = pread(fd, text + got, sizeof(text) - 1 - got, (off_t)got);
		got += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	if (n < 0)
		return -errno;
	text[got] = '\0';
	return passive_opens_find(text, group, name, ret_value);
}

int passive_opens_read(const struct passive_opens *p, struct passive_counts *ret_counts)
{
	struct passive_counts counts;
	int error = read_counter(p->netstat, "TcpExt", "TCPFastOpenPassive", &counts.fastopens);

	if (!error)
		error = read_counter(p->snmp, "Tcp", "PassiveOpens", &counts.opens);
	if (!error)
		*ret_counts = counts;
	return error;
}
