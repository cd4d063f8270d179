/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a selector means on this node now: the id of a cgroup, the cookie of a
 * network namespace, the index of an interface. Neither cgroup ids nor cookies are
 * used again while the system runs; inode numbers are, and are never looked at.
 */
#ifndef SEKISHO_RESOLVE_H
#define SEKISHO_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include "base/selector.h"

struct ask;
struct resolver;

/*
 * NULL without memory. With `ask` (borrowed) the warden is asked, and may take so long for each answer; NULL: this
 * process has the rights. cgroup2 is found where it is mounted, or mounted for this process alone.
 */
struct resolver *resolver_open(struct ask *ask, int timeout_ms);
void resolver_close(struct resolver *r);

struct resolved {
	const struct selector *selector;
	uint64_t id; /* 0: nothing is there, or it is an address */
	int error; /* why: -ENOENT, -ELOOP (a link to a process's namespace), ... */
};

/* Fills id and error of each. 0, or negative errno when the warden did not answer: nothing is known then. */
int resolver_run(struct resolver *r, struct resolved *list, size_t count);

/* "cgroup id 4242", "netns cookie 17", "ifindex 5", the address itself, or "unresolved"; returns buf. */
const char *resolver_format(enum selector_kind kind, uint64_t id, char buf[static SELECTOR_TEXT_MAX]);
const char *selector_resolve_text(const struct selector *s, char buf[static SELECTOR_TEXT_MAX]);

#endif
