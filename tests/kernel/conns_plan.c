/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of `conns connect`. */
#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "conns_latency.h"
#include "conns_plan.h"

static void add_destinations(struct plan *p, char *list)
{
	for (char *word; (word = strsep(&list, ","));) {
		struct targets *to = &p->destinations;

		if (to->n == TARGETS_MAX || !conns_parse_endpoint(word, &to->at[to->n]))
			conns_usage("'%s' is not ADDR:PORT or [ADDR]:PORT, or too many", word);
		to->n++;
	}
}

static void add_sources(struct plan *p, char *list)
{
	for (char *word; (word = strsep(&list, ","));) {
		struct targets *to;
		union address a;

		if (!conns_parse_address(word, &a) || (a.any.sa_family == AF_INET6 && conns_is_v4(&a)))
			conns_usage("'%s' is not an IPv4 or IPv6 source address", word);
		to = a.any.sa_family == AF_INET ? &p->from_v4 : &p->from_v6;
		if (to->n == TARGETS_MAX)
			conns_usage("more than %d source addresses", TARGETS_MAX);
		to->at[to->n++] = a;
	}
}

static uint64_t positive(const char *what, const char *text, uint64_t max)
{
	uint64_t number;

	if (!conns_parse_number(text, max, &number) || !number)
		conns_usage("--%s '%s' is not a number from 1 to %llu", what, text,
			    (unsigned long long)max);
	return number;
}

static int open_list(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		conns_fail("%s", path);
	return fd;
}

static const struct option option_table[] = {
	{ "count", required_argument, NULL, 'n' },   { "from", required_argument, NULL, 'f' },
	{ "procs", required_argument, NULL, 'p' },   { "rate", required_argument, NULL, 'r' },
	{ "fire", no_argument, NULL, 'F' },          { "fin", no_argument, NULL, 'C' },
	{ "send", no_argument, NULL, 's' },          { "list", required_argument, NULL, 'l' },
	{ "timeout", required_argument, NULL, 't' }, { "retries", required_argument, NULL, 'R' },
	{ "device", required_argument, NULL, 'd' }, { "latency", no_argument, NULL, 'L' },
	{ "fastopen", no_argument, NULL, 'o' },      { "mptcp", no_argument, NULL, 'm' },
	{ 0 },
};

static void parse_option(struct plan *p, int c, char *value)
{
	switch (c) {
	case 'n': p->count = positive("count", value, 1000000000); break;
	case 'p': p->procs = positive("procs", value, PROCS_MAX); break;
	case 'r': p->rate = positive("rate", value, 10000000); break;
	case 't': p->timeout_s = positive("timeout", value, 86400); break;
	case 'R': p->retries = positive("retries", value, 1000000); break;
	case 'f': add_sources(p, value); break;
	case 'l': p->list = open_list(value); break;
	case 'd': p->device = value; break;
	case 's': p->send = true; break;
	case 'o': p->send = p->fastopen = true; break;
	case 'm': p->protocol = IPPROTO_MPTCP; break;
	case 'F': p->ending = FIRE; break;
	case 'C': p->ending = FIN; break;
	case 'L': p->times = true; break;
	default: conns_usage("connect: bad option");
	}
}

void conns_plan(struct plan *ret_plan, int argc, char **argv)
{
	struct plan *p = ret_plan;
	int c;

	*p = (struct plan){ .procs = 2, .retries = 50, .timeout_s = 120, .list = STDOUT_FILENO };
	while ((c = getopt_long(argc, argv, "", option_table, NULL)) != -1)
		parse_option(p, c, optarg);
	for (int i = optind; i < argc; i++)
		add_destinations(p, argv[i]);
	if (!p->count)
		conns_usage("connect: --count is missing");
	if (!p->destinations.n)
		conns_usage("connect: where to?");
	if (p->procs > p->count)
		p->procs = p->count;
	if (p->times)
		p->latency = conns_latency_new(p->count);
}
