// SPDX-License-Identifier: BSD-2-Clause
/* Names of the rungs of the ladder. */
#include <errno.h>
#include <string.h>
#include "rung.h"

/* Items between commas, each shown by tests/kernel/hard.sh; bpf/README.md has the same words. */
#define ACCEPT_BLIND                                            \
	"close times, connections that are never accepted, MPTCP joins, " \
	"accept() calls blocked since before the start"

/* Callbacks that another program can take away are all there is for these two. */
#define SOCK_OPS_BLIND "close times and Fast Open where another sock_ops program resets the callback flags"

static const struct {
	const char *name;
	enum sekisho_rung rung;
	const char *blind_spot;
} rungs[] = {
	{ "auto", SEKISHO_RUNG_NONE, "" },
	{ "set_state", SEKISHO_RUNG_SET_STATE, "" },
	{ "sock_ops", SEKISHO_RUNG_SOCK_OPS, SOCK_OPS_BLIND },
	{ "fexit", SEKISHO_RUNG_FEXIT, ACCEPT_BLIND },
	{ "kretprobe", SEKISHO_RUNG_KRETPROBE,
	  ACCEPT_BLIND ", accept() calls blocked beyond maxactive" },
};

const char *rung_name(enum sekisho_rung rung)
{
	for (size_t i = 1; i < sizeof(rungs) / sizeof(rungs[0]); i++)
		if (rungs[i].rung == rung)
			return rungs[i].name;
	return "none";
}

int rung_parse(const char *name, enum sekisho_rung *ret_rung)
{
	for (size_t i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++)
		if (strcmp(rungs[i].name, name) == 0) {
			*ret_rung = rungs[i].rung;
			return 0;
		}
	return -EINVAL;
}

const char *rung_blind_spot(enum sekisho_rung rung)
{
	for (size_t i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++)
		if (rungs[i].rung == rung)
			return rungs[i].blind_spot;
	return "";
}

bool rung_evaluates(enum sekisho_rung rung, enum selector_kind kind)
{
	/* A guest's connections have no socket here; sock_ops has no helper that tells a socket's cgroup. */
	if (kind == SELECTOR_INTERFACE || (kind == SELECTOR_CGROUP && rung == SEKISHO_RUNG_SOCK_OPS))
		return false;
	return rung != SEKISHO_RUNG_NONE;
}
